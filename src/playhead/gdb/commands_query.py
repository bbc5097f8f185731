"""Questions and settings: what we can do, the one thread, the target description, monitor commands, QEMU's own.

The `qqemu.*` packets are those of QEMU's gdb server, which debugger front-ends know. Of its single-step flags only
ENABLE is offered: interrupts and timers come from the recording and cannot be held back during a step.
"""

from playhead.base.errors import PlayheadError
from playhead.gdb.commands import OK, THREAD, UNKNOWN, Command, Fault, hex_bytes, number, numbers, thread
from playhead.gdb.context import Context
from playhead.gdb.description import documents
from playhead.gdb.packets import PACKET_SIZE, escape

_FEATURES = ("qXfer:features:read+", "vContSupported+", "QStartNoAckMode+", "swbreak+", "hwbreak+",
             "ConditionalBreakpoints+")  # fmt: skip
_REVERSE = ("ReverseStep+", "ReverseContinue+")
_DOCUMENTS = {architecture: documents(architecture) for architecture in (False, True)}
_SINGLE_STEP = 1
_MOVED = "The position has changed; `maintenance flush register-cache` makes gdb look again."


def supported(context: Context, rest: bytes) -> bytes:
    context.features = set(rest[1:].decode(errors="replace").split(";"))
    ours = (f"PacketSize={PACKET_SIZE:x}", *_FEATURES, *(_REVERSE if context.target.can_reverse else ()))
    return ";".join(ours).encode()


def start_no_ack_mode(context: Context, rest: bytes) -> bytes:
    context.acknowledging = False
    return OK


def set_thread(context: Context, rest: bytes) -> bytes:
    thread(rest[1:])
    return OK


def thread_alive(context: Context, rest: bytes) -> bytes:
    if thread(rest) != THREAD:
        raise Fault
    return OK


def current_thread(context: Context, rest: bytes) -> bytes:
    return b"QC%02x" % THREAD


def first_threads(context: Context, rest: bytes) -> bytes:
    return b"m%02x" % THREAD


def more_threads(context: Context, rest: bytes) -> bytes:
    return b"l"


def thread_extra_info(context: Context, rest: bytes) -> bytes:
    thread_alive(context, rest[1:])
    return b"CPU#0".hex().encode()


def attached(context: Context, rest: bytes) -> bytes:
    """Yes: gdb, when it leaves, then detaches instead of killing the machine."""
    return b"1"


def symbol(context: Context, rest: bytes) -> bytes:
    """gdb offers to look up symbols; we want none."""
    return OK


def read_features(context: Context, rest: bytes) -> bytes:
    annex, colon, where = rest[1:].partition(b":")
    offset, length = numbers(where, 2)
    document = _DOCUMENTS[not context.is_gdb].get(annex.decode(errors="replace"))
    context.described = True
    if not colon or document is None or offset > len(document):
        raise Fault(b"E00")
    part = document[offset : offset + min(length, PACKET_SIZE // 2)]  # half: every byte may need an escape
    return (b"m" if offset + len(part) < len(document) else b"l") + escape(part)


def monitor(context: Context, rest: bytes) -> bytes:
    text = hex_bytes(rest[1:]).decode(errors="surrogateescape")
    before = _position(context)
    context.listen(True)
    try:
        context.target.monitor(text, context.say)
        if _position(context) != before:
            context.say(_MOVED)
    except PlayheadError as error:
        context.say(str(error))
    finally:
        context.listen(False)
    return OK


def said(context: Context, rest: bytes) -> bytes:
    """What `inside_gdb.py` asks before each prompt: what could not be shown yet, in hexadecimal."""
    return b"0" + context.take_kept().encode(errors="replace").hex().encode()


def rr_command(context: Context, rest: bytes) -> bytes:
    """`:name:word...`, each in hexadecimal; so is the answer. Front ends for rr send this packet themselves."""
    words = [hex_bytes(word).decode(errors="replace") for word in rest[1:].split(b":")]
    text = context.target.rr_command(words[0], words[1:])
    return UNKNOWN if text is None else (text + "\n").encode(errors="replace").hex().encode()


def _position(context: Context) -> tuple[int, ...]:
    return tuple(context.target.read_register(name) for name in ("eip", "icount", "seq"))


def step_bits(context: Context, rest: bytes) -> bytes:
    return b"ENABLE=%x" % _SINGLE_STEP


def step_flags(context: Context, rest: bytes) -> bytes:
    return b"0x%x" % _SINGLE_STEP


def set_step_flags(context: Context, rest: bytes) -> bytes:
    if number(rest[1:].removeprefix(b"0x")) != _SINGLE_STEP:
        raise Fault
    return OK


def physical_mode(context: Context, rest: bytes) -> bytes:
    return b"%d" % context.physical


def set_physical_mode(context: Context, rest: bytes) -> bytes:
    context.physical = number(rest[1:]) != 0
    return OK


def qemu_supported(context: Context, rest: bytes) -> bytes:
    return b"sstepbits;sstep;PhyMemMode"


COMMANDS = (
    Command(b"qSupported", supported, b":"),
    Command(b"QStartNoAckMode", start_no_ack_mode),
    Command(b"H", set_thread, None),
    Command(b"T", thread_alive, None),
    Command(b"qC", current_thread),
    Command(b"qfThreadInfo", first_threads),
    Command(b"qsThreadInfo", more_threads),
    Command(b"qThreadExtraInfo", thread_extra_info, b","),
    Command(b"qAttached", attached, b":"),
    Command(b"qSymbol", symbol, b":"),
    Command(b"qXfer:features:read", read_features, b":"),
    Command(b"qRcmd", monitor, b","),
    Command(b"qRRCmd", rr_command, b":"),
    Command(b"qPlayhead.Said", said),
    Command(b"qqemu.sstepbits", step_bits),
    Command(b"qqemu.sstep", step_flags),
    Command(b"Qqemu.sstep", set_step_flags, b"="),
    Command(b"qqemu.PhyMemMode", physical_mode),
    Command(b"Qqemu.PhyMemMode", set_physical_mode, b":"),
    Command(b"qqemu.Supported", qemu_supported),
)
