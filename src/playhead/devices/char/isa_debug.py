"""isa-debug-exit and isa-debugcon: a guest's two shortest ways to say something to whoever runs it.

A write of `v` to isa-debug-exit ends the run with the exit status `(v << 1) | 1`. isa-debugcon passes each byte on
to a sink and answers 0xE9 to a read, by which firmware (SeaBIOS writes its log there) knows that it exists.

Source: QEMU's documented device interface (properties `iobase`, `iosize` and `readback` and their defaults).
"""

from collections.abc import Mapping
from typing import Any, Self

from playhead.base.record import U8
from playhead.base.shared_record import SharedRecord
from playhead.hw.clock import VirtualClock
from playhead.hw.device import Device, NoState
from playhead.hw.door import Requests, Sink
from playhead.hw.native import DECLINED, Registers, native
from playhead.hw.outlet import Outlet, Sent, send
from playhead.hw.space import Space, never
from playhead.hw.declared import Declared, Property, Span
from playhead.hw.surroundings import Surroundings

READBACK = 0xE9


class IsaDebugExit(Device[NoState]):
    """Ports `iobase` to `iobase + iosize - 1`."""

    State = NoState
    part = "isa_debug_exit"
    QEMU = Declared(
        "isa-debug-exit", "ISA", "lets the guest end the run with a status", (
            Property("iobase", "uint16", 0x501, "its first port"),
            Property("iosize", "uint8", 2, "how many ports", least=1, most=8),
        ), ports=(Span("iobase", "iosize"),), creatable=True,
    )  # fmt: skip

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        return cls(name, at.io, at.requests, p["iobase"], p["iosize"])

    def __init__(self, name: str, io: Space, requests: Requests, iobase: int = 0x501, iosize: int = 2):
        super().__init__(name)
        self._requests = requests
        io.map(iobase, iosize, lambda address, size: 0, self._write, max_size=4, name=name)

    def _write(self, address: int, size: int, value: int) -> None:
        self._requests.shutdown("guest-shutdown", (value << 1 | 1) & 0xFF)  # the host keeps eight bits of a status


class DebugConSettings(SharedRecord):
    readback = U8()


@native
def read_debugcon(p: DebugConSettings, sent: Sent) -> int:
    return p.readback


@native
def write_debugcon(p: DebugConSettings, sent: Sent, value: int, icount: int) -> int:
    return 0 if send(sent, value, icount) else DECLINED


class IsaDebugCon(Device[NoState]):
    """One port."""

    State = NoState
    part = "isa_debugcon"
    outlet: Outlet
    QEMU = Declared(
        "isa-debugcon", "ISA", "a port of which each byte is output", (
            Property("iobase", "uint16", 0xE9, "its port"),
            Property("readback", "uint8", READBACK, "what a read gives"),
            Property("chardev", "chardev"),
        ), ports=(Span("iobase", 1),), creatable=True,
    )  # fmt: skip

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        return cls(name, at.io, at.chardev(p["chardev"]), at.clock, p["iobase"], p["readback"])

    def __init__(self, name: str, io: Space, sink: Sink, clock: VirtualClock, iobase: int = 0xE9,
                 readback: int = READBACK):  # fmt: skip
        super().__init__(name)
        self.outlet = Outlet(sink, clock)
        registers = Registers(DebugConSettings(readback=readback), self.outlet.sent, read=read_debugcon,
                              write=write_debugcon, clock=clock, after=self.outlet.drain)  # fmt: skip
        io.map(iobase, 1, never, self._write, name=name, registers=registers)

    def _write(self, address: int, size: int, value: int) -> None:
        self.outlet.write(value)
