"""What a replay has to follow: the recording's events and digests in order, loaded batch by batch as needed."""

from collections import deque

from playhead.log.digests import Digest
from playhead.log.events import Entry
from playhead.log.moment import START
from playhead.log.reader import Reader


class Script:
    """The rest of a recording, as seen from where the replay is."""

    def __init__(self, reader: Reader):
        self._batches = reader.batches()
        self._entries: deque[Entry] = deque()
        self._digests: deque[tuple[int, Digest]] = deque()
        self._reach = -1  # everything before this instruction is loaded
        self._exhausted = False
        self.flushed = START  # where the recorder stood at the last flush that is loaded
        self._stood: set[int] = set()  # instructions in front of which it flushed between two deliveries

    def load(self, icount: int) -> None:
        """Have everything at hand that happens up to `icount`, that included."""
        while not self._exhausted and self._reach <= icount:
            batch = next(self._batches, None)
            if batch is None:
                self._exhausted = True
            else:
                self._entries.extend(batch.entries)
                self._digests.extend(batch.digests)
                self._reach, self.flushed = batch.moment.icount, batch.moment
                if batch.moment.seq:
                    self._stood.add(batch.moment.icount)

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
        return self._entries.popleft()

    def next_digest(self) -> tuple[int, Digest] | None:
        return self._digests[0] if self._digests else None

    def take_digest(self) -> Digest:
        return self._digests.popleft()[1]
