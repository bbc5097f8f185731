"""Resume and stop: `? c C s S vCont bc bs`, the stop replies, the end (`D k vKill`), and running again (`! R vRun`).

Signals that a client wants delivered are ignored: a machine has none.

gdb takes EIP for the linear address of the next instruction. Where the base of CS is not 0 (boot sectors, firmware,
virtual-8086 tasks) a breakpoint that is hit is at another address: on `swbreak`, gdb looks for one at EIP, finds none,
and continues silently. So the stop is not reported as a breakpoint's there; gdb then shows SIGTRAP, and a message names
the breakpoint.
"""

from contextlib import suppress

from playhead.base.errors import PlayheadError
from playhead.gdb.commands import INVALID, OK, THREAD, UNKNOWN, Command, Fault, hex_bytes, number, thread
from playhead.gdb.context import Context
from playhead.gdb.target import Kind, Stop, StopLike

_SIGINT, _SIGTRAP = 2, 5


_AT_REST = b"T00thread:%02x;" % THREAD


def stop_reply(context: Context, stop: StopLike) -> bytes:
    """The packet that says why the target has stopped."""
    if stop.reason == "exited":
        return b"W%02x" % (stop.status & 0xFF)
    signal = _SIGINT if stop.reason in ("interrupt", "replay-break") else _SIGTRAP
    return b"T%02xthread:%02x;%b" % (signal, THREAD, _detail(context, stop).encode())


def _detail(context: Context, stop: StopLike) -> str:
    if stop.reason == "watch":
        return f"{stop.access or 'watch'}:{stop.address:08x};"
    if stop.reason == "break":
        if not _flat(context):
            context.say(_met(context))
            return ""
        # Without this, gdb takes EIP to be one byte too far whenever there is a breakpoint.
        name = "hwbreak" if stop.hardware else "swbreak"
        return f"{name}:;" if f"{name}+" in context.features else ""
    if stop.reason in ("history-begin", "history-end"):
        return f"replaylog:{stop.reason.removeprefix('history-')};"
    return ""


def _flat(context: Context) -> bool:
    """Whether EIP is the linear address of the next instruction."""
    return context.target.read_register("cs_base") & 0xFFFFFFFF == 0


def _met(context: Context) -> str:
    """The name of a breakpoint in a message, where gdb itself does not recognise it."""
    selector, base, eip = (context.target.read_register(name) for name in ("cs", "cs_base", "eip"))
    linear = (base + eip) & 0xFFFFFFFF
    return f"breakpoint at linear address {linear:#x}, which is {selector:04x}:{eip:0{4 if eip <= 0xFFFF else 8}x}"


def why(context: Context, rest: bytes) -> bytes:
    return context.exit_reply or stop_reply(context, Stop("step"))


def _go(context: Context, kind: Kind) -> bytes | None:
    if context.exit_reply:
        return context.exit_reply
    if context.halt_once and kind == "continue":
        context.halt_once = False
        return _AT_REST
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


def extend(context: Context, rest: bytes) -> bytes:
    """`!`: the client wants to start the program more than once. A recording can do that, a machine cannot."""
    if not context.target.can_reverse:
        return UNKNOWN
    context.extended = True
    return OK


def detach(context: Context, rest: bytes) -> bytes:
    return _leave(context, "detach")


def kill(context: Context, rest: bytes) -> None:
    context.ended = "kill"


def kill_process(context: Context, rest: bytes) -> bytes:
    return _leave(context, "kill")


def _leave(context: Context, how: str) -> bytes:
    """In extended mode the connection stays, for `vRun` and `vAttach`."""
    if context.extended:
        context.remove_all()
    else:
        context.ended = how
    return OK


def run_again(context: Context, rest: bytes) -> bytes:
    """`;file;argument...`: from the start, or, as in rr, at the moment or checkpoint that the argument names. gdb
    continues a program at once after it has run it, which must not move away from that moment."""
    where = b" ".join(hex_bytes(part) for part in rest[1:].split(b";")[1:]).decode(errors="replace").strip()
    context.target.run_again(where)
    context.halt_once = bool(where)
    return stop_reply(context, Stop("step"))


def restart(context: Context, rest: bytes) -> None:
    """The older way; there is no reply, and so no refusal."""
    with suppress(PlayheadError):
        context.target.run_again("")


def attach(context: Context, rest: bytes) -> bytes:
    """After a detachment in extended mode."""
    return why(context, rest) if context.extended else UNKNOWN


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
    Command(b"!", extend),
    Command(b"R", restart, None),
    Command(b"vRun", run_again, b";"),
    Command(b"vAttach", attach, b";"),
    Command(b"D", detach, b";"),
    Command(b"k", kill),
    Command(b"vKill", kill_process, b";"),
    Command(b"vMustReplyEmpty", must_reply_empty),
)
