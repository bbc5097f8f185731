"""Intel 82540EM, QEMU's `e1000`: a gigabit network card on PCI.

The registers are in e1000_registers.py, which says what native code does with them; here is what else a register does,
and how the parts work together: the interrupt, the PHY and its link, the EEPROM, the transmitter and the receiver.

A write of the transmit tail sends at once, and a frame that comes in is in memory at once. So between two instructions
nothing is under way but a packet whose last descriptor is missing, autonegotiation, and an interrupt that is held back.

A frame waits on the host's side while the receiver is on and has no buffer; one that does not receive drops it.

Sources: Intel, "PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual" (317453); QEMU 7.2 where
`DIFFERS` says so.
"""

from collections.abc import Mapping
from typing import Any, Self

from playhead.devices.net.card import CARD_PROPERTIES, NetworkCard
from playhead.devices.net.e1000_eeprom import eeprom_words
from playhead.devices.net.e1000_interrupt import Interrupt
from playhead.devices.net.e1000_phy import Phy
from playhead.devices.net.e1000_receive import Receiver
from playhead.devices.net.e1000_registers import (
    CTRL, EECD, EERD, ICR, ICS, IMC, IMS, LENGTH, MDIC, RA, RCTL, RDH, RDT, STATUS, TCTL, TCTL_EN, TDH, TDT, VET,
    E1000State, has_room, layout, read_register, receiving, reset_values, write_register,
)  # fmt: skip
from playhead.devices.net.e1000_transmit import Transmitter
from playhead.devices.net.eeprom93cxx import WORDS, Eeprom93C46
from playhead.devices.pci.ring_memory import RingMemory
from playhead.devices.pci.bus import COMMAND, COMMAND_MASTER, Bar, Reg, identity
from playhead.hw.clock import VirtualClock
from playhead.hw.declared import Declared, Property
from playhead.hw.device import Differs
from playhead.hw.line import Line
from playhead.hw.memory import Memory
from playhead.hw.native import DECLINED, Registers
from playhead.hw.net import NetPort, mac_bytes
from playhead.hw.space import Space
from playhead.hw.surroundings import Surroundings

IO_LENGTH, IOADDR, IODATA = 0x40, 0, 4
REGISTERS_BAR, IO_BAR = Bar(0, LENGTH), Bar(1, IO_LENGTH, io=True)
CTRL_RST, CTRL_PHY_RST = 1 << 26, 1 << 31
EECD_SHOWN, EECD_FIXED = 0x77, 0x180  # what reads back as it was written; there, and granted
EECD_CLOCK, EECD_SELECT, EECD_IN, EECD_OUT_SHIFT = 1, 2, 4, 3
EERD_START, EERD_DONE = 0x01, 0x10
LSC, MDAC = 0x04, 0x200  # causes of interrupts
LOOPBACK = 0xC0  # RCTL.LBM
CONTINUE_NS = 1_000_000


