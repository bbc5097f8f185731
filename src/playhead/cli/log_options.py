"""`-d`, `-D` and `-trace`: the log of the emulator, for a machine that runs, is recorded or replayed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from playhead.base.errors import UsageError
from playhead.cli.option_table import naming
from playhead.cli.options import FILE, Option, Sub
from playhead.cli.value_types import TEXT

if TYPE_CHECKING:
    from playhead.monitor.log_items import Log

LOG = "log of the emulator"


def _items(text: str) -> str:
    from playhead.monitor.log_items import parse_items

    parse_items(text)
    return text


def list_items(about: str) -> str | None:
    if about:
        return None
    from playhead.monitor.log_items import items_text

    return items_text()


def list_events(about: str) -> str | None:
    if about:
        return None
    from playhead.monitor.log_items import EVENTS

    return "\n".join(EVENTS)


LOG_OPTIONS: tuple[Option, ...] = (
    Option("-d", "log these items: int (interrupts and exceptions), cpu_reset, guest_errors (accesses where nothing "
           "is), unimp, trace:PATTERN; -d help lists them. Neither the guest nor a recording can tell", "ITEM[,...]",
           _items, key="log_items", group=LOG, listing=list_items, since="0.4.0"),
    Option("-D", "the log's file, in place of standard error", "FILE", key="log_file", group=LOG,
           since="0.4.0"),
    Option("-trace", "log these events; -trace help lists them", key="traces", many=16, group=LOG, implied="enable",
           listing=list_events, since="0.4.0",
           subs=(Sub("enable", TEXT, "the events, such as cpu_*", since="0.4.0"),
                 Sub("events", FILE, "a file with a pattern on each line", since="0.4.0"))),
)  # fmt: skip


def make_log(values: dict[str, Any], message: Callable[[str], None]) -> Log | None:
    """What these options ask for; None if they ask for nothing, and then nothing of it is imported."""
    if not (values["log_items"] or values["log_file"] or values["traces"]):
        return None
    from playhead.monitor.log_items import Log

    log = Log(message)
    for pattern in _patterns(values["traces"]):
        with naming(f"-trace {pattern}"):
            log.trace(pattern, True)
    if values["log_items"]:
        log.choose(values["log_items"])
    if values["log_file"]:
        with naming(f"-D {values['log_file']}"):
            log.into(values["log_file"])
    return log


def _patterns(given: list[dict[str, Any]]) -> list[str]:
    found = []
    for one in given:
        if "enable" in one:
            found.append(one["enable"])
        if "events" in one:
            from playhead.host.files import read_file

            lines = read_file(one["events"], "the list of trace events").decode(errors="replace").split("\n")
            found += [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if given and not found:
        raise UsageError("-trace needs the name of an event; -trace help lists them")
    return found
