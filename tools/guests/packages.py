"""Packages of the guests' architecture: fetched and unpacked once, and what of their files an initramfs gets."""

from __future__ import annotations

import re
import stat
import struct
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tools.guests import initramfs
from tools.guests.apt import INDEX, AptError, PrivateApt
from tools.guests.host_tools import key_of
from tools.guests.initramfs import Entry

_LOAD, _DYNAMIC, _NEEDED, _STRTAB = 1, 2, 1, 5  # of ELF: types of segments, tags


def unpacked(folder: Path, kind: str, packages: Sequence[str], say: Callable[[str], None]) -> Path:
    """Where the files of these packages are, below `folder`; they are fetched if need be."""
    kept = folder / f"{kind}-{key_of(packages)}"
    if not kept.exists():
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder) as scratch:
            apt = PrivateApt(Path(scratch) / "apt", "i386", say, folder / INDEX)
            apt.update()
            files = Path(scratch) / "files"
            for name in packages:
                apt.unpack(name, files)
            files.replace(kept)
    return kept


def chosen(kept: Path, patterns: Iterable[str]) -> list[Entry]:
    """The files and links whose paths one of these regular expressions matches, and folders before what is in them.

    Every pattern has to match something.
    """
    found: dict[str, Entry] = {}
    paths = {str(path.relative_to(kept)): path for path in sorted(kept.rglob("*"))}
    for pattern in patterns:
        some = [name for name, path in paths.items() if not _is_folder(path) and re.fullmatch(pattern, name)]
        if not some:
            raise AptError(f"the packages in {kept.name} have no file {pattern}")
        for name in some:
            found[name] = _entry(name, paths[name])
    parents = {name[:n]: initramfs.folder(name[:n]) for name in found for n, c in enumerate(name) if c == "/"}
    return [entry for _, entry in sorted((parents | found).items())]


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _entry(name: str, path: Path) -> Entry:
    if path.is_symlink():
        return initramfs.link(name, str(path.readlink()))
    return initramfs.file(name, path.read_bytes(), stat.S_IMODE(path.stat().st_mode))


def with_libraries(kept: Path, entries: Iterable[Entry]) -> list[Entry]:
    """These, and all shared libraries that they need, each under its name in /lib."""
    made = list(entries)
    wanted = [entry.data for entry in made if stat.S_ISREG(entry.mode)]
    names: dict[str, Entry] = {}
    where = {path.name: path for path in sorted(kept.glob("**/i386-linux-gnu/*.so*"))}
    while wanted:
        for name in needed(wanted.pop()):
            if name in names:
                continue
            if name not in where:
                raise AptError(f"the packages in {kept.name} have no library {name}")
            data = where[name].resolve().read_bytes()
            names[name] = initramfs.file(f"lib/{name}", data, 0o755)
            wanted.append(data)
    return made + list(names.values())


def needed(elf: bytes) -> list[str]:
    """The names of the libraries that a 32-bit ELF file asks for (System V ABI, chapter 5); nothing of other files."""
    if elf[:5] != b"\x7fELF\x01":
        return []
    at, size, count = (int.from_bytes(elf[n : n + w], "little") for n, w in ((28, 4), (42, 2), (44, 2)))
    headers = [struct.unpack_from("<8I", elf, at + n * size) for n in range(count)]
    loaded = [(address, offset, length) for kind, offset, address, _, length, *_ in headers if kind == _LOAD]
    names: list[int] = []
    strings = 0
    for kind, offset, _, _, length, *_ in headers:
        for n in range(offset, offset + length, 8) if kind == _DYNAMIC else ():
            tag, value = struct.unpack_from("<II", elf, n)
            if tag == _NEEDED:
                names.append(value)
            elif tag == _STRTAB:
                strings = next(o + value - a for a, o, length in loaded if a <= value < a + length)
    return [elf[strings + name : elf.index(b"\0", strings + name)].decode() for name in names]
