"""The interrupt of the 82540EM: causes, their mask, and the line, which rises 7,813 times a second at most.

It is held back for longer if a driver has asked for that: after every interrupt (ITR), after one for received frames
(RDTR, RADV), or for frames whose descriptors say so (IDE, TADV).

Sources: Intel's manual (as e1000_registers.py); QEMU 7.2 for the least distance and for what counts towards it.
"""

from playhead.devices.net.card import COMMAND_NO_INTX, STATUS_INTX
from playhead.devices.net.e1000_receive import RXT0
from playhead.devices.net.e1000_registers import ICR, IMS, ITR, RADV, RDTR, TADV, E1000State
from playhead.devices.net.e1000_transmit import TXDW, TXQE
from playhead.devices.pci.bus import COMMAND, STATUS
from playhead.hw.clock import VirtualClock
from playhead.hw.line import Line

UNIT_NS, LEAST_UNITS = 256, 500


class Interrupt:
    """`mitigates`: the property `mitigation`."""

    def __init__(self, state: E1000State, clock: VirtualClock, name: str, line: Line, mitigates: bool):
        self._s, self._clock, self._line, self._mitigates = state, clock, line, mitigates
        self._hold = clock.alarm(f"{name}.interrupt", self.update)

    def _level(self) -> bool:
        return self._s.raised and not self._s.config[COMMAND + 1] << 8 & COMMAND_NO_INTX

    def reset(self) -> None:
        self._line.set(False)
        self.cancel()

    def cancel(self) -> None:
        """Hold nothing back any longer."""
        self._hold.cancel()

    def loaded(self) -> None:
        self._line.restore(self._level())

    def drive(self) -> None:
        self._line.set(self._level())

    def cause(self, causes: int) -> None:
        if causes:
            self._s.regs[ICR] |= causes
            self.update()

    def update(self) -> None:
        """The line as causes and mask have it; it rises no sooner than the last rise allows."""
        s = self._s
        pending = s.regs[ICR] & s.regs[IMS]
        if (pending != 0) == s.raised:
            return
        if pending:
            if self._hold.armed:
                return
            if self._mitigates:
                self._hold.arm(self._clock.now_ns() + self._least_distance(pending) * UNIT_NS)
                s.packet.delays = False
        s.raised = pending != 0
        s.config[STATUS] = s.config[STATUS] & ~STATUS_INTX | (STATUS_INTX if pending else 0)
        self.drive()

    def _least_distance(self, pending: int) -> int:
        """From this interrupt to the next: the least that is asked for."""
        s, asked = self._s, [self._s.regs[ITR]]
        if s.packet.delays and pending & (TXDW | TXQE):
            asked.append(4 * s.regs[TADV])
        if s.regs[RDTR] and pending & RXT0:
            asked.append(4 * s.regs[RADV])
        return max(min(filter(None, asked), default=0), LEAST_UNITS)
