"""Digests of parts are kept while the bytes of a part stay what they are: they are always those of its state."""

from hashlib import blake2b

import pytest

from playhead.boards.config import PcConfig
from playhead.hw.memory import DIRTY, PAGE, REGION_BITS
from playhead.machine import checkpoint
from playhead.machine.machine import Machine
from playhead.machine.noted_digests import NOTES
from tools import guest


class Door:
    """A quiet outside whose clock is a number."""

    def __init__(self):
        self.ends = {"serial0": self, "debugcon": self}

    def write(self, data, icounts):
        pass

    def host_clock_ns(self):
        return 1_700_000_000_000_000_000


def machine(engine="native", ram_bytes=8 << 20):
    with open(guest.image("demo"), "rb") as f:
        return Machine(PcConfig(bios=f.read(), ram_bytes=ram_bytes), Door(), engine=engine)


def hashed(data):
    return blake2b(data, digest_size=16).digest()


def test_a_kept_digest_is_that_of_the_state():
    m = machine()
    seen = set()
    for until in range(0, 600_000, 20_000):
        while m.icount < until and m.run(until).kind == "halted":
            m.warp(m.clock.next_deadline_ns())
        parts = m.digest_parts()
        assert list(parts)[:4] == ["cpu", "tlb", "ram", "clock"]
        assert parts["cpu"] == hashed(m.core.save()) and parts["clock"] == hashed(m.state.encode())
        for name, device in m.board.devices.items():
            assert parts[name] == hashed(device.save()), name
        seen.add(tuple(parts.values())[4:])
    assert len(seen) > 2, "devices did something meanwhile"


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_digests_that_are_noted_are_those_of_their_moments(engine):
    m = machine(engine)
    kbc = m.board.devices["kbc"].state.answers
    before, expected = m.digest_parts(), []
    for n in range(1, 2 * NOTES if engine == "native" else 4):
        m.note_digest()
        expected.append(before)
        while m.icount < n * 1_000 and m.run(n * 1_000).kind == "halted":
            m.warp(m.clock.next_deadline_ns())
        if n % 3:
            kbc.append(n & 0xFF)
        else:
            kbc.clear()
        m.board.devices["fdc"].state.at = n & 7
        m.memory.write(0x5000, bytes([n & 0xFF]))
        before = m.digest_parts()
    assert m.noted_digests() == expected
    assert m.noted_digests() == [] and m.digest_parts() == before
    for part in ("cpu", "ram", "kbc", "fdc"):
        assert len({parts[part] for parts in expected}) > 1, part


def test_what_a_queue_holds_behind_its_end_is_no_state():
    m = machine()
    queue = m.board.devices["kbc"].state.answers
    queue.clear()
    before = m.digest_parts()["kbc"]
    queue.append(7)
    assert m.digest_parts()["kbc"] != before
    queue.clear()
    assert m.digest_parts()["kbc"] == before


def test_pages_are_found_wherever_they_are_written():
    m = machine(ram_bytes=64 << 20)
    checkpoint.written_pages(m)
    m.digest()
    region = 1 << REGION_BITS
    pages = [1, region - 1, region, 5 * region + 7, (64 << 20) // PAGE - 1]
    for again in (1, 2):
        for page in pages:
            m.memory.write(page * PAGE + 8, bytes([again]))
        before = m.digest_parts()["ram"]
        assert checkpoint.written_pages(m) == pages
        assert not any(m.memory.page_map[page] & DIRTY for page in pages)
        assert m.digest_parts()["ram"] == before and checkpoint.written_pages(m) == []
        assert before != machine(ram_bytes=64 << 20).digest_parts()["ram"]


def test_a_guest_that_stores_after_a_digest_is_seen():
    """The right to write is taken from what native code has derived, however often it is asked for."""
    m, reference = machine(), machine("reference")
    for until in range(1_000, 60_000, 1_000):
        for one in (m, reference):
            while one.icount < until and one.run(until).kind == "halted":
                one.warp(one.clock.next_deadline_ns())
        assert m.digest_parts() == reference.digest_parts()
        assert checkpoint.written_pages(m) == checkpoint.written_pages(reference)
