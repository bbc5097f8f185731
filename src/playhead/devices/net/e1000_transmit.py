"""The transmitter of the 82540EM: from descriptors to frames.

A write of the tail sends all that the ring then holds, at once, as in QEMU. Descriptors are read many at a time, and
those that ask for a report (RS) are written back with as few accesses. What one write of the tail may set off is
bounded: behind `MOST` units of work (a descriptor, a frame, a page of data) the rest waits for an alarm. So a ring that
a guest has filled with nonsense keeps the machine from nothing.

A packet goes over any number of descriptors; what has been read of one whose end is not there yet is state.

Source: Intel's manual (as e1000_registers.py).
"""

from collections.abc import Callable

from playhead.devices.net.e1000_counters import count_sent, increase
from playhead.devices.net.e1000_offload import fill_headers, put_checksum, put_checksums
from playhead.devices.net.e1000_registers import (
    CTRL, TDBAH, TDBAL, TDH, TDLEN, TDT, TSCTC, VET, Context, E1000State,
)  # fmt: skip
from playhead.devices.net.ethernet import tagged
from playhead.devices.pci.ring_memory import RingMemory

DESCRIPTOR = 16
AT_ONCE = 64  # descriptors read together
MOST = 1 << 14
LARGEST = 1 << 16  # of a packet, or of a segment with its headers

# the command byte of a descriptor
EOP, INSERT_SUM, SEGMENT, REPORT, EXTENDED, TAG, DELAY = 0x01, 0x04, 0x04, 0x18, 0x20, 0x40, 0x80
DATA = 0x10  # in the byte before it, of an extended descriptor
DONE, ERRORS = 0x01, 0x0E  # status
CTRL_VME = 1 << 30
TXDW, TXQE = 0x01, 0x02  # causes of interrupts


class Transmitter:
    """`send` takes a frame of the guest's."""

    def __init__(self, state: E1000State, memory: RingMemory, send: Callable[[bytes], None]):
        self._s, self._memory, self._send = state, memory, send
        self._data = bytearray()  # of the packet that is being read
        self._work = 0

    def run(self) -> tuple[int, bool]:
        """Send what the ring holds: (causes of an interrupt, whether something is left that has to wait)."""
        s, regs = self._s, self._s.regs
        size = regs[TDLEN] // DESCRIPTOR
        causes = TXQE
        if size == 0:
            return causes, False
        head, left = regs[TDH] % size, (regs[TDT] - regs[TDH]) % size
        base = regs[TDBAH] << 32 | regs[TDBAL] & ~15
        self._data, self._work = bytearray(s.packet.data.view()), 0
        while left and self._work < MOST:
            count, more = self._block(base + DESCRIPTOR * head, min(left, size - head, AT_ONCE))
            causes |= more
            head, left = (head + count) % size, left - count
        s.packet.data = self._data
        regs[TDH] = head
        return causes, left > 0

    def _block(self, address: int, count: int) -> tuple[int, int]:
        """Handle descriptors that lie one behind the other: (how many, causes of an interrupt)."""
        block = bytearray(self._memory.read(address, DESCRIPTOR * count))
        reported, at = False, 0
        while at < len(block) and self._work < MOST:
            command = block[at + 11]
            if command & EXTENDED and not block[at + 10] & DATA:
                self._take_context(block[at : at + DESCRIPTOR])
            else:
                self._take_data(block[at : at + DESCRIPTOR], command)
            if command & DELAY:
                self._s.packet.delays = True
            if command & REPORT:
                block[at + 12] = block[at + 12] & ~ERRORS | DONE
                reported = True
            at += DESCRIPTOR
            self._work += 1
        if reported:
            self._memory.write(address, block[:at])
        return at // DESCRIPTOR, TXDW if reported else 0

    def _take_context(self, d: bytearray) -> None:
        command = d[11]
        c: Context = self._s.segmenting if command & SEGMENT else self._s.plain
        c.ip_start, c.ip_sum, c.ip_end = d[0], d[1], d[2] | d[3] << 8
        c.start, c.sum, c.end = d[4], d[5], d[6] | d[7] << 8
        c.payload = d[8] | d[9] << 8 | (d[10] & 0x0F) << 16
        c.tcp, c.ipv4 = bool(command & 1), bool(command & 2)
        c.header, c.segment = d[13], d[14] | d[15] << 8

    def _take_data(self, d: bytearray, command: int) -> None:
        p = self._s.packet
        extended = command & EXTENDED
        if not self._data and not p.segments:
            p.sums = d[13] & 3 if extended else 0
            p.segmented = bool(extended and command & SEGMENT)
        if command & TAG and (command & EOP or p.segmented) and self._s.regs[CTRL] & CTRL_VME:
            p.tagged, p.tag = True, d[14] | d[15] << 8
        length = d[8] | d[9] << 8
        if not p.segmented:
            length = min(length, LARGEST - len(self._data))
        if length:
            self._data += self._memory.read(int.from_bytes(d[:8], "little"), length)
            self._work += length >> 12
        if p.segmented:
            self._send_segments(bool(command & EOP))
        elif command & EOP:
            self._send_packet(d, extended, command)
        if command & EOP:
            self._end()

    def _end(self) -> None:
        self._data = bytearray()
        p = self._s.packet
        p.sums, p.segmented, p.tagged, p.segments = 0, False, False, 0

    def _send_packet(self, d: bytearray, extended: int, command: int) -> None:
        frame = self._data
        if self._s.packet.sums:
            put_checksums(frame, self._s.plain, self._s.packet.sums)
        elif command & INSERT_SUM and not extended:
            put_checksum(frame, d[10], d[13], 0)
        self._sent(frame)

    def _send_segments(self, end: bool) -> None:
        """Send what is there in full segments, and at the end of the packet what is left; the headers stay in front."""
        c, p, data = self._s.segmenting, self._s.packet, self._data
        header, size = data[: c.header], c.segment or LARGEST
        at = c.header
        while len(data) - at > size or (end and self._has_more(len(data) - at)):
            last = end and len(data) - at <= size
            frame = header + data[at : at + size]
            at += size
            fill_headers(frame, c, p.segments, last, p.sums)
            put_checksums(frame, c, p.sums)
            p.segments += 1
            self._sent(frame)
            if last:
                increase(self._s.regs, TSCTC)
                break
        del data[c.header : at]

    def _has_more(self, payload: int) -> bool:
        """At the end of a packet: headers alone are sent only if no payload was."""
        return payload > 0 or (payload == 0 and not self._s.packet.segments)

    def _sent(self, frame: bytes | bytearray) -> None:
        if self._s.packet.tagged:
            tag = (self._s.regs[VET] & 0xFFFF) << 16 | self._s.packet.tag
            frame = tagged(frame, tag.to_bytes(4, "big"))
        self._work += 1
        count_sent(self._s.regs, frame)
        self._send(bytes(frame))
