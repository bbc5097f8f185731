"""The RTL8139C+'s receiver: which frames it takes, and where it puts them.

In C mode frames follow one another in a ring of bytes, each behind a header of four. In C+ mode each frame has a
descriptor of its own. Whether the next one is the chip's is looked at with each frame, and remembered (`rx_full`): the
driver gives it back by a write to memory, which the chip does not see.

A frame for which there is no room goes into the FIFO, and the driver is told (RxOverflow); further ones, and those of
which the driver does not want to be told, wait on the host's side. Drivers rely on being told: Linux's 8139too ends a
round of work with frames in the ring and all interrupts acknowledged.

Sources: as of rtl8139.py.
"""

import struct
from collections.abc import Callable

from playhead.devices.net.ethernet import (
    ADDRESS, BROADCAST, FCS, TAG, VLAN, frame_check, hash_bits, padded, untagged,
)  # fmt: skip
from playhead.devices.pci.ring_memory import RingMemory
from playhead.devices.net.rtl8139_registers import (
    CPCR_VLAN, CR_RE, FIFO, FIFO_OVERFLOW, OVERFLOW, RCR_AAP, RCR_AB, RCR_AM, RCR_APM, RCR_WRAP, ROK, Rtl8139State,
    receives_plus, ring_length, ring_room, takes,
)  # fmt: skip
from playhead.devices.pci.bus import COMMAND, COMMAND_MASTER

MULTICAST, PHYSICAL, BROADCASTED = 0x8000, 0x4000, 0x2000  # in a header of C mode: the kind of address
PLUS_KIND = 11  # how much higher these are in a descriptor
OWN, END_OF_RING, FIRST_AND_LAST = 1 << 31, 1 << 30, 3 << 28
TAGGED = 1 << 16  # in the second dword: a VLAN tag was taken out
SIZE = 0x1FFF
LONGEST = 4096  # what the chip calls longer is an error
STORED, WAITS, TOO_LONG = range(3)  # what became of a frame
DESCRIPTORS, HEADER = struct.Struct("<IIIII"), struct.Struct("<HH")


