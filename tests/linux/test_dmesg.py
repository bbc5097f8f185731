"""The kernel's log out of its ring buffers: a full ring that has gone round, and what no ring can be."""

import random
import struct

import pytest
from made_kernel import BASE_32, Made

from playhead.base.errors import UnknownKernel
from playhead.linux.dmesg import Record, read

LAYOUT = {
    "OFFSET(printk_ringbuffer.desc_ring)": 0, "OFFSET(printk_ringbuffer.text_data_ring)": 24,
    "OFFSET(prb_desc_ring.count_bits)": 0, "OFFSET(prb_desc_ring.descs)": 4, "OFFSET(prb_desc_ring.infos)": 8,
    "OFFSET(prb_desc_ring.head_id)": 12, "OFFSET(prb_desc_ring.tail_id)": 16, "SIZE(prb_desc)": 12,
    "OFFSET(prb_desc.state_var)": 0, "OFFSET(prb_desc.text_blk_lpos)": 4, "OFFSET(prb_data_blk_lpos.begin)": 0,
    "OFFSET(prb_data_blk_lpos.next)": 4, "SIZE(printk_info)": 88, "OFFSET(printk_info.seq)": 0,
    "OFFSET(printk_info.ts_nsec)": 8, "OFFSET(printk_info.text_len)": 16, "OFFSET(prb_data_ring.size_bits)": 0,
    "OFFSET(prb_data_ring.data)": 4,
}  # fmt: skip
RING, DESCS, INFOS, DATA, BITS, TEXT_BITS = 0x50000, 0x51000, 0x52000, 0x58000, 4, 8
FINALIZED, REUSABLE = 2 << 30, 3 << 30
FIRST = (1 << 30) - 3  # numbers that go round


def logged(texts: list[bytes], state: int = FINALIZED, gone: int = 0) -> Made:
    """Rings that texts were written to, of which the first ones are gone; that of texts has 256 bytes."""
    made = Made(4).map()
    made.symbols["_stext"], made.numbers = BASE_32 + 0x100000, {**made.numbers, **LAYOUT}
    made.name("prb", 0x4F000, struct.pack("<I", BASE_32 + RING))
    at, head = 0, FIRST - 1
    for n, text in enumerate(texts):
        head = (FIRST + n) & 0x3FFFFFFF
        size = -(-(4 + len(text)) // 4) * 4
        begin = at
        if begin // 256 != (begin + size - 1) // 256:
            at = (begin // 256 + 1) * 256
        made.put(DATA + at % 256, struct.pack("<I", head) + text)
        at += size
        index = head % 16
        lpos = (begin, at) if text else (1, 1)
        made.put(DESCS + 12 * index, struct.pack("<3I", head | state, *lpos))
        made.put(INFOS + 88 * index, struct.pack("<QQHBB", n, n * 1_000_500_000, len(text), 1, (n % 8) << 5))
        if not text:
            at = begin
    made.put(RING, struct.pack("<6I", BITS, BASE_32 + DESCS, BASE_32 + INFOS, head, FIRST + gone & 0x3FFFFFFF, 0))
    made.put(RING + 24, struct.pack("<4I", TEXT_BITS, BASE_32 + DATA, at, 0))
    return made


def test_records_in_order_also_around_the_ends_of_the_rings():
    last = "around the end" + "." * 30
    texts = [b"first", b"", b"two\nlines", "\u00e4".encode() * 50, b"x" * 80, b"\xff\x1b", last.encode()]
    texts[0] += b"." * 25
    late = list(read(logged(texts, gone=3).memory()))
    assert [one.text for one in late] == ["\u00e4" * 50, "x" * 80, "\\xff\x1b", last]
    found = list(read(logged(texts[:6]).memory()))
    assert [one.text for one in found[:3]] == ["first" + "." * 25, "", "two\nlines"]
    assert [one.seq for one in found] == list(range(6)) and found[3].level == 3 and found[3].facility == 1
    assert found[2].lines() == ["[    2.001000] two", "[    2.001000] lines"]
    assert found[2].lines(decoded=True)[0] == "user  :crit  : [    2.001000] two"
    assert Record(0, 0, 6, 24, "").lines(decoded=True) == ["24    :info  : [    0.000000] "]


def test_what_is_not_complete_is_left_out():
    assert list(read(logged([b"a", b"b"], state=REUSABLE).memory())) == []
    assert list(read(logged([b"a", b"b"], state=0).memory())) == []


def test_what_a_note_does_not_say_is_named():
    made = logged([b"a"])
    del made.numbers["SIZE(printk_info)"]
    with pytest.raises(UnknownKernel, match=r"SIZE\(printk_info\) is missing; Linux 5.10"):
        list(read(made.memory()))
    made = logged([b"a"])
    made.put(RING, struct.pack("<I", 31))
    with pytest.raises(UnknownKernel, match="count_bits is 31"):
        list(read(made.memory()))


def test_a_damaged_ring_never_does_worse_than_being_refused():
    rng = random.Random(7)
    for _ in range(200):
        made = logged([b"text %d" % n for n in range(12)])
        for _ in range(rng.choice((1, 4, 40))):
            made.put(rng.choice((0x4F000, RING, DESCS, INFOS, DATA)) + 4 * rng.randrange(20), rng.randbytes(4))
        try:
            assert len(list(read(made.memory()))) <= 1 << 24
        except UnknownKernel:
            continue
