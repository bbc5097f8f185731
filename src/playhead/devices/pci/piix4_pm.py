"""Intel 82371AB (PIIX4), function 3: power management.

ACPI's fixed registers, the APM ports, and an SMBus without devices.

The power management timer is a pure function of virtual time. Its overflow status is kept as the count at which it
will next be true, so that reading it changes nothing and an alarm is needed only while it may interrupt.

There is no system management mode, so DEVACTB claims from the start that it has been set up: firmware then leaves
it alone, and the APM control port answers ACPI's enable and disable commands itself.

Suspend to RAM (S3) is a request to the machine, which takes it at a moment of its own: then the processor is stopped
(`suspended`), and everything else goes on, as on QEMU, until something wakes the machine (`wakes`). Waking is a reset
of everything but memory, after which the status bits say what it was (`woken`).

Sources: Intel 82371AB (PIIX4) data sheet, sections 7.1-7.3; ACPI 1.0b, section 4.7 (PM1, PM timer, GPE0). The GPE0
block is at AFE0h, where QEMU's tables for this board put it.
"""

from collections.abc import Mapping
from typing import Any, Self

from playhead.base.record import U8, U16, U64
from playhead.base.shared_record import Table
from playhead.devices.pci.bus import PciFunction, PciState, Reg, addr, identity
from playhead.hw.clock import VirtualClock, ticks_at, ticks_to_ns
from playhead.hw.declared import Declared, Property, Span
from playhead.hw.device import Differs
from playhead.hw.door import Requests
from playhead.hw.inputs import POWER
from playhead.hw.line import Line
from playhead.hw.native import Registers, native
from playhead.hw.space import Range, Space, Write, never
from playhead.hw.surroundings import Surroundings

PM_TIMER_HZ = 3_579_545
HALF = 1 << 23  # TMROF_STS is set when bit 23 toggles
PMBASE, PMREGMISC, SMBBA, SMBHSTCFG, DEVACTB = 0x40, 0x80, 0x90, 0xD2, 0x58
PM1, CNT, TMR = 0, 4, 8  # in the power management block: status and enable, control, timer
PM_LENGTH, SMB_LENGTH, GPE_BASE, GPE_LENGTH = 0x40, 0x10, 0xAFE0, 4
SCI_IRQ = 9
APMC, APMS = 0xB2, 0xB3
ACPI_ENABLE, ACPI_DISABLE = 0xF1, 0xF0

TMROF, GBL, PWRBTN, RTC, WAK = 0x0001, 0x0020, 0x0100, 0x0400, 0x8000  # PMSTS; PMEN, but for the last one
STS_STICKY = 0x8D30  # status bits other than TMROF that a one clears
SCI_EN, SLP_EN = 0x0001, 0x2000  # PMCNTRL; SLP_TYP is in bits 12:10. SLP_EN reads 0: it is kept while suspended
CNT_KEPT = 0x1C03
SLP_S5, SLP_S3 = 0, 1
WOKEN_BY = {"rtc": RTC, "other": PWRBTN}  # a key is shown as the button, as QEMU does

HSTSTS, HSTCNT, HSTCNT_START, HSTSTS_ERRORS, HSTSTS_DEV_ERR = 0, 2, 0x40, 0x1E, 0x04


