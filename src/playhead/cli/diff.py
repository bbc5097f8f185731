"""`playhead diff`: where two recordings of the same start part."""

from __future__ import annotations

from typing import Any

from playhead.base import json_text
from playhead.base.messages import lines_shown
from playhead.cli.drive_options import IMAGES
from playhead.cli.options import Option, help_text, parse_arguments
from playhead.cli.replaying_options import ENGINE
from playhead.session.track import Stopped

SINCE = "0.8.0"
OPTIONS = (
    Option("--quick", "compare what is recorded and replay nothing: the first event and digest that differ",
           since=SINCE),
    Option("--json", "one JSON object", since=SINCE),
    IMAGES,
    ENGINE._replace(since=SINCE),
)  # fmt: skip
OPERANDS = ("FILE", "OTHER")


def help() -> str:
    usage = "playhead diff FILE OTHER [--quick] [options]"
    what = (
        "Compares two recordings of the same machine from the same start, such as a recording and a branch of it: the\n"
        "first event that differs, the first digest that differs, and, by replaying both, the exact instruction,\n"
        "delivery or alarm behind which they are not the same, with the registers and bytes that differ there.\n"
        "Exit status as diff's: 0 the same, 1 they differ, 2 they cannot be compared."
    )
    return help_text("diff", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("diff", OPTIONS, words, OPERANDS)
    from playhead.cli.asking import asking
    from playhead.cli.claims import of_recording

    names = values["file"], values["other"]
    for name in names:
        of_recording(name, images=values["images"])
    with asking(values, *names) as (host, (a, b)):
        return _compare(a, b, host, values)


def _compare(a: Any, b: Any, host: Any, values: dict[str, Any]) -> int:
    from playhead.analyses.diff import diff
    from playhead.base.errors import DivergenceError, UsageError

    def watch() -> None:
        if host.quit_cause():
            raise Stopped

    try:
        found = diff(a, b, replay=not values["quick"], tell=host.tell, watch=watch)
    except Stopped:
        host.message(f"ended by {host.quit_name()}")
        return 130
    except DivergenceError as e:  # 1 would say that the recordings differ
        raise UsageError(f"a replay diverges from its own recording: {e}") from None
    host.status.clear()
    if values["json"]:
        print(json_text.dumps(found.as_dict()), flush=True)
    else:
        print(lines_shown("\n".join(found.lines())), flush=True)
    return int(not found.same)
