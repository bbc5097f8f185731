"""`playhead verify`: checks everything in a recording against its hashes, without running it."""

from playhead.base import json_text
from playhead.base.messages import shown
from playhead.cli.options import Option, help_text, parse_arguments

OPTIONS = (Option("--json", "as one JSON object"),)
OPERANDS = ("FILE",)


def help() -> str:
    what = (
        "Checks a recording without running it: schema, hash chain over the batches, every event, digest, checkpoint,\n"
        "page, snapshot and blob, and the index of the console.\n"
        "Exit status 0: all of it matches its hashes (a recording that was cut off, too, with a message);\n"
        "2: it is damaged, and each damaged table, batch and blob is named on a line. `playhead replay --verify` does\n"
        "this and then runs it, which proves the rest."
    )
    return help_text("verify", "playhead verify FILE [--json]", what, OPTIONS)


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
        print(json_text.dumps({"file": path, **verdict.as_json()}, indent=1))
        return 2 if verdict.faults else 0
    check(path, verdict)
    print(summary(path, verdict))
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
