"""A checkpoint taken or not changes nothing, and a machine put back into one continues as it did."""

import random

import pytest

from playhead.boards.config import PcConfig
from playhead.hw.clock import NEVER
from playhead.machine import checkpoint
from playhead.machine.machine import Machine
from tools import guest


class Door:
    """A quiet outside whose clock is a number."""

    def __init__(self):
        self.out = bytearray()
        self.ends = {"serial0": self, "debugcon": self}

    def write(self, data, icounts):
        self.out += data

    def host_clock_ns(self):
        return 1_700_000_000_000_000_000


def machine(name: str, engine: str = "native") -> Machine:
    bios = open(guest.image(name), "rb").read()
    return Machine(PcConfig(bios=bios, ram_bytes=8 << 20), Door(), engine=engine)


def go(m: Machine, until: int) -> None:
    while m.icount < until:
        stop = m.run(until)
        if stop.kind == "shutdown" or (stop.kind == "halted" and stop.deadline_ns == NEVER):
            return  # it has ended, here and at every later moment
        if stop.kind == "halted":
            m.warp(stop.deadline_ns)
        elif stop.kind == "reset":
            m.reset()


MOMENTS = [50_000, 400_000, 1_000_000, 2_500_000]


@pytest.mark.parametrize("name", ["demo", "smc", "rep"])
def test_restored_machine_repeats_itself(name):
    plain = machine(name)
    digests = []
    for at in MOMENTS:
        go(plain, at)
        digests.append(plain.digest_parts())
    m = machine(name)
    initial = checkpoint.take(m)
    store: list[tuple[checkpoint.Checkpoint, dict[int, bytes]]] = []
    pages = dict(initial.pages)
    for at, expected in zip(MOMENTS, digests, strict=True):
        go(m, at)
        c = checkpoint.take(m)
        pages.update(c.pages)
        store.append((c, dict(pages)))
        assert m.digest_parts() == expected, "taking a checkpoint changed something"
    rng = random.Random(7)
    for _ in range(6):
        n = rng.randrange(len(MOMENTS))
        c, content = store[n]
        untouched = {page: bytes(4096) for page in set(pages) - set(content)}
        checkpoint.restore(m, c.parts, content | untouched)
        assert m.digest_parts() == digests[n]
        for later in range(n + 1, len(MOMENTS)):
            go(m, MOMENTS[later])
            assert m.digest_parts() == digests[later]


def test_restored_into_a_fresh_machine():
    first = machine("demo")
    checkpoint.take(first)
    go(first, 700_000)
    saved = checkpoint.take(first)
    go(first, 1_500_000)
    fresh = machine("demo")
    checkpoint.restore(fresh, saved.parts, saved.pages)
    go(fresh, 1_500_000)
    assert fresh.digest_parts() == first.digest_parts()


def test_what_was_written_is_known_when_something_else_is_shown_there():
    """A page that was written and then lies after ROM (PAM) belongs to the next checkpoint anyway."""
    m = machine("demo")
    m.memory.map(0xD0 << 12, 4096, 0xD0 << 12)
    checkpoint.take(m)
    area_page = m.memory.page_map[0xD0] >> 12
    m.memory.write(0xD0 << 12, b"written")
    m.memory.map(0xD0 << 12, 4096, 0xD1 << 12)
    assert area_page in checkpoint.take(m).pages


OVERLAP = """
        .include "pc.inc"
main:   pci_write 0x80000B90, 0x601             # SMBus at 600h
        pci_write 0x80000BD0, 0x00010000
        pci_write 0x80000B40, 0x601             # and then power management, at the same place
        pci_write 0x80000B80, 1
        movl    $0x608, %edx
1:      inl     %dx, %eax
        addl    %eax, %ebx
        jmp     1b
"""


def test_overlapping_ranges_are_restored(tmp_path):
    """The fresh machine maps the two blocks in its own order, not in the guest's."""
    bios = guest.firmware(OVERLAP, tmp_path)
    plain, fresh = (Machine(PcConfig(bios=bios, ram_bytes=4 << 20), Door()) for _ in range(2))
    start = checkpoint.take(plain)
    plain.run(40_000)
    c = checkpoint.take(plain)
    checkpoint.restore(fresh, c.parts, {**start.pages, **c.pages})
    assert len([r for r in fresh.board.io.ranges() if r.base == 0x600]) == 2
    for m in (plain, fresh):
        m.run(44_000)
    assert plain.digest_parts() == fresh.digest_parts()
