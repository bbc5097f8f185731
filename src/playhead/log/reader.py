"""Reads a recording. Everything in it is untrusted: whatever is not as `Writer` leaves it is a FormatError of one line.

A recording can be read while it is being written: what is there is complete batches. One that was killed is complete
but for its END event and what had not been flushed.
"""

import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from typing import Any

from playhead.base.errors import FormatError
from playhead.log import hot_blocks
from playhead.log.batches import Batch, digests_of, entries_of
from playhead.log.chain import BEGINNING, Mark, genesis, link, link_batch
from playhead.log.checkpoints import Checkpoint, Checkpoints
from playhead.log.console import Console, Output
from playhead.log.container import Container
from playhead.log.contents import Contents
from playhead.log.events import End, Entry
from playhead.log.hot_blocks import HotBlock
from playhead.log.moment import START, Moment
from playhead.log.packets import together
from playhead.log.pages import pieces
from playhead.log.schema import WITHOUT_NETWORK, MAX_BLOB, MAX_META
from playhead.log.start import Start
from playhead.log.start import from_json as start_from_json

REFERENCES = ("kernel", "initrd", "bios")  # in the machine's description: hashes of blobs
PARTS = {"module": "modules", "rom": "roms"}  # what a hash is of, and the list whose items have one
MARK = ", ".join(Mark._fields)


