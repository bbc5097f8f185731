"""The PHY of the 82540EM, a Marvell 88E1000 as MDIC shows it, and the state of the link.

Autonegotiation takes half a second, after which the link is up if the cable is plugged in, and LSC says so. While it
goes on the link is down. A reset of the PHY gives its registers their defaults and leaves the link as it is.

Sources: Intel's manual (as e1000_registers.py); IEEE 802.3, clause 22; QEMU 7.2 for the results of MDIC and for when
the link changes.
"""

from collections.abc import Callable

from playhead.devices.net.e1000_registers import MDIC, STATUS, STATUS_LU, E1000State
from playhead.hw.clock import VirtualClock

CONTROL, MII_STATUS, ADVERTISED, PARTNER = 0, 1, 4, 5
WRITABLE = {CONTROL: 0x7DC0, ADVERTISED: 0xFFFF, 9: 0xFFFF, 16: 0xFFFF, 20: 0xFFFF}
DEFAULTS = {
    CONTROL: 0x1140, MII_STATUS: 0x794D, 2: 0x0141, 3: 0x0C20, ADVERTISED: 0x0DE1, PARTNER: 0x01E0, 6: 0, 9: 0x0E00,
    10: 0x3C00, 16: 0x0360, 17: 0xAC00, 20: 0x0D60, 21: 0,
}  # fmt: skip
RESET, LOOPBACK, NEGOTIATE, RESTART = 0x8000, 0x4000, 0x1000, 0x0200  # of CONTROL
LINKED, NEGOTIATED = 0x0004, 0x0020  # of MII_STATUS
ACKNOWLEDGED = 0x4000  # of PARTNER
NEGOTIATION_NS = 500_000_000

ADDRESS = 1
INTERRUPT, ERROR, READY = 1 << 29, 1 << 30, 1 << 28  # of MDIC
OP_WRITE, OP_READ = 1 << 26, 1 << 27


class Phy:
    """`negotiates`: the property `autonegotiation`. `changed` is told when the link has gone up or down by itself."""

    def __init__(self, state: E1000State, clock: VirtualClock, name: str, negotiates: bool,
                 changed: Callable[[], None]):  # fmt: skip
        self._s, self._clock, self._negotiates, self._changed = state, clock, negotiates, changed
        self._alarm = clock.alarm(f"{name}.negotiation", self._negotiated)

    def power_on(self) -> None:
        """With the link as the cable has it."""
        self._alarm.cancel()
        for register in DEFAULTS:
            self._s.phy[register] = DEFAULTS[register]
        if not self._s.link:
            self._down()

    @property
    def loops(self) -> bool:
        return bool(self._s.phy[CONTROL] & LOOPBACK)

    # -- the link

    def set_link(self, up: bool) -> None:
        """The cable is plugged in or out."""
        s = self._s
        s.link = up
        was = s.regs[STATUS] & STATUS_LU
        if not up:
            self._down()
        elif self._negotiates and s.phy[CONTROL] & NEGOTIATE and not s.phy[MII_STATUS] & NEGOTIATED:
            self._negotiate()
        else:
            self._up()
        if s.regs[STATUS] & STATUS_LU != was:
            self._changed()

    def _down(self) -> None:
        s = self._s
        s.regs[STATUS] &= ~STATUS_LU
        s.phy[MII_STATUS] &= ~(LINKED | NEGOTIATED)
        s.phy[PARTNER] &= ~ACKNOWLEDGED

    def _up(self) -> None:
        self._s.regs[STATUS] |= STATUS_LU
        self._s.phy[MII_STATUS] |= LINKED

    def _negotiate(self) -> None:
        self._down()
        self._alarm.arm(self._clock.now_ns() + NEGOTIATION_NS)

    def _negotiated(self) -> None:
        s = self._s
        if s.link:
            self._up()
            s.phy[MII_STATUS] |= NEGOTIATED
            s.phy[PARTNER] |= ACKNOWLEDGED
            self._changed()

    # -- registers

    def reset(self) -> None:
        for register in WRITABLE:
            self._s.phy[register] = DEFAULTS[register]

    def command(self, value: int) -> bool:
        """A write to MDIC; True if the end of this command is to interrupt."""
        regs = self._s.regs
        register = value >> 16 & 31
        if value >> 21 & 31 != ADDRESS:
            regs[MDIC] |= ERROR
        else:
            regs[MDIC] = self._done(value, register) | READY
        return bool(value & INTERRUPT)

    def _done(self, value: int, register: int) -> int:
        if value & OP_READ:
            if register not in DEFAULTS:
                return value | ERROR
            return value & 0xFFFF0000 | self._s.phy[register]
        if value & OP_WRITE:
            if register not in WRITABLE:
                return value | ERROR
            self._write(register, value & 0xFFFF)
        return value

    def _write(self, register: int, value: int) -> None:
        if register == CONTROL and value & RESET:
            self.reset()
        self._s.phy[register] = value & WRITABLE[register]
        if register == CONTROL and self._negotiates and value & NEGOTIATE and value & RESTART:
            self._negotiate()
