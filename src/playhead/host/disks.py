"""The host's side of drives: an image each, and a thread that performs its requests one after the other.

Finished requests go into one inbox for all drives, in the order in which they end, and the session is woken; it decides
at which moment each end enters the machine. Nothing here is part of the machine: it is the `Backing` of
`machine.storage.Storage`.

An image that is not to be changed (snapshot=on, a CD-ROM) is open for reading only, and whatever the guest writes stays
in the storage's memory. Else the thread writes it as well; the guest's flush returns when the image is flushed.
"""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playhead.base.errors import FormatError, PlayheadError
from playhead.host.end import HostEnd
from playhead.host.vm_images import VmImages
from playhead.log.pages import PAGE, place_of

if TYPE_CHECKING:
    from playhead.host.block import Image

BLOCK, SECTOR = PAGE, 512
READ, WRITE, FLUSH = 1, 2, 3  # kinds of requests (`hw.block`)


def is_same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


@dataclass(eq=False)
class Request:
    """`base` is what a read brings: all blocks that it touches, from the beginning of the first one."""

    medium: int
    id: int
    kind: int
    lba: int
    count: int
    data: bytes = b""
    error: bool = False
    base: bytes | None = None


class Disk:
    """One drive's image and thread. `written`: the guest's writes go to the image. `before`: the same image as a medium
    that was in a drive earlier, whose last writes may still be under way.
    """

    def __init__(self, image: Image | None, written: bool = False, flushes: bool = True, before: Disk | None = None):
        self.image, self.written, self._flushes, self._before = image, written, flushes, before
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self.keeps = False  # what is overwritten has to be kept
        self.kept: dict[int, bytes] = {}  # block -> what the image had there
        self.done = {kind: [0, 0] for kind in (READ, WRITE, FLUSH)}  # requests, bytes: of whoever looks at the host

    def submit(self, job: Callable[[], None]) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="playhead-disk", daemon=True)
            self._thread.start()
        self._jobs.put(job)

    def _loop(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job

    def settle(self) -> None:
        """Return when all that was submitted is done."""
        done = threading.Event()
        self.submit(done.set)
        done.wait()

    def stop(self) -> None:
        """Return when all that was submitted is done; the thread has ended."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def close(self) -> None:
        self.stop()
        if self.image is not None and self._before is None:
            self.image.close()

    # what it does

    def perform(self, request: Request) -> None:
        """On the thread, which waits for the host here. Raises what the image raises."""
        if request.kind in self.done:
            count = self.done[request.kind]
            count[0], count[1] = count[0] + 1, count[1] + request.count * SECTOR
        if request.kind == READ:
            first, behind = request.lba * SECTOR // BLOCK, -(-(request.lba + request.count) * SECTOR // BLOCK)
            request.base = self.read(first, behind - first)
        elif request.kind == WRITE and self.written:
            assert self.image is not None
            at = request.lba * SECTOR
            if self.keeps:
                self._keep(at, len(request.data))
            self.image.write(at, self._inside(at, request.data))
        elif request.kind == FLUSH and self.written and self._flushes:
            assert self.image is not None
            self.image.flush()

    def read(self, block: int, count: int) -> bytes:
        """Whole blocks; zeros behind the image's end."""
        assert self.image is not None
        if self._before is not None and self._before.written:
            self._before.settle()
        at = block * BLOCK
        length = max(min(count * BLOCK, self.image.size - at), 0)
        return self.image.read(at, length).ljust(count * BLOCK, b"\0")

    def _inside(self, at: int, data: bytes) -> memoryview:
        """Of an image whose size is no whole sector the rest is not written."""
        assert self.image is not None
        return memoryview(data)[: max(self.image.size - at, 0)]

    def _keep(self, at: int, length: int) -> None:
        for block in range(at // BLOCK, -(-(at + length) // BLOCK)):
            if block not in self.kept:
                self.kept[block] = self.read(block, 1)

    def put_back(self, block: int, content: bytes) -> None:
        """Of an image that is written, whose thread has settled. No content: what it had before the guest wrote it."""
        assert self.image is not None
        content = content or self.kept[block]
        self.image.write(block * BLOCK, self._inside(block * BLOCK, content))


class Disks(HostEnd):
    """All drives of a machine, by the number of what lies in them: first the drives' own media, then those that were
    added. Its methods are called on the session's thread. `others`: images of no drive, for snapshots only.
    `writable`: the images of media that are added may be written.
    """

    def __init__(self, disks: Sequence[Disk], others: Sequence[Image] = (), writable: bool = False):
        super().__init__()
        self.writable = writable
        self._keeps = False
        self._disks, self._others = list(disks), list(others)
        self.vm_images = VmImages([disk.image for disk in disks if disk.image is not None and disk.written], others)
        self._wanted: dict[int, Request] = {}  # by id: under way, or in the inbox
        self._inbox: deque[Request] = deque()
        self._failed_base: set[int] = set()  # media of which a block could not be had: the next request fails
        self._said: set[str] = set()

    def stop(self) -> None:
        for disk in self._disks:
            disk.stop()

    def close(self) -> None:
        """Everything that was started is done, and images are flushed."""
        for disk in self._disks:
            disk.close()
        for image in self._others:
            image.close()

    # for the machine's storage

    def start(self, medium: int, id: int, kind: int, lba: int, count: int, data: bytes) -> None:
        request = self._wanted[id] = Request(medium, id, kind, lba, count, data)
        request.error = medium in self._failed_base
        self._failed_base.discard(medium)
        self._disks[medium].submit(lambda: self._do(request))

    def cancel(self, medium: int, id: int) -> None:
        self._wanted.pop(id, None)

    def base(self, medium: int, blocks: Sequence[int]) -> list[bytes]:
        try:
            return [self._disks[medium].read(block, 1) for block in blocks]
        except PlayheadError as e:
            self._failed_base.add(medium)
            self._tell(str(e))
            return [bytes(BLOCK)] * len(blocks)

    def put_back(self, blocks: Mapping[int, bytes], under_way: Sequence[Any], written: Callable[[Any], bytes]) -> None:
        self._wanted.clear()
        self.settle()
        self._inbox.clear()
        # an image that was put in twice: what the later medium has written goes first, what the earlier one has follows
        given = sorted(((*place_of(key), content) for key, content in blocks.items()), key=lambda one: one[:2])
        for medium, block, content in [*(one for one in given[::-1] if not one[2]), *(one for one in given if one[2])]:
            if medium >= len(self._disks):
                raise FormatError(f"a state with a block of medium {medium}, which was never put in")
            if self._disks[medium].written:
                self._disks[medium].put_back(block, content)
        for r in under_way:
            self.start(r.drive, r.id, r.kind, r.lba, r.count, written(r))

    def add(self, image: Image, written: bool = False) -> int:
        """Another medium; its number. `written`: the guest's writes go to the image, which may be that of a medium that
        was in a drive earlier.
        """
        disk = Disk(image, written, before=next((disk for disk in self._disks[::-1] if disk.image is image), None))
        disk.keeps = written and self._keeps
        self._disks.append(disk)
        return len(self._disks) - 1

    def settle(self) -> None:
        """Return when the images have what the guest has written so far."""
        for disk in self._disks:
            if disk.written:
                disk.settle()

    @property
    def count(self) -> int:
        """Of media."""
        return len(self._disks)

    def image(self, medium: int) -> Image | None:
        return self._disks[medium].image

    def written_image(self, path: str) -> list[int]:
        """The media whose image is this file, open to be written."""
        images = ((n, disk.image) for n, disk in enumerate(self._disks) if disk.image is not None)
        return [n for n, image in images if not image.read_only and is_same_file(image.path, path)]

    def counts(self, drive: int) -> dict[str, int]:
        """What this drive has done, in the words of QEMU's `info blockstats`."""
        done = self._disks[drive].done
        return {"rd_bytes": done[READ][1], "wr_bytes": done[WRITE][1], "rd_operations": done[READ][0],
                "wr_operations": done[WRITE][0], "flush_operations": done[FLUSH][0]}  # fmt: skip

    def is_written(self, drive: int) -> bool:
        return self._disks[drive].written

    def keep_originals(self) -> None:
        """From now on the machine may be put back to where it is now."""
        self._keeps = True
        for disk in self._disks:
            disk.keeps = disk.written

    # for the session

    @property
    def busy(self) -> bool:
        """Whether the end of anything is still to be heard of."""
        return bool(self._wanted)

    @property
    def waiting(self) -> bool:
        """Whether there is something to take."""
        while self._inbox and not self._is_wanted(self._inbox[0]):
            self._inbox.popleft()
        return bool(self._inbox)

    def take(self) -> Request | None:
        """The next request that has ended, in the order of arrival."""
        if not self.waiting:
            return None
        request = self._inbox.popleft()
        del self._wanted[request.id]
        return request

    def _is_wanted(self, request: Request) -> bool:
        return self._wanted.get(request.id) is request

    def _do(self, request: Request) -> None:
        """On the drive's thread."""
        try:
            if not request.error:
                self._disks[request.medium].perform(request)
        except PlayheadError as e:
            request.error = True
            self._tell(str(e))
        self._inbox.append(request)
        self.wake()

    def _tell(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self.message(f"{text}; the guest is told of an error of its disk")