def next_toggle(count: int) -> int:
    """The first timer count above `count` at which bit 23 changes."""
    return (count // HALF + 1) * HALF


class PmState(PciState):
    pmsts = U16()  # without TMROF
    pmen = U16()
    pmcntrl = U16()
    overflow = U64(HALF)  # the timer count from which TMROF_STS is set
    gpsts = U16()
    gpen = U16()
    general = Table(PM_LENGTH)  # the block's other registers, stored and without effect
    apmc = U8()
    apms = U8()
    smb = Table(SMB_LENGTH)


@native
def status(s: PmState, now_ns: int) -> int:
    return s.pmsts | (TMROF if ticks_at(now_ns, PM_TIMER_HZ) >= s.overflow else 0)


@native
def pm_dword(s: PmState, at: int, now_ns: int) -> int:
    """Four bytes of the power management block from a multiple of four on."""
    if at == PM1:
        return status(s, now_ns) | s.pmen << 16
    if at == TMR:
        return ticks_at(now_ns, PM_TIMER_HZ) & 0xFFFFFF
    high = s.general[at + 2] << 16 | s.general[at + 3] << 24
    return high | (s.pmcntrl & CNT_KEPT if at == CNT else s.general[at] | s.general[at + 1] << 8)


@native
def read_pm(s: PmState, offset: int, size: int, now_ns: int) -> int:
    skipped = offset & 3
    value = pm_dword(s, offset & ~3, now_ns) >> 8 * skipped
    if skipped + size > 4:
        value |= pm_dword(s, (offset & ~3) + 4, now_ns) << 8 * (4 - skipped)
    return value & ((1 << 8 * size) - 1)


@native
def read_gpe(s: PmState, offset: int) -> int:
    return (s.gpsts if offset < 2 else s.gpen) >> 8 * (offset & 1) & 0xFF


@native
def read_apm(s: PmState, offset: int) -> int:
    return s.apms if offset else s.apmc


@native
def read_smb(s: PmState, offset: int, size: int) -> int:
    value = 0
    for i in range(size):
        value |= s.smb[offset + i] << 8 * i
    return value


class Piix4Pm(PciFunction[PmState]):
    """`sci` is the system control interrupt (ISA interrupt 9)."""

    State = PmState
    part = "piix4_pm"
    INPUT = POWER
    QEMU = Declared(
        "PIIX4_PM", "PCI", "power management",
        (
            addr("01.3"),
            Property("disable_s3", "uint8", 0, "1: no suspend to RAM"),
            Property("disable_s4", "uint8", 0, "1: the guest is not told of suspend to disk"),
            Property("s4_val", "uint8", 2, "SLP_TYP of suspend to disk", most=7),
        ),
        wires=(f"irq{SCI_IRQ}",), ports=(Span(GPE_BASE, GPE_LENGTH), Span(APMC, 2)), needs=("i440FX",),
    )  # fmt: skip
    DIFFERS = (
        Differs("PWRBTN_STS", "set by every press", "set if PWRBTN_EN is", True),
        Differs("the power button while suspended", "wakes the machine", "does nothing", False),
        Differs("a key or another request that wakes", "has no bit of its own", "sets PWRBTN_STS", True),
        Differs("RTC_STS", "set by every alarm", "set by one that wakes the machine", True),
        Differs("SLP_TYP 1 with disable_s3", "-", "suspends", False),
    )  # fmt: skip
    CONFIG = (
        *identity(0x8086, 0x7113, 0x03, 0x068000),
        Reg(0x04, 2, 0x0000, 0x0001, name="PCICMD"),
        Reg(0x06, 2, 0x0280, w1c=0x7800, name="PCISTS"),
        Reg(0x3C, 1, 0x00, 0xFF, name="INTLN"),
        Reg(0x3D, 1, 0x01, name="INTPN"),
        Reg(PMBASE, 4, 0x0000_0001, 0x0000_FFC0, name="PMBA"),
        Reg(0x44, 4, 0, 0xFFFFFFFF, name="CNTA"),
        Reg(0x48, 4, 0, 0xFFFFFFFF, name="CNTB"),
        Reg(0x4C, 4, 0, 0xFFFFFFFF, name="GPICTL"),
        Reg(0x50, 4, 0, 0xFFFFFFFF, name="DEVRESD"),
        Reg(0x54, 4, 0, 0xFFFFFFFF, name="DEVACTA"),
        Reg(DEVACTB, 4, 0x0200_0000, 0xFFFFFFFF, name="DEVACTB"),
        *(Reg(at, 4, 0, 0xFFFFFFFF, name="DEVRES") for at in range(0x5C, 0x80, 4)),
        Reg(PMREGMISC, 1, 0x00, 0x01, name="PMREGMISC"),
        Reg(SMBBA, 4, 0x0000_0001, 0x0000_FFF0, name="SMBBA"),
        Reg(SMBHSTCFG, 1, 0x00, 0x0F, name="SMBHSTCFG"),
        Reg(0xD3, 3, 0x00, 0xFFFFFF, name="SMBSLVC"),
    )

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        pm = cls(name, at.io, at.clock, at.irq(SCI_IRQ, "sci"), at.requests)
        pm.s3, pm.s4_type = not p["disable_s3"], p["s4_val"]
        return pm

    def __init__(self, name: str, io: Space, clock: VirtualClock, sci: Line, requests: Requests):
        super().__init__(name)
        self._io, self._clock, self._sci, self._requests = io, clock, sci, requests
        self.s3, self.s4_type = True, 2
        self._timer = clock.alarm(f"{name}.pmtimer", self._update)
        self._ranges: dict[str, tuple[int, Range]] = {}
        self._reads = {"pm": Registers(self.state, read=read_pm, clock=clock),
                       "smb": Registers(self.state, read=read_smb)}  # fmt: skip
        io.map(GPE_BASE, GPE_LENGTH, never, self._write_gpe, name=f"{name}.gpe0",
               registers=Registers(self.state, read=read_gpe))  # fmt: skip
        io.map(APMC, 2, never, self._write_apm, name=f"{name}.apm", registers=Registers(self.state, read=read_apm))

    def reset(self) -> None:
        self._sci.set(False)  # before the state goes, so that listeners are told
        self._timer.cancel()
        super().reset()
        self.state.overflow = next_toggle(self._clock.ticks(PM_TIMER_HZ))

    def loaded(self) -> None:
        self._map_blocks()
        self._sci.restore(self._sci_level())

    def power_button(self) -> None:
        """Seen only if the guest has asked for it; so a button that a boot loader has not noticed does not switch off
        the system behind it.
        """
        if self.state.pmen & PWRBTN:
            self.state.pmsts |= PWRBTN
            self._update()
        self.wake_up()

    def wake_up(self) -> None:
        self._requests.wake_up("other")

    # -- suspend to RAM

    @property
    def suspended(self) -> bool:
        return bool(self.state.pmcntrl & SLP_EN)

    def suspend(self) -> None:
        """The machine has taken the request."""
        self.state.pmcntrl |= SLP_EN

    def wakes(self, reason: str) -> bool:
        """Whether this wakes the machine now: an alarm only if the guest has enabled that."""
        return self.suspended and (reason == "other" or bool(self.state.pmen & WOKEN_BY[reason]))

    def woken(self, reason: str) -> None:
        """The machine has been reset since, because of this."""
        self.state.pmsts |= WAK | WOKEN_BY[reason]

    # -- where the blocks are

    def config_changed(self, offset: int, size: int) -> None:
        self._map_blocks()

    def _map_blocks(self) -> None:
        pm = self.word(PMBASE) & 0xFFC0 if self.state.config[PMREGMISC] & 1 else 0
        smb = self.word(SMBBA) & 0xFFF0 if self.state.config[SMBHSTCFG] & 1 else 0
        self._place("pm", pm, PM_LENGTH, self._write_pm)
        self._place("smb", smb, SMB_LENGTH, self._write_smb)

    def _place(self, block: str, base: int, length: int, write: Write) -> None:
        old = self._ranges.get(block)
        if (old[0] if old else 0) == base:
            return
        if old is not None:
            self._io.unmap(old[1])
            del self._ranges[block]
        if base:
            handle = self._io.map(base, length, never, write, max_size=4, name=f"{self.name}.{block}",
                                  registers=self._reads[block], moves=True)  # fmt: skip
            self._ranges[block] = (base, handle)

    # -- the timer and the interrupt

    def _status(self) -> int:
        return status(self.state, self._clock.now_ns())

    def _sci_level(self) -> bool:
        s = self.state
        pending = self._status() & s.pmen & (TMROF | GBL | PWRBTN | RTC) or s.gpsts & s.gpen
        return bool(pending and s.pmcntrl & SCI_EN)

    def _update(self) -> None:
        s = self.state
        self._sci.set(self._sci_level())
        if s.pmen & TMROF and s.pmcntrl & SCI_EN and not self._status() & TMROF:
            self._timer.arm(ticks_to_ns(s.overflow, PM_TIMER_HZ))
        else:
            self._timer.cancel()

    # -- the power management block, as the little-endian bytes it is

    def _write_pm(self, address: int, size: int, value: int) -> None:
        s, offset = self.state, address & (PM_LENGTH - 1)
        for i in range(size):
            at, byte = offset + i, value >> 8 * i & 0xFF
            shift = 8 * (at & 1)
            if at < 2:
                s.pmsts &= ~((byte << shift) & STS_STICKY)
                if byte << shift & TMROF and self._status() & TMROF:
                    s.overflow = next_toggle(self._clock.ticks(PM_TIMER_HZ))
            elif at < 4:
                s.pmen = s.pmen & ~(0xFF << shift) & 0xFFFF | byte << shift
            elif at < 6:
                s.pmcntrl = (s.pmcntrl & ~(0xFF << shift) | byte << shift) & CNT_KEPT | s.pmcntrl & SLP_EN
                if byte << shift & SLP_EN:
                    self._sleep()
            elif not 8 <= at < 12:
                s.general[at] = byte
        self._update()

    def _sleep(self) -> None:
        """SLP_EN was written: soft-off and suspend to disk end the run; types that are no state do nothing."""
        kind = self.state.pmcntrl >> 10 & 7
        if kind in (SLP_S5, self.s4_type):
            self._requests.shutdown("guest-shutdown")
        elif kind == SLP_S3 and self.s3:
            self._requests.suspend()

    # -- GPE0, APM and SMBus

    def _write_gpe(self, address: int, size: int, value: int) -> None:
        s, at = self.state, address - GPE_BASE
        shift = 8 * (at & 1)
        if at < 2:
            s.gpsts &= ~(value << shift) & 0xFFFF
        else:
            s.gpen = s.gpen & ~(0xFF << shift) & 0xFFFF | value << shift
        self._update()

    def _write_apm(self, address: int, size: int, value: int) -> None:
        s = self.state
        if address == APMS:
            s.apms = value
            return
        s.apmc = value
        if value == ACPI_ENABLE:
            s.pmcntrl |= SCI_EN
        elif value == ACPI_DISABLE:
            s.pmcntrl &= ~SCI_EN
        self._update()

    def _write_smb(self, address: int, size: int, value: int) -> None:
        smb = self.state.smb
        for i in range(size):
            at, byte = (address & (SMB_LENGTH - 1)) + i, value >> 8 * i & 0xFF
            if at == HSTSTS:
                smb[at] &= ~(byte & HSTSTS_ERRORS)
            elif at == HSTCNT:
                smb[at] = byte & ~HSTCNT_START
                if byte & HSTCNT_START:
                    smb[HSTSTS] |= HSTSTS_DEV_ERR  # nobody answers any address
            else:
                smb[at] = byte
