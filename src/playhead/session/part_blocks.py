"""Copies blocks of disks from a recording into a part or a branch of it."""

from collections.abc import Iterable

from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.log.writer import Writer

AT_ONCE = 4096  # blocks between two flushes: 16 MiB


def copy_blocks(reader: Reader, writer: Writer, keys: Iterable[int], moment: Moment, virtual_ns: int) -> None:
    """Copy the blocks that a part needs, all at its beginning: many of them were read before."""
    wanted = sorted(keys)
    for at in range(0, len(wanted), AT_ONCE):
        some = wanted[at : at + AT_ONCE]
        give(reader, writer, reader.disks.hashes(some))
        writer.flush(moment, virtual_ns, 0, wait=True)


def give(reader: Reader, writer: Writer, hashes: dict[int, bytes]) -> None:
    """Blocks by key, with their contents if the recording keeps them."""
    embedded = bool(reader.meta.get("embed", True))
    contents = reader.pages(hashes.values()) if embedded else {}
    for key, hash in hashes.items():
        if embedded:
            writer.block(key, contents[hash])
        else:
            writer.block_hash(key, hash)
