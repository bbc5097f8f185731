"""The monitor: commands in words, as QEMU's has them, for whoever sits at a prompt or behind gdb's `monitor`.

`commands` is the table and the parser; `replaying` and `looking` hold what the commands do. No input or output here: a
command gets a function that says lines.
"""
