"""The PC's two Intel 8237A DMA controllers and their page registers, which QEMU calls i8257: channels 0 to 3 move
bytes, 5 to 7 words; channel 4 joins the controllers.

A device asks for a transfer by its DREQ (`request`) and moves data when its channel may (`ready`): all that it has at
once, which no guest can tell from byte by byte, because nothing else runs meanwhile. It is told when its channel has
become ready, and hears of the terminal count by how much was taken.

Memory-to-memory transfers are not there (a PC has no use for them), priorities have no effect.

Sources: Intel 8237A data sheet (registers, modes, commands); IBM PC/AT Technical Reference, "DMA" (addresses, page
registers); QEMU 7.2 for which page registers there are.
"""

from collections.abc import Callable, Mapping
from typing import Any, Self

from playhead.base.record import U8, U16, Array, Bool
from playhead.base.shared_record import SharedRecord
from playhead.hw.declared import Declared, Span
from playhead.hw.device import Device, Differs
from playhead.hw.memory import Memory
from playhead.hw.space import Space
from playhead.hw.surroundings import Surroundings

CHANNELS = 4  # of each controller
PAGES = ({0x87: 0, 0x83: 1, 0x81: 2, 0x82: 3}, {0x8F: 0, 0x8B: 1, 0x89: 2, 0x8A: 3})  # port -> channel
PAGE_SPANS = (Span(0x81, 3), Span(0x87, 1), Span(0x89, 3), Span(0x8F, 1))
COMMAND, REQUEST, MASK, MODE, FLIP_FLOP, MASTER_CLEAR, UNMASK, ALL_MASKS = range(8)  # control registers
DISABLED = 0x04  # command
TYPE, DECREMENT, AUTOINIT, CASCADE = 0x0C, 0x20, 0x10, 0xC0  # mode
VERIFY, TO_MEMORY, FROM_MEMORY = 0x00, 0x04, 0x08  # types
ALL = 0x0F


class ChannelState(SharedRecord):
    base_address = U16()
    base_count = U16()
    place = U16()
    count = U16()  # transfers still to come, less one
    mode = U8()
    page = U8()


class ControllerState(SharedRecord):
    channels = Array(ChannelState, CHANNELS)
    command = U8()
    mask = U8(ALL)
    done = U8()  # terminal counts that nobody has read of
    wanted = U8()  # requests: by the devices' lines ...
    asked = U8()  # ... and by the request register
    high = Bool()  # the next byte of an address or a count is the high one


class DmaState(SharedRecord):
    controllers = Array(ControllerState, 2)


