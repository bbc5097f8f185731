"""The built native core as a file in the user's cache folder: found, read and mapped without LLVM, and without the
declarations that it was made from.

The name of the file is a hash of everything that decides its contents: the sources of ir, x86 and engine, the Python
that ran them, LLVM and the host's processor. After a hash of the rest, so that a damaged file is built anew, it holds
a header, the array of handlers, the decoder's tables and the linked image.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import sys
from collections.abc import Callable, Sequence
from itertools import chain

from playhead.engine.llvm.cache import cache_dir, read, sources, write
from playhead.engine.llvm.linking import NotLinkable, link
from playhead.engine.llvm.loading import load_by_llvm, map_code
from playhead.engine.llvm.target import target

ENTRY = struct.Struct("<QII")  # of the array of handlers: address, flags, the number of its first copy
WORD = struct.Struct("<Q")  # of the array of copies: address
_LENGTH = struct.Struct("<I")
_DIGEST = hashlib.sha256().digest_size

TIER2 = os.path.join("engine", "llvm", "tier2")  # the second tier, whose code has a version of its own

Progress = Callable[[int, int], None]


def source_key() -> str:
    """Hash of everything that decides the native code."""
    h = hashlib.sha256(repr((target(), sys.version_info[:2])).encode())
    for path, source in sources("ir", "x86", "engine"):
        if path.startswith(TIER2):  # the core knows nothing of it
            continue
        h.update(path.encode())
        h.update(source)
    return h.hexdigest()[:32]


IMPORTED = source_key()


def core_path() -> str:
    """Where the core of the sources that this process has imported is, once it is built."""
    return os.path.join(cache_dir(), f"{IMPORTED}.core")


def part_path(key: str) -> str:
    """An object file, of which a changed core needs most again."""
    return os.path.join(cache_dir(), "parts", f"{key}.o")


class NativeCore:
    """The core in memory: addresses of its functions by name, the array of handlers, the decoder's tables."""

    def __init__(self, data: bytes):
        end = _LENGTH.size + _LENGTH.unpack_from(data)[0]
        header = json.loads(data[_LENGTH.size : end])
        parts = []
        for size in header["sizes"]:
            parts.append(data[end : end + size])
            end += size
        handlers, copies, self.decode, code = parts
        self.handlers, self.copies = bytearray(handlers), bytearray(copies)
        self.kinds = bytes(header["kinds"])  # of forms (x86/ways_on.py)
        if header["linked"]:
            base = map_code(code, header["absolute"], header["outside"])
            self.address = {name: base + offset for name, offset in header["exports"].items()}
            self._place(range(base, base + len(code)))
        else:
            names = header["names"]
            objects = [read(part_path(key)) for key in header["parts"]]
            self.address = load_by_llvm(objects, {*header["exports"], *names})
            self._place([self.address[name] for name in names])

    def _place(self, addresses: Sequence[int]) -> None:
        """Each handler's number becomes its address."""
        for array, step in ((self.handlers, ENTRY.size), (self.copies, WORD.size)):
            words = memoryview(array).cast("Q")
            for i in range(0, len(words), step // words.itemsize):
                words[i] = addresses[words[i]]


def pack(parts: list[str], index: dict) -> bytes:
    """The file of a core that was built: of its object files, and of what `generate` says of them. In the array of
    handlers is, in place of an address, an offset in the image, or the number of a name if LLVM has to load it."""
    objects = [read(part_path(key)) for key in parts]
    header: dict[str, object] = {"kinds": index["kinds"]}
    code, names = b"", list(dict.fromkeys([*index["handlers"], *chain.from_iterable(index["copies"])]))
    try:
        image = link(objects)
        code, places = image.code, image.symbols
        header |= {"linked": True, "exports": {name: places[name] for name in index["exports"]}}
        header |= {"absolute": image.absolute, "outside": image.outside}
    except NotLinkable:
        places = {name: n for n, name in enumerate(names)}
        header |= {"linked": False, "exports": index["exports"], "names": names, "parts": parts}
    handlers, copies = bytearray(), bytearray()
    for name, flags, own in zip(index["handlers"], index["flags"], index["copies"], strict=True):
        handlers += ENTRY.pack(places[name], flags, len(copies) // WORD.size)
        copies += b"".join(WORD.pack(places[copy]) for copy in own)
    blobs = (handlers, copies, index["decode"], code)
    text = json.dumps(header | {"sizes": [len(blob) for blob in blobs]}).encode()
    return b"".join((_LENGTH.pack(len(text)), text, *blobs))


def write_core(data: bytes) -> None:
    if source_key() == IMPORTED:  # else the sources were edited meanwhile, and this is the code of the old ones
        write(core_path(), hashlib.sha256(data).digest() + data)


def read_core() -> NativeCore | None:
    """The core from the cache; nothing if there is none that is whole."""
    try:
        data = read(core_path())
        if hashlib.sha256(data[_DIGEST:]).digest() == data[:_DIGEST]:
            return NativeCore(data[_DIGEST:])
    except OSError:
        pass
    return None
