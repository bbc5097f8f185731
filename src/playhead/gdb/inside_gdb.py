"""Additional commands for gdb, which loads this file (`source FILE`); `playhead debug --gdb` makes it do so.

It runs in gdb's Python and imports nothing of ours. Three things gdb 13 does not do by itself are mended here:

- rr's names: `checkpoint`, `restart N`, `info checkpoints`, `delete checkpoint N`, `run MOMENT`, `when`. gdb has
  commands of some of these names, which fork processes. A movement is a `stepi` that the server lets end elsewhere: so
  gdb, and a front end that speaks MI to it, see the program run and stop, and read everything again.
- Segments: gdb takes EIP for the linear address. In code whose CS base is not 0 it does not recognise its breakpoints,
  and its `x/i` and `nexti` look elsewhere. `$linear()`, `xi` and `over` compute with the base; after each stop there
  the instruction is shown, and a breakpoint's commands are executed, a temporary one is deleted.
- The reason why memory cannot be written is shown before the next prompt.
"""

import re

import gdb

# A line of `monitor x/i`, as `playhead debug` or as QEMU writes it: address, bytes, instruction.
CODE = re.compile(r"^(?:0x)?([0-9a-f]{8}):?  ((?:[0-9a-f]{2} )+) *(\S.*)$")
GOES_AWAY = re.compile(r"(l?call|int|rep|loop|ins|outs|movs|cmps|stos|lods|scas)")  # and comes back after itself
# Commands that let the program run: not executed from here, where they would nest.
RESUMES = re.compile(
    r"^\s*(c|cont\w*|fg|s|si|step\w*|n|ni|next\w*|fin\w*|u|until|adv\w*|reverse-\w+|r[cns]i?|rni|r|run|start\w*|jump|j|"
    r"signal|seek|restart|seek-ticks|over|kill|k|detach|attach)\b",
    re.MULTILINE,
)
BREAKPOINTS = (gdb.BP_BREAKPOINT, getattr(gdb, "BP_HARDWARE_BREAKPOINT", gdb.BP_BREAKPOINT))
NARROW = {
    **{name: f"((short)$e{name})" for name in ("ax", "bx", "cx", "dx", "si", "di", "bp")},
    **{f"{name}l": f"((signed char)$e{name}x)" for name in "abcd"},
    **{f"{name}h": f"((signed char)($e{name}x >> 8))" for name in "abcd"},
    "pc": "$eip",
    "sp": "$esp",
    "fp": "$ebp",
}


# what the server is asked


def ask(packet):
    """The reply to a packet; empty if the target does not know it, or is none of ours."""
    try:
        text = gdb.execute("maintenance packet " + packet, to_string=True)
    except gdb.error:
        return ""
    found = re.search(r'received: "(.*)"', text)
    return found.group(1) if found else ""


def said():
    """What the server could not tell yet."""
    reply = ask("qPlayhead.Said")
    return bytes.fromhex(reply[1:]).decode(errors="replace") if reply[:1] == "0" else ""


def rr(*words):
    """The answer to a command of rr's. Raises `gdb.GdbError`."""
    ready()
    reply = ask("qRRCmd:" + ":".join(word.encode().hex() for word in words))
    if not reply:
        raise gdb.GdbError("this is no recording: attach to playhead debug")
    if reply[:1] == "E":
        raise gdb.GdbError(said() or "refused")
    return bytes.fromhex(reply).decode(errors="replace")


def go(*words):
    """Be elsewhere: `words` say where, and the step leads there."""
    rr(*words)
    resume("stepi")


def resume(command):
    """Let it run. After a kill or detach it is attached again: in extended mode the connection stays."""
    if not gdb.selected_inferior().pid:
        gdb.execute("attach 1", to_string=True)
    try:
        gdb.execute(command)
    finally:
        rr("stay")  # if gdb could not let it run: where it would have gone is forgotten


def monitor(text):
    return gdb.execute("monitor " + text, to_string=True)


