"""A tiny machine that follows the machine's contract: a number generator that reads clocks, talks, halts, faults.

Every instruction stirs the whole state, so any input that comes a moment too early or late shows in all later digests.
"""

from dataclasses import dataclass, field
from hashlib import blake2b

from playhead.hw.clock import NEVER

M64 = (1 << 64) - 1
FIFO = 16


@dataclass
class Stop:
    kind: str
    deadline_ns: int = NEVER
    cause: str = ""
    status: int = 0


@dataclass
class Program:
    """What the guest does: chances per 4096 instructions, and when it ends."""

    clock: int = 40
    talk: int = 40
    listen: int = 200
    halt: int = 4
    fault: int = 60
    reset: int = 0
    end: int = 30_000  # instructions; then it powers off
    status: int = 0
    alarm_ns: int = 20_000
    forever: str = ""  # "halt": halts for good at the end; "fault": an endless chain of faults
    ports: int = 2
    seed: int = 1
    wrong: dict = field(default_factory=dict)  # faults of the emulator: {"stir": icount}


class FakeUart:
    """A receiver: a FIFO."""

    INPUT = "serial"

    def __init__(self):
        self.rx = bytearray()
        self.on_room = lambda: None

    def can_receive(self):
        return FIFO - len(self.rx)

    def receive(self, data):
        taken = data[: self.can_receive()]
        self.rx += taken
        return len(taken)

    def read(self):
        byte = self.rx.pop(0)
        if not self.rx:
            self.on_room()
        return byte


class FakeButtons:
    """What power button, wake-up and NMI are wired to: each press stirs the machine."""

    def __init__(self, machine, kind, number):
        self.INPUT, self._machine, self._number = kind, machine, number
        self.pressed = []

    def power_button(self):
        self._press("power")

    def wake_up(self):
        self._press("wake")

    def nmi_button(self):
        self._press("nmi")

    def _press(self, what):
        self.pressed.append(what)
        self._machine._stirred(self._number + len(what))


class FakeMachine:
    def __init__(self, door, program=None, shift=3):
        self.door, self.p = door, program or Program()
        self.icount = self.seq = 0
        self.shift, self.bias = shift, 0
        self.halted = False
        self.deadline = NEVER
        self.uarts = [FakeUart() for _ in range(self.p.ports)]
        self.devices = {f"serial{n}": uart for n, uart in enumerate(self.uarts)}
        self.devices |= {"pm": FakeButtons(self, "power", 1000), "lapic": FakeButtons(self, "nmi", 2000)}
        self.x = self.p.seed
        self.resets = 0
        self.noted = []
        self.booted_at = door.host_clock_ns()
        self._stirred(self.booted_at)
        self._kicked = ""
        self._pending = None

    def _stirred(self, value):
        self.x = ((self.x ^ value) * 6364136223846793005 + 1442695040888963407) & M64

    def now_ns(self):
        return self.bias + (self.icount << self.shift)

    def kick(self):
        self._kicked = "kick"

    def take_input(self):
        self._kicked = self._kicked or "input"

    def run(self, until_icount, until_seq=0):
        until = (until_icount, until_seq)
        while True:
            if (self.icount, self.seq) >= until:
                return Stop("budget")
            if self._pending:
                stop, self._pending = self._pending, None
                return stop
            if self._kicked:
                kind, self._kicked = self._kicked, ""
                return Stop(kind)
            if self.deadline <= self.now_ns():
                self.deadline = NEVER
                self._stirred(77)
                self.seq += 1
                self.halted = self.halted and self.x >> 60 == 0  # now and then the interrupt is not taken
                if self.halted:
                    self.deadline = self.now_ns() + 1000
                continue
            if self.halted and any(uart.rx for uart in self.uarts):
                self.halted = False
                self.seq += 1
                continue
            if self.halted:
                return Stop("halted", self.deadline)
            self._step()

    def _step(self):
        self._stirred(self.now_ns())
        if self.p.forever == "fault" and self.icount >= self.p.end:
            self.seq += 1
            self._kicked = self._kicked or ("kick" if self.seq % 997 == 0 else "")  # the watcher's tick
            return
        what = self.x >> 20 & 4095
        for name in ("clock", "talk", "listen", "halt", "fault", "reset"):
            if what < getattr(self.p, name):
                if getattr(self, "_" + name)():
                    return
                break
            what -= getattr(self.p, name)
        if self.p.wrong.get("stir") == self.icount:
            self._stirred(1)
        self.icount += 1
        self.seq = 0
        if self.icount == self.p.end and self.p.forever != "fault":
            if self.p.forever == "halt":
                self.halted, self.deadline, self.p.halt = True, NEVER, 0
            else:
                self._pending = Stop("shutdown", cause="guest-shutdown", status=self.p.status)

    def _clock(self):
        self._stirred(self.door.host_clock_ns())

    def _talk(self):
        if "serial0" in self.door.ends:
            text = b"%c" % (65 + self.x % 26) + (b"\n" if self.x % 7 == 0 else b"")
            self.door.ends["serial0"].write(text, [self.icount] * len(text))

    def _listen(self):
        for i, uart in enumerate(self.uarts):
            if uart.rx:
                self._stirred(uart.read() + 256 * i)

    def _halt(self):
        self.halted = True
        self.deadline = self.now_ns() + 1 + self.x % self.p.alarm_ns

    def _fault(self):
        self.seq += 1
        return True

    def _reset(self):
        self._pending = Stop("reset", cause="guest-reset")

    def warp(self, to_ns):
        assert self.halted and to_ns >= self.now_ns()
        self.bias += to_ns - self.now_ns()

    def set_shift(self, shift):
        now = self.now_ns()
        self.shift = shift
        self.bias += now - self.now_ns()

    def reset(self):
        self.resets += 1
        self.seq += 1
        self.halted, self.deadline, self.x = False, NEVER, self.x & 0xFFFF
        for uart in self.uarts:
            uart.rx.clear()

    suspended = False
    hot_blocks = ()

    def unsaved_pages(self):
        return 0

    def take_checkpoint(self):
        if self._pending:
            return None
        page = self.icount >> 10 & 15
        return {"x": self.x.to_bytes(8, "little")}, {page: self.x.to_bytes(8, "little") * 512, page + 16: bytes(4096)}

    def note_digest(self):
        self.noted.append(self.digest_parts())

    def noted_digests(self):
        noted, self.noted = self.noted, []
        return noted

    def digest_parts(self):
        def h(*values):
            return blake2b(repr(values).encode(), digest_size=16).digest()

        return {
            "cpu": h(self.x, self.halted, self.icount, self.seq),
            "clock": h(self.now_ns(), self.shift, self.deadline),
            "uart": h([bytes(uart.rx) for uart in self.uarts]),
            "idle": h(self.resets),
        }
