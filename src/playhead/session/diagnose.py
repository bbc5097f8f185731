"""Why a replay was not its recording: whose fault it is, and where it began, as exactly as what is left of it allows.

Digests say that two machines differ; they do not say since when. So the recorded inputs are run again, from scratch and
silently:

- The second run reaches the recorded digest: the recording is right, and the first run went wrong in a way that does
  not repeat. What entered it tells of inputs that were lost or moved. If a third run goes wrong too, it is bisected
  against the second. Else the first run's end is explained by a flipped bit (`flipped_bit.py`).
- The second run fails too, but not in the same way: something that is not in the recording reaches the guest. Two runs
  are compared with each other and bisected.
- It fails in just the same way: the other engine tries. If that reaches the digest, this engine is wrong, and bisecting
  the two names the instruction. If it fails just so, this version is of one mind, and the recording was made otherwise.
  Of that run nothing remains but digests: all that can be told is between which, and in which parts of the machine.
"""

from itertools import zip_longest

from playhead.host.host import Host
from playhead.log.events import Event, text_of
from playhead.log.moment import START, Moment
from playhead.log.reader import Reader
from playhead.machine.checkpoint import save_parts
from playhead.machine.differences import differences, differing_pages
from playhead.machine.machine import Machine
from playhead.session.divergence import Divergence
from playhead.session.first_difference import first_difference
from playhead.session.flipped_bit import explain
from playhead.session.progress import STATUS_NS
from playhead.session.replay import ReplaySession
from playhead.session.report import Report
from playhead.session.run import Build
from playhead.session.track import Point, Stopped, Track

TRIES = 3  # runs to the last good digest, if each fails earlier than the one before
OTHER = {"native": "reference", "reference": "native"}


def diagnosable(session: ReplaySession) -> bool:
    """True if there is something to diagnose: a real machine that has been built."""
    return session._built and isinstance(session.machine, Machine)


Taken = tuple[Moment, Event]


def diagnose(build: Build, host: Host, reader: Reader, failed: ReplaySession, error: Divergence) -> Report:
    """`failed` ended with `error`; `host` is a fresh one, for signals, time and the status line."""
    with host:
        diagnosis = Diagnosis(build, host, reader, failed, error)
        host.start(diagnosis.kick)
        try:
            report = diagnosis.run()
        except Stopped:
            report = Report(f"ended by {host.quit_name()}")
        finally:
            host.status.clear()
    report.around(reader)
    return report


