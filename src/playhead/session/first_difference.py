"""Bisects two runs of the same inputs to the first moment behind which they are not the same machine."""

from collections.abc import Callable
from dataclasses import dataclass, field

from playhead.base.errors import DivergenceError
from playhead.hw.memory import PAGE
from playhead.log.events import text_of
from playhead.log.moment import Moment
from playhead.machine.checkpoint import save_parts
from playhead.machine.differences import (
    Difference,
    Picture,
    differences,
    differing_pages,
    part_differences,
)
from playhead.machine.look import instruction_text
from playhead.machine.machine import Machine
from playhead.machine.parts import MachineState
from playhead.session.track import Point, Track

STEPS = 1 << 16  # deliveries before one instruction that are compared one by one


@dataclass
class Found:
    """Where two runs part: both are the same at `moment`, and then `step` happens."""

    moment: Moment
    virtual_ns: int
    step: str  # "instruction", "alarm" or "delivery"
    text: str  # the instruction; which alarm or vector
    inputs: list[str]  # events that entered in this step
    differences: list[Difference] = field(default_factory=list)
    before: dict[Difference, str] = field(default_factory=dict)
    failure: DivergenceError | None = None  # of the faulty run


def same(a: Track, b: Track) -> bool:
    """Whether both are at one moment in one state."""
    if a.moment != b.moment or a.over != b.over or save_parts(a.machine) != save_parts(b.machine):
        return False
    return not differing_pages(a.machine, b.machine, a.pages() | b.pages())


def first_difference(good: Track, bad: Track, upto: int, tell: Callable[[str], None]) -> Found | None:
    """Both are at the same moment in the same state. None if they are still equal at instruction `upto`."""
    lo, hi = good.moment.icount, upto
    points = good.point(), bad.point()
    while hi - lo > 1:
        middle = (lo + hi) // 2
        tell(f"looking between instructions {lo} and {hi}")
        good.to(Moment(middle))
        bad.to(Moment(middle))
        if same(good, bad) and not good.over:
            lo, points = middle, (good.point(), bad.point())
        else:
            hi = middle
            good.back(points[0])
            bad.back(points[1])
    return _step_by_step(good, bad, hi)


def _step_by_step(good: Track, bad: Track, upto: int) -> Found | None:
    """From delivery to delivery, in front of one instruction and over it."""
    for _ in range(STEPS):
        points = good.point(), bad.point()
        start, taken = good.moment, len(good.taken)
        good.to(Moment(start.icount, start.seq + 1))
        bad.to(Moment(start.icount, start.seq + 1))
        if not same(good, bad):
            return _found(good, bad, points, [text_of(event) for _, event in good.taken[taken:]])
        if good.over or good.moment.icount >= upto:
            return None
    return None


def _found(good: Track, bad: Track, points: tuple[Point, Point], inputs: list[str]) -> Found:
    """Both have just made the step that differs."""
    before = points[0]
    listed = differences(good.machine, bad.machine, good.pages() | bad.pages())
    was = {d: value for d in listed if (value := _before(good.machine, before, d)) is not None}
    good_after, failure = save_parts(good.machine), bad.failure
    if good.moment.icount > before.moment.icount:
        step = "instruction"
        good.back(before)
        text = instruction_text(good.machine)
    else:
        step, text = _between(good.machine, before, good_after)
        good.back(before)
    return Found(before.moment, good.machine.now_ns(), step, text, inputs, listed, was, failure)


def _between(machine: Machine, before: Point, after: dict[str, bytes]) -> tuple[str, str]:
    """What moved the moment on without retiring an instruction."""
    a, b = (MachineState.decode(parts["machine"]) for parts in (before.parts, after))
    if (a.rung_icount, a.rung_ns) != (b.rung_icount, b.rung_ns):
        now = b.rung_ns
        rang = [alarm.name for alarm, at in zip(machine.clock.alarms, a.deadlines, strict=True) if at <= now]
        return "alarm", f"alarms ring: {', '.join(rang)}"
    return "delivery", f"delivery of vector {machine.core.get('fault_vector')}"


def _before(machine: Machine, point: Point, d: Difference) -> str | None:
    """What was there in front of the step."""
    if d.page >= 0:
        page = point.pages.get(d.page, bytes(PAGE))
        return page[d.at : d.at + d.length].hex(" ")
    changed = part_differences(machine, Picture(point.parts), Picture(save_parts(machine)))
    return next((c.expected for c in changed if (c.part, c.where) == (d.part, d.where)), d.expected)
