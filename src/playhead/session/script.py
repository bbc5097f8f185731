"""What a replay has to follow: the recording's events and digests in order, loaded batch by batch as needed.

It can be put anywhere (`seek`): each batch is verified against the hash of the one before, which the file holds, so
nothing in front of it has to be read.
"""

from bisect import bisect_left
from collections import deque

from playhead.log.digests import Digest
from playhead.log.events import Entry
from playhead.log.moment import START, Moment
from playhead.log.reader import BEGINNING, Reader


class Script:
    """The rest of a recording, as seen from where the replay is."""

    def __init__(self, reader: Reader):
        self._reader = reader
        self._marks = reader.marks()
        self._stood: set[int] = set()  # instructions in front of which the recorder flushed between two deliveries
        self._begin(0)
        self.last_event = 0  # id of the last one that was taken

    def _begin(self, at: int) -> None:
        """Nothing is loaded; batch number `at` is next."""
        self._at = at
        self._entries: deque[Entry] = deque()
        self._digests: deque[tuple[int, Digest]] = deque()
        mark = self._marks[at - 1][1] if at else BEGINNING
        self.flushed = Moment(*mark[2:4]) if at else START  # where the recorder stood at the last flush that is loaded
        self._reach = mark[2] if at else -1  # everything before this instruction is loaded

    def load(self, icount: int) -> None:
        """Have everything at hand that happens up to `icount`, that included."""
        while self._at < len(self._marks) and self._reach <= icount:
            number, mark, stored = self._marks[self._at]
            before, hash = BEGINNING, self._reader.beginning
            if self._at:
                _, before, hash = self._marks[self._at - 1]
            self._at += 1
            self._reader.check_order(self._at, number, mark, before)
            batch = self._reader.batch(number, mark, before, hash, stored)
            self._entries.extend(batch.entries)
            self._digests.extend(batch.digests)
            self._reach, self.flushed = batch.moment.icount, batch.moment
            if batch.moment.seq:
                self._stood.add(batch.moment.icount)

    def seek(self, last_event: int, icount: int) -> None:
        """Put it behind an event, and in front of the digest of `icount` or the first one after it."""
        by_event = bisect_left(self._marks, last_event + 1, key=lambda row: row[1][0])
        by_icount = bisect_left(self._marks, icount, key=lambda row: row[1][2])
        self._begin(min(by_event, by_icount))
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
