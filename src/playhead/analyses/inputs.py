"""Where input reaches the guest: what a bus master writes into memory, and what a read of a device's register brings.

A `Gate` stands between a machine and its devices. It is told of an input when that enters, follows its bytes through
the device's queue by position, and tells its owner of each byte that leaves it, with the byte's label: into memory, or
as the answer to a read. Nothing is changed: the reads and writes are made as ever.

Queues are those of the serial receiver, the keyboard (whose bytes go through the controller's output buffer, and may be
translated on the way), and an IDE drive's buffer for reads without DMA.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from playhead.hw.space import Space
from playhead.machine import tracing
from playhead.machine.machine import Machine

Labels = list[int | None]
HEADERS = (0, 4)  # bytes that a card puts in front of a frame
NO_LABELS: Labels = []


class _Queue:
    """Labels beside a device's queue of bytes, kept in step by its length: what has gone, went from its head."""

    def __init__(self, length: Callable[[], int]):
        self._length = length
        self.labels: Labels = [None] * length()

    def follow(self) -> Labels:
        """The labels of what has gone since; what has come has none."""
        now = self._length()
        gone = self.labels[: max(len(self.labels) - now, 0)]
        del self.labels[: len(gone)]
        self.labels += [None] * (now - len(self.labels))
        return gone

    def entered(self, labels: Labels) -> None:
        """The last bytes that have come have these."""
        self.follow()
        if labels:
            known = labels[-len(self.labels) :] if self.labels else []
            self.labels[len(self.labels) - len(known) :] = known

    @property
    def any(self) -> bool:
        return any(label is not None for label in self.labels)


class _Uart:
    """A byte leaves its receiver when the receive buffer is read."""

    def __init__(self, device: Any):
        self.name = device.name
        self.queue = _Queue(lambda: len(device.state.rx))

    def before(self) -> None:
        self.queue.follow()

    def answer(self, size: int) -> Labels:
        return self.queue.follow()[:1]

    def entered(self, data: bytes, label: Callable[[int], int]) -> None:
        self.queue.entered([label(n) for n in range(len(data))])

    @property
    def pending(self) -> bool:
        return self.queue.any


class _Keyboard:
    """A code goes into the controller's output buffer, and from there to whoever reads port 60h."""

    def __init__(self, device: Any):
        self.name = f"{device.name}.data"
        self._state = device.state
        self.queue = _Queue(lambda: len(device.state.keyboard.queue))
        self._buffer: int | None = None
        self._full = bool(device.state.obf)

    def before(self) -> None:
        self._fetched()

    def _fetched(self) -> None:
        gone = [label for label in self.queue.follow() if label is not None]
        if gone:
            self._buffer = gone[-1]
        elif not self._state.obf or self._state.obf_aux:
            self._buffer = None

    def answer(self, size: int) -> Labels:
        label, self._buffer = self._buffer, None
        self._fetched()  # the next one comes into the buffer at once
        return [label]

    def entered(self, data: bytes, label: Callable[[int], int]) -> None:
        before = len(self.queue.labels)
        now = len(self._state.keyboard.queue)
        fetched = bool(self._state.obf and not self._state.obf_aux and not self._full)
        self.queue.entered([label(n) for n in range(max(now - before, 0))])
        if fetched and self._buffer is None:  # its first code has gone through at once
            self._buffer = label(0)

    def about_to_enter(self) -> None:
        self._fetched()
        self._full = bool(self._state.obf)

    @property
    def pending(self) -> bool:
        return self.queue.any or self._buffer is not None


class _Block:
    """The data of a disk request: written into memory by a bus master, piece by piece, or read through a data port."""

    def __init__(self, data: bytes, labels: Labels):
        self.data, self.labels, self.at = data, labels, 0

    def next(self, piece: bytes) -> Labels:
        """The labels of a piece, if it is what comes next; none otherwise."""
        if piece and self.data[self.at : self.at + len(piece)] == piece:
            found = self.labels[self.at : self.at + len(piece)]
            self.at += len(piece)
            return found
        return NO_LABELS

    @property
    def pending(self) -> bool:
        return any(label is not None for label in self.labels[self.at :])


