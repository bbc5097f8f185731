"""Realtek RTL8139C+, QEMU's `rtl8139`: a 100 Mbit/s network card on PCI.

It has two faces. In C mode, which the RTL8139 always had, frames come in a ring of bytes and are sent from four
registers; in C+ mode, which a write of CpCR enters, both ways have rings of descriptors, and the chip computes
checksums, cuts large packets, and handles VLAN tags.

This is the card: where its registers are, its interrupt and its cable. What the registers do is in rtl8139_core.py, and
what native code does with them in rtl8139_registers.py.

Sources: Realtek, data sheets of the RTL8139C(L) and, for C+ mode, of the RTL8139C+; QEMU 7.2 where `DIFFERS` says so.
"""

from collections.abc import Mapping
from typing import Any, Self

from playhead.devices.net.card import CARD_PROPERTIES, COMMAND_NO_INTX, STATUS_INTX, NetworkCard
from playhead.devices.net.rtl8139_core import Core
from playhead.devices.net.rtl8139_registers import (
    LENGTH, LINK_CHANGE, TCR_LOOPBACK, Rtl8139State, read_rtl8139, write_rtl8139,
)  # fmt: skip
from playhead.devices.pci.bus import COMMAND, STATUS, Bar, Reg, identity
from playhead.hw.clock import VirtualClock
from playhead.hw.declared import Declared
from playhead.hw.device import Differs
from playhead.hw.line import Line
from playhead.hw.memory import Memory
from playhead.hw.native import Registers
from playhead.hw.net import NetPort, mac_bytes
from playhead.hw.space import Space, never
from playhead.hw.surroundings import Surroundings


