"""What network cards on PCI share: their properties, their address, their place in the machine.

A card without an address of its own gets one as QEMU gives it: 52:54:00:12:34:56, and counting up for the next ones.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from playhead.base.errors import UsageError
from playhead.devices.pci.bus import Bar, PciState, addr
from playhead.devices.pci.expansion_rom import ROM_PROPERTIES, PciCard
from playhead.hw.declared import Declared, Property
from playhead.hw.inputs import NET, nobody_waits
from playhead.hw.native import Registers
from playhead.hw.net import NetPort, mac_bytes
from playhead.hw.space import Range, Read, Space, Write

COMMAND_NO_INTX, STATUS_INTX = 0x0400, 0x08  # of PCI's COMMAND and STATUS, since PCI 2.3
FIRST_MAC, CARDS = 0x525400123456, 0xFF - 0x56
CARD_PROPERTIES = (
    addr(),
    Property("mac", "mac", None, "Ethernet 6-byte MAC Address, example: 52:54:00:12:34:56"),
    Property("netdev", "netdev"),
    Property("bootindex", "int32", None, "firmware tries the lowest first", least=0),
    *ROM_PROPERTIES,
)

P = TypeVar("P", bound=PciState)


def free_mac(taken: Sequence[str]) -> str:
    """The first of QEMU's addresses that no card has. Raises UsageError."""
    used = {mac_bytes(text) for text in taken}
    for number in range(FIRST_MAC, FIRST_MAC + CARDS):
        if number.to_bytes(6, "big") not in used:
            return number.to_bytes(6, "big").hex(":")
    raise UsageError(f"no address is left for a network card: give it one with mac=; {CARDS} are given by themselves")


class NetworkCard(PciCard[P]):
    """A `NetReceiver`: subclasses say what comes in (`receive`) and send through `port`."""

    INPUT = NET
    port: NetPort
    on_room: Callable[[], None] = staticmethod(nobody_waits)

    def __init__(self, name: str, port: NetPort):
        super().__init__(name)
        self.port = port
        self._ranges: dict[int, Range] = {}  # by the number of their base address register

    @classmethod
    def settle(cls, p: Mapping[str, Any], others: Sequence[tuple[Declared, Mapping[str, Any]]]) -> dict[str, Any]:
        settled = super().settle(p, others)
        if p.get("mac") is None:
            settled["mac"] = free_mac([values["mac"] for _, values in others if values.get("mac")])
        return settled

    def _place(self, bar: Bar, space: Space, read: Read, write: Write, registers: Registers | None,
               min_size: int = 1) -> None:  # fmt: skip
        """Map the registers where the guest has put them by this base address register."""
        base, known = self.bar(bar.index), self._ranges.get(bar.index)
        if (known.base if known else None) == base:
            return
        if known is not None:
            space.unmap(known)
            del self._ranges[bar.index]
        if base is not None:
            name = f"{self.name}.{'io' if bar.io else 'registers'}"
            self._ranges[bar.index] = space.map(base, bar.length, read, write, min_size=min_size, max_size=4, name=name,
                                                registers=registers, moves=True)  # fmt: skip
