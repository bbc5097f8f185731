"""The ends of disk requests. The guest begins a request; when it ends is the host's affair, and so an input.

`ASYNC_BLOCK` says that a request has ended, `BLOCK_FAILED` that the host could not do it. What a read brings is not in
the event: it follows from what the guest has written and from the base, whose blocks a recording keeps. Which requests
are under way is part of the machine's state, so a replay may begin anywhere.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from playhead.log.events import BlockDone, BlockFailed, text_of
from playhead.session.recorded_disks import RecordedDisks
from playhead.session.sources.source import Refused, Session, Source

if TYPE_CHECKING:
    from playhead.log.reader import Reader


class BlockSource(Source[BlockDone | BlockFailed]):
    EVENTS = (BlockDone, BlockFailed)

    def __init__(self, session: Session):
        super().__init__(session)
        self._disks: Any = None  # `host.disks.Disks`, or None for a machine without drives
        self._base: dict[int, bytes | None] = {}  # what the drives' threads have read, by request
        self._recorded: RecordedDisks | None = None

    def connect(self) -> None:
        self._disks = self.session.host.ends.get("disks")

    @property
    def busy(self) -> bool:
        return self._disks is not None and self._disks.busy

    @property
    def pending(self) -> bool:
        return self._disks is not None and self._disks.waiting

    def take(self) -> Iterator[BlockDone | BlockFailed]:
        """In the order in which they ended. (The machine's own idea of what is under way decides: it may have been
        reset since.)
        """
        ended = []
        while self._disks is not None and self._disks.waiting:
            ended.append(self._disks.take())
        for request in ended:
            if request.error:
                yield BlockFailed(id=request.id)
            else:
                self._base[request.id] = request.base
                yield BlockDone(id=request.id)

    def apply(self, event: BlockDone | BlockFailed) -> None:
        failed = isinstance(event, BlockFailed)
        storage = self.session.machine.devices.get("storage")
        if storage is None or not storage.end(event.id, failed, self._base.pop(event.id, None)):
            raise Refused(f"the recording has {text_of(event)} here, this replay has begun no such request")

    def keep_originals(self) -> None:
        if self._disks is not None:
            self._disks.keep_originals()

    def recorded_ends(self, reader: "Reader") -> Mapping[str, Any]:
        self._recorded = RecordedDisks(reader)
        return {"disks": self._recorded}

    @property
    def lacking(self) -> str:
        return self._recorded.lacking if self._recorded is not None else ""
