"""Moments of a recording as users write them.

| form | means |
|---|---|
| `1500000`, `0x1000`, `1_500_000`, `1.5M` | so many instructions have retired |
| `1500000+2` | and so many deliveries since the last one |
| `start`, `end` | of the recording |
| `-1000000` | so many instructions before the place where one is; on a command line, before the end |
| `+1000000` | so many after it; on a command line, after the start |
| `50%` | of the recording's instructions |
| `@12.5s` | virtual time: also `ms`, `us`, `ns` |
| `serial:"text"` | after the instruction that first completed it on a serial port; `serial0:` is one of them |
| `debugcon:"text"` | the same for the debug console |
"""

import re
from dataclasses import dataclass

from playhead.base.errors import UsageError
from playhead.log.console import DEBUGCON, name_of
from playhead.log.moment import Moment
from playhead.log.reader import Reader

UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
SECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
NUMBER = re.compile(r"(0x[0-9a-fA-F]+|[0-9][0-9_]*(?:\.[0-9]+)?)([kMG]?)")
MOST_DIGITS = 18  # more instructions or nanoseconds than any recording has, and fewer than a 64-bit number can be
FORMS = 'a count of instructions (also 1.5M, 50%, -1000, end), virtual time (@12.5s), or serial:"text"'


@dataclass(frozen=True)
class AtTime:
    """The first moment at which virtual time has got this far."""

    ns: int


@dataclass(frozen=True)
class AtOutput:
    """After the instruction that completes this text on a port (`log/console.py`); None: on any serial port."""

    text: bytes
    port: int | None = None


@dataclass(frozen=True)
class Relative:
    """So many instructions from where one is."""

    instructions: int


Where = Moment | AtTime | AtOutput | Relative


def parse(text: str, end: Moment, here: Moment | None = None) -> Where:
    """What a user wrote; `end` is the recording's. `here`: what `-N` counts back from, where one is not anywhere yet.
    Raises UsageError.
    """
    text = text.strip()
    if text in ("start", "end"):
        return end if text == "end" else Moment(0)
    place = text.partition(":")[0]
    if re.search(f"[0-9a-fA-F_]{{{MOST_DIGITS + 1}}}", place):
        raise UsageError(f"'{place[:24]}...' has more than {MOST_DIGITS} digits")
    if match := re.fullmatch(r"(?:serial([0-9]{0,2})|debugcon):(.+)", text, re.DOTALL):
        any_port = int(match[1]) if match[1] else None
        port = DEBUGCON if text.startswith("debugcon") else any_port
        return AtOutput(_quoted(match[2]).encode(errors="surrogateescape"), port)
    if match := re.fullmatch(r"@([0-9]+(?:\.[0-9]+)?)(s|ms|us|ns)?", text):
        return AtTime(_scaled(match[1], SECONDS[match[2] or "s"]))
    if match := re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)%", text):
        if float(match[1]) > 100:
            raise UsageError(f"'{text}' is beyond the end of the recording")
        return Moment(_scaled(match[1], end.icount) // 100)
    if text[:1] in ("-", "+") and NUMBER.fullmatch(text[1:]):
        step = (-1 if text[0] == "-" else 1) * _count(text[1:])
        if here is None:
            return Relative(step)
        return Moment(max(here.icount + step, 0) if step < 0 else step)
    count, plus, seq = text.partition("+")
    if NUMBER.fullmatch(count) and (not plus or re.fullmatch("[0-9]+", seq)):
        return Moment(_count(count), int(seq or 0))
    raise UsageError(f"'{text}' is no moment: write {FORMS}")


def printed_at(reader: Reader, where: AtOutput) -> Moment:
    """Found in the recording's console, without a replay. Raises UsageError."""
    moment = reader.console.find(where.text, where.port)
    if moment is None:
        port = "any serial port" if where.port is None else name_of(where.port)
        more = "" if reader.ended() else f", as far as it was recorded (up to instruction {reader.last().icount})"
        raise UsageError(f"the guest never prints {where.text.decode(errors='replace')!r} on {port}{more}; "
                         f"playhead console {_option(where.port)}{reader.path} shows what it prints")  # fmt: skip
    return moment


def _option(port: int | None) -> str:
    """That of `playhead console`, which shows the first port by itself."""
    return "--port debugcon " if port == DEBUGCON else f"--port {port} " if port else ""


def _count(text: str) -> int:
    match = NUMBER.fullmatch(text)
    assert match is not None
    return int(match[1], 16) if match[1].startswith("0x") else _scaled(match[1].replace("_", ""), UNITS[match[2]])


def _scaled(text: str, unit: int) -> int:
    """A decimal number times a unit, exactly."""
    whole, _, rest = text.partition(".")
    return int(whole) * unit + (int(rest) * unit // 10 ** len(rest) if rest else 0)


def _quoted(text: str) -> str:
    """With quotes or without; backslash n, r, t and the backslash itself are understood."""
    if len(text) > 1 and text[0] == text[-1] in "\"'":
        text = text[1:-1]
    if not text:
        raise UsageError("serial: and debugcon: want some text")
    return re.sub(r"\\([nrt\\\"'])", lambda m: {"n": "\n", "r": "\r", "t": "\t"}.get(m[1], m[1]), text)
