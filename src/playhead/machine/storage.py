"""The storage of all drives of a machine: what the guest has written, over a base that never changes.

Nothing here knows of a host's file. The base and the ends of requests come from a `Backing`: a live session's images
and threads, or a recording. So the same code answers a guest while it is recorded and in the replay:

- A write is sampled at the request, and in the overlay from then on; its end comes later and brings nothing.
- A read is answered when it ends: the overlay, and the base where the overlay has nothing.
- A block that is written in part takes its rest from the base at once.
- DISCARD is a hint that is not taken (as QEMU does by default): what was there stays readable.

Guest-visible, and so declared state, are the count of requests and, for each drive, a hash chained over all writes and
discards in their order: comparing that costs nothing, however much was written. The blocks themselves are kept in
checkpoints like pages of memory, under keys above those of pages (`log.pages.key_of`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any, Protocol

from playhead.base.errors import FormatError, UsageError
from playhead.base.record import U16, U64, Blob, Queue, Record
from playhead.boards.drive_config import CDROM, FLOPPY, DriveConfig
from playhead.boards.pc import Board
from playhead.hw.block import DISCARD, FLUSH, READ, SECTOR, WRITE, InFlight
from playhead.hw.device import Device
from playhead.log.pages import BLOCK_BITS, PAGE, key_of, place_of
from playhead.machine.media import Media

BLOCK = PAGE
ABSENT = b""  # the content of a block that the overlay does not have
MAX_SECTORS = (BLOCK << BLOCK_BITS) // SECTOR
MAX_REQUEST = 1 << 16  # sectors
Written = Callable[[InFlight], bytes]


class Backing(Protocol):
    """The outside of a storage: the bases, by the number of the medium, which is the drive's in the configuration until
    another one is put in. None of this raises.
    """

    @property
    def busy(self) -> bool:
        """Whether a request is about to end, so that the machine should return from its runs often."""
        ...

    def start(self, medium: int, id: int, kind: int, lba: int, count: int, data: bytes) -> None:
        """A request is under way from now on. `data`: what a write brings."""
        ...

    def cancel(self, medium: int, id: int) -> None:
        """Its end is not wanted any more."""
        ...

    def base(self, medium: int, blocks: Sequence[int]) -> list[bytes]:
        """The base's content of blocks, now; zeros for what cannot be had, which is then reported in another way."""
        ...

    def put_back(self, blocks: Mapping[int, bytes], under_way: Sequence[InFlight], written: Written) -> None:
        """The machine was put into another state. `blocks`: by key, those of the overlay that changed (ABSENT: the base
        shows again). What was under way is forgotten, and this is (with media in place of drives); `written` gives
        what a write of it brings.
        """
        ...


class NoBacking:
    """For a machine that never runs: it is only inspected."""

    busy = False

    def start(self, drive: int, id: int, kind: int, lba: int, count: int, data: bytes) -> None:
        pass

    def cancel(self, drive: int, id: int) -> None:
        pass

    def base(self, drive: int, blocks: Sequence[int]) -> list[bytes]:
        return [bytes(BLOCK)] * len(blocks)

    def put_back(self, blocks: Mapping[int, bytes], under_way: Sequence[InFlight], written: Written) -> None:
        pass


class DriveState(Record):
    medium = U16()  # what lies in it: the number of a base; at first the drive's own
    sectors = U64()
    written = Blob(length=16)  # chained over all writes and discards


class StorageState(Record):
    last_id = U64()
    drives = Queue(DriveState)


