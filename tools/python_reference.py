"""The reference page of the Python interface, from its docstrings (`./dev docs`)."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from typing import Any

INTRODUCTION = (
    "Every class and function of `playhead`, from their docstrings. [python.md](../python.md) is the guide, with "
    "examples.\n\n"
    "`Place` is whatever stands for a moment: a number of instructions, (icount, seq), text, the name of a snapshot, "
    "or anything with a `moment`. `Address` is a linear address or the name of a symbol, `Code` that or a range of "
    "addresses, `Bytes` the address of a byte, a symbol (four bytes) or a range, `Watched` that, alone or with the "
    "kinds of accesses (`\"r\"`, `\"w\"`, `\"rw\"`).\n"
)  # fmt: skip


def page(note: str) -> str:
    import playhead
    from playhead.api import console, description, happenings, live, machine_view, moment, queries, recording, replaying
    from playhead.api import counters, rows, sightings, writes

    groups: dict[str, list[Any]] = {
        "Functions": [playhead.open, playhead.record, playhead.run],
        "A recording": [recording.Recording, description.Machine, description.Snapshot, description.Recorded,
                        description.Line],
        "Moments": [moment.Moment, machine_view.MachineView, machine_view.Registers, machine_view.Memory,
                    machine_view.Instruction, moment.Arrival, moment.Accessed],
        "Replays": [replaying.Replay, happenings.Executed, happenings.Touched, happenings.Called, happenings.Returned,
                    happenings.Delivered, happenings.Happened, happenings.SystemCall, happenings.SystemReturn,
                    counters.Blocks, counters.Block, counters.InstructionCounts, counters.Counted,
                    counters.MemoryCounts, counters.PageCount],
        "Answers": [rows.Table, rows.Row, writes.Write, sightings.Sighting, queries.Execution, queries.Call],
        "Live machines": [live.LiveMachine, console.Console],
    }  # fmt: skip
    out = ["# The Python interface\n", note, INTRODUCTION]
    for group, members in groups.items():
        out.append(f"## {group}\n")
        for one in members:
            out += _class(one) if inspect.isclass(one) else [_entry("###", f"playhead.{one.__name__}", one)]
    out += ["## Errors\n", "All are in `playhead.errors`.\n"]
    out += [f"- `{name}`: {_text(getattr(playhead.errors, name))}\n" for name in playhead.errors.__all__]
    return "\n".join(out)


def _class(cls: type) -> Iterator[str]:
    yield f"### {cls.__name__}\n"
    yield _text(cls) + "\n"
    if dataclasses.is_dataclass(cls):
        fields = ", ".join(f"`{f.name}`: {_type(f.type)}" for f in dataclasses.fields(cls))
        yield f"Fields: {fields}.\n"
    for name, member in _members(cls):
        if isinstance(member, property) or hasattr(member, "func"):
            read = member.fget if isinstance(member, property) else member.func
            yield f"`{name}`: {_text(read)}\n"
        elif inspect.isfunction(member):
            yield _entry("####", name, member)


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    """Public ones with a docstring, in the order of their declaration, the bases' last, each once."""
    seen: set[str] = set()
    for base in cls.__mro__:
        if base.__module__.startswith("playhead.api"):
            for name, member in vars(base).items():
                read = member.fget if isinstance(member, property) else getattr(member, "func", member)
                if not name.startswith("_") and name not in seen and getattr(read, "__doc__", None) and (
                        inspect.isfunction(read)):  # fmt: skip
                    seen.add(name)
                    yield name, member


def _entry(level: str, name: str, function: Any) -> str:
    return f"{level} {name}\n\n`{name}{_signature(function)}`\n\n{_text(function)}\n"


def _signature(function: Any) -> str:
    text = str(inspect.signature(function)).replace("'", "")
    return re.sub(r"^\(self(, )?", "(", text)


def _type(kind: Any) -> str:
    return kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))


def _text(thing: Any) -> str:
    """A docstring with its paragraphs and lists, unwrapped."""
    parts = (inspect.getdoc(thing) or "").split("\n\n")
    return "\n\n".join(part if part.lstrip().startswith("- ") else " ".join(part.split()) for part in parts)
