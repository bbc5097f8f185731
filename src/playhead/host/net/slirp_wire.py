"""What the recorder and the process of a user-mode network tell each other, over a stream socket: four bytes that hold
a kind and a length, then the data. Many frames go in one write and come with one read.

The guest's time goes through eight bytes of shared memory: it changes after every turn of the machine, and most of its
values concern nobody.
"""

import struct

LINK_FD, CLOCK_FD = 3, 4  # in the process

FRAME, REQUEST, REPLY, LOOK = range(4)  # LOOK: the time has moved on
LENGTH = 0xFFFFFF
MESSAGE = struct.Struct("<I")
CHUNK = 256 << 10  # bytes that one read takes
CLOCK = struct.Struct("@q")

LIBRARY = "libslirp.so.0"  # which the process loads, and the recorder only looks for

DONE, FAILED = "+", "-"  # the first character of a reply


def message(kind: int, text: str) -> bytes:
    data = text.encode(errors="surrogateescape")
    return MESSAGE.pack(kind << 24 | len(data)) + data
