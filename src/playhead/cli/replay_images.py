"""Snapshots of a replay in the qcow2 images that are given beside the recording, as QEMU keeps them: `savevm` puts one
there under its instruction count, which `qemu-img snapshot -l` shows.

The recording has every moment, so `loadvm` needs only the name, which is in the recording too. An image that is no
drive (an orphan) gets the whole state: a machine without disks, or with images that did not change, can start with it
(`-loadvm`). That of a drive does not hold what was on the disk at this moment of the replay, so its snapshot is marked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from playhead.base.errors import PlayheadError

if TYPE_CHECKING:
    from playhead.cli.drive_places import DriveSpec
    from playhead.host.vm_images import VmImages
    from playhead.log.reader import Reader
    from playhead.log.snapshots import Snapshot
    from playhead.timeline.timeline import Timeline


class ReplayImages:
    """The images are opened when a snapshot goes there, and closed again: a replay itself needs none."""

    def __init__(
        self, drives: Sequence[DriveSpec], others: Sequence[DriveSpec], reader: Reader, message: Callable[[str], None]
    ):
        self._drives, self._others, self._reader, self._message = drives, others, reader, message

    def save(self, snapshot: Snapshot, timeline: Timeline) -> None:
        """Where the timeline is. An image that cannot take it is no failure: the recording has it."""
        from playhead.cli.recorded_config import config_of
        from playhead.session import vm_state
        from playhead.session.snapshots import Saved

        point = timeline.player.point()
        saved = Saved(snapshot.name, point.moment, snapshot.virtual_ns, snapshot.created, point.parts, point.pages)
        state = vm_state.pack(saved, config_of(self._reader), replayed=bool(self._drives))

        def put(images: VmImages) -> None:
            images.save(snapshot.name, state, snapshot.virtual_ns, point.moment.icount)

        self._with_images(f"snapshot '{snapshot.name}' is in {self._reader.path} only", put)

    def delete(self, name: str) -> None:
        self._with_images(f"snapshot '{name}' may still be in an image", lambda images: images.delete(name))

    def _with_images(self, otherwise: str, use: Callable[[VmImages], object]) -> None:
        from playhead.host.block import Image, open_image
        from playhead.host.vm_images import VmImages

        opened: list[Image] = []
        try:
            for spec in (*self._drives, *self._others):
                opened.append(open_image(spec.file, format=spec.format, read_only=False))
            images = VmImages(opened[: len(self._drives)], opened[len(self._drives) :])
            if images.take:
                use(images)
            else:
                self._message(f"{otherwise}: {images.why_not or 'no image given is qcow2'}")
        except PlayheadError as e:
            self._message(f"{otherwise}: {e}")
        finally:
            for image in opened:
                image.close()