class Gate:
    """`wrote(place in the guest's memory, data, labels, by)` and `answered(value's bytes, labels)` tell the owner.
    `read(address, length)` tells of what a bus master reads.
    """

    def __init__(self, machine: Machine):
        self._machine = machine
        devices = machine.board.devices.values()
        self._uarts = [_Uart(d) for d in devices if d.part == "ns16550_uart"]
        self._keyboards = [_Keyboard(d) for d in devices if d.part == "i8042_kbc"]
        self._queues: list[_Uart | _Keyboard] = [*self._uarts, *self._keyboards]
        self._block: _Block | None = None
        self._frame: tuple[bytes, Callable[[int], int]] | None = None  # while it enters
        self.wrote: Callable[[int, bytes, Labels, str], None] = lambda address, data, labels, by: None
        self.answered: Callable[[Labels], None] = lambda labels: None
        self.read: Callable[[int, int], None] = lambda address, length: None
        self.wants: Callable[[int, int, int], Callable[[int], int | None] | None] = lambda drive, lba, count: None
        self._asked_all = False

    # what enters

    def character(self, port: int, data: bytes, label: Callable[[int], int]) -> None:
        """Bytes have entered a serial port."""
        if port < len(self._uarts):
            self._uarts[port].entered(data, label)
        self._ask()

    def key_comes(self) -> None:
        for keyboard in self._keyboards:
            keyboard.about_to_enter()

    def key(self, label: Callable[[int], int]) -> None:
        for keyboard in self._keyboards:
            keyboard.entered(b"", label)
        self._ask()

    @contextmanager
    def frame(self, data: bytes, label: Callable[[int], int]) -> Iterator[None]:
        """While this lasts, a packet enters."""
        self._frame = data, label
        try:
            yield
        finally:
            self._frame = None

    @property
    def pending(self) -> bool:
        """Whether a device holds bytes with labels."""
        queued = any(one.pending for one in self._queues)
        return queued or (self._block is not None and self._block.pending)

    def _ask(self) -> None:
        """While labels are pending, each access to a device is to be answered by Python."""
        if self.pending != self._asked_all:
            self._asked_all = self.pending
            self._machine._table.ask_python(tracing.EVERYTHING if self._asked_all else tracing.NOTHING)

    # between the machine and its devices

    def attach(self) -> None:
        memory, board = self._machine.memory, self._machine.board
        for space in (board.io, memory.mmio):
            space.__dict__["read"] = self._reading(space)
        memory.__dict__["write"] = self._write(type(memory).write)
        memory.__dict__["read"] = self._read(type(memory).read)
        board.__dict__["drive_done"] = self._drive_done(type(board).drive_done)

    def detach(self) -> None:
        machine, memory, board = self._machine, self._machine.memory, self._machine.board
        for one, name in ((board.io, "read"), (memory.mmio, "read"), (memory, "write"), (memory, "read"),
                          (board, "drive_done")):  # fmt: skip
            one.__dict__.pop(name, None)
        machine._table.ask_python(tracing.NOTHING)

    def _reading(self, space: Space) -> Callable[[int, int], int]:
        inside = False

        def read(address: int, size: int) -> int:
            nonlocal inside
            if inside or not self.pending:
                return Space.read(space, address, size)
            there = space.find(address)
            queue = self._queue(there.name if there else "")
            if queue is not None:
                queue.before()
            inside = True
            try:
                value = Space.read(space, address, size)
            finally:
                inside = False
            labels = NO_LABELS if queue is None else queue.answer(size)
            if queue is None and self._block is not None and there is not None and there.name.endswith(".command"):
                labels = self._block.next(value.to_bytes(size, "little")) if address % 8 == 0 else NO_LABELS
            if any(label is not None for label in labels):
                self.answered(labels)
            self._ask()
            return value

        return read

    def _queue(self, name: str) -> _Uart | _Keyboard | None:
        return next((one for one in self._queues if one.name == name), None)

    def _write(self, write: Callable[..., None]) -> Callable[..., None]:
        memory = self._machine.memory

        def wrapped(address: int, data: bytes, by: str = "a bus master") -> None:
            write(memory, address, data, by)
            self.wrote(address, bytes(data), self._labels(bytes(data)), by)
            self._ask()

        return wrapped

    def _read(self, read: Callable[..., bytes]) -> Callable[..., bytes]:
        memory = self._machine.memory

        def wrapped(address: int, length: int) -> bytes:
            self.read(address, length)
            return read(memory, address, length)

        return wrapped

    def _labels(self, piece: bytes) -> Labels:
        if self._frame is not None:
            data, label = self._frame
            for skip in HEADERS:
                n = min(len(piece) - skip, len(data))
                if n > 0 and data[:n] == piece[skip : skip + n] and (n >= 14 or n == len(data)):
                    return [None] * skip + [label(i) for i in range(n)] + [None] * (len(piece) - skip - n)
            at = data.find(piece) if len(piece) >= 14 else -1
            return [label(at + i) for i in range(len(piece))] if at >= 0 else NO_LABELS
        return self._block.next(piece) if self._block is not None else NO_LABELS

    def _drive_done(self, done: Callable[..., bool]) -> Callable[..., bool]:
        board = self._machine.board

        def wrapped(id: int, error: bool, data: bytes = b"") -> bool:
            request = next((r for r in board.in_flight() if r.id == id), None)
            label = None
            if request is not None and data:
                label = self.wants(request.drive, request.lba, request.count)
            self._block = _Block(data, [label(n) for n in range(len(data))]) if label is not None else None
            ended = done(board, id, error, data)
            self._ask()
            return ended

        return wrapped


def shadow_of(labels: Sequence[int | None]) -> dict[int, int] | None:
    """The shadow of a value whose bytes have these labels."""
    return {0xFF << 8 * n: 1 << label for n, label in enumerate(labels) if label is not None} or None
