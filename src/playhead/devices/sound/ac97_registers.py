"""The registers of an AC97 controller and its codec: the state, and what native code does with them.

The mixer (NAM) is the codec's: 16-bit registers at even offsets, of which a plain codec has few; accesses of other
widths reach nothing. The bus master (NABM) has three engines of 16 bytes each (PCM in, PCM out, microphone in), and
global registers behind them.

A read that shows how far DMA has come is answered by native code only where it has come no further since the device
has last looked: else Python moves the data first, so that the guest never sees a position whose data are not moved.

Sources: Intel 82801AA (ICH) data sheet, chapter 13; AC '97 Component Specification 2.1; QEMU 7.2 where `DIFFERS` says.
"""

from playhead.base.record import I64, U8, U16, U32, U64, Array, Bool
from playhead.base.shared_record import SharedRecord
from playhead.devices.pci.bus import PciState
from playhead.hw.clock import NEVER, ticks_at
from playhead.hw.native import DECLINED, native

NAM_LENGTH, NABM_LENGTH = 1024, 256
MIC_IN = 2  # which engine; 0 is PCM in, 1 PCM out

# The codec
RESET, MASTER, PCM, RECORD_SELECT, RECORD_GAIN = 0x00, 0x02, 0x18, 0x1A, 0x1C
POWER, EXTENDED_ID, EXTENDED, FRONT_RATE, IN_RATE, MIC_RATE = 0x26, 0x28, 0x2A, 0x2C, 0x32, 0x34
VARIABLE_RATE, VARIABLE_MIC_RATE = 1, 8
MUTE = 0x8000
NAM_REGISTERS = 128
NAM_RESET = {
    MASTER: 0x8000, PCM: 0x8808, RECORD_GAIN: 0x8808, POWER: 0x000F, EXTENDED_ID: 0x0809, EXTENDED: 0x0009,
    FRONT_RATE: 48_000, 0x2E: 48_000, 0x30: 48_000, IN_RATE: 48_000, MIC_RATE: 48_000, 0x7C: 0x8384, 0x7E: 0x7600,
}  # fmt: skip
# Bits that a write changes; what is not here keeps all of them.
NAM_WRITABLE = {
    **dict.fromkeys(range(0, 0x24, 2), 0), MASTER: 0xBF3F, PCM: 0x9F1F, RECORD_SELECT: 0x0707, RECORD_GAIN: 0x8F0F,
    POWER: 0x7FF0, EXTENDED_ID: 0, 0x6C: 0, 0x6E: 0, 0x7C: 0, 0x7E: 0,
}  # fmt: skip

# An engine
BDBAR, CIV, LVI, SR, PICB, PIV, CR = 0x0, 0x4, 0x5, 0x6, 0x8, 0xA, 0xB
SR_DCH, SR_CELV, SR_LVBCI, SR_BCIS, SR_FIFOE = 0x01, 0x02, 0x04, 0x08, 0x10
SR_CLEARED = SR_LVBCI | SR_BCIS | SR_FIFOE
CR_RUN, CR_RESET, CR_LVBIE, CR_FEIE, CR_IOCE = 0x01, 0x02, 0x04, 0x08, 0x10
CR_KEPT = CR_LVBIE | CR_FEIE | CR_IOCE
BUFFERS = 32

# Global
GLOB_CNT, GLOB_STA, CAS = 0x2C, 0x30, 0x34
CNT_KEPT, CNT_RESETS = 0x39, 0x06
STA_READY, STA_KEPT = 0x0100, 0x030000
STA_INTERRUPT = (0x20, 0x40, 0x80)  # of each engine
STA_INTERRUPTS = 0xE0


class StreamState(SharedRecord):
    """An engine. `base`: where the next sample of the current buffer is; `idle`: frames that an empty buffer lasts
    yet; frame `moved` of what began at `since_ns` is the next to move; `due_ns`: when the device has to look again,
    NEVER while nothing moves.
    """

    bdbar = U32()
    civ = U8()
    lvi = U8()
    piv = U8()
    sr = U8(SR_DCH)
    cr = U8()
    ioc = Bool()
    picb = U16()
    base = U32()
    idle = U32()
    rate = U32()
    since_ns = I64()
    moved = U64()
    due_ns = I64(NEVER)


