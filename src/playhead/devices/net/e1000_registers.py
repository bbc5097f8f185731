"""The registers of the 82540EM: each declared once, with what it holds after a reset and what a plain access does.

Native code answers what is declared here (`hw/native.py`): reads of all but the EEPROM's registers, counters that a
read clears, and writes that have no effect but to be stored. What starts the transmitter, moves an interrupt line, may
let a waiting frame in or talks to the PHY is left to `e1000.py`.

The state keeps the registers that there are one behind the other; a `Layout` says where the one at an offset is. It is
no state: it follows from the card's properties.

Sources: Intel, "PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual" (317453), chapter 13;
QEMU 7.2 for what is writable beyond that, and for what is not there (tests/devices/net/test_e1000_beside_qemu.py).
"""

from functools import lru_cache
from typing import NamedTuple

from playhead.base.record import U8, U16, U32, Array, Bool, Nested
from playhead.base.shared_record import Bytes, SharedRecord, Table
from playhead.devices.net.eeprom93cxx import EepromState
from playhead.devices.pci.bus import COMMAND, COMMAND_MASTER, PciState
from playhead.hw.native import DECLINED, native

FULL = 0xFFFFFFFF
END = 0x9C00  # of the offsets at which there are registers
LENGTH = 0x20000  # of the range that the chip answers

# what a read does
NOTHING, PLAIN, CLEARS, CLEARS_BOTH, CAUSES, COMPUTED = range(6)
# what a write does: nothing, be stored, set or clear bits of the interrupt mask, clear causes, move a ring's tail; ACTS
# is left to Python
STORED, SETS_MASK, CLEARS_MASK, CLEARS_CAUSES, RX_TAIL, TX_TAIL, ACTS = range(1, 8)

# groups, by the property that takes them away
ALWAYS, MITIGATION, EXTRA = range(3)


class Declaration(NamedTuple):
    """`length` registers from `offset` on, the first of which has number `first` in the state."""

    first: int
    offset: int
    length: int
    reset: int
    mask: int
    read: int
    write: int
    group: int


_declared: list[Declaration] = []


def _register(offset: int, mask: int = 0, *, reset: int = 0, count: int = 1, read: int = PLAIN,
              write: int | None = None, group: int = ALWAYS) -> int:  # fmt: skip
    """Declare registers; the result is their number in the state. Without a `mask` a write does nothing."""
    first = _declared[-1].first + _declared[-1].length if _declared else 1  # number 0 is where no register is
    if write is None:
        write = STORED if mask else NOTHING
    _declared.append(Declaration(first, offset, count, reset, mask, read, write, group))
    return first


def _counter(offset: int, read: int = CLEARS) -> int:
    return _register(offset, read=read)


# general
CTRL = _register(0x0000, FULL, reset=0x00140240, write=ACTS)
STATUS = _register(0x0008, reset=0x80080783)
EECD = _register(0x0010, read=COMPUTED, write=ACTS)
EERD = _register(0x0014, FULL, read=COMPUTED)
CTRL_EXT = _register(0x0018, 0x01C7DFE0)
MDIC = _register(0x0020, FULL, write=ACTS)
FCAL = _register(0x0028, FULL)
FCAH = _register(0x002C, 0xFFFF)
FCT = _register(0x0030, 0xFFFF)
VET = _register(0x0038, FULL, reset=0x8100)
FCTTV = _register(0x0170, 0xFFFF)
TXCW = _register(0x0178, FULL)
LEDCTL = _register(0x0E00, FULL, reset=0x00000602)
PBA = _register(0x1000, FULL, reset=0x00100030)
FCRTL = _register(0x2160, 0x8000FFF8)
FCRTH = _register(0x2168, 0x0000FFF8)

# interrupts
ICR = _register(0x00C0, FULL, read=CAUSES, write=CLEARS_CAUSES)
ITR = _register(0x00C4, 0xFFFF, group=MITIGATION)
ICS = _register(0x00C8, read=COMPUTED, write=ACTS)
IMS = _register(0x00D0, FULL, write=SETS_MASK)
IMC = _register(0x00D8, read=NOTHING, write=CLEARS_MASK)

