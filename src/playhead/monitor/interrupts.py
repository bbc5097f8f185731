"""`info pic`, `info irq` and `info lapic`: the interrupt controllers as QEMU's monitor prints them."""

from collections.abc import Iterator

from playhead.devices.intc import ioapic, lapic_state
from playhead.devices.intc.i8259_chip import ICW4_SFNM, PicState, irr
from playhead.devices.intc.i8259_pic import PicPair
from playhead.devices.intc.ioapic import IoApic
from playhead.devices.intc.lapic import Lapic
from playhead.devices.intc.lapic_registers import arbitration_priority, processor_priority
from playhead.devices.intc.lapic_timer import count, divisor
from playhead.machine.machine import Machine
from playhead.monitor.commands import REPLAY, Command, Say, refused
from playhead.timeline.debuggee import Debuggee

MODES = ("fixed", "lowest", "SMI", "...", "NMI", "INIT", "...", "extINT")
LVT_MODES = ("Fixed", "Lowest", "SMI", "...", "NMI", "INIT", "SIPI", "ExtINT")
LVT_NAMES = (("LVT0", lapic_state.LINT0), ("LVT1", lapic_state.LINT1), ("LVTPC", lapic_state.PERF),
             ("LVTERR", lapic_state.ERROR), ("LVTTHMR", lapic_state.THERMAL), ("LVTT", lapic_state.TIMER))  # fmt: skip
SHORTHANDS = ("", " self", " all", " all-excl-self")  # of the ICR


def commands(target: Debuggee) -> tuple[Command, ...]:
    def pic(words: list[str], say: Say) -> None:
        for line in (*ioapic_lines(target.machine), *pic_lines(target.machine)):
            say(line)

    def irq(words: list[str], say: Say) -> None:
        for line in statistics(target.machine):
            say(line)

    return (
        Command(("info pic",), "", "show PIC state", pic),
        Command(("info irq",), "", "show how often each interrupt was raised", irq,
                refused=refused("a replay moves about, so it has no count; -d int logs each delivery", REPLAY)),
    )  # fmt: skip


def statistics(machine: Machine) -> Iterator[str]:
    """Both controllers hear of each wire."""
    counts = [f" {n}: {wire.raised}" for n, wire in enumerate(machine.board.irqs) if wire.raised]
    for name in ("ioapic", "isa-i8259"):
        yield f"IRQ statistics for {name}:"
        yield from counts


def _only(machine: Machine, kind: type) -> list:
    return [device for device in machine.devices.values() if isinstance(device, kind)]


def pic_lines(machine: Machine) -> Iterator[str]:
    """The slave first, as QEMU has it."""
    for pair in _only(machine, PicPair):
        for n, chip in ((1, pair.state.slave), (0, pair.state.master)):
            yield _pic(n, chip)


def _pic(n: int, chip: PicState) -> str:
    return (f"pic{n}: irr={irr(chip):02x} imr={chip.imr:02x} isr={chip.isr:02x} hprio={(chip.lowest + 1) & 7} "
            f"irq_base={chip.base & 0xF8:02x} rr_sel={int(chip.read_isr)} elcr={chip.elcr:02x} "
            f"fnm={int(bool(chip.icw4 & ICW4_SFNM))}")  # fmt: skip


def ioapic_lines(machine: Machine) -> Iterator[str]:
    for chip in _only(machine, IoApic):
        s = chip.state
        selected = f" (redir[{(s.index - ioapic.REDIRECTION) // 2}])" if s.index >= ioapic.REDIRECTION else ""
        yield f"ioapic0: ver={ioapic.VERSION:#04x} id={s.id:#04x} sel={s.index:#04x}{selected}"
        for pin in range(ioapic.PINS):
            yield _redirection(pin, s.table[pin])
        waiting = [pin for pin in range(ioapic.PINS) if ioapic.asserted(s, pin)]
        remote = [pin for pin in range(ioapic.PINS) if s.table[pin] & ioapic.REMOTE_IRR]
        yield f"  IRR      {_numbers(waiting)}"
        yield f"  Remote IRR {_numbers(remote)}"


def _redirection(pin: int, entry: int) -> str:
    destination, vector = entry >> 56, entry & 0xFF
    return (f"  pin {pin:<2} {entry:#018x} dest={destination:X} vec={vector:<3} "
            f"{'active-lo' if entry & ioapic.ACTIVE_LOW else 'active-hi'} "
            f"{'level' if entry & ioapic.LEVEL else 'edge':<5} "
            f"{'masked' if entry & ioapic.MASKED else '':<6} {MODES[entry >> 8 & 7]:<6} "
            f"{'logical' if entry & ioapic.LOGICAL else 'physical'}")  # fmt: skip


def _numbers(found: list[int]) -> str:
    return " ".join(map(str, found)) or "(none)"


def lapic_lines(machine: Machine) -> Iterator[str]:
    for chip in _only(machine, Lapic):
        s = chip.state
        yield f"dumping local APIC state for CPU {s.id} "
        yield ""
        for title, n in LVT_NAMES:
            yield _local(title, s.lvt[n], timer=n == lapic_state.TIMER)
        yield (f"Timer\t DCR={s.timer.divide:#x} (divide by {divisor(s.timer)}) initial_count = {s.timer.initial} "
               f"current_count = {count(s.timer, machine.now_ns())}")  # fmt: skip
        enabled, focus = "enabled" if s.svr & lapic_state.SVR_ENABLE else "disabled", "on" if s.svr & 0x200 else "off"
        yield f"SPIV\t {s.svr:#010x} APIC {enabled}, focus={focus}, spurious vec {s.svr & 255}"
        yield _icr(s.icr_low)
        yield f"ICR2\t {s.icr_high << 24:#010x}"
        yield f"ESR\t {s.esr:#010x}"
        for title, words in (("ISR", s.isr), ("IRR", s.irr)):
            yield f"{title}\t {_numbers([v for v in range(256) if words[v // 32] >> v % 32 & 1])}"
        yield ""
        ppr, apr = processor_priority(s), arbitration_priority(s)
        yield f"APR {apr:#04x} TPR {s.tpr:#04x} DFR {s.dfr:#04x} LDR {s.ldr:#04x} PPR {ppr:#04x}"


def _local(title: str, entry: int, timer: bool) -> str:
    kind = ("periodic" if entry & lapic_state.LVT_PERIODIC else "one-shot") if timer else ""
    mode = LVT_MODES[entry >> 8 & 7]
    vector = f" (vec {entry & 255})" if mode != "NMI" else ""
    return (f"{title}\t {entry:#010x} {'active-lo' if entry & lapic_state.LVT_ACTIVE_LOW else 'active-hi'} "
            f"{'level' if entry & lapic_state.LVT_LEVEL else 'edge':<5} "
            f"{'masked' if entry & lapic_state.LVT_MASKED else '':<6} {'':<12} {kind:<12} "
            f"{mode:<6}{vector}")  # fmt: skip


def _icr(low: int) -> str:
    mode = "logical" if low & lapic_state.ICR_LOGICAL else "physical"
    trigger = "level" if low & 0x8000 else "edge"
    level = "assert" if low & 0x4000 else "de-assert"
    return f"ICR\t {low:#010x} {mode} {trigger} {level}{SHORTHANDS[low >> 18 & 3]}"
