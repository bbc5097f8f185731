"""What a replay has to follow: the recording's events and digests in order, loaded batch by batch as needed.

It can be put anywhere (`seek`): each batch is verified against the hash of the one before, which the file holds, so
nothing in front of it has to be read.
"""

from collections import deque
from collections.abc import Callable

from playhead.log.console import Printed
from playhead.log.digests import Digest
from playhead.log.events import Entry
from playhead.log.moment import START, Moment
from playhead.log.reader import Reader


class Script:
    """The rest of a recording, as seen from where the replay is."""

    def __init__(self, reader: Reader):
        self._reader = reader
        self.on_output: Callable[[list[Printed]], None] | None = None  # told what the recording has of the console
        self._stood: set[int] = set()  # instructions in front of which the recorder flushed between two deliveries
        self._begin(0)
        self.last_event = 0  # id of the last one that was taken

    def _begin(self, index: int) -> None:
        """Nothing is loaded; the batch with this index is next."""
        self._index = index
        self._entries: deque[Entry] = deque()
        self._digests: deque[tuple[int, Digest]] = deque()
        self._reach = -1  # everything before this instruction is loaded
        self.flushed = START  # where the recorder stood at the last flush that is loaded

    def load(self, icount: int) -> None:
        """Have everything at hand that happens up to `icount`, that included."""
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
                self._stood.add(batch.moment.icount)

    def seek(self, last_event: int, moment: Moment, icount: int) -> None:
        """Put it to a moment: behind an event, and in front of the digest of `icount` or the first one after it."""
        self._begin(self._reader.batch_at(Moment(moment.icount)))
        self.load(icount)
        self.last_event = last_event
        while self._entries and self._entries[0].id <= last_event:
            self._entries.popleft()
        while self._digests and self._digests[0][0] < icount:
            self._digests.popleft()

    def stood_at(self, icount: int) -> bool:
        """Whether the recorder was seen to deliver one exception after the other there, too."""
        return icount in self._stood

    def next(self) -> Entry | None:
        """The next event of any kind."""
        return self._entries[0] if self._entries else None

    def next_delivered(self) -> Entry | None:
        """The next event that the session delivers, past those that the guest pulls."""
        return next((e for e in self._entries if not e.kind.pulled), None)

    def take(self) -> Entry:
        self.last_event = self._entries[0].id
        return self._entries.popleft()

    def next_digest(self) -> tuple[int, Digest] | None:
        return self._digests[0] if self._digests else None

    def take_digest(self) -> Digest:
        return self._digests.popleft()[1]
