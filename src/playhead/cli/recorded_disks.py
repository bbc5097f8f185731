"""The images of a recording's drives: for one that keeps only hashes of what the guest read, and for branches.

An image may have been moved, or copied: what counts is that it has what the guest has read of it. One with the same
size and time of modification is trusted (and each block is compared when it is used, anyhow).
"""

import os
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from playhead.base.errors import FormatError, HostError, PlayheadError, UsageError
from playhead.boards.config import PcConfig
from playhead.cli.recorded_config import config_of
from playhead.host.block import Image, open_image
from playhead.host.disks import Disk, Disks
from playhead.log.pages import PAGE, place_of
from playhead.log.reader import Reader

SAMPLE = 256  # blocks that are compared before a replay starts


def attach(reader: Reader, config: PcConfig, files: Sequence[dict[str, Any]] = ()) -> None:
    """Give a recording that keeps only hashes the images that it needs."""
    if reader.meta.get("embed", True) or not config.drives or reader.disks.elsewhere is not None:
        return
    disks = _open(reader, config, files, "keeps only hashes of what the guest read of it", SAMPLE)

    def blocks(keys: Sequence[int]) -> list[bytes]:
        return [disks[drive].read(block, 1) for drive, block in map(place_of, keys)]

    reader.disks.elsewhere = blocks


def for_branch(reader: Reader, files: Sequence[dict[str, Any]] = ()) -> Disks | None:
    """The images of the drives of a branch. The guest may read what it never read before, so the images must be there,
    with all that it did read.
    """
    config = config_of(reader)
    if not config.drives:
        return None
    return Disks(_open(reader, config, files, "has only what the guest has read of it", None))


def _open(reader: Reader, config: PcConfig, files: Sequence[dict[str, Any]], why: str, most: int | None) -> list[Disk]:
    facts = _facts(reader, len(config.drives))
    given = list(files)
    disks: list[Disk] = []
    for n, (drive, fact) in enumerate(zip(config.drives, facts, strict=True)):
        if fact is None and not drive.sectors:
            disks.append(Disk(None))
            continue
        if fact is None:
            raise FormatError(f"{reader.path} is damaged: meta 'disks' has no image for drive {n}")
        other = given.pop(0) if given else {}
        image = _image(reader, n, fact, other, why)
        if image.sectors != drive.sectors:
            raise _another(reader, n, image, f"it has {image.size} bytes, not {drive.sectors} sectors")
        if other or not _untouched(fact):
            _compare(reader, n, image, most)
        disks.append(Disk(image))
    if given:
        raise UsageError(f"-drive {given[0].get('file')}: the recorded machine has {len(facts)} drives")
    return disks


def _facts(reader: Reader, count: int) -> list[dict[str, Any] | None]:
    """What the recording says of each drive's image. Nothing of it is trusted but for where to look."""
    facts = reader.meta.get("disks")

    def right(fact: Any) -> bool:
        return fact is None or (isinstance(fact, dict) and isinstance(fact.get("file"), str))

    if not isinstance(facts, list) or len(facts) != count or not all(right(fact) for fact in facts):
        raise FormatError(f"{reader.path} is damaged: meta 'disks' does not describe its drives")
    return facts


def _image(reader: Reader, n: int, fact: dict[str, Any], other: dict[str, Any], why: str) -> Image:
    path, format = other.get("file", fact["file"]), other.get("format", fact.get("format"))
    try:
        return open_image(path, format=format if isinstance(format, str) else None, read_only=True)
    except HostError as e:
        raise HostError(f"{e}: {reader.path} {why}, drive {n}; -drive file=FILE says where it is") from None


def _untouched(fact: dict[str, Any]) -> bool:
    try:
        for file in fact["files"]:
            found = os.stat(file["path"])
            if (found.st_size, found.st_mtime_ns) != (file["size"], file["mtime_ns"]):
                return False
        return True
    except (OSError, LookupError, TypeError, ValueError):
        return False


def _compare(reader: Reader, n: int, image: Image, most: int | None) -> None:
    """Whether an image has what the guest has read; `most`: so many blocks are compared, spread over all."""
    keys = [key for _, row in reader.disks.each(0, reader.last().last_content) for key in row if place_of(key)[0] == n]
    step = 1 if most is None else max(len(keys) // most, 1)
    disk = Disk(image)
    for at in range(0, len(keys), step * SAMPLE):
        for key, hash in reader.disks.hashes(keys[at : at + step * SAMPLE : step]).items():
            _, block = place_of(key)
            try:
                same = sha256(disk.read(block, 1)).digest() == hash
            except PlayheadError as e:
                raise HostError(str(e)) from None
            if not same:
                raise _another(reader, n, image, f"it differs at byte {block * PAGE}")


def _another(reader: Reader, n: int, image: Image, how: str) -> UsageError:
    return UsageError(f"{image.path} is not what drive {n} of {reader.path} was when that was recorded: {how}")
