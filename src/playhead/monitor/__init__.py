"""The monitor: commands in words, as QEMU's has them, at a prompt or after gdb's `monitor`.

`commands` is the table and the parser; `replaying` and `looking` hold what the commands do. No input or output here: a
command gets a function that says lines.
"""
