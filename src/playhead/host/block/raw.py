"""Raw images: the file is the disk.

The one subtlety is probing. If a raw image was recognised as such only by having no format's magic number, a guest
that writes a qcow2 header into its first sector would, at the next start, be a qcow2 image that names any file of the
host as its backing file. So such an image refuses a write that would give it a magic number, as QEMU does.
"""

from playhead.base.errors import UsageError
from playhead.host.block.hostfile import HostFile, create_file
from playhead.host.block.image import Extent, Image
from playhead.host.block.probe import MAGICS, MAGIC_LENGTH

MAX_SIZE = (1 << 63) - 1


class RawImage(Image):
    """`probed`: the format was not given, but guessed from the first bytes."""

    format = "raw"

    def __init__(self, file: HostFile, probed: bool = False):
        super().__init__(file.name, file.length, file.read_only)
        self._file, self._probed = file, probed

    def _read(self, offset: int, length: int) -> bytes:
        return self._file.read(offset, length)

    def _write(self, offset: int, view: memoryview) -> None:
        if self._probed and offset < MAGIC_LENGTH:
            self._check_magic(offset, view)
        self._file.write(offset, view)

    def _check_magic(self, offset: int, view: memoryview) -> None:
        start = bytearray(self._file.read(0, MAGIC_LENGTH))
        part = view[: MAGIC_LENGTH - offset]
        start[offset : offset + len(part)] = part
        if (name := next((name for magic, name in MAGICS.items() if start.startswith(magic)), None)) is not None:
            raise UsageError(f"{self.path}: this write would make the image look like {name}; "
                             "give its format (raw) to allow it")  # fmt: skip

    def _write_zeroes(self, offset: int, length: int, unmap: bool) -> None:
        self._file.zero(offset, length)

    def _discard(self, offset: int, length: int) -> None:
        self._file.zero(offset, length)

    def _flush(self) -> None:
        self._file.sync()

    def _block_status(self, offset: int, length: int) -> Extent:
        return Extent(length, allocated=True, host_offset=offset)

    def _close(self) -> None:
        try:
            if not self.read_only:
                self._file.sync()
        finally:
            self._file.close()


def create_raw(path: str, size: int) -> None:
    """A raw image of zeros, which takes no space until it is written to."""
    if not 0 <= size <= MAX_SIZE:
        raise UsageError(f"cannot create {path}: a size of {size} bytes")
    file = create_file(path)
    try:
        file.truncate(size)
        file.sync()
    finally:
        file.close()