class Diagnosis:
    """One diagnosis; `run()` makes the report."""

    def __init__(self, build: Build, host: Host, reader: Reader, failed: ReplaySession, error: Divergence):
        self._build, self._host, self._reader, self._failed, self._error = build, host, reader, failed, error
        self._ports = failed._ports
        self._tracks: list[Track] = []
        self._text, self._show_at = "", 0
        machine = failed.machine
        assert isinstance(machine, Machine)
        self._ended: Machine = machine
        self._end = Moment(machine.icount, machine.seq)  # not before the moment of the error
        self._replaced = False
        self._engine = "native" if type(machine.engine).__name__ == "NativeEngine" else "reference"

    def kick(self) -> None:
        for track in self._tracks:
            if track._built:
                track.machine.kick()

    def _tell(self, text: str) -> None:
        self._text = text

    def _watch(self, track: Track) -> None:
        """Called whenever a track has moved."""
        if self._host.quit_cause():
            raise Stopped
        now = self._host.realtime_ns()
        if self._host.status.enabled and now >= self._show_at:
            self._show_at = now + STATUS_NS
            self._host.status.show(f"diagnosing: {self._text} (at {track.moment.icount / 1e6:.1f} M instructions)")

    def _track(self) -> Track:
        track = Track(self._build, self._host, self._ports, self._reader, self._watch)
        self._tracks.append(track)
        return track.begin()

    # -- the decisions

    def run(self) -> Report:
        second, start = self._approach()
        if start is None:
            return self._never_equal(second)
        goal = self._goal(start)
        self._tell("a second run of the recorded inputs")
        second.to(goal)
        taken = list(second.taken)
        second.to(goal, compare=True)
        if second.failure is None:
            return self._does_not_repeat(second, start, goal, taken)
        if not self._ended_alike(second):
            return self._not_determined(second, start, goal)
        return self._repeats(second, start, goal)

    def _approach(self) -> tuple[Track, Point | None]:
        """A new run up to the last instruction with a good digest, and its point there (None: no digest is good)."""
        last_good = self._error.equal_at
        for _ in range(TRIES):
            track = self._track()
            track.keeps_all = last_good is None
            self._tell("a second run up to the last good digest")
            track.to(Moment(last_good or 0), compare=True)
            point = first = track.point() if track.failure is None else None
            if last_good is None:  # nothing was compared on the way: find out where it would have been
                while not track.over and track.moment < self._error.moment:
                    point = track.point()
                    track.to(Moment(track._boundary), compare=True)
            if track.failure is None:
                return (track.back(first) if first else track), first
            if isinstance(track.failure, Divergence):
                self._error, self._replaced = track.failure, True
            if point is not None and point.equal_at == self._error.equal_at:
                return track.back(point), point
            if self._error.equal_at is None:
                break
            last_good = self._error.equal_at
            self._tracks.pop()
        return track, None

    def _goal(self, start: Point) -> Moment:
        """The moment of the next digest that the replay should have reached."""
        period, at = self._reader.digest_period, max(self._error.moment.icount, start.moment.icount + 1)
        return Moment(-(-at // period) * period)

    def _ended_alike(self, track: Track) -> bool:
        """True if a track failed exactly as the first run did."""
        if str(track.failure) != str(self._error):
            return False
        if self._replaced:
            return True  # by a run that ended earlier than the first one
        if track.moment != self._end:
            return False
        if save_parts(track.machine) != save_parts(self._ended):
            return False
        return not differing_pages(track.machine, self._ended)

    # -- the findings

    def _never_equal(self, track: Track) -> Report:
        report = Report(
            "there is no moment at which the replay was the recording: it describes another machine than the one "
            "it was made on, or another version of Playhead made it"
        )
        report.line("where", "before the first instruction" if self._error.moment == START else str(self._error.moment))
        report.versions(self._reader)
        return report

    def _does_not_repeat(self, second: Track, start: Point, goal: Moment, taken: list) -> Report:
        proof = f"a second run of its inputs reaches its digest of instruction {second.equal_at}"
        if second.equal_at == start.equal_at:
            proof = "a second run of its inputs goes on " + ("to its end" if second.over else "past this moment")
        report = Report(f"the recording is right and the replay went wrong: {proof}")
        since = start.moment
        here = [t for t in self._failed.taken if t[0] >= since]
        there = [t for t in taken if since <= t[0] and (t in here or _was_due(t, self._error.moment))]
        for recorded, replayed in zip_longest(there, here):
            if recorded != replayed:
                return self._other_input(report, recorded, replayed)
        at = self._end
        third = self._track().back(start)
        self._tell("a third run of the recorded inputs")
        if not third.to(goal, compare=True):
            found = first_difference(second.back(start), third.back(start), goal.icount, self._tell)
            if found is not None:
                report.line("how often", "in two runs out of three")
                return report.found(found, self._engine, "the good run", "the bad one")
        self._tracks.pop()
        flip = explain(second, start, at, self._ended, self._tell)
        if flip is not None:
            return report.flip(flip)
        second.back(start).to(at)
        where = f"between instructions {start.moment.icount} and {at}"
        report.line("first difference", f"{where}; it did not happen again")
        if second.moment == at:
            report.differences(differences(second.machine, self._ended))
        report.moment = at
        return report

    @staticmethod
    def _other_input(report: Report, recorded: Taken | None, replayed: Taken | None) -> Report:
        """Report the first input that differs from the recording's."""
        first = min(t[0] for t in (recorded, replayed) if t is not None)
        report.moment = first
        report.line("first difference", f"at {first}: an input")
        for label, item in (("expected", recorded), ("found", replayed)):
            report.line(label, f"{text_of(item[1])} at {item[0]}" if item else "no input")
        return report

    def _not_determined(self, second: Track, start: Point, goal: Moment) -> Report:
        report = Report(
            "the replay is at fault: two runs of the same inputs are not the same, so something that is not in the "
            "recording reaches the guest"
        )
        third = self._track()
        for _ in range(TRIES):  # what reaches the guest may be the same in both, by chance, while they are bisected
            found = first_difference(second.back(start), third.back(start), goal.icount, self._tell)
            if found is not None:
                return report.found(found, self._engine, "one run", "another")
        report.line("first difference", f"between instructions {start.moment.icount} and {self._error.moment}")
        report.moment = self._error.moment
        return report

    def _repeats(self, second: Track, start: Point, goal: Moment) -> Report:
        other = self._track().back(start)
        other.machine.use_engine(OTHER[self._engine])
        self._tell(f"the same inputs on the {OTHER[self._engine]} engine")
        other.to(goal, compare=True)
        if other.failure is not None and self._alike(second, other):
            return self._recorded_otherwise(start)
        right = other.failure is None
        good, bad = OTHER[self._engine], self._engine
        text = f"the recording is right and the {bad} engine is wrong: the {good} engine reaches its digest"
        report = Report(text if right else "the two engines disagree, and neither is the recording")
        second.back(start)
        other.back(start)
        found = first_difference(other, second, goal.icount, self._tell)
        if found is not None:
            return report.found(found, bad, f"the {good} engine's", f"the {bad} engine's")
        report.line("first difference", f"between instructions {start.moment.icount} and {goal}; not found")
        report.moment = self._error.moment
        return report

    @staticmethod
    def _alike(a: Track, b: Track) -> bool:
        if a.moment != b.moment or str(a.failure) != str(b.failure):
            return False
        return save_parts(a.machine) == save_parts(b.machine) and not differing_pages(a.machine, b.machine)

    def _recorded_otherwise(self, start: Point) -> Report:
        report = Report(
            "every run of the recorded inputs ends like this, on both engines: the recording was made otherwise (by a "
            "fault, by another version of Playhead, or it was changed)"
        )
        report.line("where", f"between instructions {start.moment.icount} and {self._error.moment}")
        parts = self._error.parts
        if parts:
            report.line("in", ", ".join(parts))
        report.moment = self._error.moment
        report.versions(self._reader)
        return report


def _was_due(taken: Taken, ended: Moment) -> bool:
    """True if a run that ended there should have taken this event before (or there, if the guest asks for it)."""
    return taken[0] < ended or (taken[0] == ended and taken[1].KIND.pulled)
