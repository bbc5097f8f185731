"""Maps compiled code into this process: linked images by themselves, other object files with LLVM's loader.

Memory is never writable and executable at once: an image is written, fixed up where it depends on its address, and
only then made executable. Where a processor fetches instructions past its caches of data, it is told of them as well.
What was loaded stays for as long as the process lives.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from playhead.base.errors import HostError
from playhead.engine.llvm.linking import Image, NotLinkable, link
from playhead.engine.llvm.processors import X86_64, of_machine

_loaded: list[Any] = []  # mappings and LLVM's engines


def load(objects: list[bytes], exported: Iterable[str]) -> dict[str, int]:
    """The addresses of these functions of object files, loaded. They may call each other and the C library."""
    try:
        image = link(objects)
    except NotLinkable:
        return load_by_llvm(objects, exported)
    base = map_image(image)
    return {name: base + image.symbols[name] for name in exported}


def map_image(image: Image) -> int:
    """The address at which an image is ready to run."""
    return map_code(image.code, image.absolute, image.outside)


def map_code(code: bytes, absolute: Iterable[tuple[int, int]] = (), outside: Iterable[tuple[int, str]] = ()) -> int:
    """Likewise, of an image's parts."""
    area = mmap.mmap(-1, len(code), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    base = ctypes.addressof(ctypes.c_char.from_buffer(area))
    area[: len(code)] = code
    for where, target in absolute:
        struct.pack_into("<Q", area, where, base + target)
    for where, name in outside:
        struct.pack_into("<Q", area, where, _c_function(name))
    make_executable(base, len(code))
    _loaded.append(area)
    return base


def make_executable(base: int, size: int) -> None:
    mprotect = _libc().mprotect
    mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    if mprotect(base, size, mmap.PROT_READ | mmap.PROT_EXEC):
        reason = os.strerror(ctypes.get_errno())
        raise HostError(
            f"this host lets no program make code of its own (mprotect: {reason}), which the native core is; allow it "
            "(SELinux: execmem), or use --engine reference, which is slow"
        )
    if of_machine(os.uname().machine) is not X86_64:
        _fetched_anew()(base, base + size)


@cache
def _fetched_anew() -> Callable[[int, int], None]:
    """GCC's runtime library, which LLVM and C++ need as well, knows how each processor's instruction cache is made to
    follow what was stored."""
    try:
        clear = ctypes.CDLL("libgcc_s.so.1").__clear_cache
    except (OSError, AttributeError) as e:
        raise HostError(f"GCC's runtime library is needed to run code that was made here: {e}") from None
    clear.argtypes, clear.restype = (ctypes.c_void_p, ctypes.c_void_p), None
    return clear


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _c_function(name: str) -> int:
    address = ctypes.cast(getattr(_libc(), name), ctypes.c_void_p).value
    assert address
    return address


def load_by_llvm(objects: list[bytes], exported: Iterable[str]) -> dict[str, int]:
    """What `load` does, by LLVM: slower by the time that importing it takes, but it knows every kind of object file."""
    import llvmlite.binding as llvm

    from playhead.engine.llvm.compile import target_machine

    empty = llvm.parse_assembly("")
    empty.triple = llvm.get_default_triple()
    engine = llvm.create_mcjit_compiler(empty, target_machine())
    for data in objects:
        engine.add_object_file(llvm.ObjectFileRef.from_data(data))
    engine.finalize_object()
    _loaded.append(engine)
    addresses = {name: engine.get_function_address(name) for name in exported}
    missing = [name for name, address in addresses.items() if not address]
    assert not missing, f"no code for {missing[0]}"
    return addresses
