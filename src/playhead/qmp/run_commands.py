"""Negotiation, running and stopping, replay breakpoints, and what the protocol says of itself."""

from functools import cache
from typing import Any

from playhead.base.errors import PlayheadError
from playhead.log.causes import CAUSES
from playhead.log.moment import Moment
from playhead.qmp import declared
from playhead.qmp.declared import command, event
from playhead.qmp.errors import QmpError
from playhead.qmp.introspect import schema
from playhead.qmp.service import Qmp, version
from playhead.qmp.types import ANY, BOOL, INT, STR, Enum, Struct
from playhead.timeline.control import RUN_STATES

CAUSE = Enum("ShutdownCause", *CAUSES)
CAPABILITY = Enum("QMPCapability", "oob")
TRIPLE = Struct("VersionTriple", {"major": INT, "minor": INT, "micro": INT})
VERSION = Struct("VersionInfo", {"qemu": TRIPLE, "package": STR})
STATUS = Struct("StatusInfo", {"running": BOOL, "singlestep": BOOL, "status": Enum("RunState", *RUN_STATES)})
REPLAY = Struct("ReplayInfo", {"mode": Enum("ReplayMode", "none", "record", "play"), "*filename": STR, "icount": INT})
META = Enum("SchemaMetaType", "builtin", "enum", "array", "object", "alternate", "command", "event")
JSON_TYPE = Enum("JSONType", "string", "number", "int", "boolean", "null", "object", "array", "value")
MEMBER = Struct("SchemaInfoMember", {"name": STR, "type": STR, "*default": ANY})
VARIANT = Struct("SchemaInfoVariant", {"case": STR, "type": STR})
SCHEMA = Struct("SchemaInfo", {"name": STR, "meta-type": META}, tag="meta-type", variants={
    "builtin": Struct("SchemaInfoBuiltin", {"json-type": JSON_TYPE}),
    "enum": Struct("SchemaInfoEnum", {"members": [Struct("SchemaInfoEnumMember", {"name": STR})], "values": [STR]}),
    "array": Struct("SchemaInfoArray", {"element-type": STR}),
    "object": Struct("SchemaInfoObject", {"members": [MEMBER], "*tag": STR, "*variants": [VARIANT]}),
    "command": Struct("SchemaInfoCommand", {"arg-type": STR, "ret-type": STR, "*allow-oob": BOOL}),
    "event": Struct("SchemaInfoEvent", {"arg-type": STR}),
})  # fmt: skip

PARAMETER = Struct("CommandLineParameterInfo", {
    "name": STR, "type": Enum("CommandLineParameterType", "string", "boolean", "number", "size"), "*help": STR,
    "*default": STR,
})  # fmt: skip
OPTION = Struct("CommandLineOptionInfo", {"option": STR, "parameters": [PARAMETER]})

event("STOP", None, "the machine is paused")
event("RESUME", None, "the machine goes on")
event("RESET", {"guest": BOOL, "reason": CAUSE}, "the machine was reset; `guest`: by itself")
event("SHUTDOWN", {"guest": BOOL, "reason": CAUSE}, "the run ends; `guest`: the guest ended it")
event("POWERDOWN", None, "the power button was pressed")
event("SUSPEND", None, "the guest went to sleep (S3)")
event("WAKEUP", None, "it was woken")


@command("qmp_capabilities", {"*enable": [CAPABILITY]}, negotiating=True,
         about="ends the negotiation; there is no capability that could be enabled")  # fmt: skip
def capabilities(qmp: Qmp, enable: list[str] | None = None) -> None:
    if enable:
        raise QmpError(f"Capability '{enable[0]}' is not available")


@command("query-version", returns=VERSION, about="the version of QEMU's protocol, and of Playhead in `package`")
def query_version(qmp: Qmp) -> dict[str, Any]:
    return version()


@command("query-commands", returns=[Struct("CommandInfo", {"name": STR})], about="the commands that there are")
def query_commands(qmp: Qmp) -> list[dict[str, str]]:
    return [{"name": name} for name in sorted(declared.COMMANDS)]


@command("query-qmp-schema", returns=[SCHEMA], about="what commands and events take and return")
def query_qmp_schema(qmp: Qmp) -> list[dict[str, Any]]:
    return _schema()


@cache
def _schema() -> list[dict[str, Any]]:
    return schema(declared.COMMANDS.values(), declared.EVENTS)


@command("query-command-line-options", {"*option": STR}, [OPTION], about="the options that take sub-options, and which")
def query_command_line_options(qmp: Qmp, option: str | None = None) -> list[dict[str, Any]]:
    options = qmp.around.options()
    if option is not None and option not in options:
        raise QmpError(f"invalid option name: {option}")
    return [{"parameters": list(takes), "option": name} for name, takes in options.items() if option in (None, name)]


@command("query-status", returns=STATUS, about="whether the machine runs, or why it does not")
def query_status(qmp: Qmp) -> dict[str, Any]:
    state = qmp.target.run_state()
    return {"status": state, "singlestep": False, "running": state == "running"}


@command("stop", about="pause the machine")
def stop(qmp: Qmp) -> None:
    qmp.target.stop()


@command("cont", about="let it go on")
def cont(qmp: Qmp) -> None:
    qmp.target.go_on()


@command("system_reset", about="press the reset button")
def system_reset(qmp: Qmp) -> None:
    qmp.target.press_reset()


@command("system_powerdown", about="press the power button")
def system_powerdown(qmp: Qmp) -> None:
    qmp.target.press_power()


@command("system_wakeup", about="wake a machine that sleeps")
def system_wakeup(qmp: Qmp) -> None:
    qmp.target.wake_up()


@command("inject-nmi", about="raise a non-maskable interrupt")
def inject_nmi(qmp: Qmp) -> None:
    qmp.target.raise_nmi()


@command("quit", about="end the run; a recording ends validly")
def quit(qmp: Qmp) -> None:
    qmp.target.quit(by="quit over QMP")


@command("human-monitor-command", {"command-line": STR, "*cpu-index": INT}, STR,
         about="a line at the human monitor; returns what it says, errors too")  # fmt: skip
def human_monitor_command(qmp: Qmp, command_line: str, cpu_index: int = 0) -> str:
    if cpu_index != 0:
        raise QmpError("Parameter 'CPU' expects a CPU number")
    said: list[str] = []
    try:
        qmp.around.execute(command_line, said.append)
    except PlayheadError as e:
        said.append(str(e))
    return "".join(f"{line}\r\n" for line in "\n".join(said).split("\n")) if said else ""


# record and replay


@command("query-replay", returns=REPLAY, about="whether this is a recording or a replay, of which file, and the moment")
def query_replay(qmp: Qmp) -> dict[str, Any]:
    target = qmp.target
    name = {"filename": target.recording} if target.mode != "none" else {}
    icount = target.moment.icount if target.mode != "none" else 0
    return {"icount": icount, "mode": target.mode, **name}


@command("replay-break", {"icount": INT}, about="continuing stops at this instruction count; a new one replaces it")
def replay_break(qmp: Qmp, icount: int) -> None:
    qmp.target.replay_break(_moment(icount))


@command("replay-delete-break", about="remove it")
def replay_delete_break(qmp: Qmp) -> None:
    qmp.target.replay_delete_break()


@command("replay-seek", {"icount": INT}, about="go to this instruction count; STOP comes when it is there")
def replay_seek(qmp: Qmp, icount: int) -> None:
    qmp.target.replay_seek(_moment(icount))


def _moment(icount: int) -> Moment:
    return Moment(icount)