class Command(gdb.Command):
    """A command of gdb's, from a function whose text is what `help` shows."""

    def __init__(self, name, function):
        self.__doc__ = function.__doc__
        self._function = function
        super().__init__(name, gdb.COMMAND_RUNNING)

    def invoke(self, argument, from_tty):
        try:
            self._function(argument.strip())
        except gdb.error as e:  # told as gdb tells its own
            raise gdb.GdbError(str(e)) from None


# moving in a recording


def checkpoint(argument):
    """checkpoint: remember this moment; `restart N` comes back to it."""
    gdb.write(rr("checkpoint", place()))


def place():
    """The frame in words, as `where` prints it."""
    try:
        frame = gdb.newest_frame()
        sal = frame.find_sal()
    except gdb.error:
        return "???"
    if sal.symtab is not None:
        return f"{sal.symtab.filename}:{sal.line}"
    return f"{linear():#010x} in {frame.name() or '??'} ()"


def restart(argument):
    """restart N: be at checkpoint N."""
    go("restart", argument)


def delete_checkpoint(argument):
    """delete checkpoint N: forget it."""
    gdb.write(rr("delete checkpoint", argument))


def info_checkpoints(argument):
    """info checkpoints: their numbers, moments and places."""
    gdb.write(rr("info checkpoints"))


def run(argument):
    """run [MOMENT]: be at a moment, as `when` tells it; without one, continue from the start of the recording."""
    moment = argument.rstrip("& ") or gdb.parameter("args")  # MI's -exec-run comes here, too, and may end in `&`
    if moment:
        go("run", moment)
    else:
        rr("run", "start")
        resume("continue")


def seek(argument):
    """seek MOMENT: be at a moment of the recording: 1500000, 1.5M, -1000, 50%, @12.5s, end, serial:"text"."""
    if not argument:
        raise gdb.GdbError("seek where? 1500000, 1.5M, -1000, 50%, @12.5s, end")
    quoted = len(argument) > 1 and argument[0] == argument[-1] == "'"
    go("run", argument[1:-1] if quoted else argument)
    if not segmented():
        gdb.execute("x/i $pc")


def when(argument):
    """when: the moment of the recording where you are, and its virtual time."""
    gdb.write(rr("when") + rr("elapsed-time"))


def when_ticks(argument):
    """when-ticks: how many instructions have retired."""
    gdb.write(rr("when-ticks"))


def when_tid(argument):
    """when-tid: the processor's number."""
    gdb.write(rr("when-tid"))


def elapsed_time(argument):
    """elapsed-time: seconds of virtual time since power-on."""
    gdb.write(rr("elapsed-time"))


def seek_ticks(argument):
    """seek-ticks N: be where N instructions have retired."""
    go("seek-ticks", argument)


def who(argument):
    """who ADDRESS[:LENGTH] [COUNT]: the instruction that last wrote these bytes, and those before it."""
    gdb.execute("monitor who " + argument)


# segments


def register(name):
    return int(gdb.parse_and_eval(f"(unsigned int)${name}"))


def linear():
    """The linear address of the next instruction."""
    return (register("cs_base") + register("eip")) & 0xFFFFFFFF


def segmented():
    """Whether gdb's own notion of the code is wrong: a CS base, real mode, virtual-8086 mode."""
    return register("cs_base") != 0 or not register("cr0") & 1 or register("eflags") >> 17 & 1 == 1


class Linear(gdb.Function):
    """$linear(): the linear address of the next instruction; $linear(SEGMENT, OFFSET): that of real mode."""

    def __init__(self):
        super().__init__("linear")

    def invoke(self, *arguments):
        if not arguments:
            return linear()
        if len(arguments) != 2:
            raise gdb.GdbError("$linear() or $linear(SEGMENT, OFFSET)")
        return (int(arguments[0]) << 4) + int(arguments[1])