class Dma(Device[DmaState]):
    """Channels are numbered 0 to 7."""

    State = DmaState
    part = "i8257"
    QEMU = Declared(
        "i8257", "ISA", "two DMA controllers with page registers",
        ports=(Span(0x00, 8), Span(0x08, 8), *PAGE_SPANS, Span(0xC0, 16), Span(0xD0, 16)),
    )  # fmt: skip
    DIFFERS = (
        Differs("a channel at its terminal count, without autoinitialize", "masked", "not masked", False),
        Differs("requests while channel 4 is masked", "not served on channels 0 to 3", "served", True),
        Differs("the mask register (port 0Fh, DEh) when read", "write-only", "the mask", True),
        Differs("ports 80h, 84h-86h, 88h, 8Ch-8Eh", "page registers without a channel", "not there", True),
        Differs("a command with memory-to-memory, fixed address or DREQ and DACK levels", "obeyed", "refused", True),
    )

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        return cls(name, at.io, at.memory)

    def __init__(self, name: str, io: Space, memory: Memory):
        super().__init__(name)
        self._memory = memory
        self._devices: dict[int, Callable[[], None]] = {}
        for n, (base, apart) in enumerate(((0x00, 1), (0xC0, 2))):
            io.map(base, 8 * apart, self._read_channel, self._write_channel, name=f"{name}.{n}")
            io.map(base + 8 * apart, 8 * apart, self._read_control, self._write_control, name=f"{name}.{n}.control")
        for span in PAGE_SPANS:
            io.map(int(span.base), int(span.length), self._read_page, self._write_page, name=f"{name}.page")

    # -- for devices

    def connect(self, channel: int, became_ready: Callable[[], None]) -> None:
        """A device uses this channel: it is told when the channel may serve its request."""
        self._devices[channel] = became_ready

    def request(self, channel: int, on: bool) -> None:
        """The device's DREQ line."""
        controller, bit = self._controller(channel), 1 << channel % CHANNELS
        controller.wanted = controller.wanted & ~bit | (bit if on else 0)

    def ready(self, channel: int) -> bool:
        controller = self._controller(channel)
        return not (controller.command & DISABLED or controller.mask >> channel % CHANNELS & 1)

    def left(self, channel: int) -> int:
        """Bytes up to the terminal count."""
        return (self._channel(channel).count + 1) * self._width(channel)

    def to_memory(self, channel: int, data: bytes, by: str) -> int:
        """A device's data; returns how many bytes were taken, up to the terminal count. `by` names the device."""
        n = min(len(data), self.left(channel))
        state = self._channel(channel)
        if state.mode & TYPE == TO_MEMORY:
            at = 0
            for address, length in self._pieces(channel, n):
                piece = data[at : at + length]
                self._memory.write(address, piece[::-1] if state.mode & DECREMENT else piece, by)
                at += length
        self._advance(channel, n)
        return n

    def from_memory(self, channel: int, length: int) -> bytes:
        """Data for a device, up to the terminal count."""
        n = min(length, self.left(channel))
        state = self._channel(channel)
        data = bytes(n)
        if state.mode & TYPE == FROM_MEMORY:
            pieces = [self._memory.read(address, length) for address, length in self._pieces(channel, n)]
            data = b"".join(piece[::-1] if state.mode & DECREMENT else piece for piece in pieces)
        self._advance(channel, n)
        return data

    def _pieces(self, channel: int, length: int) -> list[tuple[int, int]]:
        """(lowest address, bytes) in the order in which they are moved; addresses stay within the page."""
        state, width = self._channel(channel), self._width(channel)
        size = 0x10000 * width
        base = (state.page & ~(width - 1)) << 16
        at, found = state.place * width, []
        while length:
            if state.mode & DECREMENT:
                n = min(length, at + width)
                found.append((base + at + width - n, n))
                at = (at - n) % size
            else:
                n = min(length, size - at)
                found.append((base + at, n))
                at = (at + n) % size
            length -= n
        return found

    def _advance(self, channel: int, length: int) -> None:
        state, moved = self._channel(channel), length // self._width(channel)
        controller, bit = self._controller(channel), 1 << channel % CHANNELS
        over = moved > state.count
        state.place = (state.place + (-moved if state.mode & DECREMENT else moved)) & 0xFFFF
        state.count = (state.count - moved) & 0xFFFF
        if over:
            controller.done |= bit
            controller.asked &= ~bit
            if state.mode & AUTOINIT:
                state.place, state.count = state.base_address, state.base_count
            else:
                controller.mask |= bit

    @staticmethod
    def _width(channel: int) -> int:
        return 1 if channel < CHANNELS else 2

    def _controller(self, channel: int) -> ControllerState:
        return self.state.controllers[channel // CHANNELS]

    def _channel(self, channel: int) -> ChannelState:
        return self._controller(channel).channels[channel % CHANNELS]

    def _serve(self) -> None:
        """A channel may have become ready."""
        for channel, became_ready in self._devices.items():
            if self.ready(channel):
                became_ready()

    # -- registers

    def _place(self, address: int) -> tuple[ControllerState, int]:
        """The controller, and the register's number in it: 0 to 7 of channels, 8 to 15 of control."""
        return (self.state.controllers[1], (address & 0x1F) >> 1) if address & 0xC0 else (
            self.state.controllers[0], address & 0x0F
        )  # fmt: skip

    def _read_channel(self, address: int, size: int) -> int:
        controller, register = self._place(address)
        channel = controller.channels[register >> 1]
        value = channel.count if register & 1 else channel.place
        shift = 8 if controller.high else 0
        controller.high = not controller.high
        return value >> shift & 0xFF

    def _write_channel(self, address: int, size: int, value: int) -> None:
        controller, register = self._place(address)
        channel = controller.channels[register >> 1]
        was = channel.base_count if register & 1 else channel.base_address
        now = was & 0x00FF | value << 8 if controller.high else was & 0xFF00 | value
        controller.high = not controller.high
        if register & 1:
            channel.base_count = channel.count = now
        else:
            channel.base_address = channel.place = now

    def _read_control(self, address: int, size: int) -> int:
        controller, register = self._place(address)
        if register - 8 == COMMAND:  # the status, when read
            value = (controller.wanted | controller.asked) << 4 | controller.done
            controller.done = 0
            return value
        return controller.mask if register - 8 == ALL_MASKS else 0

    def _write_control(self, address: int, size: int, value: int) -> None:
        controller, register = self._place(address)
        which = register - 8
        bit = 1 << (value & 3)
        if which == COMMAND:
            controller.command = value
        elif which == REQUEST:
            controller.asked = controller.asked & ~bit | (bit if value & 4 else 0)
        elif which == MASK:
            controller.mask = controller.mask & ~bit | (bit if value & 4 else 0)
        elif which == MODE:
            controller.channels[value & 3].mode = value & ~3
        elif which == FLIP_FLOP:
            controller.high = False
        elif which == MASTER_CLEAR:
            controller.command = controller.done = controller.asked = 0
            controller.high, controller.mask = False, ALL
        else:
            controller.mask = 0 if which == UNMASK else value & ALL
        self._serve()

    def _page_of(self, address: int) -> ChannelState:
        second = address >> 3 & 1
        return self.state.controllers[second].channels[PAGES[second][address]]

    def _read_page(self, address: int, size: int) -> int:
        return self._page_of(address).page

    def _write_page(self, address: int, size: int, value: int) -> None:
        self._page_of(address).page = value
