"""Disk images: raw and qcow2, to read and to write.

Ours, because the well-kept Python readers of qcow2 (dissect.hypervisor, libqcow) only read, the one under the AGPL,
the other in C, and none writes, keeps snapshots or survives a kill.

    with open_image("disk.qcow2") as disk:
        disk.write(0, b"...")
        disk.flush()
"""

from playhead.host.block.chain import open_image, temporary_overlay
from playhead.host.block.create import create_qcow2
from playhead.host.block.image import FORMATS, Extent, Image
from playhead.host.block.raw import create_raw
from playhead.host.block.snapshot_table import SnapshotInfo

__all__ = [
    "FORMATS", "Extent", "Image", "SnapshotInfo", "create_qcow2", "create_raw", "open_image", "temporary_overlay",
]  # fmt: skip