# receiving
RCTL = _register(0x0100, FULL, write=ACTS)
RDBAL = _register(0x2800, FULL)
RDBAH = _register(0x2804, FULL)
RDLEN = _register(0x2808, 0xFFF80)
RDH = _register(0x2810, 0xFFFF, write=ACTS)
RDT = _register(0x2818, 0xFFFF, write=RX_TAIL)
RDTR = _register(0x2820, 0xFFFF, group=MITIGATION)
RXDCTL = _register(0x2828, 0x013F3F3F, reset=0x01010000)
RADV = _register(0x282C, 0xFFFF, group=MITIGATION)
RSRPD = _register(0x2C00, 0x0FFF)
RXCSUM = _register(0x5000, 0x07FF)
MTA = _register(0x5200, FULL, count=128)
RA = _register(0x5400, FULL, count=32)
VFTA = _register(0x5600, FULL, count=128)

# transmitting
TCTL = _register(0x0400, FULL, write=ACTS)
TIPG = _register(0x0410, 0x3FFFFFFF)
AIT = _register(0x0458, 0xFFFF, group=EXTRA)
TDBAL = _register(0x3800, FULL)
TDBAH = _register(0x3804, FULL)
TDLEN = _register(0x3808, 0xFFF80)
TDH = _register(0x3810, 0xFFFF)
TDT = _register(0x3818, 0xFFFF, write=TX_TAIL)
TIDV = _register(0x3820, 0xFFFF)
TXDCTL = _register(0x3828, FULL)
TADV = _register(0x382C, 0xFFFF, group=MITIGATION)
TSPMT = _register(0x3830, FULL)

# wake-up and management, which have no effect here
_register(0x5800, FULL, group=EXTRA)  # WUC
_register(0x5808, FULL)  # WUFC
_register(0x5810, FULL, group=EXTRA)  # WUS
MANC = _register(0x5820, reset=0x00222300)
_register(0x5838, FULL, group=EXTRA)  # IPAV
_register(0x5840, FULL, count=7, group=EXTRA)  # IP4AT
_register(0x5880, FULL, count=4, group=EXTRA)  # IP6AT
_register(0x5A00, FULL, count=32, group=EXTRA)  # WUPM
_register(0x5B50, FULL)  # SWSM
_register(0x5F00, 0x07FF, count=7, group=EXTRA)  # FFLT
_register(0x9000, 0x0F, count=255, group=EXTRA)  # FFMT
_register(0x9800, FULL, count=255, group=EXTRA)  # FFVT

# the packet buffer's pointers, for diagnosis: stored
for _offset, _mask in ((0x2410, 0x1FFF), (0x2418, 0x1FFF), (0x2420, 0x1FFF), (0x2428, 0x1FFF), (0x2430, 0x1FFF),
                       (0x3410, 0x07FF), (0x3418, 0x07FF), (0x3420, 0x1FFF), (0x3428, 0x1FFF),
                       (0x3430, 0x1FFF)):  # fmt: skip
    _register(_offset, _mask, group=EXTRA)

# statistics, each cleared by a read; those of 64 bits by a read of the high half
MPC = _counter(0x4010)
PRC = _register(0x405C, read=CLEARS, count=6)  # by length: 64, 127, 255, 511, 1023, 1522
GPRC = _counter(0x4074)
BPRC, MPRC = _counter(0x4078), _counter(0x407C)
GPTC = _counter(0x4080)
GORCL, GORCH = _counter(0x4088, PLAIN), _counter(0x408C, CLEARS_BOTH)
GOTCL, GOTCH = _counter(0x4090, PLAIN), _counter(0x4094, CLEARS_BOTH)
RNBC, RUC = _counter(0x40A0), _counter(0x40A4)
ROC = _counter(0x40AC)
TORL, TORH = _counter(0x40C0, PLAIN), _counter(0x40C4, CLEARS_BOTH)
TOTL, TOTH = _counter(0x40C8, PLAIN), _counter(0x40CC, CLEARS_BOTH)
TPR, TPT = _counter(0x40D0), _counter(0x40D4)
PTC = _register(0x40D8, read=CLEARS, count=6)
MPTC, BPTC = _counter(0x40F0), _counter(0x40F4)
TSCTC, TSCTFC = _counter(0x40F8), _counter(0x40FC)
_register(0x4058, FULL)  # FCRUC, which is writable

REGISTERS = tuple(_declared)
NUMBER = _declared[-1].first + _declared[-1].length

RCTL_EN = TCTL_EN = 0x02
STATUS_LU = 0x02


