"""Packing of checkpoints for a recording: done in the background, stored with the first batch that finds them ready.

Hashing and compressing the pages of a large checkpoint takes 100 ms, for which the guest should not stop. The caller
chooses what does it: `host.worker.Worker` (a thread), or `AtOnce`. The blocks of disks that the guest has read are
packed in the same way, but a batch waits for those: it holds the events that say when the guest read them.
"""

from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple, Protocol, TypeVar

from playhead.base.record import BytesLike
from playhead.log.moment import Moment
from playhead.log.pages import PACK, PAGE, RECORD, Packed, Packer, joined, pack_parts

T = TypeVar("T")
MOST = 64 << 20  # bytes of pages that may wait to be packed when another checkpoint is taken


class Helper(Protocol[T]):
    """Does jobs one after the other, in order."""

    def submit(self, job: Callable[[], T]) -> None: ...

    def finished(self, wait: bool = False) -> list[T]:
        """Results of jobs that were not handed out yet; `wait`: of all that were submitted. Raises what a job
        raised.
        """
        ...

    def close(self) -> None: ...


class AtOnce(Generic[T]):
    """A worker that does each job when it is submitted."""

    def __init__(self) -> None:
        self._results: list[T] = []

    def submit(self, job: Callable[[], T]) -> None:
        self._results.append(job())

    def finished(self, wait: bool = False) -> list[T]:
        results, self._results = self._results, []
        return results

    def close(self) -> None:
        pass


class Ready(NamedTuple):
    """A checkpoint that can be stored. `last_event` is the id of the last event before it."""

    moment: Moment
    virtual_ns: int
    last_event: int
    parts: bytes
    pages: Packed
    plain: int  # bytes of its pages as they came


PackingHelper = Helper[Ready | Packed]


class Packing:
    """`add` a checkpoint, `add_block`; `ready` gives the checkpoints that are packed, in order, and all blocks."""

    def __init__(self, helper: PackingHelper):
        self._helper = helper
        self._packer = Packer()
        self._in_flight = 0
        self._blocks: dict[int, bytes] = {}  # not being packed yet
        self._hashes: dict[int, bytes] = {}  # of blocks whose contents are not stored
        self._blocks_away = 0
        self.embed = True  # keep the contents of blocks, not only their hashes

    @property
    def busy(self) -> bool:
        """So much is pending that no more should be submitted."""
        return self._in_flight > MOST

    @property
    def waits(self) -> bool:
        """There may be something ready, now or later."""
        return bool(self._in_flight)

    @property
    def has_blocks(self) -> bool:
        return bool(self._blocks or self._blocks_away or self._hashes)

    @property
    def blocks_wait(self) -> int:
        """Bytes of them."""
        return (len(self._blocks) + self._blocks_away) * PAGE

    def add(self, moment: Moment, virtual_ns: int, last_event: int, parts: Mapping[str, bytes],
            pages: Mapping[int, BytesLike]) -> None:  # fmt: skip
        plain = 1 + len(pages) * PAGE
        self._in_flight += plain
        self._helper.submit(
            lambda: Ready(moment, virtual_ns, last_event, pack_parts(parts), self._packer.pack(pages), plain)
        )

    def add_block(self, key: int, content: bytes) -> None:
        self._blocks[key] = content
        if len(self._blocks) == PACK:
            self._send_blocks()

    def add_hash(self, key: int, hash: bytes) -> None:
        self._hashes[key] = hash

    def _send_blocks(self) -> None:
        blocks, self._blocks = self._blocks, {}
        self._blocks_away += len(blocks)
        self._helper.submit(lambda: self._packer.pack(blocks, self.embed))

    def ready(self, wait: bool = False) -> tuple[list[Ready], Packed]:
        """`wait`: for all checkpoints, too."""
        if self._blocks:
            self._send_blocks()
        done = self._helper.finished(wait or bool(self._blocks_away))
        self._blocks_away = 0
        checkpoints = [one for one in done if isinstance(one, Ready)]
        blocks = [one for one in done if isinstance(one, Packed)]
        if self._hashes:
            blocks.append(Packed(b"".join(RECORD.pack(*one) for one in self._hashes.items()), []))
            self._hashes = {}
        self._in_flight -= sum(one.plain for one in checkpoints)
        return checkpoints, joined(blocks)

    def close(self) -> None:
        self._helper.close()
