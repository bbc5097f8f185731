"""What a device may ask for when it is built: the spaces and the clock, lines to drive, other devices that it is wired
to, and the ends of what is outside. A board provides it, and so does the bench of the contract test.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from playhead.hw.audio import AudioPort
from playhead.hw.block import Drive
from playhead.hw.clock import VirtualClock
from playhead.hw.door import HostClock, Requests, Sink
from playhead.hw.line import Line, SoleLine
from playhead.hw.memory import Memory
from playhead.hw.net import NetPort
from playhead.hw.space import Space

T = TypeVar("T")


class Child(NamedTuple):
    """A device on a bus that another device is: that one makes it. `kind` is its QEMU name."""

    kind: str
    bus: str
    values: Mapping[str, Any]


class Surroundings(Protocol):
    """`io` and `memory.mmio` are where registers are mapped; alarms are numbered in the order in which the machine's
    list builds its devices.
    """

    clock: VirtualClock
    io: Space
    memory: Memory
    requests: Requests
    host_clock: HostClock

    # wires

    def irq(self, number: int, driver: str) -> Line:
        """A new line that drives ISA interrupt `number`, which others may drive too. `driver` names it."""
        ...

    def sole_irq(self, number: int, driver: str) -> SoleLine:
        """The same, and it can take the interrupt from all others that drive it."""
        ...

    def isa_lines(self) -> list[Line]:
        """For interrupt controllers: the 16 ISA interrupts, as all their drivers together have them."""
        ...

    def drive_irq(self, number: int, line: Line) -> None:
        """Let an output that exists drive an ISA interrupt."""
        ...

    def pci_line(self, addr: str, driver: str, pin: int = 0) -> Line:
        """A new line that drives the interrupt pin (0 to 3 for INTA to INTD) of the slot in `addr`."""
        ...

    def a20(self, driver: str) -> Line:
        """A new line that drives the A20 gate."""
        ...

    def ignne(self) -> None:
        """Ask the processor to ignore floating-point errors, if it has one."""
        ...

    # other devices

    def find(self, cls: type[T]) -> T:
        """The device of this class, which the list has before the one that asks; or later, if asked later."""
        ...

    def children(self, buses: Sequence[str]) -> list[Child]:
        """What sits on these buses."""
        ...

    # the outside

    def chardev(self, id: str | None) -> Sink:
        """Where output goes; nowhere without an id."""
        ...

    def drive(self, id: str) -> Drive: ...

    def netdev(self, id: str | None) -> NetPort:
        """What a network card is plugged into; nothing without an id."""
        ...

    def audiodev(self, id: str | None) -> AudioPort:
        """What a sound device is plugged into; nothing without an id."""
        ...

    # what the machine as a whole says

    bus: Any  # the PCI bus (`devices.pci.bus.PciBus`), which the host bridge looks functions up on
    rtc_start_s: int | None  # seconds since 1970 at which a clock on virtual time starts; None: it shows the host's
    cmos: Mapping[int, int]  # bytes that firmware finds in the CMOS memory
    firmware_items: Mapping[int, bytes]  # what it finds in fw_cfg
    bridge_memory: tuple[int, int]  # where the RAM and the ROM of C0000h-FFFFFh are in the backing area
    video_memory: tuple[int, int]  # offset and size of the video memory in the backing area; 0 where there is none