def xi(argument):
    """xi [COUNT] [ADDRESS]: disassemble from CS:EIP, or a linear address, in the mode that the processor is in."""
    found = re.fullmatch(r"(?:/?([0-9]{1,4})(?:\s+|$))?(.*)", argument)
    assert found is not None, "anything matches"
    count, where = found.groups()
    address = int(gdb.parse_and_eval(where)) & 0xFFFFFFFF if where else linear()
    gdb.execute(f"monitor x/{count or 8}i {address:#x}")


def over(argument):
    """over: stepi, but over a call, an interrupt, a loop or a repeated string instruction to what is after it."""
    lines = monitor(f"x/2i {linear():#x}").splitlines()
    code = [found for found in map(CODE.match, lines) if found]
    if len(code) < 2 or len(code) < len(lines) or not GOES_AWAY.match(code[0].group(3)):
        gdb.execute("stepi")
        return
    stop = gdb.Breakpoint(f"*{int(code[1].group(1), 16):#x}", internal=True)
    try:
        gdb.execute("continue")
    finally:
        stop.delete()


def met():
    """gdb's breakpoints at the next instruction."""
    here = linear()
    found = []
    for point in gdb.breakpoints():
        if point.number > 0 and point.enabled and point.location and point.type in BREAKPOINTS:
            try:
                places = gdb.decode_line(point.location)[1] or ()
            except gdb.error:
                continue
            if any(place.pc == here for place in places):
                found.append(point)
    return found


def stopped(event):
    """Where segments count, show the place; and do what gdb does at a breakpoint that it recognises."""
    try:
        if not segmented():
            return
    except gdb.error:  # it is no target of ours, or has no registers
        return
    line = monitor(f"x/1i {linear():#x}").strip()
    if found := CODE.match(line):
        line = "  ".join(part.strip() for part in found.groups())
    gdb.write(f"{register('cs'):04x}:{register('eip'):04x}  linear {line}\n")
    if isinstance(event, gdb.BreakpointEvent) or register("cs_base") == 0:
        return
    for point in met():
        if point.condition and not gdb.parse_and_eval(point.condition):
            gdb.write(f"Breakpoint {point.number}; its condition does not hold, but only gdb can evaluate it\n")
            continue
        gdb.write(f"{'Temporary breakpoint' if point.temporary else 'Breakpoint'} {point.number}\n")
        if point.commands and RESUMES.search(point.commands):
            gdb.write("its commands are not executed: where CS base is not 0 they cannot resume the program\n")
        elif point.commands:
            gdb.post_event(lambda commands=point.commands: follow(commands))
        if point.temporary:
            point.delete()


def follow(commands):
    """What the user wants done at a breakpoint; gdb is called when it is at rest, unless it has been resumed since."""
    if gdb.selected_thread() is not None and not gdb.selected_thread().is_running():
        gdb.execute(commands)


def narrow(point):
    """The server evaluates conditions, with whole registers only: `$cx` becomes the low half of $ecx."""
    text = point.condition
    if text:
        whole = re.sub(r"\$([a-z]+)\b", lambda m: NARROW.get(m.group(1), m.group(0)), text)
        if whole != text:
            point.condition = whole


def ready():
    text = said()
    if text:
        gdb.write(text + "\n", gdb.STDERR)


for name, function in (
    ("checkpoint", checkpoint), ("restart", restart), ("delete checkpoint", delete_checkpoint),
    ("info checkpoints", info_checkpoints), ("run", run), ("seek", seek), ("when", when), ("when-ticks", when_ticks),
    ("when-tid", when_tid), ("elapsed-time", elapsed_time), ("seek-ticks", seek_ticks), ("who", who), ("xi", xi),
    ("over", over),
):  # fmt: skip
    Command(name, function)
Linear()
gdb.events.stop.connect(stopped)
gdb.events.breakpoint_created.connect(narrow)
gdb.events.breakpoint_modified.connect(narrow)
gdb.events.before_prompt.connect(ready)
