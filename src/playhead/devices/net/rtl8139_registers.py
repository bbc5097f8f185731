"""The RTL8139C+'s registers: what the chip remembers, and functions over it that native code is made of.

Reads are declared whole: the registers are 256 bytes, read in any width. Of writes, those are that change neither the
interrupt line nor the receiver's room: acknowledging what is masked, masking what is not pending, the receive pointer
while there is room, addresses of buffers, the multicast filter.

Sources: as of rtl8139.py.
"""

from playhead.base.record import I64, U8, U16, U32, U64, Array, Bool, Nested
from playhead.base.shared_record import Bytes, SharedRecord, Table
from playhead.devices.net.eeprom93cxx import EepromState
from playhead.devices.pci.bus import PciState
from playhead.hw.native import DECLINED, native

LENGTH = 0x100
IDR, MAR, TSD, TSAD, RBSTART, ERBCR, CR, CAPR, CBR = 0x00, 0x08, 0x10, 0x20, 0x30, 0x34, 0x37, 0x38, 0x3A
IMR, ISR, TCR, RCR, TCTR, MPC, CR9346, CONFIG0, CONFIG1 = 0x3C, 0x3E, 0x40, 0x44, 0x48, 0x4C, 0x50, 0x51, 0x52
TIMERINT, MSR, CONFIG3, CONFIG4, HLTCLK, MULINT, TSADS, BMCR = 0x54, 0x58, 0x59, 0x5A, 0x5B, 0x5C, 0x60, 0x62
BMSR, ANAR, CSCR, CONFIG5, TPPOLL, CPCR, RDSAR, ETTHR = 0x64, 0x66, 0x74, 0xD8, 0xD9, 0xE0, 0xE4, 0xEC

CR_RST, CR_RE, CR_TE, CR_BUFE = 0x10, 0x08, 0x04, 0x01
ROK, TOK, OVERFLOW, LINK_CHANGE, FIFO_OVERFLOW, SOFTWARE, TIMEOUT = 0x01, 0x04, 0x10, 0x20, 0x40, 0x100, 0x4000
INTERRUPTS = 0xE1FF
TSD_OWN, TSD_TOK, TSD_SIZE, TSD_WRITABLE = 0x2000, 0x8000, 0x1FFF, 0x003F3FFF
RCR_AAP, RCR_APM, RCR_AM, RCR_AB, RCR_WRAP, RCR_WRITABLE = 0x01, 0x02, 0x04, 0x08, 0x80, 0x0F03FFBF
TCR_LOOPBACK, TCR_WRITABLE, TCR_CHIP = 0x60000, 0x030F07F0, 0x74800000
CPCR_TX, CPCR_RX, CPCR_VLAN, CPCR_WRITABLE = 0x01, 0x02, 0x40, 0x7B
BMCR_AUTO, BMSR_FIXED, LINK_UP, MSR_FIXED, ABILITIES, REVISION = 0x1000, 0x7829, 0x04, 0xD0, 0x05E1, 0x20
CSCR_FIXED, CSCR_CHANGED, NEGOTIATES = 0x0340, 0x0800, 1
TIMER_NS = 30  # the PCI clock
CAPR_BEHIND = 16  # CAPR is so many bytes behind what the driver has read
LONGEST = 1518  # a frame with a VLAN tag, without its FCS
FIFO = 2048
ROOM = (LONGEST + 8 + 3) & ~3  # what it takes in a ring, with header and FCS


class Tally(SharedRecord):
    """The statistics, in the order in which they are dumped to memory."""

    tx_ok = U64()
    rx_ok = U64()
    tx_error = U64()
    rx_error = U32()
    missed = U16()
    alignment = U16()
    one_collision = U32()
    more_collisions = U32()
    rx_physical = U64()
    rx_broadcast = U64()
    rx_multicast = U32()
    aborted = U16()
    underrun = U16()


class Rtl8139State(PciState):
    idr = Table(6)
    mar = Table(8)
    tsd = Array(U32(TSD_OWN), 4)  # the first two are DTCCR in C+ mode
    tsad = Array(U32(), 4)
    rbstart = U32()
    cr = U8(CR_RST)
    read_at = U16()  # how far the driver has read the receive ring, which CAPR shows
    write_at = U16()  # how far the chip has filled it: CBR
    imr = U16()
    isr = U16()
    tcr = U32(TCR_CHIP)
    rcr = U32()
    timer_base_ns = I64()  # when TCTR was 0
    timer_int = U32()
    mpc = U32()
    cr9346 = U8()  # without EEDO
    config0 = U8()
    config1 = U8(0x0C)
    config3 = U8(0x01)
    config4 = U8()
    config5 = U8()
    clock = Bool(True)  # HLTCLK has not stopped it
    mulint = U16()
    bmcr = U16(BMCR_AUTO)
    anar = U16(ABILITIES)
    cpcr = U16()
    plus = Bool()  # CpCR has been written: C+ mode
    rdsar = Array(U32(), 2)
    etthr = U8()
    link = Bool(True)
    tx_next = U8()  # the descriptors that come next: of C mode, ...
    tx_normal = U16()  # ... of each ring of C+ mode
    tx_high = U16()
    rx_next = U16()
    rx_full = Bool()  # that one was not the chip's when it looked last
    fifo = Bytes(FIFO)  # a frame for which there is no room in memory
    tally = Nested(Tally)
    eeprom = Nested(EepromState)


@native
def ring_length(s: Rtl8139State) -> int:
    """Of C mode's receive ring."""
    return 8192 << (s.rcr >> 11 & 3)


