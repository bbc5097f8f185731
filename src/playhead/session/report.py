"""The result of a diagnosis as a short text."""

from collections import deque
from collections.abc import Iterable

from playhead.log.events import Entry, text_of
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.machine.differences import Difference
from playhead.session.first_difference import Found
from playhead.session.flipped_bit import Flip

EVENTS, BEHIND = 20, 5  # shown around the moment, and how many of them at it and behind it
MOST = 12  # differences
WIDTH = 18
STEPS = {"instruction": "instruction", "alarm": "alarm", "delivery": "delivery"}


class Report:
    """A verdict, and below it lines of a label and a text."""

    def __init__(self, verdict: str):
        self.verdict = verdict
        self.moment: Moment | None = None
        self.lines: list[tuple[str, str]] = []
        self.events: list[str] = []

    def line(self, label: str, text: str) -> None:
        self.lines.append((label, text))

    def versions(self, reader: Reader) -> None:
        if reader.meta.get("program"):
            self.line("recorded by", f"{reader.meta['program']}, {reader.meta.get('engine')} engine")

    def differences(self, found: Iterable[Difference], before: dict[Difference, str] | None = None) -> None:
        """One line for each of the first few places that differ."""
        found = list(found)
        for d in found[:MOST]:
            was = f", before {before[d]}" if before and d in before else ""
            self.line(d.part, f"{d.where}: expected {d.expected}, found {d.found}{was}")
        if len(found) > MOST:
            rest = sorted({d.part for d in found[MOST:]})
            self.line("", f"and {len(found) - MOST} more differences, in {', '.join(rest)}")

    def found(self, f: Found, engine: str, good: str, bad: str) -> "Report":
        """Report an exact place. `good` and `bad` name the runs with the expected and the found values."""
        self.moment = f.moment
        self.line("first difference", f"behind {f.moment} (virtual time {f.virtual_ns} ns), {engine} engine")
        self.line(STEPS[f.step], f.text)
        for text in f.inputs:
            self.line("with", text)
        if f.failure is not None:
            self.line("found", str(f.failure))
        self.line("values", f"expected is {good}, found is {bad}")
        self.differences(f.differences, f.before)
        return self

    def flip(self, f: Flip) -> "Report":
        self.moment = Moment(f.before)
        when = f"from {f.after} to {f.before}" if f.after < f.before else f"at {f.before}"
        self.line("first difference", f"{when}: one bit of memory, which did not happen again")
        self.line("ram", f"{f.address:#010x} bit {f.bit}: expected {f.value}, found {1 - f.value}")
        self.line("shown by", f.user or "the digest: nothing uses it before")
        return self

    def around(self, reader: Reader) -> None:
        """The events of the recording around the moment."""
        if self.moment is None:
            return
        before: deque[Entry] = deque(maxlen=EVENTS)
        after: list[Entry] = []
        for entry in reader.entries():
            if entry.moment < self.moment:
                before.append(entry)
            else:
                after.append(entry)
                if len(after) >= BEHIND:
                    break
        self.events = [_event(e) for e in [*before][-(EVENTS - len(after)) :]]
        self.events.append(f"{self.moment!s:>14}  <- here")
        self.events += [_event(e) for e in after]

    def __str__(self) -> str:
        out = [f"diagnosis: {self.verdict}", *(f"  {label:<{WIDTH}}{text}" for label, text in self.lines)]
        if self.events:
            out += [f"  the recording's events around it ({len(self.events) - 1}):", *(f"    {e}" for e in self.events)]
        return "\n".join(out)


def _event(entry: Entry) -> str:
    text = text_of(entry.event)
    return f"{entry.moment!s:>14}  {text if len(text) <= 90 else text[:87] + '...'}"
