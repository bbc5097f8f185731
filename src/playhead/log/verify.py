"""Checks a recording without running it: everything in it is what its hashes say, and all that a replay needs is
there.

A replay checks the same on its way, but stops at the first fault; this continues and names every table, batch and blob
that is damaged. What neither can see is a recording whose end was taken away batch by batch: that is what one looks
like whose recorder was killed, and both say that it has no end.
"""

from collections.abc import Iterator

from playhead.base.errors import FormatError
from playhead.log.batches import Batch
from playhead.log.chain import BEGINNING, Mark
from playhead.log.console import name_of
from playhead.log.digests import CHECK
from playhead.log.events import End
from playhead.log.moment import START
from playhead.log.reader import Reader
from playhead.log.schema import objects_of, tables_of
from playhead.log.verdict import Fault, Verdict
from playhead.log.verify_checkpoints import blocks, check_checkpoint, contents, packs, snapshots, why

MAX_FAULTS = 100


def verify(reader: Reader) -> Verdict:
    """Check everything. (What keeps a recording from being opened, `Reader` has raised already.)"""
    verdict = Verdict(reader.container.format)
    reader.look_again()
    for fault in (
        *_batches(reader, verdict), *_tables(reader, verdict), *_blobs(reader, verdict),
        *_checkpoints(reader, verdict), *_structure(reader),
    ):  # fmt: skip
        if len(verdict.faults) < MAX_FAULTS:
            verdict.faults.append(fault)
    return verdict


def _batches(reader: Reader, verdict: Verdict) -> Iterator[Fault]:
    """Check the chain. After a bad link it continues from the hash that is stored there."""
    try:
        marks = reader.marks()
    except FormatError as e:
        yield Fault("table batch", why(reader, e))
        return
    kept = START._replace(seq=-1), 0
    before, hash, last = BEGINNING, reader.beginning, Batch(0, [], [], [], {}, [], START, 0, 0)
    due = reader.first_digest
    blocks: set[int] = set()
    printed, faults = dict[int, int](), 0
    for position, (number, mark, stored) in enumerate(marks, 1):
        try:
            reader.check_order(position, number, mark, before)
            last = reader.batch(number, mark, before, hash, stored)
            due = _check_digests(reader, last, due)
            _check_end(reader, last, position == len(marks))
            verdict.blocks += _check_blocks(reader, last, blocks)
            verdict.console += _check_console(last, printed, faults == 0)
            for checkpoint in last.checkpoints:
                check_checkpoint(reader, checkpoint, kept)
                kept = checkpoint.place
        except FormatError as e:
            faults += 1
            yield Fault(f"batch {number}", why(reader, e))
            due = mark.icount - mark.icount % reader.digest_period + reader.digest_period
        verdict.batches, verdict.events = position, mark.last_event
        verdict.digests = (due - reader.first_digest) // reader.digest_period
        verdict.checkpoints = mark.last_checkpoint
        before, hash = mark, stored
    verdict.instructions = before.icount
    verdict.complete = bool(last.entries) and isinstance(last.entries[-1].event, End)
    yield from _leftovers(reader, before)


def _check_digests(reader: Reader, batch: Batch, due: int) -> int:
    """There is a digest at every multiple of the period; returns where the next one is due."""
    for icount, _ in batch.digests:
        if icount != due:
            raise FormatError(f"a digest of instruction {icount} where that of {due} is due")
        due += reader.digest_period
    return due


def _check_blocks(reader: Reader, batch: Batch, known: set[int]) -> int:
    """A block of a disk is named once; returns how many this batch names."""
    for key in batch.contents:
        if key in known:
            raise FormatError(f"the content of block {key:#x} for the second time")
    known.update(batch.contents)
    return len(batch.contents)


def _check_console(batch: Batch, printed: dict[int, int], all_known: bool) -> int:
    """Each port's output continues where it was, as far as that is known; returns how much this batch has."""
    for one in batch.printed:
        where = printed.get(one.port, 0)
        if one.position != where and all_known:
            raise FormatError(f"output of {name_of(one.port)} from byte {one.position} on where it had got to {where}")
        printed[one.port] = one.position + len(one.text)
    return sum(len(one.text) for one in batch.printed)


