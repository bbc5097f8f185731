"""The listing of the page tables agrees with the translation of single addresses, with and without PAE."""

import random

import pytest
from test_checkpoint import machine

from playhead.machine import look
from playhead.machine.mappings import mappings, runs, spans

PAGING = 1 << 31


@pytest.mark.parametrize("name", ["pae", "smc", "v86"])
def test_every_page_is_where_translation_finds_it(name):
    m = machine(name)
    while not m.core.get("cr0") & PAGING:
        assert m.run(m.icount + 997).kind == "budget"
    m.run(m.icount + 2000)
    found = list(mappings(m))
    assert found and found == sorted(found)
    rng, mapped = random.Random(1), set()
    for one in found:
        mapped.update(range(one.linear >> 12, one.linear + one.length >> 12))
        inside = rng.randrange(one.length)
        expected = look.translate(m, one.linear + inside)
        assert expected is None or expected == (one.physical + inside) & m.core.get("a20_mask")
    for _ in range(2000):
        page = rng.randrange(1 << 20)
        assert page in mapped or look.translate(m, page << 12) is None
    assert sum(end - start for start, end, _ in runs(found)) == sum(one.length for one in found)
    assert sum(length for *_, length in spans(found)) == sum(one.length for one in found)
