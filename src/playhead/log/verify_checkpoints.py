"""The part of `verify` that checks checkpoints, the pages that they need, and snapshots."""

from collections.abc import Iterator
from hashlib import sha256

from playhead.base.errors import FormatError
from playhead.log.checkpoints import MAX_PACK, Checkpoint
from playhead.log.moment import Moment
from playhead.log.pages import HASH, NOTHING, PACK, unpack_pages
from playhead.log.reader import Reader
from playhead.log.snapshots import names
from playhead.log.verdict import Verdict

Found = tuple[str, str]  # where, what


def why(reader: Reader, e: FormatError) -> str:
    return str(e).removeprefix(f"{reader.path} is damaged: ")


def check_checkpoint(reader: Reader, checkpoint: Checkpoint, before: tuple[Moment, int]) -> None:
    """Check that it is after the one before, and between the events that it names."""
    if checkpoint.place <= before:
        raise FormatError(f"checkpoint {checkpoint.id} is not after the one before it")
    last = checkpoint.last_event
    sql = "SELECT id, icount, seq FROM event WHERE id = ? OR id = ?"
    for id, *at in reader.container.rows(sql, int, int, int, args=(last, last + 1)):
        if Moment(*at) > checkpoint.moment if id == last else Moment(*at) < checkpoint.moment:
            raise FormatError(f"checkpoint {checkpoint.id} is on the wrong side of event {id}")


def packs(reader: Reader, verdict: Verdict, good: set[bytes]) -> Iterator[Found]:
    """Every pack, one at a time; `good` becomes the hashes of all contents that are right."""
    try:
        rows = reader.container.rows("SELECT id, length(hashes), length(data) FROM pack ORDER BY id", int, int, int)
    except FormatError as e:
        yield "table pack", why(reader, e)
        return
    for number, hashes_size, data_size in rows:
        where = f"pack {number}"
        try:
            if hashes_size > PACK * HASH or data_size > MAX_PACK:
                raise FormatError(f"{hashes_size} bytes of hashes, {data_size} of data")
            sql = "SELECT hashes, data FROM pack WHERE id = ?"
            found = reader.container.rows(sql, bytes, bytes, args=(number,))
            for hash, content in unpack_pages(*found[0]) if found else ():
                if sha256(content).digest() != hash:
                    yield where, f"page {hash.hex()[:12]} is not what its hash says"
                else:
                    good.add(hash)
        except FormatError as e:
            yield where, why(reader, e)
    verdict.pages = len(good)


def contents(reader: Reader, checkpoint: Checkpoint, good: set[bytes]) -> Iterator[Found]:
    """What a checkpoint says that there is."""
    where = f"checkpoint {checkpoint.id}"
    try:
        reader.checkpoint_parts(checkpoint)
        pages = reader.checkpoint_pages(checkpoint)
    except FormatError as e:
        yield where, why(reader, e)
        return
    lost = [(page, hash) for page, hash in pages.items() if hash not in good and hash != NOTHING]
    if lost:
        page, hash = lost[0]
        more = f", and of {len(lost) - 1} more" if len(lost) > 1 else ""
        yield where, f"the content {hash.hex()[:12]} of page {page:#x} is missing or damaged{more}"


def blocks(reader: Reader, good: set[bytes]) -> Iterator[Found]:
    """What the guest read of its disks, if the recording keeps it."""
    if not reader.meta.get("embed", True):
        return
    try:
        for id, known in reader.disks.each(0, reader.last().last_content):
            lost = [key for key, hash in known.items() if hash not in good]
            if lost:
                more = f", and of {len(lost) - 1} more" if len(lost) > 1 else ""
                yield f"content {id}", f"the content of block {lost[0]:#x} is missing or damaged{more}"
    except FormatError as e:
        yield "table content", why(reader, e)


def snapshots(reader: Reader, verdict: Verdict, end: Moment) -> Iterator[Found]:
    try:
        found = names(reader)
    except FormatError as e:
        yield "table snapshot", why(reader, e)
        return
    verdict.snapshots = len(found)
    for one in found:
        if not Moment(0) <= one.moment <= end:
            yield f"snapshot {one.name!r}", f"it is of {one.moment}, the recording ends at {end}"