class StoredDrive:
    """One drive as its controller sees it (`hw.block.Drive`)."""

    def __init__(self, storage: "Storage", number: int, config: DriveConfig):
        self._storage, self._number = storage, number
        self.serial, self.model = config.serial, config.model
        self.read_only = config.read_only or config.kind == CDROM  # of a floppy disk drive: its first medium

    @property
    def sectors(self) -> int:
        return self._storage.state.drives[self._number].sectors

    def read(self, lba: int, count: int) -> int:
        return self._storage.start(self._number, READ, lba, count)

    def write(self, lba: int, data: bytes) -> int:
        return self._storage.start(self._number, WRITE, lba, len(data) // SECTOR, data)

    def flush(self) -> int:
        return self._storage.start(self._number, FLUSH, 0, 0)

    def discard(self, lba: int, count: int) -> int:
        return self._storage.start(self._number, DISCARD, lba, count)

    def cancel(self, id: int) -> None:
        self._storage.backing.cancel(self._storage.medium(self._number), id)


class Storage(Device[StorageState]):
    """All drives of a machine. `overlay` is by key; `unsaved` are the keys that changed since a checkpoint asked."""

    State = StorageState
    part = "storage"

    def __init__(self, drives: Sequence[DriveConfig], backing: Backing | None):
        super().__init__("storage")
        for drive in drives:
            if drive.sectors > MAX_SECTORS:
                raise UsageError(f"a drive of {drive.sectors} sectors: there can be {MAX_SECTORS}")
        self.backing = backing or NoBacking()
        self._writes_later_media = any(drive.kind == FLOPPY for drive in drives)
        self.drives = [StoredDrive(self, n, drive) for n, drive in enumerate(drives)]
        self.state.drives = [DriveState() for _ in drives]
        for n, drive in enumerate(drives):
            self.put_in(n, n, drive.sectors)
        self.overlay: dict[int, bytes] = {}
        self.unsaved: set[int] = set()
        self.entered: Callable[[int, bytes], None] | None = None  # told of the base's blocks whenever they are used

    def connect(self, board: Board) -> None:
        """`board` has the controllers that start requests here, and are told of their ends."""
        self._board, self.media = board, Media(board, self.put_in)

    def end(self, id: int, error: bool = False, base: bytes | None = None) -> bool:
        """A request has ended; False if no controller waits for it any more. `base`: what the base has in the blocks
        of a read, if the caller has it.
        """
        request = next((r for r in self._board.in_flight() if r.id == id), None)
        if request is None:
            return False
        data = self.answer(request, base) if request.kind == READ and not error else b""
        return self._board.drive_done(id, error, data)

    def reset(self) -> None:
        """The reset line does not reach a disk's content, and requests continue being counted."""

    def loaded(self) -> None:
        if len(self.state.drives) != len(self.drives):
            raise FormatError(f"a state of {len(self.state.drives)} drives, and there are {len(self.drives)}")

    def medium(self, drive: int) -> int:
        number: int = self.state.drives[drive].medium
        return number

    def put_in(self, drive: int, medium: int, sectors: int) -> None:
        """Another medium is in a drive, which has no request in flight. The caller tells the controller."""
        state = self.state.drives[drive]
        state.medium, state.sectors = medium, sectors

    # requests

    def start(self, drive: int, kind: int, lba: int, count: int, data: bytes = b"") -> int:
        assert self._fits(drive, lba, count if kind in (READ, WRITE) else 0), f"{count} sectors at {lba} of {drive}"
        self.state.last_id += 1
        id = self.state.last_id
        if kind in (WRITE, DISCARD):
            state = self.state.drives[drive]
            request = b"%d %d %d;" % (kind, lba, count)
            state.written = bytearray(blake2b(state.written + request + data, digest_size=16).digest())
        if kind == WRITE:
            self._write(self.medium(drive), lba * SECTOR, memoryview(data))
        self.backing.start(self.medium(drive), id, kind, lba, count, data)
        return id

    def _fits(self, drive: int, lba: int, count: int) -> bool:
        return 0 <= count <= MAX_REQUEST and 0 <= lba <= lba + count <= self.drives[drive].sectors

    def answer(self, request: InFlight, base: bytes | None) -> bytes:
        """The data of a read. `base`: the base's content of all blocks that it touches, if the caller has it."""
        drive, lba, count = request.drive, request.lba, request.count
        if not self._fits(drive, lba, count):
            raise FormatError(f"a state with a request for {count} sectors at {lba} of drive {drive}")
        return self._content(self.medium(drive), lba, count, base)

    def _content(self, medium: int, lba: int, count: int, base: bytes | None) -> bytes:
        begin, end = lba * SECTOR, (lba + count) * SECTOR
        first, behind = begin // BLOCK, -(-end // BLOCK)
        prefix = key_of(medium, 0)
        lacking = [block for block in range(first, behind) if prefix | block not in self.overlay]
        if base is not None:
            found = [base[(b - first) * BLOCK : (b - first + 1) * BLOCK] for b in lacking]
        else:
            found = self.backing.base(medium, lacking) if lacking else []
        self._tell(medium, lacking, found)
        if base is not None and len(lacking) == behind - first:
            return base[begin - first * BLOCK : end - first * BLOCK]
        under = dict(zip(lacking, found, strict=True))
        whole = b"".join(under[b] if b in under else self.overlay[prefix | b] for b in range(first, behind))
        return whole[begin - first * BLOCK : end - first * BLOCK]

    def _write(self, medium: int, begin: int, data: memoryview) -> None:
        end = begin + len(data)
        for block in range(begin // BLOCK, -(-end // BLOCK)):
            at, key = block * BLOCK, key_of(medium, block)
            a, b = max(begin, at), min(end, at + BLOCK)
            piece = bytes(data[a - begin : b - begin])
            if len(piece) < BLOCK:
                old = self._now(medium, block)
                piece = old[: a - at] + piece + old[b - at :]
            self.overlay[key] = piece
            self.unsaved.add(key)

    def _now(self, medium: int, block: int) -> bytes:
        """A whole block as the guest would read it."""
        content = self.overlay.get(key_of(medium, block))
        if content is None:
            (content,) = self.backing.base(medium, [block])
            self._tell(medium, [block], [content])
        return content

    def _tell(self, medium: int, blocks: Sequence[int], contents: Sequence[bytes]) -> None:
        if self.entered is not None:
            for block, content in zip(blocks, contents, strict=True):
                self.entered(key_of(medium, block), content)

    # checkpoints

    def content(self, key: int) -> bytes:
        """What the overlay has under a key, or ABSENT."""
        return self.overlay.get(key, ABSENT)

    def put_back(self, blocks: Mapping[int, bytes], under_way: Sequence[InFlight]) -> None:
        """Other contents (ABSENT: none) in the overlay, when the state has been loaded; and what is under way in it."""
        for key, content in blocks.items():
            if place_of(key)[0] >= len(self.drives) and not self._writes_later_media:
                raise FormatError(f"a block {key:#x} of a drive that there is not")
            if content == ABSENT:
                self.overlay.pop(key, None)
            else:
                self.overlay[key] = content
            self.unsaved.add(key)
        media = [replace(request, drive=self.medium(request.drive)) for request in under_way]
        self.backing.put_back(blocks, media, self._written)

    def _written(self, request: InFlight) -> bytes:
        """What a request under way writes: it is in the overlay since it was started. (Its drive is a medium here.)"""
        return self._content(request.drive, request.lba, request.count, None) if request.kind == WRITE else b""


def check_media(parts: Mapping[str, bytes], count: int) -> None:
    """Raise UsageError if a state has a medium in a drive whose number is not below `count`: it was put in by `change`,
    and a session that begins with this state has no image of it.
    """
    if Storage.part in parts:
        state = StorageState.decode(parts[Storage.part])
        for n, drive in enumerate(state.drives):
            if drive.medium >= count:
                raise UsageError(f"drive {n} has a medium in it that was put in later (change): go on from before that")


def of(drives: Sequence[DriveConfig], door: Any) -> Storage | None:
    """The storage of a machine with these drives; None if it has none, or its door has the drives."""
    if not drives or hasattr(door, "drives"):
        return None
    return Storage(drives, door.ends.get("disks"))
