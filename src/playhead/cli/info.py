"""`playhead info`: what a recording holds, without running it."""

import os
from dataclasses import asdict
from itertools import pairwise, zip_longest
from typing import Any

from playhead.base import json_text
from playhead.base.messages import lines_shown, shown
from playhead.cli.options import Option, help_text, parse_arguments

OPTIONS = (
    Option("--json", "as one JSON object"),
    Option("--verify", "also check everything, as `playhead verify` does"),
)
OPERANDS = ("FILE",)


def help() -> str:
    return help_text("info", "playhead info FILE [options]", "Says what a recording holds.", OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("info", OPTIONS, words, OPERANDS)
    from playhead.cli.claims import of_recording
    from playhead.log.reader import Reader

    of_recording(values["file"])
    with Reader(values["file"]) as reader:
        facts = gather(reader)
        if values["verify"]:
            from playhead.cli.verify import check
            from playhead.log.verify import verify

            check(values["file"], verify(reader))
            facts["verified"] = True
    print(json_text.dumps(facts, indent=1) if values["json"] else lines_shown(as_text(facts)))
    return 0


def gather(reader: Any) -> dict[str, Any]:
    """Everything that is shown, as plain values."""
    from playhead.cli.linux_kernel import find as find_kernel
    from playhead.log.events import KINDS
    from playhead.log.snapshots import names as names_of_moments

    moment, virtual_ns, wall_ms = reader.last_mark()
    snapshots = names_of_moments(reader)
    counts = reader.count_events()
    meta = reader.meta
    names = {tag: KINDS[tag].name if tag in KINDS else f"kind {tag}" for tag in counts}
    return {
        "file": reader.path,
        "format": reader.container.format,
        "complete": reader.ended(),
        "name": meta.get("name"),
        "parent": meta.get("parent"),
        "start": meta.get("start"),
        "created": meta.get("created"),
        "program": meta.get("program"),
        "host": meta.get("host"),
        "engine": meta.get("engine"),
        "shift": "auto" if meta.get("auto_shift") else meta.get("shift"),
        "session": meta["session"],
        "machine": meta["config"],
        "linux": asdict(kernel) if (kernel := find_kernel(reader)) else None,
        "disks": _disks(reader),
        "instructions": moment.icount,
        "virtual_seconds": virtual_ns / 1e9,
        "wall_seconds": wall_ms / 1e3,
        "events": {names[tag]: n for tag, n in counts.items()},
        "checkpoints": _checkpoints(reader),
        "snapshots": [
            {"name": s.name, "icount": s.moment.icount, "seq": s.moment.seq, "created": s.created} for s in snapshots
        ],
        "bytes": {"file": os.path.getsize(reader.path), **reader.sizes()},
    }


def _disks(reader: Any) -> list[dict[str, Any]]:
    """Each drive: where it is, how large, and how much of it the guest has read."""
    from playhead.cli.recorded_words import drives

    images, read = reader.meta.get("disks", []), reader.disks.read_bytes()
    return [
        {**drive, "image": image, "read_bytes": read.get(n, 0), "embedded": bool(reader.meta.get("embed", True))}
        for n, (drive, image) in enumerate(zip_longest(drives(reader.meta["config"]), images))
        if isinstance(drive, dict)
    ]


def _checkpoints(reader: Any) -> dict[str, Any]:
    """How many there are, and how far apart (instructions): where a replay can begin."""
    at = [checkpoint.moment.icount for checkpoint in reader.checkpoints()]
    edges = [reader.start.moment.icount if reader.start else 0, *at, reader.last_mark()[0].icount]
    apart = [b - a for a, b in pairwise(edges)]
    return {"count": len(at), "mean_distance": sum(apart) // len(apart), "greatest_distance": max(apart)}


def as_text(facts: dict[str, Any]) -> str:
    from playhead.boards.machine_version import FIRST_RELEASE
    from playhead.cli.quantities import size
    from playhead.cli.recorded_words import device_words, rom_words

    lists = ("drives", "devices", "outside", "modules", "roms")
    machine = {k: v for k, v in facts["machine"].items() if v is not None and v != "" and k not in lists}
    for name in ("kernel", "initrd", "bios"):
        if name in machine:
            machine[name] = f"sha256 {str(machine[name])[:16]}"
    version = machine.pop("machine", f"of Playhead {FIRST_RELEASE}, which this version cannot run")
    wall, virtual = facts["wall_seconds"], facts["virtual_seconds"]
    kernel = facts["linux"]
    rows = {
        "recording": facts["file"],
        "complete": "yes" if facts["complete"] else "no: it was cut off, or is being written",
        **({"name": str(facts["name"])} if facts["name"] else {}),
        "parent": _parent_text(facts["parent"], facts["start"]),
        "made": f"{facts['created']} by {facts['program']} on {facts['host']}",
        "machine": ", ".join([version, *_words(machine)]),
        **{f"module {n}": one["command_line"] for n, one in enumerate(facts["machine"].get("modules") or ())},
        **{f"rom {n}": text for n, text in enumerate(rom_words(facts["machine"]))},
        **({"devices": " ".join(devices)} if (devices := device_words(facts["machine"])) else {}),
        **({"kernel": f"Linux {kernel['version']}", "kernel symbols": _symbols(kernel)} if kernel else {}),
        **{f"drive {n}": _disk_text(disk) for n, disk in enumerate(facts["disks"])},
        "how": f"engine {facts['engine']}, icount shift={facts['shift']}, "
               + ", ".join(_words(facts["session"])),
        "instructions": _span_text(facts["instructions"], facts["start"]),
        "time": f"{virtual:.2f} s virtual, {wall:.2f} s wall",
        "events": ", ".join(f"{n} {name}" for name, n in facts["events"].items()) or "none",
        "checkpoints": _checkpoints_text(facts["checkpoints"]),
        "snapshots": ", ".join(f"{s['name']} at {_moment(s)}" for s in facts["snapshots"]) or "none",
        "sizes": ", ".join(f"{size(n)} {name}" for name, n in facts["bytes"].items()),
    }  # fmt: skip
    if facts.get("verified"):
        rows["verified"] = "everything in it is what its hashes say"
    return "\n".join(f"{name:<16}{shown(value)}" for name, value in rows.items())


def _words(machine: dict[str, Any]) -> list[str]:
    from playhead.cli.recorded_words import word

    return [f"{name}={' '.join(value) if isinstance(value, list) else word(value)}" for name, value in machine.items()]


def _disk_text(disk: dict[str, Any]) -> str:
    from playhead.cli.quantities import size

    what = {"hd": "disk", "cdrom": "CD-ROM", "floppy": "floppy disk"}.get(disk.get("kind", "hd"), "?")
    bus = "floppy-bus.0" if disk.get("kind") == "floppy" else f"ide.{disk.get('bus', 0)}"
    place = f"{what} at {bus} unit {disk.get('unit', 0)}"
    image = disk["image"]
    if not isinstance(image, dict):
        return f"{place}, empty"
    kept = "are in here" if disk["embedded"] else "are here as hashes only"
    return (f"{place}, {size(512 * disk.get('sectors', 0))}, {image.get('file')} ({image.get('format')}); "
            f"{size(disk['read_bytes'])} that the guest read of it {kept}")  # fmt: skip


def _symbols(kernel: dict[str, Any]) -> str:
    """What gdb has to be told."""
    if kernel["stext"] is not None:
        moved = f", {kernel['offset']:#x} above its usual place (KASLR)" if kernel["offset"] else ""
        return f"_stext is at {kernel['stext']:#x}{moved}; with them: playhead debug FILE --gdb --symbols vmlinux"
    if kernel["offset"] is None:
        return f"at an offset that is not known: {kernel['why']}"
    if not kernel["offset"]:
        return "where vmlinux has them; in gdb: symbol-file vmlinux"
    return f"moved (KASLR); in gdb: add-symbol-file vmlinux -o {kernel['offset']:#x}"


def _parent_text(parent: Any, start: Any) -> str:
    if not isinstance(parent, dict):
        return "none: it starts at power-on" if start is None else "not said"
    return ", ".join(f"{name} {value}" for name, value in parent.items())


def _span_text(end: int, start: Any) -> str:
    from playhead.cli.quantities import big

    begin = start["icount"] if start else 0
    return f"{big(end - begin)} ({f'{begin} to ' if begin else ''}{end})"


def _checkpoints_text(facts: dict[str, int]) -> str:
    from playhead.cli.quantities import big

    if not facts["count"]:
        return "none"
    mean, greatest = big(facts["mean_distance"]), big(facts["greatest_distance"])
    return f"{facts['count']}, {mean} instructions apart on average, {greatest} at most"


def _moment(facts: dict[str, int]) -> str:
    return f"{facts['icount']}+{facts['seq']}" if facts["seq"] else str(facts["icount"])
