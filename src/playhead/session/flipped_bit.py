"""Explains a deviation that did not happen again by a single bit of memory that changed by itself.

There is nothing left of such a run but the state in which it ended. But a clean run tells when each byte that is wrong
there was used; a bit that flips between two uses has one and the same effect whenever it is. So there are only so many
cases, and each is tried: flip it, run on, compare with the end that is to be explained.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from playhead.hw.memory import PAGE
from playhead.log.moment import Moment
from playhead.machine.accesses import watching
from playhead.log.pages import is_block
from playhead.machine.checkpoint import page_of, restore, save_parts
from playhead.machine.differences import differing_pages, physical_page
from playhead.machine.look import instruction_text
from playhead.machine.machine import Machine
from playhead.session.track import Point, Track

MAX_BYTES = 4096  # that are wrong in the end
MAX_TRIES = 400
MAX_SPAN = 4_000_000  # instructions, which the reference engine has to run
KEPT = 16  # points on the way


@dataclass(frozen=True)
class Flip:
    """Bit `bit` of the byte at guest-physical `address` changed somewhere from `after` to `before`, in retired
    instructions: wherever there, the effect is the same. `user` is the next instruction, if that is what showed it.
    """

    address: int
    bit: int
    value: int
    after: int
    before: int
    user: str


def explain(track: Track, start: Point, end: Moment, ended: Machine, tell: Callable[[str], None]) -> Flip | None:
    """`ended` is the machine that went wrong somewhere from `start` to `end`; `track` repeats the way rightly."""
    if end.icount - start.moment.icount > MAX_SPAN:
        return None
    track.back(start)
    points = _points(track, end)
    wrong = _wrong_bits(track, ended)
    if not wrong or len(wrong) > MAX_BYTES:
        return None
    tell("looking for uses of the memory that is wrong in the end")
    track.back(start)
    with watching(track.machine, list(wrong)) as uses:
        track.to(end)
    if track.moment != end:
        return None
    cases: list[Case] = []
    for at, bits in wrong.items():
        edges = [start.moment.icount - 1, *uses[at], end.icount]
        spans = [(a, b) for a, b in pairwise(edges) if a < b]
        cases += [Case(len(spans), -b, at, bit, a) for a, b in spans for bit in bits]
    cases.sort()
    del cases[MAX_TRIES:]
    fits: list[Case] = []
    for i, case in enumerate(cases):
        if fits and (case.at, case.bit) != (fits[0].at, fits[0].bit):
            continue  # one bit is enough, but all stretches in which its flip has this effect are wanted
        tell(f"trying a flipped bit: case {i + 1} of {len(cases)}")
        if _fits(track, points, case, end, ended):
            fits.append(case)
        elif fits:
            break
    if not fits:
        return None
    last = fits[0].before
    track.back(_nearest(points, last)).to(Moment(last))
    at, bit = fits[0].at, fits[0].bit
    user = instruction_text(track.machine) if last in uses[at] else ""
    address = physical_page(track.machine, at // PAGE) * PAGE + at % PAGE
    after = max(fits[-1].after + 1, start.moment.icount)
    return Flip(address, bit, track.machine.memory.area[at] >> bit & 1, after, last, user)


class Case(NamedTuple):
    """A bit flips after instruction `after` and not later than `-minus_before`. Their order is that in which they are
    tried: pages that are used least first, then the latest.
    """

    stretches: int
    minus_before: int
    at: int
    bit: int
    after: int

    @property
    def before(self) -> int:
        return -self.minus_before


def _fits(track: Track, points: list[Point], case: Case, end: Moment, ended: Machine) -> bool:
    """True if the flip leads to exactly the end that is to be explained."""
    track.back(_nearest(points, case.before)).to(Moment(case.before))
    if track.moment != min(Moment(case.before), end):
        return False
    _flip(track, case.at, case.bit)
    track.to(end)
    if track.moment != end or save_parts(track.machine) != save_parts(ended):
        return False
    return not differing_pages(track.machine, ended)


def _nearest(points: list[Point], icount: int) -> Point:
    return max((p for p in points if p.moment.icount <= icount), key=lambda p: p.moment)


def _points(track: Track, end: Moment) -> list[Point]:
    """Points to restart from, spread over the way to the end. Leaves the track at the end."""
    first = track.moment.icount
    points = [track.point()]
    for i in range(1, KEPT):
        track.to(Moment(first + (end.icount - first) * i // KEPT))
        points.append(track.point())
    track.to(end)
    return points


def _wrong_bits(track: Track, ended: Machine) -> dict[int, list[int]]:
    """Offset in the backing area -> bits that differ at the end."""
    out: dict[int, list[int]] = {}
    for page in differing_pages(track.machine, ended):
        if is_block(page):
            return {}  # what was written to a disk is wrong: that is an effect, and no cause to be tried
        x, y = page_of(track.machine, page), page_of(ended, page)
        for at, (a, b) in enumerate(zip(x, y, strict=True)):
            if a != b:
                out[page * PAGE + at] = [bit for bit in range(8) if (a ^ b) >> bit & 1]
    return out


def _flip(track: Track, at: int, bit: int) -> None:
    content = bytearray(page_of(track.machine, at // PAGE))
    content[at % PAGE] ^= 1 << bit
    restore(track.machine, save_parts(track.machine), {at // PAGE: bytes(content)})
