"""A recording as something to move about in: seek anywhere, step, continue, and do both backwards.

Going backwards is restoring an earlier checkpoint and replaying forwards from there. So its speed follows from the
distances of the points: those of the recording (some quarter of a second of replay apart), and denser ones in memory,
taken on the way to where the user goes: a thousand instructions before it, eight thousand, sixty-four thousand and so
on. A search backwards replays the stretches between points, the last one first, and takes the last hit in it.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playhead.base.errors import PlayheadError, UsageError, WorkerDied
from playhead.hw.memory import PAGE
from playhead.log.checkpoints import Checkpoint
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.machine.debug import Access, Watch
from playhead.machine.machine import Machine
from playhead.session.run import Build
from playhead.session.track import Point, Stopped, Track
from playhead.timeline.moments import AtOutput, AtTime, Relative, Where, printed_at
from playhead.timeline.player import Kept, Player
from playhead.timeline.searching import Hit, Search, Stretch, Wanted

BUDGET = 1 << 30  # bytes that points in memory may take
LADDER = tuple(1000 << 3 * n for n in range(6))  # instructions before a goal at which points are laid: to 32 M
STRIDE = 16_000_000  # instructions between points on the way forward
MANY = 2_000  # hits in a stretch after which its rest is searched first
MOST = 256  # points in memory
ENTRY = 60  # bytes that a page takes in a point's table


@dataclass(frozen=True)
class Found:
    """Why a movement ended, at `moment`: "break"; "watch" (then `accesses`); "step"; "start" or "end" of the
    recording; "goal".
    """

    reason: str
    moment: Moment
    accesses: tuple[Access, ...] = ()
    behind: Moment | None = None  # of a watchpoint met backwards: where the access has happened


class Timeline:
    """`moment` is where the machine is; it moves by the methods, all of which may raise `Stopped` where they are if
    `interrupted` says so.
    """

    def __init__(self, build: Build, host: Any, reader: Reader, ports: int, *, budget: int = BUDGET):
        self._host = host
        self._budget = budget
        self.interrupted: Callable[[], bool] = lambda: False
        self.tell: Callable[[str], None] = lambda text: None  # progress, for display; called often
        self.player = Player(build, host, ports, reader, self._moved)
        self._points: list[Point] = []  # in memory, by moment
        self._sizes: list[int] = []  # and what each takes
        self._doing = "replaying"
        self.break_when: Callable[[int], bool] = lambda address: True  # whether a breakpoint's condition holds now
        self.conditional: Callable[[], bool] = lambda: False  # whether any has a condition
        self.crew: Any = None  # helpers of searches (`host.crew`), each of which does `searching.serve`
        self._pump: Callable[[], None] | None = None  # called on the way, while helpers search
        self._numbers = 0  # of requests to helpers
        self._searched = Moment(0)  # what lies behind has been searched

    def begin(self, kept: Kept | None = None) -> "Timeline":
        """`kept`: what other timelines of this recording have in memory already."""
        self.player.begin()
        if kept is not None:
            self.player.share(kept)
        self._points, self._sizes = [self.player.start], [0]
        return self

    # where it is

    @property
    def machine(self) -> Machine:
        return self.player.machine

    @property
    def moment(self) -> Moment:
        return self.player.moment

    @property
    def start(self) -> Moment:
        return self.player.start.moment

    @property
    def end(self) -> Moment:
        return self.player.end

    def request_quit(self, by: str, cause: str) -> None:
        """Ask whoever shows this to end (`host.Host.request_quit`)."""
        self._host.request_quit(by, cause)

    def kick(self) -> None:
        """From any thread: check `interrupted` soon."""
        if self.player._built:
            self.player.machine.kick()

    @contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """For what has to be finished."""
        asked, self.interrupted = self.interrupted, lambda: False
        try:
            yield
        finally:
            self.interrupted = asked

    @contextmanager
    def interruptible(self, interrupted: Callable[[], bool]) -> Iterator[None]:
        """Movements raise `Stopped` soon after `interrupted` says so; then the machine is at a proper moment."""
        before, self.interrupted = self.interrupted, interrupted
        try:
            yield
        except Stopped:
            with self._undisturbed():
                self.machine.debug.arm(False)
                self.player.met = None
                self._settle()
            raise
        finally:
            self.interrupted = before

    def check_interrupted(self) -> None:
        if self.interrupted():
            raise Stopped

    def _moved(self, track: Track) -> None:
        self.check_interrupted()
        if self._pump is not None:
            self._pump()
        self.tell(f"{self._doing} (at {track.moment.icount / 1e6:.1f} M instructions)")

    # points

    def _nearest(self, moment: Moment) -> Point | Checkpoint:
        """The last point or stored checkpoint at or before a moment."""
        point = self._points[bisect_right(self._points, moment, key=lambda p: p.moment) - 1]
        stored = self.player.proper
        n = bisect_right(stored, moment, key=lambda c: c.moment)
        return stored[n - 1] if n and stored[n - 1].moment > point.moment else point

    def known_pages(self) -> dict[int, bytes]:
        """Memory at the last stored checkpoint before here; that of a new machine, if there is none."""
        stored = [c for c in self.player.stored if c.moment <= self.moment]
        return self.player.load(stored[-1]).pages if stored else self.player.start.pages

    def _go_back(self, to: Point | Checkpoint) -> None:
        self.player.back(to if isinstance(to, Point) else self.player.load(to))

    def _lay(self) -> Point:
        """Keep the state of now."""
        now = self.moment
        n = bisect_right(self._points, now, key=lambda p: p.moment)
        before = self._points[n - 1]
        if before.moment == now:
            return before
        point = self.player.point()
        self._points.insert(n, point)
        self._sizes.insert(n, len(point.pages) * ENTRY + point.fresh * PAGE)
        self._thin()
        return point

    def lay_if_far(self) -> None:
        """Keep the state of now if there is none near before it."""
        if self.moment.icount - self._nearest(self.moment).moment.icount >= STRIDE:
            self._lay()

    def _thin(self) -> None:
        """Stay within the budget: points go that lie close to others, or far from here."""
        while len(self._points) > MOST or (sum(self._sizes) > self._budget and len(self._points) > 2):
            here, points = self.moment.icount, self._points

            def worth(n: int, here: int = here, points: list[Point] = points) -> float:
                after = points[n + 1].moment.icount if n + 1 < len(points) else self.end.icount
                distance = max(abs(here - points[n].moment.icount), LADDER[0])
                return (after - points[n - 1].moment.icount) / distance

            goes = min(range(1, len(points)), key=worth)  # the first one, the beginning, stays
            del self._points[goes], self._sizes[goes]

    # moving

    def run_to(self, goal: Moment) -> None:
        """Forwards to a moment, with points taken before it. Breakpoints are ignored."""
        self.machine.debug.arm(False)
        for distance in reversed(LADDER):
            stop = Moment(goal.icount - distance)
            if self.moment < stop:
                self.player.to(stop)
                self._lay()
        self.player.to(goal)

    def seek(self, goal: Moment) -> Found:
        """Be at a moment: the nearest one that there is, if there is none such."""
        goal = min(max(goal, self.start), self.end)
        if goal != self.moment or self.player.something_entered_here or self.player.over:
            self._approach(goal)
            self.run_to(goal)
        return Found("goal", self.moment)

    def _approach(self, goal: Moment) -> None:
        """Be where a run to a moment begins: here, or at a nearer point before it."""
        near = self._nearest(goal)
        if self.player.over or self.player.something_entered_here or not near.moment <= self.moment <= goal:
            self._go_back(near)
        self.player.mute()

    def enter(self, goal: Moment) -> None:
        """Be at a moment without laying points: for a replay that goes on from there, and does not come back."""
        self._approach(goal)
        self.machine.debug.arm(False)
        self.player.to(goal)

    def forget(self) -> None:
        """Give up all points, and whatever movements were to stop at: for whoever has this timeline next."""
        del self._points[1:], self._sizes[1:]
        self.machine.debug.arm(False)
        self.watch((), ())
        self.player.met = None
        self.player.mute()
        self.interrupted, self.tell = lambda: False, lambda text: None
        self.break_when, self.conditional = lambda address: True, lambda: False

    def find(self, where: Where) -> Found:
        """Be at a moment that is described; raises UsageError if there is none such."""
        match where:
            case Moment():
                return self.seek(where)
            case Relative():
                return self.seek(Moment(max(self.moment.icount + where.instructions, 0)))
            case AtTime():
                return self._seek_time(where.ns)
            case AtOutput():
                return self.seek(printed_at(self.player.reader, where))

    def _seek_time(self, ns: int) -> Found:
        """Time jumps where the CPU is halted: a stride that comes too far is taken back, and halved."""
        stored = [c for c in self.player.stored if c.virtual_ns <= ns]
        self.seek(stored[-1].moment if stored else self.start)
        left = 1 << 62
        while self.machine.now_ns() < ns and self.moment < self.end:
            before = self.moment
            left = min(max(ns - self.machine.now_ns() >> self.machine.shift, 1), left)
            stride = Moment(before.icount + left) if left > 1 else Moment(before.icount, before.seq + 1)
            self.run_to(min(stride, self.end))
            if self.machine.now_ns() > ns and left > 1:
                left //= 2
                self.seek(before)
        if self.machine.now_ns() < ns:
            raise UsageError(f"the recording ends at {self.machine.now_ns() / 1e9:.6f} s of virtual time")
        return Found("goal", self.moment)

    def step(self) -> Found:
        """Over one instruction, or to the handler of what is delivered before it."""
        self.machine.debug.arm(False)
        if self.moment >= self.end:
            return Found("end", self.moment)
        self._micro_step()
        return Found("step", self.moment)

    def steps(self, count: int) -> Found:
        """So many steps. A watchpoint ends them, and so does a breakpoint at which one of them arrives."""
        debug = self.machine.debug
        debug.arm(True)
        try:
            for _ in range(count):
                if self.moment >= self.end:
                    return Found("end", self.moment)
                debug.skip_here()
                self._micro_step()
                stop, self.player.met = self.player.met, None
                if stop is not None and stop.accesses:
                    debug.arm(False)
                    self._settle()
                    return Found("watch", self.moment, stop.accesses)
                if debug.is_breakpoint(self.machine.pc()) and self.break_when(self.machine.pc()):
                    return Found("break", self.moment)
            return Found("step", self.moment)
        finally:
            debug.arm(False)

    def steps_back(self, count: int) -> Found:
        """So many steps backwards; breakpoints and watchpoints on the way end them."""
        here = self.moment
        for left in range(count, 0, -MANY):
            if self.moment <= self.start:
                break
            self._back_by(min(left, MANY))
        if not self.machine.debug.wanted or self.moment == here:
            return Found("start" if self.moment == here and count else "step", self.moment)
        there = self.moment
        self.seek(here)
        return self.reverse_cont(there)

    def _back_by(self, count: int) -> None:
        """So many steps, or to the start. As many instructions before here there are as many steps to go, or more."""
        goal = self.moment
        self.seek(max(Moment(goal.icount - count), self.start))
        last: deque[Moment] = deque(maxlen=count)
        while self.moment < goal:
            last.append(self.moment)
            self._micro_step()
        self.seek(last[0])

    def _micro_step(self) -> None:
        """To the next moment at which a debugger sees something new: after a delivery or an instruction. Alarms that
        ring are no step.
        """
        while self.moment < self.end:
            rung = self._rung()
            now = self.moment
            self.player.to(min(Moment(now.icount, now.seq + 1), self.end))
            if self.moment.icount != now.icount or self._rung() == rung:
                break

    def _rung(self) -> tuple[int, int]:
        state = self.machine.state
        return state.rung_icount, state.rung_ns

    def step_back(self) -> Found:
        """To the step before this moment."""
        goal = self.moment
        if goal <= self.start:
            return Found("start", self.moment)
        self.seek(self._step_before(goal))
        return Found("step", self.moment)

    def _step_before(self, goal: Moment) -> Moment:
        """The last moment from which one step leads to `goal` or past it."""
        self.seek(max(Moment(goal.icount - (goal.seq == 0)), self.start))
        at = self.moment
        while True:
            self._micro_step()
            if self.moment >= goal:
                return at
            at = self.moment

    # continuing

    def watch(self, breakpoints: Iterable[int], watches: Iterable[Watch]) -> None:
        """What the following movements are to stop at."""
        self.machine.debug.set_breakpoints(breakpoints)
        self.machine.debug.set_watches(watches)

    def cont(self, limit: Moment | None = None, *, on: bool = False) -> Found:
        """Forwards to the next breakpoint or watchpoint, to `limit` ("goal"), or to the end. `on`: this only goes on
        with such a movement, so that a breakpoint here counts.
        """
        self._doing = "replaying"
        goal = self.end if limit is None or limit <= self.moment else min(limit, self.end)
        debug = self.machine.debug
        debug.arm(True)
        if not on:
            debug.skip_here()
        try:
            while self.moment < goal:
                hit = self._next_hit(min(Moment(self.moment.icount + STRIDE), goal))
                if hit is not None and self._counts(hit):
                    debug.arm(False)
                    self._settle()
                    return Found("watch" if hit.accesses else "break", self.moment, hit.accesses)
                if hit is None and self.moment < goal:
                    self._lay()
            return Found("end" if self.moment >= self.end else "goal", self.moment)
        finally:
            debug.arm(False)

    def _next_hit(self, goal: Moment) -> Hit | None:
        self.player.to(goal)
        stop, self.player.met = self.player.met, None
        return None if stop is None else Hit(self.moment, stop.accesses, self.player.something_entered_here)

    def _counts(self, hit: Hit) -> bool:
        return bool(hit.accesses) or self.break_when(self.machine.pc())

    def _settle(self) -> None:
        """One may have stopped after something that enters at this moment: be where `seek` would be."""
        if self.player.something_entered_here:
            self.seek(self.moment)

    def reverse_cont(self, limit: Moment | None = None) -> Found:
        """Backwards to the last breakpoint or watchpoint before this moment, to `limit` ("goal"), or to the
        start.
        """
        self._doing = "searching backwards"
        debug = self.machine.debug
        lowest = self.start if limit is None else max(limit, self.start)
        nothing = Found("start" if limit is None else "goal", lowest)
        if not debug.wanted:
            self.seek(lowest)
            return nothing
        self._searched = self.moment
        try:
            hit = self._search(lowest)
        except (Stopped, PlayheadError):
            debug.arm(False)
            with self._undisturbed():
                self.player.met = None
                self.seek(self._searched)  # what lies after has been searched: the next search continues from here
            raise
        finally:
            debug.arm(False)
        if hit is None or hit.moment < lowest or (hit.accesses and hit.moment == lowest and not hit.entered):
            self.seek(lowest)
            return nothing
        return self._arrive(hit)

    def _search(self, lowest: Moment) -> Hit | None:
        stretches = self.stretches(lowest, self.moment)
        if self.crew is None or self.conditional():
            return next((hit for stretch in stretches if (hit := self.last_hit_in(stretch)) is not None), None)
        wanted = self.machine.debug.looked_for
        one = Search(self, self.crew, self._numbers, Wanted(*wanted), stretches, self._host.realtime_ns)
        self._pump = one.pump
        try:
            return one.run()
        except WorkerDied:
            self.crew = None
            raise
        finally:
            self._pump = None
            self._numbers += one.numbers
            self._searched = one.searched or self._searched

    def stretches(self, lowest: Moment, high: Moment) -> Iterator[Stretch]:
        """What is between stored checkpoints, from a moment down to another one, but for stretches in which, as their
        checkpoints say, nothing wrote what is looked for.
        """
        pages = self.machine.debug.noted_in()
        while high > lowest:
            n = bisect_left(self.player.proper, high, key=lambda c: c.moment)
            low = self.player.proper[n - 1].moment if n else self.start
            if pages is None or self.player.may_have_written(n, pages):
                yield Stretch(low, high)
            high = low

    def search(self, wanted: Wanted, stretch: Stretch) -> Hit | None:
        """For another timeline of the same recording: the last hit in a stretch."""
        debug = self.machine.debug
        debug.set_breakpoints(wanted.breakpoints)
        debug.set_watches(wanted.watches, wanted.places)
        try:
            return self.last_hit_in(stretch)
        finally:
            debug.arm(False)
            self.player.met = None

    def last_hit_in(self, stretch: Stretch) -> Hit | None:
        """The last one in a stretch, which is searched from point to point, the last one first."""
        low, high = stretch
        while high > low:
            near = self._before(high)
            hit = self._last_hit(near, high)
            if hit is not None:
                return hit
            high = near.moment
            if self._pump is None:
                self._searched = high
        return None

    def _before(self, moment: Moment) -> Point | Checkpoint:
        """The last point or stored checkpoint before a moment."""
        before = Moment(moment.icount, moment.seq - 1) if moment.seq else Moment(moment.icount - 1, 1 << 62)
        return self._nearest(before)

    def _last_hit(self, begin: Point | Checkpoint, hi: Moment) -> Hit | None:
        """The last one from a point up to `hi`: breakpoints before it, accesses up to it."""
        debug = self.machine.debug
        self._go_back(begin)
        debug.arm(True)
        last, count = None, 0
        while self.moment < hi:
            hit = self._next_hit(hi)
            if hit is None:
                break
            if (hit.accesses or hit.moment < hi) and self._counts(hit):
                last = hit
            count += 1
            middle = Moment((self.moment.icount + hi.icount) // 2)
            if count > MANY and middle > self.moment:
                return self._halved(middle, hi) or last
        return last

    def _halved(self, middle: Moment, hi: Moment) -> Hit | None:
        """Too many hits to check all of them: first those of the second half of what is left."""
        here = self._lay()
        self.machine.debug.arm(False)
        self.player.to(middle)
        return self._last_hit(self._lay(), hi) or self._last_hit(here, middle)

    def _arrive(self, hit: Hit) -> Found:
        """Be where a hit was found: going backwards, one stops before an access."""
        if not hit.accesses:
            self.seek(hit.moment)
            return Found("break", self.moment)
        if hit.entered:
            self.seek(hit.moment)
            return Found("watch", self.moment, hit.accesses, Moment(hit.moment.icount, hit.moment.seq + 1))
        self.seek(self._step_before(hit.moment))
        return Found("watch", self.moment, hit.accesses, hit.moment)
