"""The monitor: commands in words, as QEMU's has them, at a prompt, after gdb's `monitor`, or from QMP.

`commands` is the parser; `hmp` has QEMU's commands, one file for each subject; `moving`, `looking` and `replaying` hold
gdb's words for the prompt of `playhead debug`. No input or output here but the files that a command writes (`files`): a
command gets a function that says lines.
"""
