"""`playhead processes`: the processes of a recorded Linux guest at a moment."""

from playhead.cli.drive_options import IMAGES
from playhead.cli.kernel_options import AT, JSON, SINCE
from playhead.cli.options import help_text, parse_arguments
from playhead.cli.replaying_options import ENGINE

OPTIONS = (AT, JSON, IMAGES, ENGINE._replace(since=SINCE))
OPERANDS = ("FILE",)


def help() -> str:
    usage = "playhead processes FILE [--at MOMENT] [options]"
    what = (
        "Lists the processes of a recorded Linux guest: number, page tables (CR3; kernel threads have none of their\n"
        "own), name. They are found in the kernel's memory by what is known of its first task."
    )
    return help_text("processes", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("processes", OPTIONS, words, OPERANDS)
    from playhead.base import json_text
    from playhead.base.messages import lines_shown
    from playhead.cli.claims import of_recording
    from playhead.cli.kernel_options import guest
    from playhead.linux.tasks import processes_of
    from playhead.log.reader import Reader

    of_recording(values["file"], images=values["images"])
    with Reader(values["file"]) as reader, guest(reader, values) as source:
        found = sorted(processes_of(source), key=lambda task: task.pid)
    if values["json"]:
        print(json_text.dumps([{"pid": one.pid, "comm": one.comm, "cr3": one.cr3} for one in found], indent=1))
        return 0
    lines = [f"{one.pid:7}  {f'{one.cr3:08x}' if one.cr3 else '':8}  {one.comm}" for one in found]
    print(lines_shown("\n".join(["    pid  CR3       name", *lines])))
    return 0