class E1000(NetworkCard[E1000State]):
    """`mac` is the address in the EEPROM."""

    State = E1000State
    part = "e1000"
    ROM_FILE = "efi-e1000.rom"
    QEMU = Declared(
        "e1000", "PCI", "Intel Gigabit Ethernet",
        (
            *CARD_PROPERTIES,
            Property("autonegotiation", "bool", True, "Restarting autonegotiation takes the link down for 0.5 s"),
            Property("mitigation", "bool", True, "Interrupts can be held back (ITR, RDTR, RADV, TADV)"),
            Property("extra_mac_registers", "bool", True, "The registers for wake-up and diagnosis are there"),
            Property("migrate_tso_props", "bool", True, "No effect: what is saved is always complete"),
            Property("init-vet", "bool", True, "VET is 8100h after a reset, not 0"),
        ),
        aliases=("e1000-82540em",), wires=("intA",), most=0, creatable=True, category="Network",
    )  # fmt: skip
    DIFFERS = (
        Differs("CTRL.SLU", "the link needs it", "the link is up without", True),
        Differs("MANC", "can be written", "fixed", True),
        Differs("MDIC's error bit", "a failed transfer", "also a PHY register that cannot be accessed so", True),
        Differs("checksums of received frames", "checked (RXCSUM)", "left to software (IXSM)", True),
        Differs("multicast table", "for multicast addresses", "for all addresses", True),
        Differs("CTRL.RST, also through IODATA", "resets registers and rings", "only reads back as 0", False),
        Differs("PHY reset", "gives the PHY's registers their defaults", "only reads back as 0", False),
        Differs("IOADDR, IODATA", "access all registers", "read as 0", False),
        Differs("flow control, TIPG, TXCW, RXDCTL, RXCSUM, TIDV, TSPMT", "stored", "read as 0", False),
        Differs("legacy descriptors with IC", "insert a checksum", "do not", False),
        Differs("segmentation of a payload that is a multiple of MSS", "ends with the payload",
                "ends with a frame without payload", False),
        Differs("FCS of a received frame without SECRC", "stored", "counted, not stored", False),
        Differs("octet counters of frames with a VLAN tag", "with the tag", "without it", False),
        Differs("receiving after a write of RCTL", "at once", "a second later", False),
        Differs("packet buffer memory (10000h on)", "memory", "memory; here 0", False),
    )  # fmt: skip
    CONFIG = (
        *identity(0x8086, 0x100E, 0x03, 0x020000),
        Reg(COMMAND, 2, 0x0000, 0x0507, name="PCICMD"),
        Reg(0x0C, 1, 0x00, 0xFF, name="CLS"),
        Reg(0x3C, 1, 0x00, 0xFF, name="INTLN"),
        Reg(0x3D, 1, 0x01, name="INTPN"),
    )
    BARS = (REGISTERS_BAR, IO_BAR)

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        return cls(name, at.io, at.memory, at.clock, at.pci_line(p["addr"], name), at.netdev(p["netdev"]), p)

    def __init__(self, name: str, io: Space, memory: Memory, clock: VirtualClock, line: Line, port: NetPort,
                 p: Mapping[str, Any]):  # fmt: skip
        super().__init__(name, port)
        s = self.state
        self._io, self._mmio, self._clock = io, memory.mmio, clock
        self._mac, self._vet = mac_bytes(p["mac"]), p["init-vet"]
        self._layout = layout(p["mitigation"], p["extra_mac_registers"])
        self._registers = Registers(s, self._layout, read=read_register, write=write_register)
        self._interrupt = Interrupt(s, clock, name, line, p["mitigation"])
        self._later = clock.alarm(f"{name}.transmit", self._transmit)
        self._phy = Phy(s, clock, name, p["autonegotiation"], self._link_changed)
        self._eeprom = Eeprom93C46(s.eeprom, idle=True)
        self._eeprom.fill(eeprom_words(self._mac))
        ring = RingMemory(memory, name)
        self._receiver, self._transmitter = Receiver(s, ring), Transmitter(s, ring, self._sent)
        self._power_on()

    # -- resets

    def reset(self) -> None:
        s = self.state
        self._interrupt.reset()
        link, words = s.link, list(s.eeprom.words)
        self._later.cancel()
        super().reset()
        s.link = link
        self._eeprom.fill(words)
        self._power_on()

    def _power_on(self) -> None:
        self._eeprom.power_on()
        self._default_registers()
        self._phy.power_on()

    def _default_registers(self) -> None:
        """All registers as after a reset; the address comes from the EEPROM, the link from the PHY."""
        s = self.state
        memory: Any = s.regs
        memory.cast("B")[:] = reset_values()
        if not self._vet:
            s.regs[VET] = 0
        low, middle, high = s.eeprom.words[0], s.eeprom.words[1], s.eeprom.words[2]
        s.regs[RA], s.regs[RA + 1] = low | middle << 16, high | 1 << 31

    def _reset_mac(self) -> None:
        """CTRL.RST: all but the PHY, the EEPROM and what PCI's configuration says."""
        s = self.state
        up = s.regs[STATUS]
        self._interrupt.cancel()
        self._later.cancel()
        self._default_registers()
        s.regs[STATUS] = up
        s.io_address = 0
        s.plain.reset()
        s.segmenting.reset()
        s.packet.reset()
        self._interrupt.update()
        self.on_room()

    # -- where the registers are

    def loaded(self) -> None:
        self._map()
        self._interrupt.loaded()

    def config_changed(self, offset: int, size: int) -> None:
        self._map()
        if offset < COMMAND + 2 and offset + size > COMMAND:
            self._interrupt.drive()
            if self.state.regs[TDH] != self.state.regs[TDT]:
                self._transmit()
            self.on_room()

    def _map(self) -> None:
        self._place(REGISTERS_BAR, self._mmio, self._read, self._write, self._registers, min_size=4)
        self._place(IO_BAR, self._io, self._read_io, self._write_io, None, min_size=4)

    # -- frames

    def can_receive(self) -> bool:
        return has_room(self.state)

    def receive(self, frame: bytes) -> None:
        if receiving(self.state):
            self._interrupt.cause(self._receiver.take(frame))

    def _sent(self, frame: bytes) -> None:
        s = self.state
        if self._phy.loops or s.regs[RCTL] & LOOPBACK:
            if receiving(s):
                s.regs[ICR] |= self._receiver.take(frame)
        elif s.link and frame:
            self.port.send(frame)

    def _transmit(self) -> None:
        s = self.state
        if not s.regs[TCTL] & TCTL_EN or not s.config[COMMAND] & COMMAND_MASTER or self._later.armed:
            return
        causes, more = self._transmitter.run()
        if more:
            self._later.arm(self._clock.now_ns() + CONTINUE_NS)
        self._interrupt.cause(causes)

    # -- the link

    def set_link(self, up: bool) -> None:
        self._phy.set_link(up)

    def _link_changed(self) -> None:
        self._interrupt.cause(LSC)

    # -- registers: what is not declared

    def _read(self, address: int, size: int) -> int:
        return self._read_computed(address - self._ranges[REGISTERS_BAR.index].base)

    def _write(self, address: int, size: int, value: int) -> None:
        self._act(address - self._ranges[REGISTERS_BAR.index].base, value)

    def _read_computed(self, offset: int) -> int:
        s, n = self.state, self._layout.index[offset >> 2]
        if n == ICR:
            value = s.regs[ICR]
            s.regs[ICR] = 0
            self._interrupt.update()
            return value
        if n == EECD:
            return s.regs[EECD] & EECD_SHOWN | EECD_FIXED | s.eeprom.output << EECD_OUT_SHIFT
        assert n == EERD, f"{offset:#x}"
        return self._read_word(s.regs[EERD])

    def _read_word(self, asked: int) -> int:
        if not asked & EERD_START:
            return asked
        word = asked >> 8 & 0xFF
        if word >= WORDS:
            return asked & ~EERD_START | EERD_DONE
        return self.state.eeprom.words[word] << 16 | asked & 0xFF00 | EERD_DONE

    def _act(self, offset: int, value: int) -> None:
        s, n = self.state, self._layout.index[offset >> 2]
        regs = s.regs
        if n == CTRL:
            self._control(value)
        elif n == EECD:
            self._drive_eeprom(value)
        elif n == MDIC:
            self._manage(value)
        elif n == TDT:
            regs[n] = value & 0xFFFF
            self._transmit()
        elif n == TCTL:
            regs[n] = value
            self._transmit()
        elif n in (RCTL, RDH, RDT):
            regs[n] = value & self._layout.mask[n]
            self.on_room()
        elif n == ICS:
            self._interrupt.cause(value)
        else:
            self._mask(n, value)

    def _mask(self, n: int, value: int) -> None:
        regs = self.state.regs
        if n == IMS:
            regs[IMS] |= value
        elif n == IMC:
            regs[IMS] &= ~value
        else:
            assert n == ICR, n
            regs[ICR] &= ~value
        self._interrupt.update()

    def _control(self, value: int) -> None:
        if value & CTRL_PHY_RST:
            self._phy.reset()
        if value & CTRL_RST:
            self._reset_mac()
        else:
            self.state.regs[CTRL] = value

    def _drive_eeprom(self, value: int) -> None:
        self.state.regs[EECD] = value & EECD_SHOWN
        self._eeprom.drive(bool(value & EECD_SELECT), bool(value & EECD_CLOCK), bool(value & EECD_IN))

    def _manage(self, value: int) -> None:
        if self._phy.command(value):
            self._interrupt.cause(MDAC)

    # -- registers through I/O ports

    def _offset(self) -> int | None:
        """Where IOADDR leads."""
        address = self.state.io_address
        return address & ~3 if address < LENGTH else None

    def _read_io(self, address: int, size: int) -> int:
        at, offset = address & (IO_LENGTH - 1), self._offset()
        if at == IOADDR:
            return self.state.io_address
        if at != IODATA or offset is None:
            return 0
        value = self._registers.answer(offset, 4)
        return self._read_computed(offset) if value == DECLINED else value

    def _write_io(self, address: int, size: int, value: int) -> None:
        at, offset = address & (IO_LENGTH - 1), self._offset()
        if at == IOADDR:
            self.state.io_address = value
        elif at == IODATA and offset is not None and not self._registers.take(offset, 4, value):
            self._act(offset, value)
