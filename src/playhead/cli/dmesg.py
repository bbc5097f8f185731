"""`playhead dmesg`: a recorded Linux kernel's log, out of its memory."""

from playhead.cli.drive_options import IMAGES
from playhead.cli.kernel_options import AT, JSON, SINCE
from playhead.cli.options import Option, help_text, parse_arguments
from playhead.cli.replaying_options import ENGINE

OPTIONS = (
    AT,
    Option("--decode", "begin lines with facility and level, as dmesg -x does", since=SINCE),
    JSON,
    IMAGES,
    ENGINE._replace(since=SINCE),
)  # fmt: skip
OPERANDS = ("FILE",)


def help() -> str:
    usage = "playhead dmesg FILE [--at MOMENT] [options]"
    what = (
        "Prints the log of a recorded Linux kernel (5.10 or later) as dmesg prints it, out of the guest's memory,\n"
        "also what no console has shown."
    )
    return help_text("dmesg", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("dmesg", OPTIONS, words, OPERANDS)
    from playhead.base import json_text
    from playhead.base.messages import lines_shown
    from playhead.cli.claims import of_recording
    from playhead.cli.kernel_options import guest
    from playhead.linux.dmesg import FACILITIES, LEVELS, records
    from playhead.log.reader import Reader

    of_recording(values["file"], images=values["images"])
    with Reader(values["file"]) as reader, guest(reader, values) as source:
        found = records(source)
    if values["json"]:
        rows = [{"seq": one.seq, "time_ns": one.time_ns, "level": LEVELS[one.level], "text": one.text,
                 "facility": FACILITIES[one.facility] if one.facility < len(FACILITIES) else one.facility}
                for one in found]  # fmt: skip
        print(json_text.dumps(rows, indent=1))
        return 0
    for one in found:
        print(lines_shown("\n".join(one.lines(decoded=values["decode"]))))
    return 0