class Ac97State(PciState):
    mixer = Array(U16(), NAM_REGISTERS)
    streams = Array(StreamState, 3)
    glob_cnt = U32()
    glob_sta = U32(STA_READY)
    cas = Bool()  # the codec has been claimed by a read of CAS


@native
def ones(size: int) -> int:
    return (1 << 8 * size) - 1


@native
def read_nam(s: Ac97State, offset: int, size: int) -> int:
    s.cas = False
    if size != 2 or offset & 1 or offset >= 2 * NAM_REGISTERS:
        return ones(size)
    return s.mixer[offset >> 1]


@native
def in_step(x: StreamState, now_ns: int) -> bool:
    """The device has looked since the last frame was due."""
    if x.due_ns == NEVER:
        return True
    return now_ns < x.due_ns and ticks_at(now_ns - x.since_ns, x.rate) == x.moved


@native
def read_stream(x: StreamState, register: int, size: int, now_ns: int) -> int:
    """A register of an engine in which nothing is due."""
    if size == 4 and register == BDBAR:
        return x.bdbar
    if x.due_ns <= now_ns:
        return DECLINED
    if register == PICB and size > 1:
        if not in_step(x, now_ns):
            return DECLINED
        return x.picb if size == 2 else x.picb | x.piv << 16 | x.cr << 24
    if register == SR and size < 4:
        return x.sr
    if register == CIV and size == 4:
        return x.civ | x.lvi << 8 | x.sr << 16
    if size == 1:
        if register == CIV:
            return x.civ
        if register == LVI:
            return x.lvi
        if register == PIV:
            return x.piv
        if register == CR:
            return x.cr
    return ones(size)


@native
def read_nabm(s: Ac97State, offset: int, size: int, now_ns: int) -> int:
    if offset < GLOB_CNT:
        return read_stream(s.streams[offset >> 4], offset & 15, size, now_ns)
    if size == 4 and offset == GLOB_CNT:
        return s.glob_cnt
    if size == 4 and offset == GLOB_STA:
        for n in range(3):
            if s.streams[n].due_ns <= now_ns:
                return DECLINED
        return s.glob_sta
    if size == 1 and offset == CAS:
        claimed = s.cas
        s.cas = True
        return 1 if claimed else 0
    return ones(size)


@native
def write_nabm(s: Ac97State, offset: int, size: int, value: int, now_ns: int) -> int:
    """A write that moves no line and starts nothing."""
    if size == 4 and offset == GLOB_STA:
        s.glob_sta = s.glob_sta | value & STA_KEPT
        return 0
    if size == 4 and offset == GLOB_CNT:
        if not value & CNT_RESETS:
            s.glob_cnt = value & CNT_KEPT
        return 0
    if offset < GLOB_CNT and offset & 15 == LVI and size == 1:
        return write_lvi(s.streams[offset >> 4], value, now_ns)
    return DECLINED


@native
def write_lvi(x: StreamState, value: int, now_ns: int) -> int:
    if x.due_ns <= now_ns or (x.cr & CR_RUN and x.sr & SR_DCH):
        return DECLINED
    x.lvi = value & BUFFERS - 1
    return 0


def word(s: Ac97State, register: int) -> int:
    """A register of the codec."""
    return s.mixer[register >> 1]


def playback_volume(s: Ac97State) -> tuple[int, int]:
    """Left and right, as QEMU's: linear in the registers, both registers multiplied."""
    master, pcm = word(s, MASTER), word(s, PCM)
    if (master | pcm) & MUTE:
        return 0, 0
    left, right = (_down(master >> at, 0x3F) * _down(pcm >> at, 0x1F) // 255 for at in (8, 0))
    return left, right


def capture_volume(s: Ac97State) -> tuple[int, int]:
    gain = word(s, RECORD_GAIN)
    return (0, 0) if gain & MUTE else (255 * (gain >> 8 & 15) // 15, 255 * (gain & 15) // 15)


def _down(steps: int, mask: int) -> int:
    return 255 - 255 * (steps & mask) // mask
