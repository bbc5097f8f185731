"""A guest that uses its debug registers, TF and the T bit of tasks while the timer interrupts it (debug_registers.s).

It meets what it should on both engines, from any checkpoint, in every replay, and under a debugger that watches the
same places.
"""

import random
from pathlib import Path

import pytest
from test_checkpoint import Door
from test_debug import forward

from playhead.boards.config import PcConfig
from playhead.cli import main
from playhead.machine import checkpoint
from playhead.machine.debug import READ, WRITE, Watch
from playhead.machine.machine import Machine
from tools import guest

SOURCE = Path(__file__).with_name("debug_registers.s")
PRINTED = """\
instructions: 60 30 30 0 0 0 0
rep: 40 40 40 0 0 0 0
lengths: 180 180 180 300 0 0 0
unaligned: 60 60 0 0 0 0 0
pages: 60 180 180 0 0 0 0
stack_segment: 120 0 0 0 0 0 0
ports: 100 0 0 0 0 0 0
steps: 60 60 0 0 0 400 0
general: 0 0 0 0 20 0 0
ring3: 60 60 0 0 0 104 0
task: 60 20 0 0 0 0 20
PASS
"""


@pytest.fixture(scope="module")
def bios(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("debug_registers")
    image = folder / "guest.bin"
    image.write_bytes(guest.firmware(SOURCE.read_text(), folder))
    return image


def machine(bios: Path, engine: str = "native") -> Machine:
    return Machine(PcConfig(bios=bios.read_bytes(), ram_bytes=8 << 20), Door(), engine=engine)


def record(bios: Path, path: Path, *more: str) -> str:
    out = path.with_suffix(".out")
    words = ["-bios", str(bios), "-m", "8", "-serial", f"file:{out}"]
    assert main(["record", "--force", "-o", str(path), *words, *more]) == 0
    return out.read_text().replace("\r\n", "\n")


def test_recorded_and_replayed_on_either_engine(bios, tmp_path):
    path = tmp_path / "r.ph"
    assert record(bios, path) == PRINTED
    for words in (["--split-seed", "5"], ["--engine", "reference"]):
        assert main(["replay", str(path), "--quiet", "-serial", "null", *words]) == 0


def test_checkpoints_anywhere(bios):
    """Also between an instruction and its trap: a machine put back there continues as the other engine does."""
    rng = random.Random(12)
    reference, m = machine(bios, "reference"), machine(bios)
    checkpoint.take(m)
    moments = [(icount, 0) for icount in sorted(rng.sample(range(2_000, 150_000), 12))]
    moments += [(icount, 1) for icount in range(150_010, 150_040)]
    saved, pages = [], {}
    for moment in moments:
        forward(reference, moment, None)
        forward(m, moment, None)
        c = checkpoint.take(m)
        pages |= c.pages
        saved.append((c.parts, dict(pages), m.digest_parts()))
        assert reference.digest_parts() == m.digest_parts()
    for at in rng.sample(range(len(moments) - 1), 8):
        parts, content, digest = saved[at]
        fresh = machine(bios, rng.choice(("native", "native", "reference")))
        checkpoint.restore(fresh, parts, content)
        assert fresh.digest_parts() == digest
        later = min(at + 2, len(moments) - 1)
        forward(fresh, moments[later], None)
        assert fresh.digest_parts() == saved[later][2]


@pytest.mark.parametrize("part", [20_000, 80_000, 150_000])
def test_a_debugger_at_the_same_addresses(bios, part):
    """Both engines tell of the same moments however the run is cut, and the guest meets what it meets without."""
    count, rng = 6_000, random.Random(part)
    plain = machine(bios)
    forward(plain, (part, 0), None)
    registers = [plain.core.get("dr", n) for n in range(4)]
    passed = set()
    look = machine(bios)
    forward(look, (part, 0), None)
    for _ in range(1_500):
        forward(look, (look.icount, look.seq + 1), None)
        passed.add(look.pc())
    breaks = [*rng.sample(sorted(passed), min(6, len(passed))), *registers]
    esp = plain.core.get("regs", 4) + plain.core.seg("ss", "base")
    watches = [Watch(at & ~3, 4, rng.choice((WRITE, READ, READ | WRITE))) for at in registers]
    watches.append(Watch(esp - 8, 4, WRITE))
    later = machine(bios)
    forward(later, (part + 2 * count, 0), None)
    forward(plain, (part + count, 0), None)
    found = []
    for engine, cut in (("reference", False), ("native", False), ("native", True)):
        m, met = machine(bios, engine), []
        forward(m, (part, 0), None)
        m.debug.set_breakpoints(breaks)
        m.debug.set_watches(watches)
        m.debug.arm(True)

        def note(stop, m=m, met=met):
            met.append((m.icount, m.seq, m.pc(), stop.kind, stop.accesses))

        while m.icount < part + count:
            forward(m, (min(part + count, m.icount + rng.randrange(1, 90)) if cut else part + count, 0), note)
        found.append(met)
        assert m.digest_parts() == plain.digest_parts()
        m.debug.set_breakpoints([])
        m.debug.set_watches([])
        m.debug.arm(False)
        forward(m, (part + 2 * count, 0), None)  # what the guest has armed is still there
        assert m.digest_parts() == later.digest_parts()
    assert {kind for *_, kind, _ in found[0]} == {"break", "watch"}
    assert found[0] == found[1] == found[2]