@native
def ring_room(s: Rtl8139State) -> int:
    """Bytes that are free in it; 0: it is empty, and all of it is."""
    return (s.read_at - s.write_at) & (ring_length(s) - 1)


@native
def receives_plus(s: Rtl8139State) -> int:
    return s.cpcr & CPCR_RX


@native
def has_room(s: Rtl8139State) -> bool:
    """Whether a frame of usual length fits into memory; True if it would be dropped."""
    if not s.cr & CR_RE or not s.clock or not s.link:
        return True
    if len(s.fifo):
        return False
    if receives_plus(s):
        return not s.rx_full
    room = ring_room(s)
    return room == 0 or room > ROOM


@native
def takes(s: Rtl8139State) -> bool:
    """Whether a frame may come. For one without room in memory there is the FIFO, if the driver would be told of it."""
    if has_room(s):
        return True
    return len(s.fifo) == 0 and s.imr & OVERFLOW & ~s.isr != 0


@native
def transmit_summary(s: Rtl8139State) -> int:
    """TSAD: OWN, TABT, TUN and TOK of the four descriptors."""
    value = 0
    for n in range(4):
        tsd = s.tsd[n]
        value |= (
            (tsd >> 13 & 1) << n | (tsd >> 30 & 1) << (n + 4) | (tsd >> 14 & 1) << (n + 8) | (tsd >> 15 & 1) << (n + 12)
        )
    return value


@native
def control_dword(s: Rtl8139State, at: int, now_ns: int) -> int:
    """Registers from 30h on."""
    if at == 0x30:
        return s.rbstart
    if at == 0x34:
        return (s.cr | (CR_BUFE if s.read_at == s.write_at else 0)) << 24
    if at == CAPR:
        return (s.read_at - CAPR_BEHIND) & 0xFFFF | s.write_at << 16
    if at == IMR:
        return s.imr | s.isr << 16
    if at == TCR:
        return s.tcr
    if at == RCR:
        return s.rcr
    if at == TCTR:
        return (now_ns - s.timer_base_ns) // TIMER_NS & 0xFFFFFFFF
    if at == MPC:
        return s.mpc
    if at == CR9346:
        return s.cr9346 | (1 if s.eeprom.output and s.cr9346 & 0x80 else 0) | s.config0 << 8 | s.config1 << 16
    return s.timer_int if at == TIMERINT else 0


@native
def media_dword(s: Rtl8139State, at: int) -> int:
    """Registers from 58h on."""
    if at == MSR:
        media = MSR_FIXED | (0 if s.link else 4)
        return media | s.config3 << 8 | s.config4 << 16 | (1 << 24 if s.clock else 0)
    if at == MULINT:
        return s.mulint | REVISION << 16
    if at == TSADS:
        return transmit_summary(s) | s.bmcr << 16
    if at == BMSR:
        return BMSR_FIXED | (LINK_UP if s.link else 0) | s.anar << 16
    if at == 0x68:
        return (ABILITIES if s.link else 0) | NEGOTIATES << 16
    if at == CSCR:
        return CSCR_FIXED | (CSCR_CHANGED if s.isr & LINK_CHANGE else 0)
    if at == CONFIG5:
        return s.config5
    if at == CPCR:
        return s.cpcr
    if at == RDSAR:
        return s.rdsar[0]
    if at == RDSAR + 4:
        return s.rdsar[1]
    return s.etthr if at == ETTHR else 0


@native
def register_dword(s: Rtl8139State, at: int, now_ns: int) -> int:
    """Four bytes of registers from a multiple of four on."""
    if at >= MSR:
        return media_dword(s, at)
    if at >= RBSTART:
        return control_dword(s, at, now_ns)
    if at >= TSAD:
        return s.tsad[(at - TSAD) >> 2]
    if at >= TSD:
        return s.tsd[(at - TSD) >> 2]
    if at >= MAR:
        at -= MAR
        return s.mar[at] | s.mar[at + 1] << 8 | s.mar[at + 2] << 16 | s.mar[at + 3] << 24
    if at:
        return s.idr[4] | s.idr[5] << 8
    return s.idr[0] | s.idr[1] << 8 | s.idr[2] << 16 | s.idr[3] << 24


@native
def read_rtl8139(s: Rtl8139State, offset: int, size: int, now_ns: int) -> int:
    skipped = offset & 3
    value = register_dword(s, offset & ~3, now_ns) >> 8 * skipped
    if skipped + size > 4 and offset + size <= LENGTH:
        value |= register_dword(s, (offset & ~3) + 4, now_ns) << 8 * (4 - skipped)
    return value & ((1 << 8 * size) - 1)


@native
def write_word(s: Rtl8139State, offset: int, value: int) -> int:
    """ISR, IMR, CAPR. Each may make room where there is none."""
    if not has_room(s):
        return DECLINED
    if offset == CAPR:
        s.read_at = (value + CAPR_BEHIND) & (ring_length(s) - 1)
        return 0
    isr = s.isr & ~value if offset == ISR else s.isr
    imr = value & INTERRUPTS if offset == IMR else s.imr
    if (s.isr & s.imr != 0) != (isr & imr != 0):
        return DECLINED
    s.isr = isr
    s.imr = imr
    return 0


@native
def write_rtl8139(s: Rtl8139State, offset: int, size: int, value: int) -> int:
    """What may be seen elsewhere is declined."""
    if size == 2 and offset in (ISR, IMR, CAPR):
        return write_word(s, offset, value)
    if size == 4 and TSAD <= offset < TSAD + 16 and not offset & 3:
        s.tsad[(offset - TSAD) >> 2] = value
        return 0
    if size == 1 and MAR <= offset < MAR + 8:
        s.mar[offset - MAR] = value
        return 0
    return DECLINED