class Rtl8139(NetworkCard[Rtl8139State]):
    """`mac` is the address in the EEPROM."""

    State = Rtl8139State
    part = "rtl8139"
    ROM_FILE = "efi-rtl8139.rom"
    QEMU = Declared(
        "rtl8139", "PCI", "Realtek RTL8139C+ Fast Ethernet", CARD_PROPERTIES, wires=("intA",), most=0, creatable=True,
        category="Network",
    )  # fmt: skip
    DIFFERS = (
        Differs("CR after power-on", "RST is clear", "11h, until CR is written", True),
        Differs("TCR after a reset", "identifies the chip", "74800000h, an RTL8139C+", True),
        Differs("TCR while the transmitter is off", "can be written", "keeps its value", True),
        Differs("IDR", "writable while 9346CR unlocks it", "always writable", True),
        Differs("IDR after CR.RST", "keeps its value", "the EEPROM's address again", True),
        Differs("RCR, MAR, TSAD, CONFIG4 and MULINT after CR.RST", "defaults, but for MAR", "keep their values", True),
        Differs("BMCR's speed and duplex", "writable", "fixed: 100 Mbit/s, full duplex, negotiated", True),
        Differs("TSAD, THPDS of C+ mode", "written while the transmitter is off", "at any time", True),
        Differs("checksums of received frames in C+ mode", "checked (CpCR bit 5)", "left to software", True),
        Differs("early receive (ERSR, ERBCR, MULINT, RCR's thresholds)", "interrupts while a frame comes in",
                "never; the registers read 0", True),
        Differs("ring of high priority (TPPOLL bit 7)", "sent", "not sent", False),
        Differs("TPPOLL.FSWInt", "interrupts (SWInt)", "nothing", False),
        Differs("9346CR in autoload mode", "IDR is loaded from the EEPROM", "nothing", False),
        Differs("a write of RCR", "keeps the receive ring's pointers", "resets them", False),
        Differs("CR.RE set again", "the receive ring begins anew", "goes on", False),
        Differs("registers in other widths than their own", "the bytes of the register", "0, not written", False),
        Differs("kind of address of a frame that only promiscuous mode takes", "in the frame's status", "not", False),
        Differs("a link that has changed, in CSCR", "bit 11, which Linux's 8139too looks at", "0", False),
        Differs("BMSR and ANER", "read-only", "written in part", False),
        Differs("BMCR's restart of negotiation", "clears itself", "reads back", False),
        Differs("a frame that does not fit into C mode's ring", "waits in the FIFO; if that is full, is lost", "waits, "
                "if RxOverflow is enabled in QEMU; here in the FIFO, and those behind it outside", True),
        Differs("no descriptor for a frame in C+ mode", "the same", "it is lost; here it waits likewise", False),
        Differs("a descriptor of C mode written before its turn", "sent in its turn", "not until it is written again",
                False),
        Differs("a packet in C+ mode whose last descriptor is not there yet", "its first ones are fetched", "and given "
                "back; here they are taken when the last is there", False),
        Differs("a receive ring of more than 64 descriptors", "is none", "is one", True),
        Differs("FCS of a frame that was padded", "of the padded frame", "of the one that came", False),
        Differs("collisions in a descriptor that is given back", "none", "what the driver asked for is left there, "
                "which reads as collisions", False),
        Differs("PSH and FIN of a large packet", "kept in its last segment", "lost", False),
        Differs("a large packet without payload", "sent", "not sent", False),
        Differs("receive errors in the statistics", "without frames for others", "with them", False),
        Differs("configuration space from 40h on", "power management", "memory; here 0", False),
    )  # fmt: skip
    CONFIG = (
        *identity(0x10EC, 0x8139, 0x20, 0x020000),
        Reg(COMMAND, 2, 0x0000, 0x0507, name="PCICMD"),
        Reg(0x0C, 1, 0x00, 0xFF, name="CLS"),
        Reg(0x34, 1, 0xDC, name="CAPPTR"),
        Reg(0x3C, 1, 0x00, 0xFF, name="INTLN"),
        Reg(0x3D, 1, 0x01, name="INTPN"),
    )
    BARS = (Bar(0, LENGTH, io=True), Bar(1, LENGTH))

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        return cls(name, at.io, at.memory, at.clock, at.pci_line(p["addr"], name), at.netdev(p["netdev"]), p["mac"])

    def __init__(self, name: str, io: Space, memory: Memory, clock: VirtualClock, line: Line, port: NetPort, mac: str):
        super().__init__(name, port)
        self._io, self._mmio, self._line = io, memory.mmio, line
        self._registers = Registers(self.state, read=read_rtl8139, write=write_rtl8139, clock=clock)
        self._core = Core(name, self.state, clock, memory, self._drive, self._send)
        self._core.receiver_ready = lambda: self.on_room()
        self._core.manufacture(mac_bytes(mac))

    def reset(self) -> None:
        self._line.set(False)
        self._core.before_reset()
        link, words = self.state.link, list(self.state.eeprom.words)
        super().reset()
        self.state.link, self.state.eeprom.words = link, words
        self._core.after_reset()

    # -- where the registers are

    def loaded(self) -> None:
        self._map()
        self._line.restore(self._level())

    def config_changed(self, offset: int, size: int) -> None:
        self._map()
        if offset < COMMAND + 2 and offset + size > COMMAND:
            self._drive()
            self._core.look(False)  # it may be allowed to look at descriptors again

    def _map(self) -> None:
        for bar, space in zip(self.BARS, (self._io, self._mmio), strict=True):
            self._place(bar, space, never, self._core.write, self._registers)

    # -- the interrupt

    def _level(self) -> bool:
        return bool(self.state.isr & self.state.imr) and not self.word(COMMAND) & COMMAND_NO_INTX

    def _drive(self) -> None:
        """PCI's status shows an interrupt that is kept from the pin, too."""
        s = self.state
        s.config[STATUS] = s.config[STATUS] & ~STATUS_INTX | (STATUS_INTX if s.isr & s.imr else 0)
        self._line.set(self._level())

    # -- the network

    def can_receive(self) -> bool:
        return self._core.receiver.has_room()

    def receive(self, frame: bytes) -> None:
        if self.state.link:
            self._core.receiver.receive(frame)

    def set_link(self, up: bool) -> None:
        if up != self.state.link:
            self.state.link = up
            self._core.interrupt(LINK_CHANGE)

    def _send(self, frame: bytes) -> None:
        if self.state.tcr & TCR_LOOPBACK == TCR_LOOPBACK:
            self._core.receiver.receive(frame)
        elif self.state.link:
            self.port.send(frame)
