"""Finds the format of an image from its first bytes.

Formats that we cannot read are known too: handed to a guest as if they were raw, they would be wrong data without a
word.
"""

from playhead.base.errors import UnsupportedError
from playhead.host.block.hostfile import HostFile

MAGICS = {
    b"QFI\xfb": "qcow2",
    b"KDMV": "VMDK",
    b"COWD": "VMDK",
    b"# Disk DescriptorFile": "VMDK",
    b"conectix": "VHD",
    b"vhdxfile": "VHDX",
    b"QED\0": "QED",
    b"WithoutFreeSpace": "Parallels",
    b"WithouFreSpacExt": "Parallels",
    b"LUKS\xba\xbe": "LUKS",
}  # fmt: skip
MAGIC_LENGTH = max(map(len, MAGICS))
VDI_MAGIC, VDI_OFFSET = b"\x7f\x10\xda\xbe", 64


def probe(file: HostFile) -> str:
    """raw or qcow2."""
    start = file.read(0, VDI_OFFSET + len(VDI_MAGIC))
    name = next((name for magic, name in MAGICS.items() if start.startswith(magic)), "raw")
    if start[VDI_OFFSET:] == VDI_MAGIC:
        name = "VDI"
    if name not in ("raw", "qcow2"):
        raise UnsupportedError(f"{file.path}: this looks like a {name} image, which we cannot read (if raw, say so)")
    return name
