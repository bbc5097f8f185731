"""Writes a log in QEMU's format, from events and the instruction counts at which they happened."""

import os
from typing import BinaryIO

from playhead.base.errors import HostError
from playhead.log.causes import cause_number
from playhead.log.events import End, Event, Instruction, Shutdown
from playhead.log.qemu_codec import MAX_COUNT, encode, header
from playhead.log.qemu_format import LAYOUTS

VERSION = 0xE0200C  # QEMU 7.2 writes it, and QEMU's dump script reads it
BUFFER = 1 << 20  # bytes


class QemuWriter:
    """A file under another name until `finish`, which is when QEMU writes its version, too. Raises HostError."""

    def __init__(self, path: str, first: int = 0):
        """`first`: the instruction count from which the log counts."""
        self._path, self._partial = path, f"{path}.{os.getpid()}.partial"
        self._layout = LAYOUTS[VERSION]
        self._icount = first
        self._out = bytearray(header(VERSION))
        self.events = 0
        self._file = self._open()

    def _open(self) -> BinaryIO:
        try:
            return open(self._partial, "xb")
        except OSError as e:
            raise HostError(f"cannot write {self._path}: {e.strerror}") from None

    def write(self, icount: int, event: Event) -> None:
        """An event that happened after so many instructions, not fewer than that of the event before."""
        assert icount >= self._icount, f"{event} at {icount}, behind an event at {self._icount}"
        while self._icount < icount:
            count = min(icount - self._icount, MAX_COUNT)
            self._add(Instruction(count=count))
            self._icount += count
        self._add(event)

    def _add(self, event: Event) -> None:
        self._out += encode(self._layout, event)
        self.events += 1
        if len(self._out) > BUFFER:
            self._flush()

    def _flush(self) -> None:
        try:
            self._file.write(self._out)
            self._file.flush()
        except OSError as e:
            raise HostError(f"cannot write {self._path}: {e.strerror}") from None
        self._out.clear()

    def finish(self, icount: int) -> None:
        """The end. QEMU puts the same cause in front of each log's END, however the run ended."""
        self.write(icount, Shutdown(cause=cause_number("host-signal")))
        self._add(End(**dict.fromkeys(End.FIELDS)))
        self._flush()
        self._file.close()
        os.replace(self._partial, self._path)

    def close(self) -> None:
        """Without `finish` nothing is left."""
        if not self._file.closed:
            self._file.close()
            os.unlink(self._partial)
