"""Memory at the start of a recording that is of a file the machine was started with: kernel, initrd, firmware."""

from __future__ import annotations

from collections.abc import Iterator

from playhead.api.source import Source
from playhead.cli.recorded_config import config_of
from playhead.machine.machine import Machine

NEWC = (b"070701", b"070702")  # a cpio archive's member: a header of 110 characters, its name, its content
HEADER, SIZE, NAME_SIZE = 110, slice(54, 62), slice(94, 102)
AROUND = 32  # bytes on each side by which a place is found again in a file
MOST_AROUND = 4096


class StartFiles:
    """`machine` is at the start, where boards have put the files into memory."""

    def __init__(self, rec: Source, machine: Machine):
        self._area = machine.memory.area
        config = config_of(rec.reader)
        named = {"kernel": config.kernel, "initrd": config.initrd, "firmware": config.bios}
        named |= {f"module {n}": module.data for n, module in enumerate(config.modules)}
        named |= {f"ROM {n}": rom.data for n, rom in enumerate(config.roms)}
        self._files = {name: data for name, data in named.items() if data}

    def of(self, at: int, length: int) -> list[str]:
        """`initrd[0x1234:0x1238]` for bytes of the backing area from `at` on; nothing if they are of no file."""
        for name, data in self._files.items():
            for around in self._around():
                low = max(at - around, 0)
                context = bytes(self._area[low : at + length + around])
                first = data.find(context)
                if first < 0:
                    break
                if data.find(context, first + 1) < 0:
                    return [_text(name, data, first + at - low, length)]
        return []

    @staticmethod
    def _around() -> Iterator[int]:
        """More and more, until a place is told from others like it."""
        around = AROUND
        while around <= MOST_AROUND:
            yield around
            around *= 4


def _span(name: str, start: int, length: int) -> str:
    return f"{name}[{start:#x}]" if length == 1 else f"{name}[{start:#x}:{start + length:#x}]"


def _text(name: str, data: bytes, start: int, length: int) -> str:
    """`initrd[0x1f81c9] (init[0x2c])`: the place, and in an archive that is not compressed the member's, too."""
    for member, first, size in _members(data):
        if first <= start and start + length <= first + size:
            return f"{_span(name, start, length)} ({_span(member, start - first, length)})"
    return _span(name, start, length)


def _members(data: bytes) -> Iterator[tuple[str, int, int]]:
    """Name, place and size of each member of a cpio archive; nothing if it is none."""
    at = 0
    while data[at : at + 6] in NEWC:
        try:
            size, name_size = (int(data[at : at + HEADER][part], 16) for part in (SIZE, NAME_SIZE))
        except ValueError:
            return
        name = data[at + HEADER : at + HEADER + name_size - 1].decode(errors="replace")
        first = -(-(at + HEADER + name_size) // 4) * 4
        yield name, first, size
        if name == "TRAILER!!!":
            return
        at = -(-(first + size) // 4) * 4
