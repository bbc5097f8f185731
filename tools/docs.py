"""docs: write the generated reference pages in docs/reference (a test holds that they are fresh)"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "docs" / "reference"
NOTE = "<!-- Written by `./dev docs` from the declarations; changes here are lost. -->\n"


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def instructions() -> str:
    from playhead.x86.isa import CHAPTERS, tables
    from playhead.x86.table import INSTRUCTIONS

    tables()
    chapters: dict[str, list] = {}
    for i in INSTRUCTIONS:
        chapters.setdefault(i.chapter, []).append(i)
    out = ["# Instructions\n", NOTE, f"{len(INSTRUCTIONS)} declarations, "
           f"{sum(len(i.encodings) for i in INSTRUCTIONS)} encodings. "
           "Notation: `src/playhead/x86/notation.py`.\n"]  # fmt: skip
    for chapter, found in chapters.items():
        module = sys.modules[f"playhead.x86.{CHAPTERS[chapter]}"]
        out.append(f"## {chapter}\n\n{(module.__doc__ or '').splitlines()[0]}\n")
        out.append(table(
            ("name", "encodings", "writes", "undefined", "notes", "what"),
            [(i.name, "<br>".join(f"`{e.text}`" for e in i.encodings), i.writes, i.undef,
              ", ".join(n for n, on in (("LOCK", i.lock), (i.rep.upper(), bool(i.rep)), ("privileged", i.privileged),
                                        (f"needs {i.feature}", bool(i.feature)),
                                        ("reference engine", not i.native)) if on), i.doc.split("\n\n")[0])
             for i in found],
        ))  # fmt: skip
    return "\n".join(out)


def events() -> str:
    from playhead.log.event_fields import Choice, Named8, Named32
    from playhead.log.events import KINDS

    def fields(cls: Any) -> str:
        return ", ".join(f"{n}: {type(f).__name__}" for n, f in cls.FIELDS.items())

    def paragraph(doc: str | None) -> str:
        return " ".join((doc or "").split("\n\n")[0].split())

    rows, choices, names = [], [], {}
    for tag, kind in sorted(KINDS.items()):
        rows.append((str(tag), kind.name, fields(kind.cls), kind.how, "yes" if kind.qemu else "", paragraph(kind.doc)))
        for name, field in kind.cls.FIELDS.items():  # type: ignore[attr-defined]
            variants = field.variants if isinstance(field, Choice) else ()
            for n, v in enumerate(variants):
                choices.append((f"{kind.name}.{name}", str(n), v.name, fields(v.cls), paragraph(v.cls.__doc__)))
            for part in (field, *(f for v in variants for f in v.cls.FIELDS.values())):  # type: ignore[attr-defined]
                if isinstance(part, (Named8, Named32)):
                    names[part.what] = part.names
    out = ["# Events\n", NOTE, (sys.modules["playhead.log.events"].__doc__ or "").split("\n\n", 2)[2]]
    out.append(table(("tag", "name", "fields", "how", "QEMU", "meaning"), rows))
    out += ["## Choices\n", table(("field", "stored as", "name", "fields", "meaning"), choices)]
    out += ["## Words of numbers\n", "In order from 0 on, as in QEMU.\n"]
    out.append(table(("what", "words"), [(what, " ".join(f"`{w}`" for w in words)) for what, words in names.items()]))
    return "\n".join(out)


AS_QEMU = """## Where the data sheet and QEMU differ