class Receiver:
    """`interrupt` takes bits of ISR."""

    def __init__(self, s: Rtl8139State, ring: RingMemory, interrupt: Callable[[int], None]):
        self._s, self._ring, self._interrupt = s, ring, interrupt

    def has_room(self) -> bool:
        """Whether a frame may come now (see `hw.inputs.NetReceiver`)."""
        return takes(self._s) or self._given_back()

    def look(self) -> None:
        """The driver has accessed a register: it may have given a descriptor back as well."""
        if self._s.rx_full and self._given_back():
            self._s.rx_full = False
        if self._s.fifo and self._masters():
            self._drain()

    def _given_back(self) -> bool:
        return bool(receives_plus(self._s)) and self._masters() and self._owns(self._s.rx_next)

    def _masters(self) -> bool:
        return bool(self._s.config[COMMAND] & COMMAND_MASTER)

    def _owns(self, n: int) -> bool:
        """Whether descriptor `n` of the ring is the chip's."""
        return bool(self._ring.read(self._descriptor(n) + 3, 1)[0] & 0x80)

    def _descriptor(self, n: int) -> int:
        low, high = self._s.rdsar
        return (low | high << 32) + 16 * n

    def receive(self, frame: bytes) -> None:
        s = self._s
        if not s.cr & CR_RE or not s.clock or not frame:
            return
        frame = padded(frame)
        kind = self._kind(frame)
        if not kind:
            return
        if not self._masters():
            self._miss(FIFO_OVERFLOW)
        elif len(frame) > LONGEST:
            s.tally.rx_error += 1
        else:
            self._store(frame, kind)

    def _store(self, frame: bytes, kind: int) -> None:
        s = self._s
        if s.fifo:
            self._drain()
        done = WAITS if s.fifo else self._put(frame, kind)
        if done == WAITS and not s.fifo and len(frame) <= FIFO:
            s.fifo = frame
            self._interrupt(OVERFLOW)
        elif done != STORED:
            self._miss(OVERFLOW)

    def _drain(self) -> None:
        """Put the frame that waits in the FIFO into memory, if it still is for this card, and there is room."""
        s = self._s
        frame = bytes(s.fifo)
        kind = self._kind(frame)
        if not kind or self._put(frame, kind) != WAITS:
            s.fifo = b""

    def _put(self, frame: bytes, kind: int) -> int:
        done = self._put_plus(frame, kind) if receives_plus(self._s) else self._put_ring(frame, kind)
        if done == STORED:
            self._count(kind)
            self._interrupt(ROK)
        return done

    def _kind(self, frame: bytes) -> int:
        """The bit for the kind of its address; 0 if the frame is not for this card."""
        s = self._s
        rcr = s.rcr
        wanted: int
        if not frame[0] & 1:
            wanted, kind = rcr & RCR_APM and frame[:ADDRESS] == s.idr, PHYSICAL
        elif frame[:ADDRESS] == BROADCAST:
            wanted, kind = rcr & RCR_AB, BROADCASTED
        else:
            wanted, kind = rcr & RCR_AM and self._in_filter(frame), MULTICAST
        return kind if wanted or rcr & RCR_AAP else 0

    def _in_filter(self, frame: bytes) -> int:
        index = hash_bits(frame[:ADDRESS], 6)
        return self._s.mar[index >> 3] >> (index & 7) & 1

    def _count(self, kind: int) -> None:
        tally = self._s.tally
        tally.rx_ok += 1
        if kind == PHYSICAL:
            tally.rx_physical += 1
        elif kind == BROADCASTED:
            tally.rx_broadcast += 1
        else:
            tally.rx_multicast += 1

    def _miss(self, why: int) -> None:
        s = self._s
        s.mpc = s.mpc + 1 & 0xFFFFFF
        s.tally.rx_error += 1
        s.tally.missed += 1
        self._interrupt(why)

    # -- C mode

    def _put_ring(self, frame: bytes, kind: int) -> int:
        """Put it into the ring, if there is room. With WRAP set it goes on behind the ring's end."""
        s = self._s
        record = b"".join((HEADER.pack(kind | ROK, len(frame) + FCS), frame, frame_check(frame)))
        room, length = ring_room(s), ring_length(s)
        if room and (len(record) + 3 & ~3) >= room:
            return WAITS
        at, to_end = s.rbstart + s.write_at, length - s.write_at
        if len(record) <= to_end or (s.rcr & RCR_WRAP and length < 1 << 16):
            self._ring.write(at, record)
        else:
            self._ring.write(at, record[:to_end])
            self._ring.write(s.rbstart, record[to_end:])
        s.write_at = (s.write_at + len(record) + 3 & ~3) % length
        return STORED

    # -- C+ mode

    def _put_plus(self, frame: bytes, kind: int) -> int:
        """Put it where the next descriptor says, if there is one."""
        s = self._s
        at = self._descriptor(s.rx_next)
        command, vlan, low, high, following = DESCRIPTORS.unpack(self._ring.read(at, DESCRIPTORS.size))
        if not command & OWN:
            s.rx_full = True
            return WAITS
        vlan &= ~(TAGGED | 0xFFFF)
        if s.cpcr & CPCR_VLAN and frame[2 * ADDRESS : 2 * ADDRESS + 2] == VLAN:
            vlan |= TAGGED | int.from_bytes(frame[2 * ADDRESS + 2 : 2 * ADDRESS + TAG], "little")
            frame = padded(untagged(frame))
        size = len(frame) + FCS
        if size > command & SIZE:
            return TOO_LONG
        self._ring.write(low | high << 32, frame + frame_check(frame))
        status = command & END_OF_RING | FIRST_AND_LAST | kind << PLUS_KIND | size
        self._ring.write(at, status.to_bytes(4, "little") + vlan.to_bytes(4, "little"))
        s.rx_next = 0 if command & END_OF_RING else (s.rx_next + 1) & 0xFFFF
        s.rx_full = not (following & OWN if s.rx_next else self._owns(0))
        return STORED
