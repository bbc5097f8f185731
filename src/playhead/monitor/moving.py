"""Commands that run a replay from the prompt, both ways: steps, breakpoints, watchpoints, out of functions.

Names, abbreviations and numbering are gdb's. The breakpoints are the prompt's own (`timeline/frames.py`): a gdb that is
attached at the same time keeps its own, and neither stops at the other's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from playhead.base.errors import PlayheadError, UsageError
from playhead.monitor.commands import Command, Say, number
from playhead.monitor.expressions import Parser, code_address, evaluate
from playhead.timeline.debuggee import MOST_WATCHED
from playhead.timeline.frames import READ, WRITE, Moves, Watch
from playhead.timeline.replayed import ReplayDebuggee
from playhead.timeline.timeline import Found

MOST_STEPS = 1 << 32
MOST_POINTS = 1 << 10
SHOWN = 16  # bytes of a watchpoint
KINDS = {"watch": WRITE, "rwatch": READ, "awatch": READ | WRITE}
TITLES = {"watch": "watchpoint", "rwatch": "read watchpoint", "awatch": "access watchpoint"}


@dataclass(slots=True)
class Point:
    """A breakpoint (`watch` is None) or a watchpoint, under the number that it is shown and deleted by."""

    number: int
    kind: str
    address: int
    text: str
    watch: Watch | None = None
    condition: str = ""
    once: bool = False
    bytes: bytes = b""  # what a watchpoint's memory held when last read


def commands(target: ReplayDebuggee) -> tuple[Command, ...]:
    move = Moving(target)
    return (
        Command(("stepi", "si"), "[count]", "step one instruction, or into the handler of an interrupt or fault",
                move.step, again=True),
        Command(("reverse-stepi", "rsi"), "[count]", "the same backwards", move.step_back, again=True),
        Command(("nexti", "ni"), "[count]", "step one instruction; CALL, INT and REP with all that they do, and "
                "interrupts, count as one", move.next, again=True),
        Command(("reverse-nexti", "rni"), "[count]", "the same backwards (each iteration of a REP is a step)",
                move.next_back, again=True),
        Command(("continue", "c", "cont"), "", "continue to a breakpoint or watchpoint of this prompt, to "
                "replay_break, or to the end", move.go_on, again=True),
        Command(("reverse-continue", "rc"), "", "go back to a breakpoint or watchpoint of this prompt, or to the start",
                move.go_back, again=True),
        Command(("finish", "fin"), "", "continue until this function or handler returns", move.finish),
        Command(("reverse-finish",), "", "go back to where it was called", move.reverse_finish),
        Command(("break", "b", "br", "hbreak"), "[address] [if expression...]", "stop before the instruction at a "
                "linear address; by default the next one", move.set_break),
        Command(("tbreak", "tb"), "[address] [if expression...]", "the same, once", move.set_break_once),
        Command(("watch",), "address [length...]", "stop where these bytes are written (4 of them); *ADDRESS and "
                "*(char *) ADDRESS as in gdb", move.watch),
        Command(("rwatch",), "address [length...]", "stop where they are read", move.watch_reads),
        Command(("awatch",), "address [length...]", "stop where they are read or written", move.watch_all),
        Command(("delete", "d", "del"), "[number...]", "remove breakpoints and watchpoints; without numbers, all",
                move.delete),
        Command(("info breakpoints", "info break", "info b", "info watchpoints"), "", "list them", move.show),
    )  # fmt: skip


class Moving:
    def __init__(self, target: ReplayDebuggee):
        self._target = target
        self._moves = Moves(target.timeline) if target is not None else None
        self._points: dict[int, Point] = {}
        self._numbers = count(1)

    # moving

    def step(self, words: list[str], say: Say) -> None:
        steps = _count(words)
        self._told(lambda m: m.step(steps), say)

    def step_back(self, words: list[str], say: Say) -> None:
        steps = _count(words)
        self._told(lambda m: m.step_back(steps), say)

    def next(self, words: list[str], say: Say) -> None:
        steps = _count(words)
        self._told(lambda m: m.next(steps), say)

    def next_back(self, words: list[str], say: Say) -> None:
        steps = _count(words)
        self._told(lambda m: m.next_back(steps), say)

    def go_on(self, words: list[str], say: Say) -> None:
        self._told(lambda m: m.cont(self._target.break_at), say)

    def go_back(self, words: list[str], say: Say) -> None:
        self._told(lambda m: m.reverse_cont(), say)

    def finish(self, words: list[str], say: Say) -> None:
        self._told(lambda m: m.finish(), say)

    def reverse_finish(self, words: list[str], say: Say) -> None:
        self._told(lambda m: m.reverse_finish(), say)

    def _told(self, move: Callable[[Moves], Found], say: Say) -> None:
        """Move, and say why it ended and where."""
        self._arm()
        before = {n: self._held(p) for n, p in self._points.items() if p.watch}
        assert self._moves is not None
        found = move(self._moves)
        line = self._target.timeline
        match found.reason:
            case "break":
                self._say_break(say)
            case "watch":
                self._say_watch(found, before, say)
            case "start" | "end":
                say(f"the {found.reason} of the recording")
        say(f"at {line.moment}: {self._target.instruction()}")

    def _arm(self) -> None:
        assert self._moves is not None
        breakpoints = self._moves.breakpoints
        breakpoints.clear()
        for point in self._points.values():
            if point.watch is None:
                breakpoints.setdefault(point.address, []).append(self._condition(point))
        self._moves.watches = list({p.watch: None for p in self._points.values() if p.watch is not None})

    def _condition(self, point: Point) -> Callable[[], bool] | None:
        """A condition that cannot be evaluated stops there, as in gdb: that shows that something is wrong."""
        if not point.condition:
            return None

        def holds() -> bool:
            try:
                return bool(evaluate(self._target, point.condition).number)
            except PlayheadError:
                return True

        return holds

    def _say_break(self, say: Say) -> None:
        at = self._target.machine.pc()
        for point in list(self._points.values()):
            if point.watch is None and point.address == at:
                condition = self._condition(point)
                if condition is None or condition():
                    say(f"breakpoint {point.number}, {point.text}")
                    if point.once:
                        del self._points[point.number]

    def _say_watch(self, found: Found, before: dict[int, bytes], say: Say) -> None:
        for point in self._points.values():
            watch = point.watch
            for access in found.accesses:
                if watch is None or not access.touches(watch):
                    continue
                by = "" if access.by == "cpu" else f", by {access.by}"
                say(f"watchpoint {point.number}, {point.text}: {'read' if access.kind == READ else 'written'}{by}")
                now = self._held(point)
                there = (now, before[point.number]) if found.behind is not None else (before[point.number], now)
                if access.kind & WRITE and there[0] != there[1]:
                    say(f"  {watch.start:#010x}: {' -> '.join(map(_hex, there))}")
                break

    def _held(self, point: Point) -> bytes:
        watch = point.watch
        return self._target.read_memory(watch.start, watch.length, False) if watch else b""

    # breakpoints

    def _add(self, point: Point, say: Say) -> None:
        if len(self._points) >= MOST_POINTS:
            raise UsageError(f"{MOST_POINTS} breakpoints and watchpoints at most")
        point.number = next(self._numbers)
        self._points[point.number] = point
        what = TITLES.get(point.kind, point.kind)
        say(f"{what[0].upper()}{what[1:]} {point.number} at {point.text}")

    def set_break(self, words: list[str], say: Say) -> None:
        self._break(words, say, once=False)

    def set_break_once(self, words: list[str], say: Say) -> None:
        self._break(words, say, once=True)

    def _break(self, words: list[str], say: Say, once: bool) -> None:
        place, condition = words, ""
        if "if" in words:
            n = words.index("if")
            place, condition = words[:n], " ".join(words[n + 1 :])
            evaluate(self._target, condition, only_check=True)
        text = " ".join(place).strip().removeprefix("*") or "$pc"  # gdb's *ADDRESS is the address
        address = code_address(self._target, evaluate(self._target, text))
        shown = f"{address:#010x}" + (f" if {condition}" if condition else "")
        kind = "temporary breakpoint" if once else "breakpoint"
        self._add(Point(0, kind, address, shown, None, condition, once), say)

    def watch(self, words: list[str], say: Say) -> None:
        self._watch("watch", words, say)

    def watch_reads(self, words: list[str], say: Say) -> None:
        self._watch("rwatch", words, say)

    def watch_all(self, words: list[str], say: Say) -> None:
        self._watch("awatch", words, say)

    def _watch(self, kind: str, words: list[str], say: Say) -> None:
        if words[0] in ("-l", "-location"):
            words = words[1:]
        parser = Parser(self._target, " ".join(words))
        value = parser.expression()
        address, length = (value.address, 4) if value.place is None else (value.place, value.size)
        parser.accept(":")
        if parser.rest:
            length = number(parser.rest, "the length")
        if not 0 < length <= MOST_WATCHED:
            raise UsageError(f"a watchpoint can have 1 to {MOST_WATCHED} bytes, not {length}")
        shown = f"{address:#010x}, {length} byte{'s' * (length > 1)}"
        self._add(Point(0, kind, address, shown, Watch(address, length, KINDS[kind])), say)

    def delete(self, words: list[str], say: Say) -> None:
        chosen = [number(word, "the number") for word in words] or list(self._points)
        unknown = [n for n in chosen if n not in self._points]
        if unknown:
            raise UsageError(f"there is no breakpoint {unknown[0]}; info breakpoints lists them")
        for n in dict.fromkeys(chosen):
            del self._points[n]

    def show(self, words: list[str], say: Say) -> None:
        if not self._points:
            say("No breakpoints or watchpoints.")
            return
        say(f"{'Num':<8}{'Type':<19}{'Disp':<6}What")
        for point in self._points.values():
            kind = TITLES.get(point.kind, "breakpoint")
            say(f"{point.number:<8}{kind:<19}{'del' if point.once else 'keep':<6}{point.text}")


def _count(words: list[str]) -> int:
    steps = number(words[0], "the count") if words else 1
    if steps > MOST_STEPS:
        raise UsageError(f"the count can be {MOST_STEPS} at most")
    return steps


def _hex(data: bytes) -> str:
    return data[:SHOWN].hex(" ") + (" ..." if len(data) > SHOWN else "")