class Context(SharedRecord):
    """What a context descriptor has set, for the packets behind it."""

    ip_start = U8()
    ip_sum = U8()
    ip_end = U16()
    start = U8()  # of the TCP or UDP header
    sum = U8()
    end = U16()
    tcp = Bool()
    ipv4 = Bool()
    segment = U16()  # MSS
    header = U8()  # length of all headers
    payload = U32()


class PacketState(SharedRecord):
    """The packet of which not all descriptors have been there yet."""

    data = Bytes((1 << 16) + 0xFF)  # at most a whole segment behind its headers
    sums = U8()  # checksums to be inserted: POPTS of the first descriptor
    segmented = Bool()
    tagged = Bool()
    tag = U16()
    segments = U32()  # how many have been sent
    delays = Bool()  # a descriptor has asked for a delay of its interrupt (IDE), since the last interrupt


class E1000State(PciState):
    regs = Array(U32(), NUMBER)
    phy = Array(U16(), 32)
    eeprom = Nested(EepromState)
    io_address = U32()  # IOADDR
    link = Bool(True)  # the cable is plugged in: no reset changes it
    raised = Bool()  # the interrupt, as far as it has not been held back
    plain = Nested(Context)  # for packets that are not segmented ...
    segmenting = Nested(Context)  # ... and for those that are
    packet = Nested(PacketState)


class Layout(SharedRecord):
    """Where the register at an offset is in the state, by words, and what an access of that one does."""

    index = Array(U16(), END // 4)
    read = Table(NUMBER)
    write = Table(NUMBER)
    mask = Array(U32(), NUMBER)


@lru_cache
def layout(mitigation: bool, extra: bool) -> Layout:
    """That of a card with these groups of registers."""
    made = Layout()
    absent = {MITIGATION: not mitigation, EXTRA: not extra}
    for known in REGISTERS:
        if absent.get(known.group):
            continue
        for n in range(known.length):
            made.index[known.offset // 4 + n] = known.first + n
            made.read[known.first + n], made.write[known.first + n] = known.read, known.write
            made.mask[known.first + n] = known.mask
    return made


def reset_values() -> bytes:
    """All registers after a reset, but for what the EEPROM sets."""
    return bytes(4) + b"".join(known.reset.to_bytes(4, "little") * known.length for known in REGISTERS)


@native
def receiving(s: E1000State) -> bool:
    return s.regs[RCTL] & RCTL_EN != 0 and s.regs[STATUS] & STATUS_LU != 0 and s.config[COMMAND] & COMMAND_MASTER != 0


@native
def has_room(s: E1000State) -> bool:
    """Whether the chip may take a frame now: to store it, or to drop it because it does not receive."""
    return s.regs[RDH] != s.regs[RDT] or not receiving(s)


@native
def read_register(s: E1000State, places: Layout, offset: int) -> int:
    if offset >= END:
        return 0
    n = places.index[offset >> 2]
    how = places.read[n]
    if how == PLAIN:
        return s.regs[n]
    if how == NOTHING:
        return 0
    if how == COMPUTED:
        return s.regs[ICR] if n == ICS else DECLINED
    if how == CAUSES and s.raised:
        return DECLINED  # for the line falls
    value = s.regs[n]
    s.regs[n] = 0
    if how == CLEARS_BOTH:
        s.regs[n - 1] = 0
    return value


@native
def write_register(s: E1000State, places: Layout, offset: int, value: int) -> int:
    if offset >= END:
        return 0
    n = places.index[offset >> 2]
    how = places.write[n]
    if how == NOTHING:
        return 0
    if how == STORED or (how == RX_TAIL and has_room(s)) or (how == TX_TAIL and not s.regs[TCTL] & TCTL_EN):
        s.regs[n] = value & places.mask[n]
        return 0
    if how == SETS_MASK:
        return set_mask(s, value)
    if s.raised:
        return DECLINED  # for the line may fall
    if how == CLEARS_MASK:
        s.regs[IMS] = s.regs[IMS] & ~value
        return 0
    if how == CLEARS_CAUSES:
        s.regs[ICR] = s.regs[ICR] & ~value
        return 0
    return DECLINED


@native
def set_mask(s: E1000State, value: int) -> int:
    """IMS, unless that raises the line."""
    if not s.raised and s.regs[ICR] & (s.regs[IMS] | value):
        return DECLINED
    s.regs[IMS] = s.regs[IMS] | value
    return 0
