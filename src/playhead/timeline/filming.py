"""The pictures of a stretch of a recording, one for each step of virtual time, by a silent replay.

The processor is stopped where a step ends. While it is halted time jumps, and the screen stays as it is until it wakes:
the steps of such a jump are filled with that picture, as it would have looked at each of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from playhead.base.picture import Picture
from playhead.hw.screen import Screen
from playhead.log.moment import Moment
from playhead.session.track import Stopped
from playhead.timeline.timeline import Timeline


class Frame(NamedTuple):
    virtual_ns: int
    moment: Moment
    picture: Picture


class Steps:
    """The times of a film's frames: frame n is shown at `at(n)`. `ns_per_frame`: a fraction, because frames are not
    whole nanoseconds apart."""

    def __init__(self, begin_ns: int, numerator: int, denominator: int):
        self._begin_ns, self._numerator, self._denominator = begin_ns, numerator, denominator

    def no_shorter_than(self, ns: int) -> Steps:
        """The same, or steps of this length."""
        longer = self._numerator >= ns * self._denominator
        return self if longer else Steps(self._begin_ns, ns, 1)

    def at(self, frame: int) -> int:
        return self._begin_ns + frame * self._numerator // self._denominator


def frames(line: Timeline, screen: Screen, end: Moment, steps: Steps) -> Iterator[Frame]:
    """From where `line` is up to a moment, whose picture is the last one. Digests are compared on the way.
    `steps.at(0)` is the time that it is now.
    """
    player, machine, count = line.player, line.machine, 0
    player.hear({})
    while True:
        now_ns, due_ns = machine.now_ns(), steps.at(count)
        while due_ns <= now_ns:
            if line.interrupted():
                raise Stopped
            yield Frame(due_ns, player.moment, screen.picture(due_ns))
            count += 1
            due_ns = steps.at(count)
        here = player.moment
        if player.over or here >= end:
            break
        left = max(due_ns - now_ns >> machine.shift, 1)
        player.turn(min(Moment(here.icount + left), end))
    yield Frame(machine.now_ns(), player.moment, screen.picture(machine.now_ns()))
    if end >= line.end:
        player.conclude()
    else:
        player.compared_to_here()
