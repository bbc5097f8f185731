"""`playhead verify`: checks everything in a recording against its hashes, without running it; `--deep` runs it, too."""

from typing import Any

from playhead.base import json_text
from playhead.base.messages import shown
from playhead.cli.drive_options import IMAGES
from playhead.cli.options import Option, help_text, parse_arguments
from playhead.cli.replaying_options import ENGINE, JOBS, QUIET

OPTIONS = (
    Option("--deep", "then replay it, silently, from each checkpoint to the next one: each must be the state of its "
           "moment, and all digests and the console the recorded ones", since="0.7.0"),
    Option("--json", "as one JSON object"),
    IMAGES,
    ENGINE,
    JOBS,
    QUIET,
)  # fmt: skip
OPERANDS = ("FILE",)


def help() -> str:
    what = (
        "Checks a recording without running it: schema, hash chain over the batches, every event, digest, checkpoint,\n"
        "page, snapshot and blob, and the index of the console.\n"
        "Exit status 0: all of it matches its hashes (a recording that was cut off, too, with a message);\n"
        "2: it is damaged, and each damaged table, batch and blob is named on a line. --deep runs it as well, which\n"
        "proves the rest; exit status 1: then the machine differed from the recording, and a line says where first."
    )
    return help_text("verify", "playhead verify FILE [options]", what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("verify", OPTIONS, words, OPERANDS)
    from playhead.base.errors import FormatError
    from playhead.cli.claims import of_recording
    from playhead.log.reader import Reader
    from playhead.log.verdict import Fault, Verdict
    from playhead.log.verify import verify

    path = values["file"]
    of_recording(path)
    try:
        with Reader(path) as reader:
            verdict = verify(reader)
    except FormatError as e:
        if not values["json"]:
            raise
        verdict = Verdict(faults=[Fault("the file", str(e).removeprefix(f"{path} is damaged: "))])
    if values["json"]:
        return _as_json(path, verdict, values)
    check(path, verdict)
    if not (values["quiet"] and values["deep"]):
        print(summary(path, verdict), flush=True)
    return _deep(path, values) if values["deep"] else 0


def _as_json(path: str, verdict: Any, values: dict[str, Any]) -> int:
    from playhead.base.errors import DivergenceError, FormatError

    found, status = {"file": path, **verdict.as_json()}, 2 if verdict.faults else 0
    if values["deep"] and not status:
        found["replay"] = "equal"
        try:
            status = _deep(path, {**values, "quiet": True})
        except (DivergenceError, FormatError) as e:
            found["ok"], found["replay"], status = False, str(e), e.status
        if status == 130:
            return status
    print(json_text.dumps(found, indent=1))
    return status


def _deep(path: str, values: dict[str, Any]) -> int:
    """Replay it in pieces, each of which begins in a checkpoint. Raises DivergenceError, or FormatError if a
    checkpoint is not the state of its moment.
    """
    from playhead.cli.proving import Proving
    from playhead.cli.quantities import count
    from playhead.cli.recorded_machine import builder
    from playhead.host.crew import cores
    from playhead.host.host import Host
    from playhead.log.reader import Reader
    from playhead.session.piece import boundaries

    with Reader(path) as reader:
        _, serial = builder(reader, values["engine"], values["images"])  # what is wrong with that is said once
        bounds = boundaries(reader)
        workers = min(values["jobs"] or cores(), len(bounds) + 1)
        with Proving(reader, workers, bounds, values, len(serial)) as proving:
            host = Host(["null"] * len(serial), "null", reads=False)
            outcome = proving.run(host, progress=not values["quiet"], again=True)
    if outcome.note.startswith("ended by"):
        host.message(f"{outcome.note}; so far all {outcome.digests} digests compared are equal")
        return 130
    if not values["quiet"]:
        compared = f"{count(len(bounds), 'checkpoint')} and {count(outcome.digests, 'digest')}"
        print(f"replayed: {compared} compared, all equal")
    return 0


def check(path: str, verdict: "object") -> None:
    """Raise if there is anything wrong, all of it on one line each."""
    from playhead.base.errors import FormatError
    from playhead.log.verdict import Verdict

    assert isinstance(verdict, Verdict)
    if verdict.faults:
        raise FormatError(*(f"{path} is damaged: {f}" for f in verdict.faults))


def summary(path: str, verdict: "object") -> str:
    from playhead.cli.quantities import big, count, size
    from playhead.log.verdict import Verdict

    assert isinstance(verdict, Verdict)
    v = verdict
    blocks = f" and {count(v.blocks, 'block')} of disks" if v.blocks else ""
    end = "" if v.complete else "; it has no end: it was cut off, or is being written"
    return (
        f"{shown(path)} is whole: {big(v.instructions)} instructions in {count(v.batches, 'batch', 'batches')}, "
        f"{count(v.events, 'event')}, {count(v.digests, 'digest')}, {count(v.checkpoints, 'checkpoint')}{blocks} with "
        f"{count(v.pages, 'distinct page')}, {count(v.console, 'byte')} of console output, "
        f"{count(v.snapshots, 'snapshot')}, {count(v.blobs, 'blob')} of {size(v.blob_bytes)}{end}"
    )
