"""What the RTL8139C+'s registers do when they are written, its timer, and its serial EEPROM.

Whatever can be sent is sent within the access that says so, and a frame that comes in is in memory at once; so nothing
is under way between two instructions but TCTR, which counts the PCI clock.

Sources: as of rtl8139.py.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from playhead.devices.net.eeprom93cxx import WORDS, Eeprom93C46
from playhead.devices.pci.ring_memory import RingMemory
from playhead.devices.net.rtl8139_receive import Receiver
from playhead.devices.net.rtl8139_registers import (
    ANAR, BMCR, CAPR, CAPR_BEHIND, CONFIG0, CONFIG1, CONFIG3, CONFIG4, CONFIG5, CPCR, CPCR_WRITABLE, CR, CR9346, CR_RE,
    CR_RST, CR_TE, ETTHR, HLTCLK, IDR, IMR, INTERRUPTS, ISR, LENGTH, MAR, MPC, MULINT, RBSTART, RCR, RCR_WRITABLE,
    RDSAR, SOFTWARE, TCR, TCR_WRITABLE, TCTR, TIMEOUT, TIMER_NS, TIMERINT, TPPOLL, TSAD, TSD, TSD_WRITABLE,
    Rtl8139State, read_rtl8139, ring_length, takes,
)  # fmt: skip
from playhead.devices.net.rtl8139_transmit import Transmitter
from playhead.devices.pci.bus import COMMAND, COMMAND_MASTER
from playhead.hw.clock import VirtualClock
from playhead.hw.memory import Memory

AUTOLOAD, PROGRAM, UNLOCKED, MODE, WIRES = 0x40, 0x80, 0xC0, 0xC0, 0x0E  # 9346CR: EEM, and the wires' levels
SELECT, CLOCK, DATA = 0x08, 0x04, 0x02
EEPROM_BEGIN, EEPROM_MAC = (0x8129, 0x10EC, 0x8139), 7  # its first words; where the address is
POLL_HIGH, POLL_NORMAL, POLL_INTERRUPT = 0x80, 0x40, 0x01
DUMP, DUMP_ADDRESS = 0x08, ~0x3F
BMCR_RESET, CLOCK_RUN, CLOCK_HALT = 0x8000, ord("R"), ord("H")
# What CR.RST gives its default; the others keep their values.
SOFT_RESET = (
    "tsd", "rbstart", "read_at", "write_at", "imr", "isr", "tcr", "timer_int", "config0", "config1", "config3",
    "config5", "clock", "bmcr", "anar", "cpcr", "plus", "rdsar", "tx_next", "tx_normal", "tx_high", "rx_next",
    "rx_full", "fifo", "tally",
)  # fmt: skip


class Register(NamedTuple):
    at: int
    size: int
    set: Callable[[int], None]


class Core:
    """`drive` makes the interrupt line follow ISR and IMR, `send` takes a frame from the guest."""

    def __init__(self, name: str, s: Rtl8139State, clock: VirtualClock, memory: Memory, drive: Callable[[], None],
                 send: Callable[[bytes], None]):  # fmt: skip
        self.s, self._clock, self._drive = s, clock, drive
        self._timer = clock.alarm(f"{name}.tctr", self._timeout)
        self._eeprom = Eeprom93C46(s.eeprom)
        self._ring = RingMemory(memory, name)
        self.receiver = Receiver(s, self._ring, self.interrupt)
        self._transmitter = Transmitter(s, self._ring, send, self.interrupt)
        self.receiver_ready: Callable[[], None] = lambda: None  # there may be room for a frame again
        self._registers = {register.at: register for register in self._declared()}

    def interrupt(self, bits: int) -> None:
        self.s.isr |= bits
        self._drive()

    # -- resets

    def manufacture(self, address: bytes) -> None:
        """Write the EEPROM, and read it."""
        words = [int.from_bytes(address[at : at + 2], "little") for at in (0, 2, 4)]
        begin = [*EEPROM_BEGIN, *[0] * (EEPROM_MAC - len(EEPROM_BEGIN)), *words]
        self._eeprom.fill(begin + [0] * (WORDS - len(begin)))
        self._load_address()

    def before_reset(self) -> None:
        self._timer.cancel()

    def after_reset(self) -> None:
        """The state has its defaults, but for the EEPROM's words."""
        self._eeprom.power_on()
        self._load_address()
        self.s.timer_base_ns = self._clock.now_ns()

    def _load_address(self) -> None:
        for n in range(3):
            self.s.idr[2 * n : 2 * n + 2] = self.s.eeprom.words[EEPROM_MAC + n].to_bytes(2, "little")

    def _soft_reset(self) -> None:
        fresh = Rtl8139State()
        for name in SOFT_RESET:
            setattr(self.s, name, getattr(fresh, name))
        self._load_address()
        self.s.timer_base_ns = self._clock.now_ns()
        self._timer.cancel()
        self._drive()

    # -- the timer

    def _timeout(self) -> None:
        self.interrupt(TIMEOUT)
        self._arm()

    def _arm(self) -> None:
        """Ring when TCTR is next what TIMERINT says; 0 there is never."""
        s = self.s
        if not s.timer_int:
            self._timer.cancel()
            return
        round_ns = TIMER_NS << 32
        at, now_ns = s.timer_base_ns + s.timer_int * TIMER_NS, self._clock.now_ns()
        self._timer.arm(at if at > now_ns else at + ((now_ns - at) // round_ns + 1) * round_ns)

    # -- writes that are not declared

    def write(self, address: int, size: int, value: int) -> None:
        had_room = takes(self.s)
        offset = address % LENGTH
        register = self._registers.get(offset)
        if register is not None and register.size == size:
            register.set(value)
        else:
            self._write_bytes(offset, size, value)
        self.look(had_room)

    def look(self, had_room: bool) -> None:
        """The driver has accessed the chip: there may be room for a frame now."""
        self.receiver.look()
        if not had_room and takes(self.s):
            self.receiver_ready()

    def _write_bytes(self, offset: int, size: int, value: int) -> None:
        """An access that is not just one register: each keeps the bytes that are not written."""
        end = offset + size
        for register in [r for r in self._registers.values() if r.at < end and offset < r.at + r.size]:
            old = 0 if register.at == ISR else read_rtl8139(self.s, register.at, register.size, self._clock.now_ns())
            data = bytearray(old.to_bytes(register.size, "little"))
            for at in range(max(offset, register.at), min(end, register.at + register.size)):
                data[at - register.at] = value >> 8 * (at - offset) & 0xFF
            register.set(int.from_bytes(data, "little"))

    def _declared(self) -> list[Register]:
        """Every register that can be written, in its width."""
        single = [
            Register(CR, 1, self._set_cr), Register(CAPR, 2, self._set_capr), Register(IMR, 2, self._set_imr),
            Register(ISR, 2, self._set_isr), Register(TCR, 4, self._set_tcr), Register(RCR, 4, self._set_rcr),
            Register(TCTR, 4, self._set_tctr), Register(MPC, 4, self._set_mpc), Register(CR9346, 1, self._set_9346),
            Register(TIMERINT, 4, self._set_timer_int), Register(HLTCLK, 1, self._set_clock),
            Register(BMCR, 2, self._set_bmcr), Register(TPPOLL, 1, self._poll), Register(CPCR, 2, self._set_cpcr),
            self._plain(RBSTART, 4, "rbstart"), self._plain(ANAR, 2, "anar"), self._plain(ETTHR, 1, "etthr"),
            self._plain(MULINT, 2, "mulint", 0x0FFF), self._plain(CONFIG5, 1, "config5", 0x7F),
            self._locked(CONFIG0, "config0", 0x07), self._locked(CONFIG1, "config1", 0xF3),
            self._locked(CONFIG3, "config3", 0x70), self._locked(CONFIG4, "config4", 0xF5),
        ]  # fmt: skip
        tables = [self._byte(IDR + n, self.s.idr, n) for n in range(6)] + [
            self._byte(MAR + n, self.s.mar, n) for n in range(8)
        ]
        descriptors = [Register(TSD + 4 * n, 4, partial(self._set_tsd, n)) for n in range(4)]
        descriptors += [Register(TSAD + 4 * n, 4, partial(self._set_tsad, n)) for n in range(4)]
        descriptors += [Register(RDSAR + 4 * n, 4, partial(self._set_rdsar, n)) for n in range(2)]
        return single + tables + descriptors

    def _plain(self, at: int, size: int, field: str, writable: int = 0xFFFFFFFF) -> Register:
        """One without effect, of which some bits can be written."""
        mask = writable & ((1 << 8 * size) - 1)

        def set(value: int) -> None:
            setattr(self.s, field, getattr(self.s, field) & ~mask | value & mask)

        return Register(at, size, set)

    def _locked(self, at: int, field: str, writable: int) -> Register:
        """The same, while 9346CR says that configuration registers may be written."""
        plain = self._plain(at, 1, field, writable)

        def set(value: int) -> None:
            if self.s.cr9346 & MODE == UNLOCKED:
                plain.set(value)

        return Register(at, 1, set)

    def _byte(self, at: int, table: memoryview, n: int) -> Register:
        def set(value: int) -> None:
            table[n] = value

        return Register(at, 1, set)

    # -- control

    def _set_cr(self, value: int) -> None:
        """A receiver that is switched on begins at its ring's start."""
        s = self.s
        if value & CR_RST:
            self._soft_reset()
        if value & ~s.cr & CR_RE:
            s.read_at = s.write_at = 0
        if value & CR_RE:
            s.rx_next, s.rx_full = 0, False
        else:
            s.fifo = b""
        if value & CR_TE:
            s.tx_normal = s.tx_high = 0
        s.cr = value & (CR_RE | CR_TE)

    def _set_cpcr(self, value: int) -> None:
        self.s.cpcr, self.s.plus = value & CPCR_WRITABLE, True

    def _set_imr(self, value: int) -> None:
        self.s.imr = value & INTERRUPTS
        self._drive()

    def _set_isr(self, value: int) -> None:
        self.s.isr &= ~value & 0xFFFF
        self._drive()

    def _set_tctr(self, value: int) -> None:
        self.s.timer_base_ns = self._clock.now_ns()
        self._arm()

    def _set_timer_int(self, value: int) -> None:
        self.s.timer_int = value
        self._arm()

    def _set_mpc(self, value: int) -> None:
        self.s.mpc = 0

    def _set_clock(self, value: int) -> None:
        if value in (CLOCK_RUN, CLOCK_HALT):
            self.s.clock = value == CLOCK_RUN

    def _set_bmcr(self, value: int) -> None:
        """Speed and duplex are as negotiated, which is over at once."""
        if value & BMCR_RESET:
            self.s.anar = Rtl8139State().anar

    def _set_9346(self, value: int) -> None:
        s, mode = self.s, value & MODE
        if mode == AUTOLOAD:
            self._load_address()
            value = 0
        s.cr9346 = value & (MODE | WIRES)
        wires = value if mode == PROGRAM else 0
        self._eeprom.drive(bool(wires & SELECT), bool(wires & CLOCK), bool(wires & DATA))

    # -- receiving

    def _set_rcr(self, value: int) -> None:
        s, length = self.s, ring_length(self.s)
        s.rcr = value & RCR_WRITABLE
        if ring_length(s) != length:
            s.read_at = s.write_at = 0

    def _set_capr(self, value: int) -> None:
        self.s.read_at = (value + CAPR_BEHIND) % ring_length(self.s)

    def _set_rdsar(self, n: int, value: int) -> None:
        self.s.rdsar[n], self.s.rx_full = value, False

    # -- transmitting

    def _set_tcr(self, value: int) -> None:
        if self.s.cr & CR_TE:
            self.s.tcr = self.s.tcr & ~TCR_WRITABLE | value & TCR_WRITABLE

    def _set_tsad(self, n: int, value: int) -> None:
        self.s.tsad[n] = value

    def _set_tsd(self, n: int, value: int) -> None:
        s = self.s
        if s.plus:
            s.tsd[n] = value
            self._dump()
        else:
            s.tsd[n] = value & TSD_WRITABLE
            self._transmitter.registers()

    def _dump(self) -> None:
        """DTCCR: write the statistics to memory, if that is asked for."""
        s = self.s
        low, high = s.tsd[0], s.tsd[1]
        if low & DUMP and s.config[COMMAND] & COMMAND_MASTER:
            self._ring.write(low & DUMP_ADDRESS | high << 32, s.tally.encode())
            s.tsd[0] = low & ~DUMP

    def _poll(self, value: int) -> None:
        if value & POLL_HIGH:
            self._transmitter.high()
        if value & POLL_NORMAL:
            self._transmitter.normal()
        if value & POLL_INTERRUPT:
            self.interrupt(SOFTWARE)
