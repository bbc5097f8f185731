"""The hash chain over batches: each flush hashes what it wrote onto the hash of the flush before.

Its first link covers the tables `meta` and `kind`; `meta` names everything else by content (kernel, firmware and disk
blocks are stored under their hashes). So whatever a reader hands on has been compared with a hash that the end of the
file depends on, and a changed, lost, added or reordered row is noticed where it is.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

from playhead.log.moment import Moment

Value = int | bytes | str | None


class Mark(NamedTuple):
    """A batch's row without its number and hash: the last rows that belong to it, and the recorder's position."""

    last_event: int = 0
    last_digest: int = 0
    last_checkpoint: int = 0
    last_content: int = 0
    last_console: int = 0
    icount: int = 0
    seq: int = 0
    virtual_ns: int = 0
    wall_ms: int = 0

    @property
    def rows(self) -> tuple[int, int, int, int, int]:
        """The last row of each table that is only added to."""
        return self.last_event, self.last_digest, self.last_checkpoint, self.last_content, self.last_console

    @property
    def moment(self) -> Moment:
        return Moment(self.icount, self.seq)


BEGINNING = Mark()


def link(before: bytes, label: str, rows: Iterable[tuple[Value, ...]]) -> bytes:
    """The hash of `rows` put onto `before`. The encoding is injective: types and lengths are hashed too."""
    h = blake2b(before, digest_size=16, person=label.encode())
    for row in rows:
        h.update(b"R%d;" % len(row))
        for value in row:
            match value:
                case None:
                    h.update(b"N;")
                case int():
                    h.update(b"I%d;" % value)
                case str():
                    data = value.encode()
                    h.update(b"T%d;" % len(data) + data)
                case _:
                    h.update(b"B%d;" % len(value) + value)
    return h.digest()


def genesis(meta: list[tuple[str, str]], kinds: list[tuple[int, str, str]]) -> bytes:
    """What the first batch is put onto: both tables, by their keys."""
    return link(link(b"", "meta", meta), "kind", kinds)


def link_batch(before: bytes, events: Iterable[tuple], digests: Iterable[tuple], checkpoints: Iterable[tuple],
               contents: Iterable[tuple], printed: Iterable[tuple], mark: tuple) -> bytes:  # fmt: skip
    """The hash of one batch: its rows of `event`, `digest`, `checkpoint`, `content` and `console`, and its mark."""
    hash = link(link(before, "event", events), "digest", digests)
    hash = link(link(link(hash, "checkpoint", checkpoints), "content", contents), "console", printed)
    return link(hash, "batch", [mark])
