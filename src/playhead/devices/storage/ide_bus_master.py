"""The bus master of one IDE channel of the PIIX3: three registers, and a walk through physical region descriptors.

A transfer moves when both sides are ready: a drive that has a DMA command, and this with its start bit set; which
comes first does not matter. The three ways for it to end show in the status as the data sheet's table has them: the
table was exactly used up (interrupt, not active), it was longer (interrupt, still active), or it was too short
(neither, and the drive never comes to its interrupt). Where a descriptor or a region is not memory, the PCI cycle
ends in a master abort: the error bit, not active.

A table lies within 64 KiB, so the descriptor pointer wraps there; after as many descriptors as fit, the table is
taken to have ended. The direction bit is kept but not consulted: the drive's command says which way data go.

Source: Intel 82371FB/82371SB (PIIX/PIIX3) data sheet, sections 2.7 (BMICX, BMISX, BMIDTPX) and 3.5.3 (bus master
function, table of interrupt and activity status combinations).
"""

from playhead.devices.storage.ide_state import BusMasterState
from playhead.hw.memory import PAGE, READ, Memory

BMIC, BMIS, BMIDTP, LENGTH = 0, 2, 4, 8
START, DIRECTION = 0x01, 0x08
ACTIVE, FAULT, INTERRUPT, CAPABLE = 0x01, 0x02, 0x04, 0x60
END_OF_TABLE = 1 << 31
MOST = 0x10000 // 8  # descriptors

Pieces = list[tuple[int, int]]


class BusMaster:
    """`name` is the master's for whoever asks who wrote to memory; `state` is a part of the channel's."""

    def __init__(self, name: str, state: BusMasterState, memory: Memory):
        self.name, self._memory = name, memory
        self.state = state

    @property
    def active(self) -> bool:
        return bool(self.state.status & ACTIVE)

    # -- registers

    def read(self, offset: int) -> int:
        s = self.state
        if offset == BMIC:
            return s.command
        if offset == BMIS:
            return s.status
        return s.table >> 8 * (offset - BMIDTP) & 0xFF if offset >= BMIDTP else 0

    def write(self, offset: int, value: int) -> str:
        """Returns what that does to a transfer: "start", "stop" or nothing."""
        s = self.state
        if offset == BMIS:
            s.status = s.status & ~(value & (FAULT | INTERRUPT)) & ~CAPABLE | value & CAPABLE
        elif offset >= BMIDTP:
            shift = 8 * (offset - BMIDTP)
            s.table = (s.table & ~(0xFF << shift) | value << shift) & 0xFFFFFFFC
        elif offset == BMIC:
            was, s.command = s.command, value & (START | DIRECTION)
            if value & ~was & START:
                s.next, s.left, s.last, s.fetched = s.table, 0, False, 0
                s.status |= ACTIVE
                return "start"
            if was & ~value & START:
                s.status &= ~ACTIVE
                return "stop"
        return ""

    def interrupt(self) -> None:
        """The channel's interrupt line has risen."""
        self.state.status |= INTERRUPT

    # -- transfers

    def to_memory(self, data: bytes) -> bool:
        """Put a drive's data where the table says; False if the table was too short or led nowhere."""
        pieces = self._pieces(len(data))
        at = 0
        for address, length in pieces:
            self._memory.write(address, data[at : at + length], self.name)
            at += length
        return self._all(at, len(data))

    def from_memory(self, length: int) -> bytes | None:
        """Data for a drive; None if the table was too short or led nowhere."""
        data = b"".join(self._memory.read(address, n) for address, n in self._pieces(length))
        return data if self._all(len(data), length) else None

    def finish(self) -> None:
        """The drive has all that it wanted: the activity ends if the table does."""
        if self.state.last and not self.state.left:
            self.state.status &= ~ACTIVE

    def _all(self, moved: int, wanted: int) -> bool:
        if moved < wanted:
            self.state.status &= ~ACTIVE
        return moved == wanted

    def _pieces(self, length: int) -> Pieces:
        """Where the next bytes are: (address, length), each in memory; fewer bytes than asked for at a bad end."""
        s, found = self.state, []
        while length and (s.left or self._fetch()):
            n = min(length, s.left, PAGE - s.base % PAGE)
            if not self._is_memory(s.base):
                s.status |= FAULT
                break
            found.append((s.base, n))
            s.base, s.left = (s.base + n) & 0xFFFFFFFF, s.left - n
            length -= n
        return found

    def _fetch(self) -> bool:
        """The next descriptor; False at the end of the table."""
        s = self.state
        if s.last or s.fetched >= MOST:
            return False
        if not self._is_memory(s.next):
            s.status |= FAULT
            return False
        entry = self._memory.read(s.next, 8)
        s.next = s.next & 0xFFFF0000 | s.next + 8 & 0xFFFF
        s.fetched += 1
        s.base = int.from_bytes(entry[:4], "little") & ~1
        count = int.from_bytes(entry[4:], "little")
        s.left, s.last = count & 0xFFFE or 0x10000, bool(count & END_OF_TABLE)
        return True

    def _is_memory(self, address: int) -> bool:
        return bool(self._memory.page_map[address // PAGE] & READ)