The rule: where a system that was written on QEMU would fail otherwise, we do as QEMU does; where it cannot tell, we do
as the data sheet says. These are the cases that came up when bare guests compared each chip with QEMU 7.2's.
"""


def devices() -> str:
    from playhead.devices import registry

    out = ["# Devices\n", NOTE, AS_QEMU]
    classes = [registry.class_of(name) for name in registry.CLASSES]
    cases = [(cls.QEMU.name, d.case, d.sheet, d.qemu, "as QEMU" if d.as_qemu else "as the data sheet")
             for cls in classes for d in getattr(cls, "DIFFERS", ())]  # fmt: skip
    out.append(table(("chip", "case", "data sheet", "QEMU 7.2", "here"), cases))
    for cls in classes:
        out += _device(cls)
    return "\n".join(out)


def _device(cls: Any) -> list[str]:
    """What it declares of itself, and its state."""
    known, first = cls.QEMU, (sys.modules[cls.__module__].__doc__ or "").splitlines()[0]
    facts = [f"bus {known.bus}" + (f", is {' and '.join(known.provides)}" if known.provides else "")]
    facts += [f"also called {', '.join(known.aliases)}"] if known.aliases else []
    facts += [f"drives {', '.join(known.wires)}"] if known.wires else []
    facts += [f"ports {', '.join(map(_span, known.ports))}"] if known.ports else []
    facts += [f"memory {', '.join(map(_span, known.memory))}"] if known.memory else []
    facts.append("`-device` can add it" if known.creatable else "the machine's own")
    out = [f"## {known.name}\n\n{first}\n", f"{'; '.join(facts)}.\n"]
    if known.properties:
        rows = [(p.name, p.type, "" if p.default is None else _number(p.default), p.about()) for p in known.properties]
        out.append(table(("property", "type", "default", "meaning"), rows))
    fields = getattr(getattr(cls, "State", None), "FIELDS", {})
    if fields:
        out.append(table(("state", "type"), [(n, type(f).__name__) for n, f in fields.items()]))
    return out


def _number(value: Any) -> str:
    return f"{value:#x}" if type(value) is int and value > 9 else str(value)


def _span(span: Any) -> str:
    base = f"{span.base:X}h" if isinstance(span.base, int) else span.base
    return f"{base} ({span.length})"


OPTIONS_INTRO = """
Long options have one dash or two. Their value is the next word. Where a value is `KEY=VALUE,...`, a doubled
comma is a comma in a value, `KEY` alone is `KEY=on` and `noKEY` is `KEY=off`, booleans are on, yes, true or y, and off,
no, false or n, and the last one counts if a key is given twice. `-OPTION help` lists what its value may be. Below an
option are its sub-options; *since* is the version that has it first.
"""


def options() -> str:
    import importlib

    from playhead.cli import VERBS, system_i386
    from playhead.cli.machine_options import MACHINE_OPTIONS

    shared = {id(option) for option in MACHINE_OPTIONS}
    out = ["# Options\n", NOTE, OPTIONS_INTRO, "## The machine\n",
           "Of `playhead run`, `playhead record` and `playhead-system-i386`.\n", _options(MACHINE_OPTIONS)]  # fmt: skip
    own = [option for option in system_i386.OPTIONS if id(option) not in shared]
    out += ["## playhead-system-i386\n\nThose of the machine, of which these are different, and more:\n", _options(own)]
    for verb, what in VERBS.items():
        table_of_verb = importlib.import_module(f"playhead.cli.{verb}").OPTIONS
        out.append(f"## playhead {verb}\n\n{what[0].upper()}{what[1:]}.\n")
        own = [option for option in table_of_verb if id(option) not in shared]
        if len(table_of_verb) - len(own) == len(MACHINE_OPTIONS):
            out.append("Those of the machine" + (", and:\n" if own else ".\n"))
        else:
            own = list(table_of_verb)
        if own:
            out.append(_options(own))
    return "\n".join([*out, _refused()])


def _options(options: Sequence[Any]) -> str:
    """Rows of options, each followed by its sub-options."""
    from playhead.cli.value_types import type_of

    rows = []
    for o in options:
        value = f" {o.value_shown}" if o.value_shown else ""
        rows.append((", ".join(f"`{name}{value}`" for name in o.names), o.default_shown, o.since, o.help))
        rows += [(f"&emsp;`{s.name}={type_of(s.type).shown}`", s.default, s.since, s.help) for s in o.subs if s.help]
    return table(("option", "default", "since", "meaning"), rows)


def _refused() -> str:
    from playhead.cli.refused_options import REFUSED

    out = ["## Options of QEMU that are refused\n", "By name, with this reason, and what there is instead.\n"]
    rows = [(f"`-{name}`", why, instead) for name, (why, instead) in sorted(REFUSED.items())]
    return "\n".join([*out, table(("option", "why", "there is"), rows)])


MONITOR_PAGE = """\
Commands of the human monitor: `-monitor`, Ctrl-A c, gdb's word `monitor`, QMP's `human-monitor-command`; and of the
prompt of `playhead debug` and its `-ex`. Names, arguments and output are QEMU 7.2's; what succeeds says nothing.

