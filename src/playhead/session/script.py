"""The events and digests that a replay follows, in order, loaded batch by batch as needed.

A script can be moved anywhere (`seek`): each batch is verified against the hash of the one before, which the file
holds, so nothing before it has to be read.
"""

from collections import deque
from collections.abc import Callable

from playhead.log.console import Printed
from playhead.log.digests import Digest
from playhead.log.events import Entry
from playhead.log.moment import START, Moment
from playhead.log.reader import Reader


class Script:
    """The rest of a recording, from the moment of the replay on."""

    def __init__(self, reader: Reader):
        self._reader = reader
        self.on_output: Callable[[list[Printed]], None] | None = None  # called with the recorded console output
        self._between: set[int] = set()  # instructions before which the recorder flushed between two deliveries
        self._begin(0)
        self.last_event = 0  # id of the last one that was taken

    def _begin(self, index: int) -> None:
        """Nothing is loaded; the batch with this index is next."""
        self._index = index
        self._entries: deque[Entry] = deque()
        self._digests: deque[tuple[int, Digest]] = deque()
        self._reach = -1  # everything before this instruction is loaded
        self.flushed = START  # the moment of the last flush that is loaded

    def load(self, icount: int) -> None:
        """Load everything that happens up to and including `icount`."""
        while self._reach <= icount:
            batch = self._reader.load_batch(self._index)
            if batch is None:
                return
            self._index += 1
            self._entries.extend(batch.entries)
            self._digests.extend(batch.digests)
            if self.on_output is not None and batch.printed:
                self.on_output(batch.printed)
            self._reach, self.flushed = batch.moment.icount, batch.moment
            if batch.moment.seq:
                self._between.add(batch.moment.icount)

    def seek(self, last_event: int, moment: Moment, icount: int) -> None:
        """Move to a moment: behind an event, and before the digest of `icount` or the first one after it."""
        self._begin(self._reader.batch_at(Moment(moment.icount)))
        self.load(icount)
        self.last_event = last_event
        while self._entries and self._entries[0].id <= last_event:
            self._entries.popleft()
        while self._digests and self._digests[0][0] < icount:
            self._digests.popleft()

    def flushed_between_deliveries(self, icount: int) -> bool:
        """True if the recorder, too, delivered one exception after the other before this instruction."""
        return icount in self._between

    def next(self) -> Entry | None:
        """The next event of any kind."""
        return self._entries[0] if self._entries else None

    def next_delivered(self) -> Entry | None:
        """The next event that the session delivers, skipping those that the guest asks for."""
        return next((e for e in self._entries if not e.kind.pulled), None)

    def take(self) -> Entry:
        self.last_event = self._entries[0].id
        return self._entries.popleft()

    def next_digest(self) -> tuple[int, Digest] | None:
        return self._digests[0] if self._digests else None

    def take_digest(self) -> Digest:
        return self._digests.popleft()[1]
