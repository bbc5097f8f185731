"""Serial input: what is typed at a character device of the host, byte by byte as the guest's receiver has room."""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from playhead.hw.inputs import SERIAL, Receiver, takers
from playhead.log.events import CharRead
from playhead.session.sources.source import Refused, Session, Source
from playhead.session.target import serial_ports

BACKLOG_SLICE = 100_000  # instructions between two looks at a receiver for which input is waiting
UNREAD_NS = 1_000_000_000  # a Ctrl-C that the guest does not read for so long ends the run
CTRL_C = b"\x03"


class Port(NamedTuple):
    number: int
    outside: Any  # `host.chardev.CharDevice`
    device: Receiver


class Unread(NamedTuple):
    """A Ctrl-C in a receiver that has had `room` since."""

    device: Receiver
    room: int
    since_ns: int


class SerialSource(Source[CharRead]):
    EVENTS = (CharRead,)

    def __init__(self, session: Session):
        super().__init__(session)
        self._ports: list[Port] = []
        self._found: list[Receiver] | None = None
        self._unread: Unread | None = None

    def connect(self) -> None:
        ends = self.session.host.ends
        for number, device in enumerate(self._receivers()[: serial_ports(ends)]):
            outside = ends[f"serial{number}"]
            self._ports.append(Port(number, outside, device))
            device.on_room = partial(self._room, outside)

    def _receivers(self) -> list[Receiver]:
        """The machine's serial ports, in order."""
        if self._found is None:
            self._found = takers(self.session.machine.devices, SERIAL)
        return self._found

    def _room(self, outside: Any) -> None:
        """From inside a run."""
        if outside.waiting:
            self.session.machine.take_input()

    @property
    def pending(self) -> bool:
        for _, outside, device in self._ports:
            if outside.waiting and device.can_receive() > 0:
                return True
        return False

    def take(self) -> Iterator[CharRead]:
        for number, outside, device in self._ports:
            room = device.can_receive() if outside.waiting else 0
            data = outside.take(room) if room > 0 else b""
            if data:
                yield CharRead(port=number, data=bytearray(data))
                if outside.terminal and data.endswith(CTRL_C):
                    self._unread = Unread(device, device.can_receive(), self.session.host.realtime_ns())

    def apply(self, event: CharRead) -> None:
        port, ports = event.port, self._receivers()
        room = ports[port].can_receive() if port < len(ports) else 0
        if not 0 < len(event.data) <= room or ports[port].receive(bytes(event.data)) != len(event.data):
            raise Refused(
                f"serial port {port} took {len(event.data)} bytes in the recording and has room for {room} now"
            )

    def limit(self) -> int | None:
        for port in self._ports:
            if port.outside.waiting:
                return BACKLOG_SLICE
        return None

    def restored(self) -> None:
        self._unread = None

    def put_off(self, host_ns: int) -> None:
        if self._unread is not None:
            self._unread = self._unread._replace(since_ns=self._unread.since_ns + host_ns)

    def look_after(self, now_ns: int) -> None:
        """The user wants the guest's program to end, or, if the guest does not listen, the run."""
        if self._unread is not None:
            if self._unread.device.can_receive() > self._unread.room:
                self._unread = None
            elif now_ns - self._unread.since_ns > UNREAD_NS:
                self._unread = None
                self.session.host.request_quit("Ctrl-C, which the guest does not read")
