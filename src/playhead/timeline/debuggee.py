"""What gdb and the monitor are given to debug: a machine with breakpoints, as a replay or live.

`Debuggee` holds what both have in common; it does not know how to move. The words and numbers are those of gdb's remote
protocol (`gdb.target` says what is expected).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playhead.base.errors import UnsupportedError, UsageError
from playhead.hw.inputs import INPUT, takers
from playhead.log.events import Moved
from playhead.log.moment import Moment
from playhead.machine import look, registers
from playhead.machine.debug import READ, WRITE, Access, Watch
from playhead.machine.machine import Machine
from playhead.timeline.control import Control, Mouse
from playhead.timeline.outside import Outside

SOFTWARE, HARDWARE, WATCH, READ_WATCH, ACCESS_WATCH = range(5)
KINDS = {WATCH: WRITE, READ_WATCH: READ, ACCESS_WATCH: READ | WRITE}
NAMES = {WATCH: "watch", READ_WATCH: "rwatch", ACCESS_WATCH: "awatch"}
PS2_MOUSE = 2  # its number in `info mice`
MOST_WATCHED = 1 << 20  # bytes of one watchpoint

Condition = Callable[[], bool] | None


@dataclass(frozen=True, slots=True)
class Stop:
    """Why the machine has stopped, in gdb's words (`gdb.target.Stop`)."""

    reason: str
    address: int = 0
    access: str = ""
    status: int = 0
    hardware: bool = False


class Debuggee(Control):
    """A machine that can be inspected and controlled, with a set of breakpoints and watchpoints."""

    can_reverse = False
    refusal = "this cannot be changed"  # why memory and registers cannot be written; empty if they can

    def __init__(self) -> None:
        super().__init__()
        self.outside = Outside()
        self._breaks: dict[int, dict[int, Condition]] = {}  # by linear address, then by kind
        self._watches: dict[tuple[int, int, int], Watch] = {}

    @property
    def machine(self) -> Machine:
        raise NotImplementedError

    @property
    def runs(self) -> Any:
        """The session that runs the machine, live or a replay."""
        raise NotImplementedError

    @property
    def moment(self) -> Moment:
        return Moment(self.machine.icount, self.machine.seq)

    def mice(self) -> list[Mouse]:
        """There is one, behind the keyboard controller; it has the number that QEMU's has."""
        devices = takers(self.machine.devices, INPUT)
        found = [receiver for device in devices for receiver in device.receivers if Moved in receiver.TAKES]
        return [Mouse(n, "QEMU PS/2 Mouse", n == PS2_MOUSE, False) for n, _ in enumerate(found, PS2_MOUSE)]

    # looking

    def read_register(self, name: str) -> int:
        read = registers.reader(name)
        if read is None:
            raise UnsupportedError(f"this processor has no register {name}")
        return read(self.machine)

    def read_memory(self, address: int, length: int, physical: bool) -> bytes:
        return look.seen(self.machine, address, length, physical)

    def instruction(self) -> str:
        """The next one, as text."""
        return look.instruction_text(self.machine)

    def disassemble(self, address: int, physical: bool) -> tuple[str, int]:
        """The instruction at an address in the mode of now, as text, and its length; 0 if there is no memory. In
        the code segment jumps lead to offsets, as the processor has them.
        """
        base, limit = self.read_register("cs_base"), self.read_register("cs_limit")
        offset = (address - base) & 0xFFFFFFFF
        inside = bool(base) and not physical and offset <= limit
        text, length = look.disassemble(self.machine, address, offset if inside else address, physical)
        return f"{address:08x}  {text}", length

    def write_register(self, name: str, value: int) -> None:
        if self.refusal:
            raise UnsupportedError(self.refusal)
        if not registers.write(self.machine, name, value):
            raise UnsupportedError(f"register {name} cannot be written from here")

    def write_memory(self, address: int, data: bytes, physical: bool) -> None:
        if self.refusal:
            raise UnsupportedError(self.refusal)
        if not look.write(self.machine, address, data, physical):
            raise UsageError(f"there is no memory to write to at {address:#x}")


    # breakpoints

    def insert(self, kind: int, address: int, length: int, condition: Condition) -> None:
        if kind in KINDS:
            if not 0 < length <= MOST_WATCHED:
                raise UsageError(f"a watchpoint can have 1 to {MOST_WATCHED} bytes, not {length}")
            self._watches[kind, address, length] = Watch(address, length, KINDS[kind])
        else:
            self._breaks.setdefault(address, {})[kind] = condition
        self._changed()

    def remove(self, kind: int, address: int, length: int) -> None:
        if kind in KINDS:
            del self._watches[kind, address, length]
        else:
            del self._breaks[address][kind]
            if not self._breaks[address]:
                del self._breaks[address]
        self._changed()

    def _changed(self) -> None:
        """What is inserted is another set; it counts from the next movement on."""

    def _apply(self) -> None:
        self.machine.debug.set_breakpoints(self._breaks)
        self.machine.debug.set_watches(self._watches.values())

    def _holds(self, address: int) -> bool:
        """Whether the breakpoint at which the machine has stopped counts: its condition holds."""
        return any(condition is None or condition() for condition in self._breaks.get(address, {}).values())

    def _conditional(self) -> bool:
        """Whether any breakpoint has a condition."""
        return any(condition is not None for kinds in self._breaks.values() for condition in kinds.values())

    def _break_stop(self) -> Stop:
        kinds = self._breaks.get(self.machine.pc(), {})
        return Stop("break", hardware=SOFTWARE not in kinds and HARDWARE in kinds)

    def _watch_stop(self, accesses: tuple[Access, ...]) -> Stop:
        for access in accesses:
            for (kind, _, _), watch in self._watches.items():
                if access.touches(watch):
                    return Stop("watch", max(access.address, watch.start), NAMES[kind])
        return Stop("watch", accesses[0].address if accesses else 0, "watch")

    # moving

    def resume(self, kind: str, interrupted: Callable[[], bool]) -> Stop:
        raise NotImplementedError

    def rr_command(self, name: str, words: list[str]) -> str | None:
        return None

    def run_again(self, where: str) -> None:
        raise UnsupportedError("a machine that runs cannot be started again from gdb; monitor system_reset resets it")

    def monitor(self, text: str, say: Callable[[str], None]) -> None:
        """A command of the user's to us; the session puts one in place."""
        self.commands(text, say)

    commands: Callable[[str, Callable[[str], None]], None]
