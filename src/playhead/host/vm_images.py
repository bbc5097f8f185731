"""Where a live machine's snapshots go besides its memory: the qcow2 images that it may write, as QEMU has it.

`savevm` makes an internal snapshot in each of them; the first one takes the machine's state as well. So an image that
is no drive at all (`if=none` and no device) can hold the snapshots of a machine without disks. If any disk that is
written cannot take part, none does: a snapshot would not be one of the whole machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from playhead.base.errors import UsageError

if TYPE_CHECKING:
    from playhead.host.block import Image, SnapshotInfo

QCOW2 = "qcow2"


class VmImages:
    """`drives`: the images that the guest's writes go to; `others`: those that belong to no drive."""

    def __init__(self, drives: Sequence[Image], others: Sequence[Image] = ()):
        self._images = [image for image in (*drives, *others) if image.format == QCOW2]
        bad = [image for image in drives if image.format != QCOW2]
        self.why_not = f"{bad[0].path} ({bad[0].format}) takes no snapshots" if bad else ""

    @property
    def take(self) -> bool:
        """Whether a snapshot of the machine can be kept in them."""
        return bool(self._images) and not self.why_not

    @property
    def path(self) -> str:
        """Of the one that has the machine's state."""
        return self._images[0].path

    def save(self, name: str, state: bytes, clock_ns: int, icount: int) -> None:
        """A snapshot of all, in place of one of that name. Everything is on stable storage afterwards."""
        self.delete(name)
        for n, image in enumerate(self._images):
            image.create_snapshot(name, b"" if n else state, vm_clock_ns=clock_ns, icount=icount)

    def all(self) -> list[SnapshotInfo]:
        """Those with a machine's state."""
        return [info for image in self._images[:1] for info in image.snapshots() if info.vm_state_size]

    def delete(self, name: str) -> bool:
        """False if there was none."""
        there = [(image, info) for image in self._images for info in _named(image, name)]
        for image, info in there:
            image.delete_snapshot(info.id)
        return bool(there)

    def state(self, name: str) -> bytes:
        """The machine's state. Raises UsageError if it cannot be put back with all of its disks."""
        if not self.take:
            why = self.why_not or "there is no qcow2 image that may be written; -drive file=IMAGE.qcow2 gives one"
            raise UsageError(f"snapshot '{name}': {why}")
        there = [info for info in self.all() if info.name == name]
        if not there:
            raise UsageError(self._missing(name))
        for image in self._images[1:]:
            if not _named(image, name):
                raise UsageError(f"snapshot '{name}' is in {self.path}, but not in {image.path}")
        return self._images[0].read_vm_state(there[0].id)

    def _missing(self, name: str) -> str:
        """Why there is no state of this name: snapshots that `qemu-img snapshot -c` makes hold disks only."""
        others = [image for image in self._images for info in _named(image, name) if info.vm_state_size]
        if others:
            return f"snapshot '{name}': the machine's state is in {others[0].path}, but {self.path} is the first image"
        if any(_named(image, name) for image in self._images):
            return (
                f"snapshot '{name}' holds disks only, not the state of a machine: qemu-img snapshot -a {name} puts the "
                f"disk back; then start without it"
            )
        return f"no snapshot '{name}' in {self.path}; there is {_listed(self.all())}"

    def apply(self, name: str) -> None:
        """Each disk becomes what it was."""
        for image in self._images:
            image.apply_snapshot(_named(image, name)[0].id)


def _named(image: Image, name: str) -> list[SnapshotInfo]:
    """An image may have several of one name."""
    return [info for info in image.snapshots() if info.name == name]


def _listed(infos: Iterable[SnapshotInfo]) -> str:
    return ", ".join(info.name for info in infos) or "none"
