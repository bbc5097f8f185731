"""A board with one network card, whose clock moves only when told, and that notes what its card does: for `fuzz net`.

Everything that a card must not do is seen here: memory that is no RAM (firmware, ROMs) stays as it was, a transfer
never writes a register, one step does not take for ever, and what the card says of its room is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, cast

from playhead.boards.config import PcConfig
from playhead.boards.entry import Entry, Outside
from playhead.boards.pc import Board, build
from playhead.boards.pc_devices import parts
from playhead.boards.pc_memory import area_size
from playhead.devices.pci.bus import COMMAND, COMMAND_MASTER, PciFunction
from playhead.hw.block import Drive
from playhead.hw.clock import VirtualClock
from playhead.hw.device import Device
from playhead.hw.inputs import NET, NetReceiver, takers
from playhead.hw.memory import Memory
from tools.fuzz.cases import Finding
from tools.fuzz.net_cards import RAM, Step

WORK = 400_000  # calls into memory for one step: the longest ring has 65,536 descriptors
SENT = 90_000  # frames for one step: segmenting 64 KiB into single bytes is many
LONGEST = 68 << 10  # bytes of a frame that a card may send
RINGS_IN_A_ROW = 20  # of alarms, for one step


def config(name: str, bios: bytes = bytes(1 << 16), cards: int = 1, **more: Any) -> PcConfig:
    """A machine with such cards, each at a netdev of its own."""
    entries = [Entry(name, f"nic{n}", {"netdev": f"n{n}"}) for n in range(cards)]
    ends = [Outside("netdev", f"n{n}", {"backend": "none"}) for n in range(cards)]
    return PcConfig(bios=bios, ram_bytes=RAM, **parts(more=entries, outside=ends, **more))


class Rig:
    """Time source, host clock, requests and outputs of a board, in one."""

    def __init__(self, name: str):
        self.time_ns = self.icount = 0
        self.ends: Mapping[str, Any] = {}
        self.drives: Sequence[Drive] = ()
        self.clock = VirtualClock(self)
        pc = config(name)
        self.memory = Guarded(area_size(pc))
        self.board: Board = build(pc, self.clock, self.memory, self, self, self)
        self.card = cast(NetReceiver, takers(self.board.devices, NET)[0])
        self.sent: list[bytes] = []
        self.card.port.sent = self._sent
        self.card.on_room = self._room
        self.rooms = self.frames = 0
        self.memory.rest = self.rest()

    # what the board asks for

    def now_ns(self) -> int:
        return self.time_ns

    def read_ns(self) -> int:
        return 1_700_000_000_000_000_000

    def reset(self, cause: str) -> None: ...

    def shutdown(self, cause: str, status: int = 0) -> None: ...

    def suspend(self) -> None: ...

    def wake_up(self, reason: str) -> None: ...

    # what the card does

    def _sent(self, frame: bytes) -> None:
        if type(frame) is not bytes or len(frame) > LONGEST:
            raise Finding(f"it sends {type(frame).__name__} of {len(frame)} bytes")
        self.sent.append(frame)
        self.frames += 1
        if self.frames > SENT:
            raise Finding(f"more than {SENT} frames for one step")

    def _room(self) -> None:
        self.rooms += 1

    # steps

    def step(self, step: Step) -> list[Any]:
        """Do it; what can be seen of it: the answer, lines, frames sent, whether there is room."""
        self.sent, self.rooms, before = [], 0, self.card.can_receive()
        self.frames, self.memory.calls, self.memory.transfers, master = 0, 0, True, self._is_master()
        seen: list[Any] = [getattr(self, "_" + step[0])(*step[1:])]
        self.memory.transfers = False
        if not master and not self._is_master() and self.memory.calls and step[0] != "ram":
            raise Finding("a transfer while bus mastering is off")
        after = self.card.can_receive()
        guest = step[0] in ("in", "out", "read", "write")
        if after and not before and guest and not self.rooms:
            raise Finding("there is room for a frame again, and on_room was not called")
        if self.card.can_receive() is not after or type(after) is not bool:
            raise Finding("can_receive changes by being asked, or is no bool")
        seen += [[wire.line.level for wire in (*self.board.irqs, *self.board.pirqs)], self.sent, after]
        return seen

    def _is_master(self) -> bool:
        return bool(cast("PciFunction[Any]", self.card).word(COMMAND) & COMMAND_MASTER)

    def _in(self, port: int, size: int) -> int:
        return self.board.io.read(port, size)

    def _out(self, port: int, size: int, value: int) -> None:
        self.board.io.write(port, size, value)

    def _read(self, address: int, size: int) -> int:
        return self.memory.mmio.read(address, size)

    def _write(self, address: int, size: int, value: int) -> None:
        self.memory.mmio.write(address, size, value)

    def _ram(self, address: int, data: bytes) -> None:
        self.memory.transfers = False
        self.memory.write(address, data)

    def _frame(self, frame: bytes) -> bool:
        if not self.card.can_receive():
            return False
        self.card.receive(frame)
        return True

    def _link(self, up: bool) -> None:
        self.card.set_link(up)

    def _reset(self) -> None:
        for alarm in self.clock.alarms:
            alarm.cancel()
        self.board.reset()
        self.board.start()

    def _time(self, ns: int) -> None:
        end = self.time_ns + ns
        for _ in range(RINGS_IN_A_ROW):
            if (deadline := self.clock.next_deadline_ns()) > end:
                break
            self.time_ns, self.frames = max(self.time_ns, deadline), 0
            self.clock.ring(self.time_ns)
        self.time_ns = end
        self.icount += 1

    # as a whole

    def rest(self) -> bytes:
        """What nobody can write: firmware and ROMs."""
        whole = blake2b(digest_size=16)
        for region in self.board.regions:
            if region.rom and region.name != "rom":
                whole.update(self.memory.area[region.offset : region.offset + region.length])
        return whole.digest()

    def check_rest(self) -> None:
        if self.rest() != self.memory.rest:
            raise Finding("firmware or a ROM has been written")

    def state(self) -> dict[str, Any]:
        """All of it."""
        found: dict[str, Any] = {name: device.save() for name, device in self.board.devices.items()}
        found |= {"clock": self.clock.save(), "time": self.time_ns}
        found["ram"] = blake2b(self.memory.area[:], digest_size=16).digest()
        return found

    def take(self, other: Rig) -> None:
        """Become what the other one is, by what a checkpoint keeps."""
        self.time_ns, self.icount = other.time_ns, other.icount
        self.clock.load(other.clock.save())
        for name, device in self.board.devices.items():
            cast("Device[Any]", device).load(other.board.devices[name].save())
        self.board.loaded()
        self.memory.area[:] = other.memory.area[:]


class Guarded(Memory):
    """Counts what a step asks of memory; while `transfers`, whoever writes is the card."""

    calls, transfers, rest = 0, False, b""

    def _count(self) -> None:
        self.calls += 1
        if self.calls > WORK:
            raise Finding(f"one step takes more than {WORK} transfers")

    def read(self, address: int, length: int) -> bytes:
        self._count()
        return super().read(address, length)

    def write(self, address: int, data: bytes, by: str = "a bus master") -> None:
        self._count()
        if self.transfers:
            for at in range(0, len(data), 0x1000):
                self._check(address + at)
            if data:
                self._check(address + len(data) - 1)
        super().write(address, data, by)

    def _check(self, address: int) -> None:
        entry = self.page_map[(address & 0xFFFFFFFF) // 0x1000]
        if not entry & 3 and self.mmio.find(address & 0xFFFFFFFF) is not None:
            raise Finding(f"a transfer writes the registers at {address:#x}")
