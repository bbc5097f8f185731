"""Drives in memory whose requests end when a test says so: what a session's storage is, without a session.

`Store` is the storage behind all drives of a machine: it hands out request numbers, and ends requests in any order by
calling what handles them (`Board.drive_done`, `Piix3Ide.drive_done`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from playhead.hw.block import DISCARD, FLUSH, READ, SECTOR, WRITE
from playhead.hw.clock import NEVER
from playhead.machine.machine import Machine

Done = Callable[[int, bool, bytes], bool]


@dataclass
class Pending:
    id: int
    kind: int
    drive: MemoryDrive
    lba: int
    count: int
    data: bytes


class Store:
    """Requests in the order in which they were started."""

    def __init__(self) -> None:
        self.pending: list[Pending] = []
        self.ended: list[Pending] = []
        self.last = 0

    def drive(self, content: bytes, *, read_only: bool = False, serial: str = "PH0001", model: str = "PLAYHEAD DISK"
              ) -> MemoryDrive:  # fmt: skip
        return MemoryDrive(self, content, read_only, serial, model)

    def start(self, kind: int, drive: MemoryDrive, lba: int, count: int, data: bytes = b"") -> int:
        self.last += 1
        self.pending.append(Pending(self.last, kind, drive, lba, count, data))
        return self.last

    def end(self, done: Done, id: int | None = None, *, error: bool = False) -> Pending:
        """End a request, the oldest one unless told which, and tell `done` of it."""
        request = next(r for r in self.pending if id in (None, r.id))
        self.pending.remove(request)
        self.ended.append(request)
        done(request.id, error, b"" if error else request.drive.perform(request))
        return request

    def end_all(self, done: Done) -> int:
        """End all there are, and those that follow from them; returns how many."""
        count = 0
        while self.pending:
            self.end(done)
            count += 1
        return count

    def take(self, other: Store, drives: dict[MemoryDrive, MemoryDrive]) -> None:
        """Become what another one is: the content of its drives, each by mine, and what is under way."""
        for its, mine in drives.items():
            mine.content[:] = its.content
        self.last = other.last
        self.pending = [Pending(r.id, r.kind, drives[r.drive], r.lba, r.count, r.data) for r in other.pending]


class MemoryDrive:
    def __init__(self, store: Store, content: bytes, read_only: bool, serial: str, model: str):
        self._store, self.content = store, bytearray(content.ljust(-(-len(content) // SECTOR) * SECTOR, b"\0"))
        self.read_only, self.serial, self.model = read_only, serial, model
        self.flushes, self.discards, self.cancelled = 0, [], []  # type: ignore[var-annotated]

    @property
    def sectors(self) -> int:
        return len(self.content) // SECTOR

    def read(self, lba: int, count: int) -> int:
        assert 0 <= lba and 0 < count and lba + count <= self.sectors, f"read of {count} at {lba}"
        return self._store.start(READ, self, lba, count)

    def write(self, lba: int, data: bytes) -> int:
        assert data and len(data) % SECTOR == 0 and lba + len(data) // SECTOR <= self.sectors and not self.read_only
        return self._store.start(WRITE, self, lba, len(data) // SECTOR, bytes(data))

    def flush(self) -> int:
        return self._store.start(FLUSH, self, 0, 0)

    def discard(self, lba: int, count: int) -> int:
        assert count and lba + count <= self.sectors
        return self._store.start(DISCARD, self, lba, count)

    def cancel(self, id: int) -> None:
        self.cancelled.append(id)
        self._store.pending = [r for r in self._store.pending if r.id != id]

    def perform(self, request: Pending) -> bytes:
        """The request's effect on the content, and its data."""
        at, end = request.lba * SECTOR, (request.lba + request.count) * SECTOR
        if request.kind == READ:
            return bytes(self.content[at:end])
        if request.kind == WRITE:
            self.content[at:end] = request.data
        elif request.kind == FLUSH:
            self.flushes += 1
        else:
            self.discards.append((request.lba, request.count))
            self.content[at:end] = bytes(end - at)
        return b""


class Door:
    """The outside of a machine with such drives: what the guest prints is kept, the clock does not move."""

    def __init__(self, *drives: MemoryDrive):
        self.drives = drives
        self.printed, self.debug = bytearray(), bytearray()
        self.ends = {"serial0": _Sink(self.printed), "debugcon": _Sink(self.debug)}

    def host_clock_ns(self) -> int:
        return 1_700_000_000_000_000_000


class _Sink:
    def __init__(self, into: bytearray):
        self._into = into

    def write(self, data: bytes, icounts: list[int]) -> None:
        self._into += data


def go(machine: Machine, store: Store, until: Callable[[], bool], *, latency: int = 5000, limit: int = 10**10) -> str:
    """Run until `until` says so, at most about `limit` instructions; a request ends `latency` instructions after it was
    noticed. Returns why it ended: "until", or the kind of the machine's last stop.
    """
    end, turns = machine.icount + limit, limit // latency
    while not until():
        if machine.icount >= end or not turns:
            return "budget"
        turns -= 1
        under_way = bool(store.pending)
        stop = machine.run(machine.icount + (latency if under_way else 10 * latency))
        if under_way and store.pending:
            store.end(machine.board.drive_done)
        elif stop.kind == "halted" and not store.pending and stop.deadline_ns != NEVER:
            machine.warp(stop.deadline_ns)
        elif stop.kind not in ("budget", "halted") or (stop.kind == "halted" and not store.pending):
            return stop.kind
    return "until"