class Reader:
    """An open recording: `meta`, `blob(hash)`, and `batches()` or `entries()`."""

    def __init__(self, path: str):
        self.path = path
        self.container = Container(path)
        self._rows, self._bad = self.container.rows, self.container.damaged
        self._checkpoints = Checkpoints(self.container, self.last, self.checkpoint_rows)
        self._marks: list[tuple[int, Mark, bytes]] | None = None
        self._contents = Contents(self.container, self.last, self.content_rows, self.pages)
        self.console = Console(self.container, self._outputs)
        self._kept: tuple[int, tuple[list[tuple], ...]] = -1, ()  # the last batch that was asked for what it keeps
        try:
            rows = self._rows("SELECT key, value FROM meta ORDER BY key", str, str, limit=4096)
            kinds = self._rows("SELECT tag, name, arguments FROM kind ORDER BY tag", int, str, str, limit=4096)
            self.genesis = genesis(rows, kinds)
            self._check_beginning(self.genesis)
            self.meta: dict[str, Any] = {key: self._json(key, value) for key, value in rows}
            self._check_meta()
        except BaseException:
            self.close()
            raise

    def _check_beginning(self, hash: bytes) -> None:
        rows = self._rows(f"SELECT {MARK}, hash FROM batch WHERE id = 0", *[int] * len(Mark._fields), bytes)
        if not rows:
            raise self._bad("it has no batch 0")
        self.beginning = link(hash, "batch", [rows[0][:-1]])
        if rows[0][-1] != self.beginning or any(rows[0][:-1]):
            raise self._bad("batch 0 (its tables meta and kind) is not what its hash says")

    def _check_meta(self) -> None:
        for key in ("config", "session"):
            if not isinstance(self.meta.get(key), dict):
                raise self._bad(f"meta {key!r} is no object")
        parts, period = self.meta.get("parts"), self.meta.get("digest_period")
        if not isinstance(parts, list) or not parts or not all(isinstance(p, str) for p in parts):
            raise self._bad("meta 'parts' is no list of names")
        if not isinstance(period, int) or period < 1:
            raise self._bad("meta 'digest_period' is no positive number")
        self.parts: list[str] = parts
        self.digest_period: int = period
        self.start: Start | None = None  # it begins at power-on
        if self.meta.get("start") is not None:
            try:
                self.start = start_from_json(self.meta["start"])
            except FormatError as e:
                raise self._bad(str(e)) from None
        self.first_digest = self.start.first_digest(period) if self.start else 0

    def _json(self, key: str, text: str) -> Any:
        if len(text) > MAX_META:
            raise self._bad(f"meta {key!r} is {len(text)} bytes long")
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise self._bad(f"meta {key!r} is no JSON") from None

    # -- reading

    def blob(self, digest: str) -> bytes:
        """Content by its SHA-256 in hex, verified."""
        try:
            key = bytes.fromhex(digest)
        except (ValueError, TypeError):
            raise self._bad("a content hash that is no hash") from None
        rows = self._rows("SELECT size, codec, data FROM blob WHERE hash = ?", int, str, bytes, args=(key,))
        if not rows:
            raise self._bad(f"content {digest[:12]} is missing")
        size, codec, data = rows[0]
        return self._content(key, size, codec, data)

    def _content(self, key: bytes, size: int, codec: str, data: bytes) -> bytes:
        """One row of `blob`, unpacked and checked. It is hashed piece by piece first: no memory for what is not
        right.
        """
        if not 0 <= size <= MAX_BLOB:
            raise self._bad(f"content {key.hex()[:12]} claims {size} bytes")
        if self.content_hash(size, codec, data) != key:
            raise self._bad(f"content {key.hex()[:12]} is not what its hash says")
        return b"".join(pieces(codec, data))

    def content_hash(self, size: int, codec: str, data: bytes) -> bytes:
        """The hash of what a row of `blob` unpacks to; empty if it does not, or to another size."""
        hash, found = sha256(), 0
        try:
            for piece in pieces(codec, data):
                found += len(piece)
                if found > size:
                    return b""
                hash.update(piece)
        except ValueError:
            return b""
        return hash.digest() if found == size else b""

    def hot_blocks(self) -> list[HotBlock]:
        """Blocks that should be compiled first. They are hints: none where something about them is wrong."""
        sql = "SELECT hash, size, codec, data FROM blob WHERE id = (SELECT max(id) FROM blob) AND size <= ?"
        try:
            rows = self._rows(sql, bytes, int, str, bytes, args=(hot_blocks.MOST_BYTES,))
            return hot_blocks.unpack(self._content(*rows[0])) if rows else []
        except FormatError:
            return []

    def references(self) -> list[tuple[str, str]]:
        """(name, hash) of each blob that the machine is made of: every hash in its description."""
        config = self.meta["config"]
        found = [(k, v) for k, v in config.items() if k in REFERENCES and isinstance(v, str)]
        for what, part in PARTS.items():
            items = config[part] if isinstance(config.get(part), list) else []
            named = [item["data"] for item in items if isinstance(item, dict) and isinstance(item.get("data"), str)]
            found += [(f"{what} {n}", data) for n, data in enumerate(named)]
        return found

    def marks(self) -> list[tuple[int, Mark, bytes]]:
        """(number, mark, stored hash) of every batch that is there now, but for the beginning."""
        sql = f"SELECT id, {MARK}, hash FROM batch WHERE id <> 0 ORDER BY id"
        rows = self._rows(sql, *[int] * (1 + len(Mark._fields)), bytes)
        return [(row[0], Mark(*row[1:-1]), row[-1]) for row in rows]

    def check_order(self, position: int, number: int, mark: Mark, before: Mark) -> None:
        """Raise if a batch does not follow the one before."""
        if (
            number != position
            or any(a < b for a, b in zip(mark.rows, before.rows, strict=True))
            or mark.moment < before.moment
        ):
            raise self._bad(f"batch {position} is out of order")

    def batch(self, number: int, mark: Mark, before: Mark, hash: bytes, stored: bytes) -> Batch:
        """The batch that `mark` ends, checked against the chain; `before` and `hash` are those of the batch before."""
        events, runs, kept, contents, printed = self._rows_of(number, mark, before, hash, stored)
        entries = entries_of(events, before.moment, self._bad)
        digests = digests_of(runs, len(self.parts), self.digest_period, self._bad)
        checkpoints = self._checkpoints.check(kept, mark)
        blocks = self._contents.check(contents)
        console = self.console.check(printed, before.moment, mark.moment)
        return Batch(number, entries, digests, checkpoints, blocks, console, mark.moment, mark.virtual_ns, mark.wall_ms)

    def _rows_of(self, number: int, mark: Mark, before: Mark, hash: bytes, stored: bytes) -> tuple[list[tuple], ...]:
        """A batch's rows of `event`, `digest`, `checkpoint`, `content` and `console`, checked against the chain."""
        events = self._rows(
            "SELECT id, icount, seq, kind, cpu, args, payload FROM event WHERE id > ? AND id <= ? ORDER BY id",
            int, int, int, int, int, bytes | None, bytes | None, args=(before.last_event, mark.last_event),
        )  # fmt: skip
        if self.packed:
            packets = self._rows(
                "SELECT id, count, data FROM packet WHERE id > ? AND id <= ? ORDER BY id",
                int, int, bytes, args=(before.last_event, mark.last_event),
            )  # fmt: skip
            events = together(events, packets, self._bad)
        runs = self._rows(
            "SELECT id, icount, count, roots, checks FROM digest WHERE id > ? AND id <= ? ORDER BY id",
            int, int, int, bytes, bytes, args=(before.last_digest, mark.last_digest),
        )  # fmt: skip
        kept = self._checkpoints.rows(before.last_checkpoint, mark.last_checkpoint)
        contents = self._contents.rows(before.last_content, mark.last_content)
        printed = self.console.rows(before.last_console, mark.last_console)
        if link_batch(hash, events, runs, kept, contents, printed, mark) != stored:
            where = f"after instruction {before.icount}, up to {mark.icount}"
            raise self._bad(f"batch {number} is not what its hash says ({where})")
        return events, runs, kept, contents, printed

    def batches(self) -> Iterator[Batch]:
        """Every batch that is there now, in order, each verified against the chain before it is handed on."""
        hash, before = self.beginning, BEGINNING
        for i, (number, mark, stored) in enumerate(self.marks()):
            self.check_order(i + 1, number, mark, before)
            yield self.batch(number, mark, before, hash, stored)
            hash, before = stored, mark

    # -- reading from the middle

    def look_again(self) -> None:
        """Take note of batches that were added since the last look (the first is when something asks for one)."""
        self._marks = None

    def _known(self) -> list[tuple[int, Mark, bytes]]:
        if self._marks is None:
            self._marks = self.marks()
        return self._marks

    def identity(self) -> bytes:
        """What no other recording has: the hash at the end of its chain, at the last look."""
        known = self._known()
        return known[-1][2] if known else self.beginning

    def last(self) -> Mark:
        """Of the last batch at the last look; not verified."""
        known = self._known()
        return known[-1][1] if known else BEGINNING

    def load_batch(self, index: int) -> Batch | None:
        """The batch of this index (the first flush has 0), verified with the stored hash of the one before; None
        after the last.
        """
        return self.batch(*self._place(index)) if index < len(self._known()) else None

    def _place(self, index: int) -> tuple[int, Mark, Mark, bytes, bytes]:
        known = self._known()
        _, before, hash = known[index - 1] if index else (0, BEGINNING, self.beginning)
        number, mark, stored = known[index]
        self.check_order(index + 1, number, mark, before)
        return number, mark, before, hash, stored

    def checkpoint_rows(self, id: int) -> list[tuple]:
        """The rows of all checkpoints in the batch that has this one, verified; empty if none has."""
        return self._kept_rows(id, "last_checkpoint", 2)

    def _outputs(self, moment: Moment | None) -> Iterator[Output]:
        """What each batch that ends at `moment` or later has of the guest's output, verified; batches without any are
        left out.
        """
        for at in range(0 if moment is None else self.batch_at(moment), len(self._known())):
            number, mark, before, hash, stored = self._place(at)
            if mark.last_console > before.last_console:
                rows = self._rows_of(number, mark, before, hash, stored)[4]
                yield Output(number, mark.moment, self.console.check(rows, before.moment, mark.moment))

    def content_rows(self, id: int) -> list[tuple]:
        """The same for rows of `content`."""
        return self._kept_rows(id, "last_content", 3)

    def _kept_rows(self, id: int, last: str, which: int) -> list[tuple]:
        index = bisect_left(self._known(), id, key=lambda one: getattr(one[1], last))
        if self._kept[0] != index and index < len(self._known()):
            self._kept = index, self._rows_of(*self._place(index))
        return self._kept[1][which] if self._kept[0] == index else []

    def batch_at(self, moment: Moment) -> int:
        """The index for `load_batch` at which everything is found that happens at `moment` or later: the first batch
        that was flushed there or after. (It may begin before: skip events up to a checkpoint's `last_event`.)
        """
        return bisect_left(self._known(), moment, key=lambda one: one[1].moment)

    def checkpoints(self) -> list[Checkpoint]:
        """All of them at the last look, in order. Cheap, and not verified: their contents are, when asked for."""
        return self._checkpoints.all()

    def checkpoint_parts(self, checkpoint: Checkpoint) -> dict[str, bytes]:
        """The state of each part of the machine, by name, in order."""
        return self._checkpoints.parts(checkpoint)

    def checkpoint_pages(self, checkpoint: Checkpoint) -> dict[int, bytes]:
        """Page of the backing area -> SHA-256 of its content, of those written since the checkpoint before (before the
        first: since the machine was made).
        """
        return self._checkpoints.pages(checkpoint)

    def page(self, hash: bytes) -> bytes:
        """The content of a page by its SHA-256, verified."""
        return self.pages([hash])[hash]

    def pages(self, hashes: Iterable[bytes]) -> dict[bytes, bytes]:
        """The contents of many pages."""
        return self._checkpoints.contents(hashes)

    def packs_of(self, hashes: Iterable[bytes]) -> set[int]:
        """The numbers of the packs in which pages are stored."""
        return self._checkpoints.packs_of(hashes)

    def pack(self, number: int) -> bytes:
        """A pack as it is stored: pages, compressed together."""
        return self._checkpoints.pack(number)

    def packs_elsewhere(self, give: Callable[[int], bytes]) -> None:
        """This recording lists packs that it does not have: `give` does. Pages are compared with their hashes."""
        self._checkpoints.elsewhere = give

    @property
    def disks(self) -> Contents:
        """What it keeps of disks."""
        return self._contents

    def entries(self) -> Iterator[Entry]:
        """Every event, in order."""
        for batch in self.batches():
            yield from batch.entries

    def last_mark(self) -> tuple[Moment, int, int]:
        """(moment, virtual_ns, wall_ms) of the last flush; not verified against the chain: for showing."""
        last = "SELECT icount, seq, virtual_ns, wall_ms FROM batch ORDER BY id DESC LIMIT 1"
        rows = self._rows(last, int, int, int, int)
        return (Moment(*rows[0][:2]), rows[0][2], rows[0][3]) if rows else (START, 0, 0)

    def event_moment(self, id: int) -> Moment | None:
        """The moment of an event, by its number; not verified against the chain."""
        rows = self._rows("SELECT icount, seq FROM event WHERE id = ?", int, int, args=(id,))
        return Moment(*rows[0]) if rows else None

    def count_events(self) -> dict[int, int]:
        """How many events of each tag are there; not verified: for showing."""
        return dict(self._rows("SELECT kind, count(*) FROM event GROUP BY kind ORDER BY kind", int, int, limit=1000))

    def count_digests(self) -> int:
        """How many digests there are; not verified: for showing."""
        return self._rows("SELECT coalesce(sum(count), 0) FROM digest", int)[0][0]

    def sizes(self) -> dict[str, int]:
        """Bytes of content by what it is: kernel and other blobs, events, digests (columns, without SQLite's own)."""
        one = "SELECT coalesce(sum({}), 0) FROM {}"
        columns = {
            "blob": "length(data)",
            "event": "8 + coalesce(length(args), 0) + coalesce(length(payload), 0)",
            "digest": "8 + length(roots) + length(checks)",
            "batch": "48",
            "checkpoint": "40 + length(parts) + length(pages)",
            "content": "length(records)",
            "console": "40 + length(text) + length(moments)",
            "pack": "length(hashes) + length(data)",
        }
        if self.packed:
            columns["packet"] = "length(data)"
        return {t: self._rows(one.format(c, t), int)[0][0] for t, c in columns.items()}

    @property
    def packed(self) -> bool:
        """Whether packets are in a table of their own."""
        return self.container.format > WITHOUT_NETWORK

    def ended(self) -> bool:
        """Whether the last event is END: the recording was closed properly."""
        last = "SELECT last_event FROM batch ORDER BY id DESC LIMIT 1"
        rows = self._rows(f"SELECT kind FROM event WHERE id = ({last})", int)
        return bool(rows) and rows[0][0] == End.KIND.tag

    def close(self) -> None:
        self.container.close()

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
