"""What is behind a machine's drives in a replay: the base out of the recording. Nobody starts anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from playhead.log.pages import PAGE, key_of

if TYPE_CHECKING:
    from playhead.hw.block import InFlight
    from playhead.log.reader import Reader


class RecordedDisks:
    """Takes the place of the host's drives (`machine.storage.Backing`)."""

    busy = False

    def __init__(self, reader: Reader):
        self._reader = reader
        self.lacking = ""  # a block that was wanted and is not in the recording

    def start(self, medium: int, id: int, kind: int, lba: int, count: int, data: bytes) -> None:
        """The end of the request is in the recording."""

    def cancel(self, medium: int, id: int) -> None:
        pass

    def base(self, medium: int, blocks: Sequence[int]) -> list[bytes]:
        keys = [key_of(medium, block) for block in blocks]
        found = self._reader.disks.blocks(keys)
        if len(found) < len(keys) and not self.lacking:
            block = next(b for b, key in zip(blocks, keys, strict=True) if key not in found)
            self.lacking = (
                f"the guest wants the block at byte {block * PAGE} of medium {medium}, which it never read in the "
                "recording"
            )
        return [found.get(key, bytes(PAGE)) for key in keys]

    def put_back(self, blocks: Mapping[int, bytes], under_way: Sequence[InFlight],
                 written: Callable[[InFlight], bytes]) -> None:  # fmt: skip
        pass
