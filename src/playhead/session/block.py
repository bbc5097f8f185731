"""Disk requests as a session's business: in a live one their ends enter as events, in a replay events end them.

`ASYNC_BLOCK` says that a request has ended, `BLOCK_FAILED` that the host could not do it. What a read brings is not in
the event: it follows from what the guest has written and from the base, whose blocks a recording keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from playhead.base.errors import DivergenceError
from playhead.log.events import BlockDone, BlockFailed, MediumChanged, text_of
from playhead.log.pages import PAGE, key_of
from playhead.replay.queue import AsyncQueue

if TYPE_CHECKING:
    from playhead.log.reader import Reader


class LiveBlock:
    """`disks`: the host's (`host.disks.Disks`), or None for a machine without any."""

    def __init__(self, disks: Any, queue: AsyncQueue):
        self._disks, self._queue = disks, queue
        self._base: dict[int, bytes | None] = {}
        self.machine: Any = None
        self._changes: list[MediumChanged] = []  # that are asked for
        queue.handler(BlockDone, self._done)
        queue.handler(BlockFailed, self._failed)
        queue.handler(MediumChanged, self._changed)

    @property
    def busy(self) -> bool:
        """Whether a request is under way, so that something will still come."""
        return self._disks is not None and self._disks.busy

    @property
    def waiting(self) -> bool:
        return bool(self._changes) or (self._disks is not None and self._disks.waiting)

    def change(self, drive: int, force: bool, image: Any = None) -> None:
        """Ask for another medium in a CD-ROM drive, or that it opens; it happens at the next moment that it can."""
        medium = 0 if image is None else self._disks.add(image)
        sectors = 0 if image is None else image.sectors
        self._changes.append(MediumChanged(drive=drive, force=int(force), medium=medium, sectors=sectors))
        self.machine.kick()

    def let_in(self) -> None:
        """Queue what has ended, in the order of arrival. (The machine's own idea of what is under way decides: it may
        have been reset since.) Changes of media come behind that: one forgets the request that is under way there.
        """
        while self._disks is not None and self._disks.waiting:
            ended = self._disks.take()
            if ended.error:
                self._queue.add_input(BlockFailed(id=ended.id))
            else:
                self._base[ended.id] = ended.base
                self._queue.add_input(BlockDone(id=ended.id))
        while self._changes:
            self._queue.add_input(self._changes.pop(0))

    def _done(self, event: Any) -> None:
        assert self.machine.block_done(event.id, base=self._base.pop(event.id)), f"nobody waits for {event.id}"

    def _failed(self, event: Any) -> None:
        assert self.machine.block_done(event.id, error=True), f"nobody waits for {event.id}"

    def _changed(self, event: Any) -> None:
        self.machine.change_medium(event.drive, bool(event.force), event.medium, event.sectors)

    def keep_originals(self) -> None:
        """The machine may be put back to its state of now."""
        if self._disks is not None:
            self._disks.keep_originals()


class RecordedBlock:
    """The ends of requests in a replay, and the storage's base out of the recording."""

    def __init__(self, reader: Reader, queue: AsyncQueue):
        self._reader = reader
        self.machine: Any = None
        self.busy = False
        self.lost = ""  # a block that was wanted and is not in the recording
        queue.handler(BlockDone, self._done)
        queue.handler(BlockFailed, self._failed)
        queue.handler(MediumChanged, self._changed)

    def _changed(self, event: Any) -> None:
        if not self.machine.takes_media(event.drive):
            raise DivergenceError(f"the recording has {text_of(event)} here, and drive {event.drive} takes no medium")
        self.machine.change_medium(event.drive, bool(event.force), event.medium, event.sectors)

    def _done(self, event: Any) -> None:
        self._end(event, error=False)

    def _failed(self, event: Any) -> None:
        self._end(event, error=True)

    def _end(self, event: Any, *, error: bool) -> None:
        if not self.machine.block_done(event.id, error=error):
            raise DivergenceError(f"the recording has {text_of(event)} here, this replay has begun no such request")

    # the base

    def start(self, medium: int, id: int, kind: int, lba: int, count: int, data: bytes) -> None:
        pass  # its end is in the recording

    def cancel(self, medium: int, id: int) -> None:
        pass

    def base(self, medium: int, blocks: Sequence[int]) -> list[bytes]:
        keys = [key_of(medium, block) for block in blocks]
        found = self._reader.disks.blocks(keys)
        if len(found) < len(keys) and not self.lost:
            block = next(b for b, key in zip(blocks, keys, strict=True) if key not in found)
            self.lost = (
                f"the guest wants the block at byte {block * PAGE} of medium {medium}, which it never read in the "
                "recording"
            )
        return [found.get(key, bytes(PAGE)) for key in keys]

    def put_back(self, blocks: Mapping[int, bytes], under_way: Sequence[Any], written: Callable[[Any], bytes]) -> None:
        pass
