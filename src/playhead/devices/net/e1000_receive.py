"""The receiver of the 82540EM: which frames it takes, and how they get into the guest's buffers.

A frame may go over several buffers; if there are not enough for it, it is lost, and an overrun says so. In a
descriptor, checksums are marked as not looked at, as QEMU does, so that software looks.

Sources: Intel's manual (as e1000_registers.py); QEMU 7.2 for the limits of length and for the order of the filters.
"""

from playhead.devices.net.e1000_counters import count_received, increase
from playhead.devices.net.e1000_registers import (
    CTRL, MPC, MTA, RA, RCTL, RDBAH, RDBAL, RDH, RDLEN, RDT, RNBC, ROC, VET, VFTA, E1000State,
)  # fmt: skip
from playhead.devices.net.ethernet import ADDRESS, BROADCAST, HEADER, frame_check, padded, untagged
from playhead.devices.pci.ring_memory import RingMemory

DESCRIPTOR = 16
# RCTL
STORE_BAD, UNICAST_ALL, MULTICAST_ALL, LONG, BROADCAST_ALL = 0x04, 0x08, 0x10, 0x20, 0x8000
VLAN_FILTER, LARGE_BUFFERS, STRIP_CRC = 1 << 18, 1 << 25, 1 << 26
HASH_SHIFT = (4, 3, 2, 0)  # by RCTL.MO: which bits of the address are the index
LONGEST, LONGEST_LONG = 1522, 16384  # by RCTL.LPE
CTRL_VME = 1 << 30
VALID = 1 << 31  # RAH.AV
DONE, END, IGNORE_SUMS, VLAN = 0x01, 0x02, 0x04, 0x08  # status of a descriptor
RXDMT0, RXO, RXT0 = 0x10, 0x40, 0x80  # causes of interrupts


class Receiver:
    def __init__(self, state: E1000State, memory: RingMemory):
        self._s, self._memory = state, memory

    def take(self, frame: bytes) -> int:
        """A frame from the wire, or looped back; returns causes of an interrupt."""
        if len(frame) < HEADER:
            return 0
        regs = self._s.regs
        frame = padded(frame)
        if len(frame) > LONGEST and self._is_oversized(len(frame)):
            increase(regs, ROC)
            return 0
        tag = int.from_bytes(frame[14:16], "big") if frame[12:14] == (regs[VET] & 0xFFFF).to_bytes(2, "big") else None
        if not self._is_wanted(frame, tag):
            return 0
        status, special, length = IGNORE_SUMS, 0, len(frame)
        if tag is not None and regs[CTRL] & CTRL_VME:
            frame = untagged(frame)
            status, special = status | VLAN, tag
        if not regs[RCTL] & STRIP_CRC:
            frame = frame + frame_check(frame)
        return self._store(frame, length, status, special)

    def _is_oversized(self, length: int) -> bool:
        control = self._s.regs[RCTL]
        return not control & STORE_BAD and (length > LONGEST_LONG or not control & LONG)

    # -- filters

    def _is_wanted(self, frame: bytes, tag: int | None) -> bool:
        regs = self._s.regs
        control = regs[RCTL]
        if tag is not None and control & VLAN_FILTER:
            vlan = tag & 0xFFF
            if not regs[VFTA + (vlan >> 5)] >> (vlan & 31) & 1:
                return False
        if frame[0] & 1:
            if control & MULTICAST_ALL or (control & BROADCAST_ALL and frame[:ADDRESS] == BROADCAST):
                return True
        elif control & UNICAST_ALL:
            return True
        return self._has_address(frame) or self._is_in_table(frame)

    def _has_address(self, frame: bytes) -> bool:
        """One of the 16 exact addresses."""
        regs = self._s.regs
        low, high = int.from_bytes(frame[:4], "little"), frame[4] | frame[5] << 8
        for n in range(RA, RA + 32, 2):
            if regs[n] == low and regs[n + 1] & VALID and regs[n + 1] & 0xFFFF == high:
                return True
        return False

    def _is_in_table(self, frame: bytes) -> bool:
        regs = self._s.regs
        index = (frame[4] | frame[5] << 8) >> HASH_SHIFT[regs[RCTL] >> 12 & 3] & 0xFFF
        return bool(regs[MTA + (index >> 5)] >> (index & 31) & 1)

    # -- the ring

    def _buffer_size(self) -> int:
        control = self._s.regs[RCTL]
        small = control >> 16 & 3
        return 32768 >> small if control & LARGE_BUFFERS and small else 2048 >> small

    def _store(self, data: bytes, length: int, status: int, special: int) -> int:
        """Fill as many buffers as it takes; `length` is that of the frame on the wire, without FCS."""
        regs = self._s.regs
        ring, size = regs[RDLEN] // DESCRIPTOR, self._buffer_size()
        room = (regs[RDT] - regs[RDH]) % ring if ring else 0
        if len(data) > room * size:
            increase(regs, RNBC)
            increase(regs, MPC)
            return RXO
        base = regs[RDBAH] << 32 | regs[RDBAL] & ~15
        head, read, write = regs[RDH] % ring, self._memory.read, self._memory.write
        for at in range(0, len(data), size):
            part = data[at : at + size]
            place = base + DESCRIPTOR * head
            buffer = read(place, 8)
            if buffer != bytes(8):
                write(int.from_bytes(buffer, "little"), part)
            room -= 1
            end = END | status if at + size >= len(data) else status & VLAN
            write(place + 8, (len(part) | (DONE | end) << 32 | special << 48).to_bytes(8, "little"))
            head = head + 1 if head + 1 < ring else 0
        regs[RDH] = head
        count_received(regs, data, length)
        return RXT0 | (RXDMT0 if room * DESCRIPTOR <= regs[RDLEN] >> (regs[RCTL] >> 8 & 3) + 1 else 0)
