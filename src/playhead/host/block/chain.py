"""Opens an image together with its backing images.

What an image says of its backing file is not trusted more than the rest: a chain that comes back to a file that is in
it, or is too long, is refused; so are names that are no file of this host; only regular files and block devices are
opened, and only for reading. The format comes from the image; one that does not say is probed, as QEMU does.
"""

import os

from playhead.base.errors import FormatError, PlayheadError, UnsupportedError, UsageError
from playhead.host import image_names
from playhead.host.block.create import create_in
from playhead.host.block.hostfile import HostFile, open_file, shown, temporary_file
from playhead.host.block.image import FORMATS, Image
from playhead.host.block.probe import probe
from playhead.host.block.qcow2 import Qcow2Image, read_container
from playhead.host.block.raw import RawImage
from playhead.host.image_names import ImageName

MAX_CHAIN = 100  # images; each level of a read is some levels of Python's stack


def open_image(path: str, *, format: str | None = None, read_only: bool = False) -> Image:
    """Open a disk image; without a format its first bytes say which it is."""
    if format is not None and format not in FORMATS:
        raise UsageError(f"cannot open image {path}: format {format!r}; there is {', '.join(FORMATS)}")
    return _open(os.fspath(path), format, read_only, [])


def backing_files(path: str, format: str | None = None) -> list[str]:
    """The names of all images after one, as far as they can be read: opening it says what cannot."""
    names: list[str] = []
    name: str | None = path
    while name is not None and len(names) <= MAX_CHAIN:
        try:
            name, format = _backing_of(name, format)
        except PlayheadError:
            break
        if name is not None:
            names.append(name)
    return names


def _backing_of(path: str, format: str | None) -> tuple[str | None, str | None]:
    file = open_file(path, read_only=True)
    try:
        if (format or probe(file)) == "raw":
            return None, None
        header = read_container(file).header
        if not header.backing_name:
            return None, None
        named = resolve(path, header.backing_name)
        return named.path, header.backing_format or named.format
    finally:
        file.close()


def temporary_overlay(image: Image) -> Image:
    """What is written goes to a file without a name and is gone when it is closed (QEMU's -snapshot); `image` is never
    changed. It belongs to the overlay from here on, and is closed with it."""
    file = temporary_file()
    try:
        create_in(file, image.size)
        return Qcow2Image(file, read_container(file), image)
    except BaseException:
        file.close()
        raise


def _open(path: str, format: str | None, read_only: bool, chain: list[tuple[int, int]]) -> Image:
    file = open_file(path, read_only)
    backing = None
    try:
        _check_chain(file, chain)
        file.lock()  # not before: in a circle we would meet our own lock
        known = format or probe(file)
        if known == "raw":
            return RawImage(file, probed=format is None)
        container = read_container(file)
        if (name := container.header.backing_name) is not None:
            backing = _open_backing(path, name, container.header.backing_format, chain)
        return Qcow2Image(file, container, backing)
    except BaseException:
        if backing is not None:
            backing.close()
        file.close()
        raise


def _check_chain(file: HostFile, chain: list[tuple[int, int]]) -> None:
    if (identity := file.identity()) in chain:
        raise FormatError(f"{file.path}: the image is, by way of its backing files, its own backing file")
    if len(chain) >= MAX_CHAIN:
        raise FormatError(f"{file.path}: a chain of more than {MAX_CHAIN} backing files")
    chain.append(identity)


def _open_backing(path: str, name: str, format: str | None, chain: list[tuple[int, int]]) -> Image:
    if format is not None and format not in FORMATS:
        raise UnsupportedError(f"{shown(path)}: a backing file of format {format!r}; we know {', '.join(FORMATS)}")
    outermost = len(chain) == 1
    try:
        named = resolve(path, name)
        return _open(named.path, format or named.format, True, chain)
    except PlayheadError as e:
        if not outermost:
            raise
        raise type(e)(f"{shown(path)}: its backing file: {e}") from None


def resolve(path: str, name: str) -> ImageName:
    """What a backing file's name means, as in QEMU: a path is relative to the folder of the image that names it; what
    follows a prefix is taken as it is.
    """
    named = image_names.parse(name)
    head = image_names.prefix(name)
    if head and named.path == name:
        raise UnsupportedError(f"{name!r}: unknown protocol {head!r} (the file of this name would be './{name}')")
    return named if head else ImageName(os.path.join(os.path.dirname(path), name))