A command that changes the machine while it is recorded is an input: it is logged and replayed. In a replay it is
refused. The columns say where a command works: on a live machine, while one is being recorded, in a replay.
"""
MONITOR_FILES = """\
An ELF core of `dump-guest-memory` has the general registers and physical memory at its addresses; with `-p` what
the page tables show at linear addresses. gdb opens it with `core-file`, a kernel's symbols with `symbol-file`. `savevm`
needs no disk: a recording keeps the state itself (where QEMU refuses), a plain run keeps it in memory and says so, and
with a qcow2 image that may be written it is kept there, too. A raw image that the guest writes prevents that, and a
line says so.
"""


def monitor() -> str:
    from typing import cast

    from playhead.monitor import hmp, looking, moving, refusals, replaying
    from playhead.monitor.commands import Command, Monitor
    from playhead.timeline import moments

    nothing = cast(Any, None)  # they are not run here
    out = ["# The monitor\n", NOTE, MONITOR_PAGE, MONITOR_FILES]
    for title, commands in (*hmp.groups(nothing), ("The monitor itself", Monitor(()).commands)):
        out.append(f"## {title}\n")
        out.append(_commands(commands, contexts=True))
    out += ["## The prompt of `playhead debug`\n",
            "It has gdb's words in front of those; where both have one, this is what it does there.\n"]  # fmt: skip
    quit = Command(("quit", "q"), "", "end", nothing)
    prompt = (*moving.commands(nothing), *replaying.commands(nothing, nothing), *looking.commands(nothing), quit)
    out.append(_commands(prompt, contexts=False))
    out += ["## Refused by name\n", "QEMU's commands that there are not.\n"]
    out.append(table(("command", "why, and what there is"), [
        (f"`{c.names[0]}`", c.help.removeprefix("not here: ")) for c in refusals.commands()]))  # fmt: skip
    out += ["## Moments\n", (moments.__doc__ or "").partition("\n\n")[2]]
    return "\n".join(out)


def requirements() -> str:
    from tools.requirements import GROUPS

    def shown(test: str) -> str:
        file, _, name = test.partition("::")
        return f"`{file}::{name}`"

    about = (sys.modules["tools.requirements"].__doc__ or "").split("\n\n")[0]
    out = ["# QEMU's record/replay, requirement by requirement\n", NOTE, f"{about}\n"]
    for title, rows in GROUPS:
        out.append(f"## {title}\n")
        out.append(table(
            ("", "requirement", "shown by (below `tests/`)", "what differs here"),
            [(f"R{r.number}", r.what, "<br>".join(map(shown, r.shown)), r.differs) for r in rows],
        ))  # fmt: skip
    return "\n".join(out)


def _commands(commands: Any, contexts: bool) -> str:
    from playhead.monitor.commands import CONTEXTS

    head = ("command", "also", "does", *(CONTEXTS if contexts else ()))
    rows = [(f"`{c.names[0]} {c.words}".rstrip() + "`", " ".join(f"`{n}`" for n in c.names[1:]), c.help,
             *((c.refused.get(where, "yes") for where in CONTEXTS) if contexts else ())) for c in commands]  # fmt: skip
    return table(head, rows)


OWNER = """A client of QMP may do what the user may who started Playhead: `blockdev-change-medium` opens files by name,
and `human-monitor-command` gives it every command of the human monitor. So QMP listens on this machine only, or on a
socket that only its owner can open, unless an address is given.

Shapes, errors and the order of events are those of QEMU 7.2 (tests compare them). A result may lack members that QEMU
has; it has none that QEMU lacks. Arguments and results are written as in QEMU's schema: `*name` may be left out.
"""


def qmp() -> str:
    from playhead.qmp import commands
    from playhead.qmp.types import NOTHING, Struct

    def members(one: Any) -> str:
        if not isinstance(one, Struct):
            return one.shown()
        names = (("*" if key in one.optional else "") + f"{key}: {type.shown()}" for key, type in one.members.items())
        return ", ".join(names)

    out = ["# QMP\n", NOTE, OWNER, "## Commands\n"]
    rows = [(f"`{one.name}`", members(one.arguments), "" if one.returns is NOTHING else one.returns.shown(),
             one.about) for _, one in sorted(commands.COMMANDS.items())]  # fmt: skip
    out.append(table(("command", "arguments", "returns", "does"), rows))
    out.append("## Events\n")
    events = [(f"`{name}`", members(data), about) for name, (data, about) in sorted(commands.EVENTS.items())]
    out.append(table(("event", "data", "when"), events))
    out.append("## Types\n")
    out.append(table(("type", "is"), _qmp_types([*commands.COMMANDS.values()], members)))
    out.append("## Not here\n\nCommands of QEMU's that are refused, with the reason.\n")
    reasons: dict[str, list[str]] = {}
    for name, why in commands.REFUSED.items():
        reasons.setdefault(why, []).append(f"`{name}`")
    out.append(table(("commands", "why"), [(" ".join(names), why) for why, names in reasons.items()]))
    return "\n".join(out)


def _qmp_types(commands: Sequence[Any], members: Any) -> list[tuple[str, str]]:
    """Those that have a name, and what they are."""
    from playhead.qmp.types import Array, Enum, Struct

    found: dict[str, str] = {}

    def see(one: Any) -> None:
        if isinstance(one, Array):
            see(one.element)
        elif isinstance(one, Enum) and len(one.values) < 20:
            found[one.name] = " ".join(f"`{value}`" for value in one.values)
        elif isinstance(one, Enum):
            found[one.name] = f"{len(one.values)} words, as in QEMU"
        elif isinstance(one, Struct):
            if not one.name.endswith("-arg") and one.members:
                cases = "; ".join(f"{case}: {members(variant)}" for case, variant in one.variants.items())
                found[one.name] = members(one) + (f"; by {one.tag}: {cases}" if cases else "")
            for inner in (*one.members.values(), *one.variants.values()):
                see(inner)

    for command in commands:
        see(command.arguments)
        see(command.returns)
    return [(f"`{name}`", what) for name, what in sorted(found.items())]


def python() -> str:
    from tools.python_reference import page

    return page(NOTE)


PAGES = {
    "instructions": instructions,
    "events": events,
    "devices": devices,
    "options": options,
    "monitor": monitor,
    "requirements": requirements,
    "qmp": qmp,
    "python": python,
}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (FOLDER / f"{name}.md").write_text(make())
        print(f"docs/reference/{name}.md")


if __name__ == "__main__":
    main()
