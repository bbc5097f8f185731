"""Going and standing: `? c C s S vCont bc bs`, the stop replies, and the end (`D k vKill`).

Signals that a client wants delivered are ignored: a machine has none.
"""

from playhead.gdb.commands import INVALID, OK, THREAD, UNKNOWN, Command, Fault, number, thread
from playhead.gdb.context import Context
from playhead.gdb.target import Kind, Stop, StopLike

_SIGINT, _SIGTRAP = 2, 5


def stop_reply(context: Context, stop: StopLike) -> bytes:
    """The packet that says why the target stands again."""
    if stop.reason == "exited":
        return b"W%02x" % (stop.status & 0xFF)
    signal = _SIGINT if stop.reason in ("interrupt", "replay-break") else _SIGTRAP
    return b"T%02xthread:%02x;%b" % (signal, THREAD, _detail(context, stop).encode())


def _detail(context: Context, stop: StopLike) -> str:
    if stop.reason == "watch":
        return f"{stop.access or 'watch'}:{stop.address:08x};"
    if stop.reason == "break":
        # Unless it hears this, gdb takes EIP to be one byte too far whenever a breakpoint stands there.
        name = "hwbreak" if stop.hardware else "swbreak"
        return f"{name}:;" if f"{name}+" in context.features else ""
    if stop.reason in ("history-begin", "history-end"):
        return f"replaylog:{stop.reason.removeprefix('history-')};"
    return ""


def why(context: Context, rest: bytes) -> bytes:
    return context.exit_reply or stop_reply(context, Stop("step"))


def _go(context: Context, kind: Kind) -> bytes | None:
    if context.exit_reply:
        return context.exit_reply
    context.resume(kind)
    return None


def _go_from(context: Context, kind: Kind, address: bytes) -> bytes | None:
    if address:
        context.target.write_register("eip", number(address))
    return _go(context, kind)


def go_on(context: Context, rest: bytes) -> bytes | None:
    return _go_from(context, "continue", rest)


def step(context: Context, rest: bytes) -> bytes | None:
    return _go_from(context, "step", rest)


def go_on_with_signal(context: Context, rest: bytes) -> bytes | None:
    signal, _, address = rest.partition(b";")
    number(signal)
    return _go_from(context, "continue", address)


def step_with_signal(context: Context, rest: bytes) -> bytes | None:
    signal, _, address = rest.partition(b";")
    number(signal)
    return _go_from(context, "step", address)


def actions(context: Context, rest: bytes) -> bytes:
    return b"vCont;c;C;s;S"


def act(context: Context, rest: bytes) -> bytes | None:
    """`;action:thread;action...`: the first that is meant for our thread counts."""
    if not rest.startswith(b";"):
        raise Fault
    chosen: Kind | None = None
    for part in rest[1:].split(b";"):
        action, colon, whom = part.partition(b":")
        if colon:
            thread(whom)  # all, any and the only one are the same
        if action[:1] in (b"C", b"S"):
            number(action[1:])
        elif action not in (b"c", b"s"):
            raise Fault
        chosen = chosen or ("step" if action[:1] in (b"s", b"S") else "continue")
    assert chosen is not None
    return _go(context, chosen)


def go_back(context: Context, rest: bytes) -> bytes | None:
    return _go(context, "reverse-continue") if context.target.can_reverse else INVALID


def step_back(context: Context, rest: bytes) -> bytes | None:
    return _go(context, "reverse-step") if context.target.can_reverse else INVALID


def detach(context: Context, rest: bytes) -> bytes:
    context.ended = "detach"
    return OK


def kill(context: Context, rest: bytes) -> None:
    context.ended = "kill"


def kill_process(context: Context, rest: bytes) -> bytes:
    context.ended = "kill"
    return OK


def must_reply_empty(context: Context, rest: bytes) -> bytes:
    return UNKNOWN


COMMANDS = (
    Command(b"?", why),
    Command(b"c", go_on, None),
    Command(b"C", go_on_with_signal, None),
    Command(b"s", step, None),
    Command(b"S", step_with_signal, None),
    Command(b"vCont?", actions),
    Command(b"vCont", act, b";"),
    Command(b"bc", go_back),
    Command(b"bs", step_back),
    Command(b"D", detach, b";"),
    Command(b"k", kill),
    Command(b"vKill", kill_process, b";"),
    Command(b"vMustReplyEmpty", must_reply_empty),
)
