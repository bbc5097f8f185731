"""`playhead run`: a machine, not recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playhead.cli.machine_options import MACHINE_OPTIONS
from playhead.cli.options import help_text, parse_arguments
from playhead.cli.process_options import process
from playhead.cli.profile import PROFILE_OPTIONS, profiled

if TYPE_CHECKING:
    from playhead.cli.drives import OpenDrives

OPTIONS = (*PROFILE_OPTIONS, *MACHINE_OPTIONS)


def help() -> str:
    what = (
        "Runs a PC until the guest powers off, or until Ctrl-C (-nographic: Ctrl-A x). The exit status is the one\n"
        "that the guest asks for."
    )
    return help_text("run", "playhead run [options]", what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("run", OPTIONS, words)
    from playhead.base.errors import UsageError

    if "rrsnapshot" in values["icount"]:
        raise UsageError("-icount rrsnapshot=NAME gives a name to the first moment of a recording: playhead record")
    return start(values)


def start(values: dict[str, Any]) -> int:
    """Run the machine that the options describe."""
    from playhead.cli.claims import Claims
    from playhead.cli.drives import open_drives, placed

    wanted = placed(values)
    claims = Claims()
    claims.machine(values, (*wanted.specs, *wanted.others))
    claims.check()
    with process(values), open_drives(wanted) as drives:
        return _run(values, drives)


def _run(values: dict[str, Any], drives: OpenDrives) -> int:
    from playhead.cli.assemble import attend, make_config, make_host, make_options
    from playhead.cli.drives import load_vm
    from playhead.cli.dumps import dumps
    from playhead.cli.native_core import make_build
    from playhead.host.clock import date_text
    from playhead.session.run import RunSession

    config, options = make_config(values, drives), make_options(values)
    build = make_build(config, values["engine"], options.shift)
    host = make_host(values, drives)
    options.begin = load_vm(values["loadvm"], config, drives)
    with profiled(values, build) as build:
        session = RunSession(build, host, options)
        with dumps(values, config, date_text(), host.message) as session.traffic, attend(session, host, values):
            outcome = session.run()
        if outcome.note:
            host.message(outcome.note)
    return host.exit_status(outcome.status)
