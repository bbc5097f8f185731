"""The RTL8139C+'s transmitter: four descriptors in registers (C mode), or two rings of them in memory (C+ mode).

Whatever is the chip's when the driver says that there is something is sent at once. A packet of several descriptors is
taken when its last one is there; until then none of them is. A ring has at most 64 descriptors, so that a round through
it is all that one access can cause.

Sources: as of rtl8139.py.
"""

import struct
from collections.abc import Callable

from playhead.devices.net.ethernet import VLAN, tagged
from playhead.devices.pci.ring_memory import RingMemory
from playhead.devices.net.rtl8139_offload import OFFLOADS, offloaded
from playhead.devices.net.rtl8139_registers import (
    CPCR_TX, CR_TE, TOK, TSD_OWN, TSD_SIZE, TSD_TOK, Rtl8139State,
)  # fmt: skip
from playhead.devices.pci.bus import COMMAND, COMMAND_MASTER

OWN, END_OF_RING, FIRST, LAST = 1 << 31, 1 << 30, 1 << 29, 1 << 28
STATUS = 0x0FFF0000  # in a descriptor that is given back: errors and collisions, of which there are none
SIZE = 0xFFFF
TAG = 1 << 17  # in the second dword: insert a VLAN tag
DESCRIPTOR, MOST = struct.Struct("<IIII"), 64
LARGEST = 0x10000 + 0x100  # bytes of a packet that is sent at all: the largest of IP's, and its frame's header

Part = tuple[int, int]  # address and length of a piece of a packet


class Transmitter:
    """`send` takes a frame, `interrupt` bits of ISR."""

    def __init__(
        self, s: Rtl8139State, ring: RingMemory, send: Callable[[bytes], None], interrupt: Callable[[int], None]
    ):
        self._s, self._ring, self._send, self._interrupt = s, ring, send, interrupt

    def _on(self) -> bool:
        s = self._s
        return bool(s.cr & CR_TE and s.clock and s.config[COMMAND] & COMMAND_MASTER)

    # -- C mode

    def registers(self) -> None:
        """Send what the four descriptors have, in their order."""
        s, sent = self._s, False
        for _ in range(4):
            n = s.tx_next
            status = s.tsd[n]
            if status & TSD_OWN or not self._on():
                break
            size = status & TSD_SIZE
            if size:
                self._send(self._ring.read(s.tsad[n], size))
            s.tsd[n] = status | TSD_OWN | TSD_TOK
            s.tx_next = (n + 1) & 3
            s.tally.tx_ok += 1
            sent = True
        if sent:
            self._interrupt(TOK)

    # -- C+ mode

    def normal(self) -> None:
        """Send what the ring of normal priority has."""
        s = self._s
        if self._on() and s.cpcr & CPCR_TX:
            s.tx_normal = self._ring_of(s.tsad[0] | s.tsad[1] << 32, s.tx_normal)

    def high(self) -> None:
        s = self._s
        if self._on() and s.cpcr & CPCR_TX:
            s.tx_high = self._ring_of(s.tsad[2] | s.tsad[3] << 32, s.tx_high)

    def _ring_of(self, base: int, next: int) -> int:
        """Send whole packets from descriptor `next` on; returns the one behind them."""
        at = next
        taken: list[Part] = []  # descriptors: address, first dword
        parts: list[Part] = []
        sent = False
        for _ in range(MOST):
            address = base + DESCRIPTOR.size * at
            command, vlan, low, high = DESCRIPTOR.unpack(self._ring.read(address, DESCRIPTOR.size))
            if not command & OWN:
                break
            at = 0 if command & END_OF_RING else (at + 1) % MOST
            if command & FIRST:
                parts.clear()
            taken.append((address, command))
            parts.append((low | high << 32, command & SIZE))
            if command & LAST:
                self._packet(parts, command, vlan)
                self._give_back(taken)
                parts.clear()
                next, sent = at, True
        else:
            if taken:  # a whole round without an end
                self._give_back(taken)
                next, sent = at, True
        if sent:
            self._interrupt(TOK)
        return next

    def _give_back(self, taken: list[Part]) -> None:
        for address, command in taken:
            self._ring.write(address, (command & ~OWN & ~STATUS).to_bytes(4, "little"))
        taken.clear()

    def _packet(self, parts: list[Part], command: int, vlan: int) -> None:
        self._s.tally.tx_ok += 1
        if not 0 < sum(length for _, length in parts) <= LARGEST:
            return
        frame = b"".join(self._ring.read(address, length) for address, length in parts if length)
        for one in offloaded(frame, command) if command & OFFLOADS else (frame,):
            self._send(tagged(one, VLAN + (vlan & 0xFFFF).to_bytes(2, "little")) if vlan & TAG else one)
