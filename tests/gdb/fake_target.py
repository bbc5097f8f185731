"""A small machine that can go both ways: what the tests of the protocol debug.

It runs a few real x86 instructions, so that gdb can disassemble them, and keeps a journal of every state, so that it
can go back. With `endless`, the end of the program is a jump to itself that never ends; else it is the end of the
history.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from playhead.base.errors import Refused, UsageError
from playhead.gdb.registers import REGISTERS
from playhead.gdb.target import HARDWARE, READ, WRITE, Kind, Stop

ENTRY, LOOP, STORE, LAST = 0x1000, 0x1005, 0x1006, 0x1010
DATA, MEMORY_END = 0x2000, 0x4000
ROUNDS = 10
CODE = bytes.fromhex(
    "b800000000"  # 1000  mov eax, 0
    "40"  # 1005  inc eax
    "a300200000"  # 1006  mov [0x2000], eax
    "83f80a"  # 100b  cmp eax, 10
    "75f5"  # 100e  jne 0x1005
    "ebfe"  # 1010  jmp 0x1010
)
ZF = 0x40
SAYING = "a fake machine says: "
READ_ONLY = "nothing can be changed in a replay (end it, or record anew)"


@dataclass
class State:
    """Registers by name, memory, and what the instruction that comes next will write."""

    registers: dict[str, int]
    memory: bytes
    writes: range = range(0)


def first_state() -> State:
    registers = {register.name: 0 for register in REGISTERS}
    registers.update(eip=ENTRY, eflags=0x202, esp=0x3F00, cs=8, ss=16, ds=16, es=16, cr0=0x80000011, cr3=0x5000,
                     cr4=0x10, fs_base=0xC0100000, gdtr_limit=0xFF, fctrl=0x37F, ftag=0xFFFC, tr=0x28)  # fmt: skip
    registers["st0"] = (0x3FFF << 64) | (0xC << 60)  # 1.5
    memory = bytearray(MEMORY_END)
    memory[ENTRY : ENTRY + len(CODE)] = CODE
    memory[DATA : DATA + 4] = b"\xff" * 4
    return State(registers, bytes(memory))


def next_state(state: State) -> State:
    r, memory = dict(state.registers), state.memory
    eip = r["eip"]
    if eip == ENTRY:
        r["eax"], r["eip"] = 0, LOOP
    elif eip == LOOP:
        r["eax"], r["eip"] = r["eax"] + 1, STORE
    elif eip == STORE:
        memory = memory[:DATA] + r["eax"].to_bytes(4, "little") + memory[DATA + 4 :]
        r["eip"] = 0x100B
    elif eip == 0x100B:
        r["eflags"] = 0x202 | (ZF if r["eax"] == ROUNDS else 0)
        r["eip"] = 0x100E
    elif eip == 0x100E:
        r["eip"] = LAST if r["eflags"] & ZF else LOOP
    else:
        assert eip == LAST
    r["icount"] += 1
    return State(r, memory, range(DATA, DATA + 4) if r["eip"] == STORE else range(0))


def all_states() -> list[State]:
    states = [first_state()]
    while states[-1].registers["eip"] != LAST:
        states.append(next_state(states[-1]))
    return states


@dataclass
class FakeTarget:
    """`writable` lets the session write; `log` has the calls that tests ask about."""

    can_reverse: bool = True
    writable: bool = False
    endless: bool = False
    exits: bool = False  # the guest ends where the history would
    at: int = 0
    states: list[State] = field(default_factory=all_states)
    points: dict[tuple[int, int, int], Callable[[], bool] | None] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    @property
    def state(self) -> State:
        return self.states[self.at]

    def read_register(self, name: str) -> int:
        if name == "dr7":
            raise Refused("dr7 cannot be had")
        return self.state.registers[name]

    def write_register(self, name: str, value: int) -> None:
        self._may_write()
        self.state.registers[name] = value

    def read_memory(self, address: int, length: int, physical: bool) -> bytes:
        base = 0x100000 if physical else 0  # so that the two kinds of address are different
        return self.state.memory[address - base : address - base + length] if address >= base else b""

    def write_memory(self, address: int, data: bytes, physical: bool) -> None:
        self._may_write()
        memory = bytearray(self.state.memory)
        memory[address : address + len(data)] = data
        self.state.memory = bytes(memory)

    def _may_write(self) -> None:
        if not self.writable:
            raise Refused(READ_ONLY)

    def insert(self, kind: int, address: int, length: int, condition: Callable[[], bool] | None) -> None:
        assert (kind, address, length) not in self.points
        self.log.append(f"insert {kind} {address:#x} {length}" + (" if" if condition else ""))
        self.points[kind, address, length] = condition

    def remove(self, kind: int, address: int, length: int) -> None:
        del self.points[kind, address, length]

    def resume(self, kind: Kind, interrupted: Callable[[], bool]) -> Stop:
        self.log.append(kind)
        step = -1 if kind.startswith("reverse") else 1
        while True:
            if self.at + step not in range(len(self.states)):
                return self._border(kind, step, interrupted)
            touched = self.states[min(self.at, self.at + step)].writes
            self.at += step
            if stop := self._hit(touched):
                return stop
            if kind.endswith("step"):
                return Stop("step")
            if interrupted():
                return Stop("interrupt")

    def _border(self, kind: Kind, step: int, interrupted: Callable[[], bool]) -> Stop:
        if step < 0:
            return Stop("history-begin")
        if self.exits:
            return Stop("exited", status=3)
        while self.endless:
            if kind == "step":
                return Stop("step")
            if interrupted():
                return Stop("interrupt")
            time.sleep(0.002)
        return Stop("history-end")

    def _hit(self, touched: range) -> Stop | None:
        for (kind, address, length), condition in self.points.items():
            if kind < WRITE:
                hit = address == self.state.registers["eip"]
                stop = Stop("break", hardware=kind == HARDWARE)
            else:
                hit = kind != READ and max(address, touched.start) < min(address + length, touched.stop)
                stop = Stop("watch", address, "watch" if kind == WRITE else "awatch")
            if hit and (condition is None or condition()):
                return stop
        return None

    def rr_command(self, name: str, words: list[str]) -> str | None:
        self.log.append(f"rr {name} {words}")
        if name == "forbidden":
            raise Refused(READ_ONLY)
        return f"Current event: {self.at}" if name == "when" else None

    def run_again(self, where: str) -> None:
        if where and where not in map(str, range(len(self.states))):
            raise Refused("there is no such place")
        self.log.append(f"run {where}")
        self.at = int(where or 0)

    def monitor(self, text: str, say: Callable[[str], None]) -> None:
        self.log.append(f"monitor {text}")
        verb, _, argument = text.partition(" ")
        if verb == "echo":
            say(SAYING + argument)
        elif verb == "flood":
            for n in range(20):
                say(f"{n:02} " + "long " * 1000)
        elif verb == "seek":
            self.at = int(argument)
        else:
            raise UsageError(f"there is no command {verb!r}")
