"""Memory at the start of a recording that is of a file the machine was started with: kernel, initrd, firmware."""

from __future__ import annotations

from collections.abc import Iterator

from playhead.api.source import Source
from playhead.cli.recorded_config import config_of
from playhead.machine.machine import Machine

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
                    start = first + at - low
                    return [f"{name}[{start:#x}]" if length == 1 else f"{name}[{start:#x}:{start + length:#x}]"]
        return []

    @staticmethod
    def _around() -> Iterator[int]:
        """More and more, until a place is told from others like it."""
        around = AROUND
        while around <= MOST_AROUND:
            yield around
            around *= 4
