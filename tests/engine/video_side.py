"""A machine with video memory, for one engine: a `twin.Side` whose registers are those of a small planar adapter.

The adapter has 256 KiB of video memory. At A0000h a window of 64 KiB shows one of four banks (port 100h), or, with
bank FFh, its registers answer as in a planar mode: a cell of four bytes for each address, with latches, a mask of
planes (port 101h) and a way to combine (port 102h). The linear frame is where FRAME says. Both engines reach it as in
a machine: by declared registers or by the spaces.
"""

from types import SimpleNamespace

from twin import RAM, Side

from playhead.base.record import U8, U32
from playhead.base.shared_record import SharedRecord
from playhead.devices.intc.lapic_registers import acknowledge, pending
from playhead.devices.intc.lapic_state import LapicState
from playhead.engine.llvm.engine import NativeEngine
from playhead.hw.clock import VirtualClock
from playhead.hw.memory import PAGE
from playhead.hw.native import Interrupts, Registers, native
from playhead.hw.space import Space, never
from playhead.hw.vram import Vram
from playhead.machine.device_table import DeviceTable
from playhead.machine.machine import Machine
from playhead.x86 import state as S

VIDEO, BANK, LEGACY, FRAME = 256 << 10, 64 << 10, 0xA0000, 0xFD000000
BANK_PORT, MASK_PORT, HOW_PORT, PLANAR = 0x100, 0x101, 0x102, 0xFF
INTERRUPTS = Interrupts(LapicState(), pending, acknowledge)  # of a controller that has none
STORE, COPY, MIX = range(3)  # the byte in each plane, the latches, or both by exclusive or


class PlanarState(SharedRecord):
    bank = U8()
    mask = U8()
    how = U8()
    latch = U32()


@native
def read_cell(s: PlanarState, v: Vram, offset: int, size: int) -> int:
    value = 0
    for i in range(size):
        s.latch = v.cells[offset + i]
        value |= (s.latch >> 8 & 0xFF) << 8 * i
    return value


@native
def write_cell(s: PlanarState, v: Vram, offset: int, size: int, value: int) -> int:
    mask = (s.mask & 1) * 0xFF | (s.mask & 2) * 0x7F80 | (s.mask & 4) * 0x3FC000 | (s.mask & 8) * 0x1FE00000
    for i in range(size):
        new = s.latch if s.how else 0
        if s.how != COPY:
            new ^= (value >> 8 * i & 0xFF) * 0x01010101
        v.cells[offset + i] = v.cells[offset + i] & ~mask | new & mask
    return 0


@native
def write_mask(s: PlanarState, value: int) -> int:
    s.mask = value
    return 0


class VideoSide(Side):
    """One engine, its memory, the adapter."""

    def __init__(self, engine: type, like_memory: bool = True):
        super().__init__(engine, VIDEO)
        self.video = self.memory.allocate(VIDEO)
        self.memory.share(self.video, VIDEO)
        self.adapter, self.vram = PlanarState(), Vram(self.memory, self.video, VIDEO)
        self.io = Space("io", 1 << 16)
        self.io.map(BANK_PORT, 1, lambda a, n: self.adapter.bank, self.switch, name="bank")
        mask = Registers(self.adapter, write=write_mask)
        self.io.map(MASK_PORT, 1, lambda a, n: 0, never, name="mask", registers=mask)
        self.io.map(HOW_PORT, 1, lambda a, n: 0, self._combine, name="how")
        registers = Registers(self.adapter, self.vram, read=read_cell, write=write_cell, like_memory=like_memory)
        cells = self.memory.mmio.map(LEGACY, BANK, never, never, max_size=4, name="cells", registers=registers)
        self.memory.show(FRAME, VIDEO, self.video, "frame", writable=True)
        self.window = self.memory.window(cells)
        self.table = DeviceTable(self.core, self.io, self.memory.mmio, VirtualClock(SimpleNamespace()), INTERRUPTS)
        self.left = 0  # times that the engine ended a run

    def _map(self) -> None:
        super()._map()
        self.memory.unmap(LEGACY, BANK)

    def switch(self, port: int, size: int, value: int) -> None:
        self.adapter.bank = value
        if value == PLANAR:
            self.window.hide()
        else:
            self.window.show(LEGACY, BANK, self.video + value % (VIDEO // BANK) * BANK)

    def _combine(self, port: int, size: int, value: int) -> None:
        self.adapter.how = value % 3

    def reset(self) -> None:
        self.window.hide()
        for page in range(LEGACY // PAGE, (LEGACY + BANK) // PAGE):
            self.memory.page_map[page] = 0
        super().reset()
        self.adapter.assign(PlanarState(mask=0xF))
        for page in range(VIDEO // PAGE):
            at = self.video + page * PAGE
            if self.ram[at : at + PAGE] != bytes(PAGE):
                self.memory.write(FRAME + page * PAGE, bytes(PAGE))
        self.switch(BANK_PORT, 1, PLANAR)
        self.engine.ram_digest(self.memory.area_size // PAGE)
        self.memory.dirty[:] = bytes(len(self.memory.dirty))
        self.left = 0

    def run(self, budgets) -> str:
        core = self.core
        for budget in budgets:
            end = core.get("icount") + budget
            while core.get("icount") < end:
                if isinstance(self.engine, NativeEngine):
                    self.table.update()
                self.engine.run(end - core.get("icount"))
                self.left += 1
                reason, info = core.get("exit_reason"), core.get("exit_info")
                if reason in (S.EXIT_MMIO_READ, S.EXIT_PORT_READ):
                    space, n = self.io if reason == S.EXIT_PORT_READ else self.memory.mmio, core.get("latch_n")
                    core.set("latch", Machine._read(space, info & 0xFFFFFFFF, info >> 32), n)
                    core.set("latch_n", n + 1)
                elif reason in (S.EXIT_MMIO_WRITE, S.EXIT_PORT_WRITE):
                    self._written(self.io if reason == S.EXIT_PORT_WRITE else self.memory.mmio)
                    if core.get("hit_n"):
                        return "watch"
                elif reason and reason != S.EXIT_SYNC:
                    return {S.EXIT_HALT: "halt", S.EXIT_DELIVERIES: "deliveries"}.get(reason, f"reason {reason}")
        return "budget"

    def _written(self, space: Space) -> None:
        core = self.core
        for k in range(core.get("store_n")):
            where, value = core.get("stores", 2 * k), core.get("stores", 2 * k + 1)
            for i in range(where >> 32):
                space.write((where & 0xFFFFFFFF) + i, 1, value >> 8 * i & 0xFF)
        core.set("store_n", 0)

    def state(self) -> dict:
        pages = self.memory.area_size // PAGE
        digest = self.engine.ram_digest(pages)
        known, total = bytes(self.core.page_hash), self.core.get("ram_sum")
        self.memory.unhashed[RAM // PAGE : pages] = b"\1" * (pages - RAM // PAGE)  # it follows from the contents alone
        assert (self.engine.ram_digest(pages), bytes(self.core.page_hash)) == (digest, known) and total == digest
        dirty = [page for page in range(RAM // PAGE, pages) if self.memory.dirty[page]]
        return super().state() | {"adapter": self.adapter.encode().hex(), "ram digest": digest, "dirty": dirty}
