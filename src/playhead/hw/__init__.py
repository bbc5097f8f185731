"""What a device may see: declared state, lines, port and memory spaces, virtual time, and the door to the host.

A device gets only these, passed to its constructor by the board; it never sees the machine, the CPU or another
device. That is what makes its behaviour a function of its state and of what is done to it.
"""
