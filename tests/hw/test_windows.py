"""Windows onto the backing area (hw/memory.py), and video memory as registers see it (hw/vram.py)."""

from __future__ import annotations

from itertools import permutations

import pytest

from playhead.hw.memory import DIRTY, PAGE, READ, SHARED, WRITE, Memory, Window
from playhead.hw.space import Range
from playhead.hw.vram import Vram

RAM, VIDEO = 1 << 20, 1 << 20
LEGACY, FRAME = 0xA0000, 0xFD000000


class World:
    """RAM below A0000h, a megabyte of video memory, and a range of registers at A0000h that answers 77h."""

    def __init__(self) -> None:
        self.memory = Memory(RAM + VIDEO)
        ram = self.memory.allocate(RAM)
        self.video = self.memory.allocate(VIDEO)
        self.memory.map(0, LEGACY, ram)
        self.memory.share(self.video, VIDEO)
        self.written: list[tuple[int, int]] = []
        self.range: Range = self.memory.mmio.map(
            LEGACY, 0x20000, lambda a, n: 0x77, lambda a, n, v: self.written.append((a, v)), name="vga"
        )
        self.window = self.memory.window(self.range)
        self.unshown: list[tuple[int, int]] = []
        self.memory.unshown = lambda first, count: self.unshown.append((first - self.video // PAGE, count))
        self.memory.area[self.video : self.video + VIDEO] = b"".join(
            n.to_bytes(2, "little") * (PAGE // 2) for n in range(VIDEO // PAGE)
        )

    def frame(self, at: int = FRAME) -> Window:
        return self.memory.show(at, VIDEO, self.video, "vga.frame", writable=True)

    def page(self, at: int) -> int | None:
        """Which page of video memory a guest address shows, by what it reads."""
        found = self.memory.read(at, 2)
        return None if found in (b"\x77\x77", b"\xff\xff") else int.from_bytes(found, "little")

    def entry(self, at: int) -> int:
        return self.memory.page_map[at // PAGE]

    def notes(self) -> list[int]:
        first = self.video // PAGE
        return [n for n in range(VIDEO // PAGE) if self.memory.dirty[first + n] and self.memory.unhashed[first + n]]


@pytest.fixture
def world() -> World:
    return World()


def test_a_window_switches_between_memory_and_registers(world):
    assert world.page(LEGACY) is None and world.entry(LEGACY) == 0
    world.window.show(LEGACY, 0x10000, world.video + 0x20000)
    assert (world.page(LEGACY), world.page(LEGACY + 0xF000), world.page(LEGACY + 0x10000)) == (0x20, 0x2F, None)
    assert world.entry(LEGACY) & (READ | WRITE | SHARED) == READ | WRITE | SHARED
    world.memory.write(LEGACY + 0x10000, b"\x01")
    assert world.written == [(LEGACY + 0x10000, 1)]
    world.window.hide()
    world.memory.write(LEGACY, b"\x02")
    assert world.page(LEGACY) is None and world.written[1:] == [(LEGACY, 2)]


def test_a_bank_moves_and_only_what_it_showed_is_dropped(world):
    world.window.show(LEGACY, 0x10000, world.video)
    assert world.unshown == []  # nothing can have been derived from what was not there
    world.window.show(LEGACY, 0x10000, world.video + 0x10000)
    world.window.show(LEGACY, 0x10000, world.video + 0x10000)
    assert world.page(LEGACY) == 0x10 and world.unshown == [(0, 16)]
    world.window.show(LEGACY + 0x8000, 0x8000, world.video)
    assert (world.page(LEGACY), world.page(LEGACY + 0x8000)) == (None, 0)
    assert world.unshown[1:] == [(0x10, 16)]


def test_a_window_moves_with_nothing_else_of_the_page_map(world):
    """What native code has derived of everything else stays."""
    remapped: list[None] = []
    world.memory.remapped = lambda: remapped.append(None)
    for bank in range(8):
        world.window.show(LEGACY, 0x10000, world.video + bank * 0x10000)
    assert not remapped
    world.frame()
    assert remapped


def test_both_show_the_same_and_what_is_written_is_noted_once(world):
    world.frame()
    world.window.show(LEGACY, 0x10000, world.video + 0x30000)
    world.memory.write(LEGACY, b"abc")
    assert world.memory.read(FRAME + 0x30000, 3) == b"abc"
    world.memory.write(FRAME + 0x30000, b"x")
    assert world.memory.read(LEGACY, 3) == b"xbc"
    assert world.entry(LEGACY) & DIRTY and world.entry(FRAME + 0x30000) & DIRTY and world.notes() == []
    world.window.show(LEGACY, 0x10000, world.video)
    assert world.notes() == [0x30] and not world.entry(LEGACY) & DIRTY  # the note has not moved on with the page


def test_a_read_only_window_of_video_memory_swallows_writes(world):
    world.window.show(LEGACY, 0x10000, world.video, writable=False)
    world.memory.write(LEGACY, b"\xaa")
    assert world.page(LEGACY) == 0 and not world.written and world.entry(LEGACY) & (WRITE | SHARED) == SHARED


def test_what_is_no_video_memory_is_not_shown_writable(world):
    for offset in (0, world.video - PAGE, world.video + VIDEO - 0x8000):
        with pytest.raises(AssertionError, match="only video memory"):
            world.window.show(LEGACY, 0x10000, offset)


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_order_in_which_things_come_does_not_matter(order):
    """A frame, registers in the middle of it, RAM in the middle of it, and the legacy window."""
    world = World()

    def registers():
        world.memory.mmio.map(FRAME + 0x1100, 0x100, lambda a, n: 0x55, lambda a, n, v: None, name="z", moves=True)

    def ram():
        world.memory.map(FRAME + 0x4000, PAGE, 0)

    def bank():
        world.window.show(LEGACY, 0x10000, world.video + 0x50000)

    steps = (world.frame, registers, ram, bank)
    for n in order:
        steps[n]()
    assert [world.page(FRAME + n * PAGE) for n in (0, 2, 3, 4, 5, 0xFF)] == [0, 2, 3, 0, 5, 0xFF]
    assert world.entry(FRAME + 4 * PAGE) & (READ | SHARED) == READ
    assert world.memory.read(FRAME + 0x10FE, 4) == b"\x01\x00\x55\x55" and not world.entry(FRAME + PAGE) & READ
    assert world.page(LEGACY + 0x3000) == 0x53
    world.memory.write(FRAME + 0x10FE, b"yz!")
    assert world.memory.read(FRAME + 0x10FE, 2) == b"yz" and world.notes() == [1]  # through the range's handlers
    world.memory.unmap(FRAME + 0x4000, PAGE)
    assert world.page(FRAME + 0x4000) == 4


def test_what_a_guest_places_over_a_window_hides_it(world):
    """As the register space decides: what moves lies over what is fixed."""
    world.window.show(LEGACY, 0x20000, world.video)
    mmio = world.memory.mmio
    over = mmio.map(LEGACY + 0x2000, 0x1000, lambda a, n: 0x55, lambda a, n, v: None, name="bar", moves=True)
    assert [world.page(LEGACY + n * PAGE) for n in (1, 2, 3)] == [1, 0x5555, 3]
    world.window.show(LEGACY, 0x20000, world.video + 0x10000)
    assert [world.page(LEGACY + n * PAGE) for n in (1, 2, 3)] == [0x11, 0x5555, 0x13]
    mmio.unmap(over)
    assert world.page(LEGACY + 0x2000) == 0x12


def test_a_frame_that_is_taken_away_shows_nothing(world):
    window = world.frame()
    world.memory.remove(window)
    assert world.entry(FRAME) == 0 and world.memory.read(FRAME, 2) == b"\xff\xff"
    world.frame(0xE0000000)
    assert world.page(0xE0005000) == 5


def test_registers_see_bytes_and_cells_and_note_what_they_write(world):
    vram = Vram(world.memory, world.video, VIDEO)
    vram[3 * PAGE + 1] = 0x1AB
    vram.cells[PAGE] = 0x1_44332211  # its bytes are planes 0 to 3
    assert vram[3 * PAGE + 1] == 0xAB and vram.cells[3 * PAGE // 4] == 0x0003AB03
    assert [vram[4 * PAGE + n] for n in range(4)] == [0x11, 0x22, 0x33, 0x44]
    assert vram[VIDEO + 4 * PAGE] == vram[4 * PAGE - VIDEO] == 0x11 and vram.cells[VIDEO // 4 + PAGE] == 0x44332211
    assert world.notes() == [3, 4] and vram.view()[4 * PAGE : 4 * PAGE + 4] == b"\x11\x22\x33\x44"
