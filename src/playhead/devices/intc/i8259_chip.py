"""The registers of one 8259A, as functions over its state: native code is made of them.

In edge mode a request is remembered from its rising edge until it is acknowledged, and withdrawn if the line falls
before that: the data sheet wants IR high until the first INTA, and answers with IR7 if it is not.

Source: Intel 8259A data sheet (231468).
"""

from playhead.base.record import U8, Bool
from playhead.base.shared_record import SharedRecord
from playhead.hw.native import DECLINED, native

NONE = 8  # the rank of no input

ICW1_IC4, ICW1_SNGL, ICW1_LTIM, ICW1 = 0x01, 0x02, 0x08, 0x10
ICW4_AEOI, ICW4_SFNM = 0x02, 0x10
OCW2_EOI, OCW2_SL, OCW2_R = 0x20, 0x40, 0x80
OCW3, OCW3_RIS, OCW3_RR, OCW3_P, OCW3_SMM, OCW3_ESMM = 0x08, 0x01, 0x02, 0x04, 0x20, 0x40


class PicState(SharedRecord):
    inputs = U8()  # the levels of IR0-IR7
    latch = U8()  # rising edges not yet acknowledged
    isr = U8()
    imr = U8()
    elcr = U8()
    base = U8()  # ICW2: bits 3-7 of the vector
    lowest = U8(7)  # the input of lowest priority; rotation moves it
    expect = U8()  # the ICW that the next write to the odd port is; 0 when initialised
    icw1 = U8()
    icw3 = U8()
    icw4 = U8()
    rotate_in_aeoi = Bool()
    special_mask = Bool()
    poll = Bool()
    read_isr = Bool()


@native
def irr(s: PicState) -> int:
    level = 0xFF if s.icw1 & ICW1_LTIM else s.elcr
    return (s.inputs & level) | (s.latch & ~level)


@native
def first(s: PicState, bits: int) -> int:
    """The rank (0 is highest) of the most important of `bits`; NONE if there is none."""
    for rank in range(8):
        if bits >> ((s.lowest + 1 + rank) & 7) & 1:
            return rank
    return NONE


@native
def requested(s: PicState, cascade: int) -> int:
    """The input that INT is asserted for, -1 if none. `cascade` is a mask of slaves."""
    rank = first(s, irr(s) & ~s.imr)
    if rank == NONE:
        return -1
    in_service = s.isr & ~s.imr if s.special_mask else s.isr
    if s.icw4 & ICW4_SFNM:
        slave = in_service & cascade
        if slave and rank == first(s, slave):  # a slave may interrupt its own routine: it knows its priorities
            in_service &= ~slave
    if rank >= first(s, in_service):
        return -1
    return (s.lowest + 1 + rank) & 7


@native
def read_chip(s: PicState, odd: int) -> int:
    if s.poll:  # the read is an acknowledge
        return DECLINED
    if odd:
        return s.imr
    return s.isr if s.read_isr else irr(s)


@native
def end_of_interrupt(s: PicState, value: int) -> None:
    level = value & 7
    if not value & OCW2_SL:
        # In special mask mode a masked level stays in service: only a specific EOI ends it.
        rank = first(s, s.isr & ~s.imr if s.special_mask else s.isr)
        if rank == NONE:
            return
        level = (s.lowest + 1 + rank) & 7
    s.isr &= ~(1 << level)
    if value & OCW2_R:
        s.lowest = level


@native
def command(s: PicState, odd: int, value: int) -> int:
    """Store an operation command word; INT is driven anew afterwards."""
    if odd:
        if 2 <= s.expect <= 4:
            return DECLINED
        s.imr = value
    elif value & ICW1:
        return DECLINED
    elif value & OCW3:
        if value & OCW3_ESMM:
            s.special_mask = bool(value & OCW3_SMM)
        if value & OCW3_P:
            s.poll = True
        elif value & OCW3_RR:
            s.read_isr = bool(value & OCW3_RIS)
    elif value & OCW2_EOI:
        end_of_interrupt(s, value)
    elif not value & OCW2_SL:
        s.rotate_in_aeoi = bool(value & OCW2_R)
    elif value & OCW2_R:
        s.lowest = value & 7
    return 0


@native
def write_chip(s: PicState, cascade: int, odd: int, value: int) -> int:
    """An operation command word that leaves INT as it is."""
    before = requested(s, cascade)
    isr, imr, lowest, rotate = s.isr, s.imr, s.lowest, s.rotate_in_aeoi
    special, poll, read_isr = s.special_mask, s.poll, s.read_isr
    if command(s, odd, value) == DECLINED:
        return DECLINED
    if (requested(s, cascade) < 0) != (before < 0):
        s.isr, s.imr, s.lowest, s.rotate_in_aeoi = isr, imr, lowest, rotate
        s.special_mask, s.poll, s.read_isr = special, poll, read_isr
        return DECLINED
    return 0