def _check_end(reader: Reader, batch: Batch, is_last: bool) -> None:
    for entry in batch.entries:
        if isinstance(entry.event, End):
            if not is_last or entry is not batch.entries[-1]:
                raise FormatError(f"event {entry.id} is an END, and there is more after it")
            if len(entry.event.checks) != len(reader.parts) * CHECK:
                raise FormatError(f"event {entry.id}, END, has a digest of the wrong length")


def _leftovers(reader: Reader, last: Mark) -> Iterator[Fault]:
    """Rows that belong to no batch: events and their batch are written together, so a recorder never leaves such
    rows."""
    ends = dict(zip(("event", "digest", "checkpoint", "content", "console"), last.rows, strict=True))
    if reader.packed:
        ends["packet"] = last.last_event  # they have the numbers of events
    for table, end in ends.items():
        try:
            rows = reader.container.rows(f"SELECT count(*) FROM {table} WHERE id > ? OR id < 1", int, args=(end,))
        except FormatError as e:
            yield Fault(f"table {table}", why(reader, e))
        else:
            if rows[0][0]:
                yield Fault(f"table {table}", f"{rows[0][0]} rows that belong to no batch")


def _tables(reader: Reader, verdict: Verdict) -> Iterator[Fault]:
    """Nothing but what a recording has. (What it must have, the reader insists on.)"""
    ours, tables = (of(reader.container.format) for of in (objects_of, tables_of))
    for kind, name, table in reader.container.objects():
        if (kind, name, table) not in ours and table not in tables:
            yield Fault(f"{kind} {name}", "it does not belong to a recording")


def _blobs(reader: Reader, verdict: Verdict) -> Iterator[Fault]:
    """Every blob, one at a time; then those that the machine is made of."""
    good = set()
    try:
        rows = reader.container.rows("SELECT id FROM blob ORDER BY id", int)
    except FormatError as e:
        yield Fault("table blob", why(reader, e))
        return
    for (number,) in rows:
        where = f"blob {number}"
        try:
            sql = "SELECT hash, size, codec, data FROM blob WHERE id = ?"
            ((key, size, codec, data),) = reader.container.rows(sql, bytes, int, str, bytes, args=(number,))
            where += f" ({key.hex()[:12]})"
            if reader.content_hash(size, codec, data) != key:
                yield Fault(where, "it is not what its hash says")
                continue
            found = reader.container.rows("SELECT id FROM blob WHERE hash = ?", int, args=(key,))
            if found != [(number,)]:
                yield Fault(where, "it is not found by its hash")
                continue
        except FormatError as e:
            yield Fault(where, why(reader, e))
            continue
        except ValueError:
            yield Fault(where, "its row cannot be read")
            continue
        good.add(key.hex())
        verdict.blobs, verdict.blob_bytes = verdict.blobs + 1, verdict.blob_bytes + size
    for name, key in reader.references():
        if key not in good:
            yield Fault(f"blob {key[:12]}", f"the machine's {name} is missing or damaged")


def _checkpoints(reader: Reader, verdict: Verdict) -> Iterator[Fault]:
    """Every page, then what each checkpoint needs, then the names of moments."""
    good: set[bytes] = set()
    yield from (Fault(*found) for found in packs(reader, verdict, good))
    try:
        checkpoints, end = reader.checkpoints(), reader.last().moment
    except FormatError as e:
        yield Fault("table checkpoint", why(reader, e))
        return
    if reader.start is not None and (not checkpoints or checkpoints[0].moment != reader.start.moment):
        yield Fault("table checkpoint", f"there is none at {reader.start.moment}, where the recording begins")
    for checkpoint in checkpoints:
        yield from (Fault(*found) for found in contents(reader, checkpoint, good))
    yield from (Fault(*found) for found in blocks(reader, good))
    yield from (Fault(*found) for found in snapshots(reader, verdict, end))


def _structure(reader: Reader) -> Iterator[Fault]:
    """SQLite's own check, of what no hash covers: indices, free pages, order."""
    try:
        for (said,) in reader.container.rows("PRAGMA integrity_check(10)", str):
            if said != "ok":
                yield Fault("the file", f"SQLite says: {said}")
    except FormatError as e:
        yield Fault("the file", why(reader, e))
