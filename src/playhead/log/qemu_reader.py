"""Reads a log that QEMU wrote, from its first byte to its last, as the same entries that a recording of ours gives.

QEMU's log says when by counts of instructions in between; added up they are each event's moment (its `seq` is always 0:
what happens between two instructions is in the order of the log only). Every byte belongs to the header or to an event.
"""

import os
import stat
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from playhead.base.errors import FormatError, HostError
from playhead.log.events import End, Entry, Instruction
from playhead.log.moment import START, Moment
from playhead.log.qemu_codec import CutOff, Decoder, Source
from playhead.log.qemu_format import GUESSES, HEADER, LAYOUTS, sniff

PROBE = 1 << 16  # bytes of a log without version, on which each numbering is tried


class Item(NamedTuple):
    """An entry and the bytes of the file that it is."""

    entry: Entry
    offset: int
    size: int


def is_qemu_log(path: str) -> bool:
    """Whether the file is a log of QEMU's, by its first bytes. False for anything that cannot be read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        with open(path, "rb") as f:
            return sniff(f.read(HEADER + 64)) is not None
    except OSError:
        return False


class QemuLog:
    """An open log. `version` is the one that it is read as; `unfinished` says that QEMU never wrote it."""

    def __init__(self, path: str):
        self.path = path
        try:
            self._file: BinaryIO = open(path, "rb")
        except OSError as e:
            raise HostError(f"cannot read {path}: {e.strerror}") from None
        try:
            self.size = os.fstat(self._file.fileno()).st_size
            head = self._file.read(HEADER + 64)
            version = sniff(head)
            if version is None:
                raise FormatError(f"{path} is no log of QEMU's")
            if any(head[4:HEADER]):
                raise self._bad("at byte 4: the reserved bytes of the header are not 0")
            self.unfinished = version == 0
            self.version = self._guess() if self.unfinished else version
            if self.version not in LAYOUTS:
                raise FormatError(self._unknown(self.version))
        except BaseException:
            self._file.close()
            raise
        self.layout = LAYOUTS[self.version]
        self.instructions = 0  # up to where `items` has come
        self.left_over = 0  # bytes of an event that QEMU had begun to write when it was killed

    def _bad(self, why: str) -> FormatError:
        return FormatError(f"{self.path} is damaged: {why}")

    def _unknown(self, version: int) -> str:
        known = ", ".join(f"{v:#x}" for v in LAYOUTS)
        return (
            f"{self.path} is a log of QEMU's in version {version:#x}, whose event numbers are not known here; "
            f"known are {known}"
        )

    def _guess(self) -> int:
        """The numbering that explains the beginning of a log without version best."""
        reach = {}
        for version in GUESSES:
            source, decoder = self._begin(), Decoder(LAYOUTS[version])
            good = HEADER
            try:
                while source.left() and good < PROBE:
                    decoder.next(source)
                    good = source.tell()
                good = self.size + 1
            except CutOff:
                good = self.size  # whole but for its end, or a length that goes too far
            except FormatError:
                pass
            reach[version] = good
        return max(reach, key=lambda v: reach[v])  # of equals, the first

    def _begin(self) -> Source:
        self._file.seek(0)
        source = Source(self._file, self.size)
        source.take(HEADER)
        return source

    def items(self) -> Iterator[Item]:
        """Every event in order. Damage is a FormatError that names the byte; what was before it has been given."""
        source, decoder, event = self._begin(), Decoder(self.layout), None
        count, total, moment = 0, 0, START
        while source.left():
            at, count = source.tell(), count + 1
            if isinstance(event, End):
                raise self._bad(f"at byte {at}: {source.left()} bytes follow its END")
            try:
                event, checkpoint = decoder.next(source)
            except CutOff as e:
                if not self.unfinished:
                    raise self._bad(f"at byte {at}: event {count}, {e}") from None
                self.left_over = self.size - at
                return
            except FormatError as e:
                raise self._bad(f"at byte {at}: event {count}, {e}") from None
            if isinstance(event, Instruction):
                total += event.count
                self.instructions, moment = total, Moment(total)
            yield Item(Entry(count, moment, 0, event, checkpoint), at, source.tell() - at)
        if not self.unfinished and not isinstance(event, End):
            raise self._bad(f"at byte {source.tell()}: it ends without END")

    def entries(self) -> Iterator[Entry]:
        return (item.entry for item in self.items())

    def note(self) -> str:
        """What the user has to know about a log that is not whole; to be asked for after reading it."""
        if not self.unfinished:
            return ""
        cut = f"; its last {self.left_over} bytes are an event that was cut off" if self.left_over else ""
        return (
            f"{self.path} has no version number: its QEMU was killed, or is still running; "
            f"it was read as version {self.version:#x}{cut}"
        )

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "QemuLog":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
