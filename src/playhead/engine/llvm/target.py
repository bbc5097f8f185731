"""What decides machine code besides its source: this processor and LLVM, identified without loading LLVM.

On x86-64, LLVM takes the processor's name and features from CPUID and XCR0, so these are read here as well, by a few
bytes of machine code; /proc/cpuinfo would not do, because it lacks the features that the kernel does not know. On
ARM64, it takes them from lines of /proc/cpuinfo. LLVM itself is identified by llvmlite's version and by the first and
last page of its library, where the linker's build ID and the sizes of all sections are.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable
from functools import cache
from importlib.machinery import PathFinder

from playhead.engine.llvm.loading import map_code
from playhead.engine.llvm.processors import X86_64, of_machine

PAGE = 4096
# void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
_CPUID = bytes.fromhex(
    "53"  # push rbx
    "89f8 89f1 4989d0"  # mov eax, edi; mov ecx, esi; mov r8, rdx
    "0fa2"  # cpuid
    "418900 41895804 41894808 4189500c"  # mov [r8], eax; [r8 + 4], ebx; [r8 + 8], ecx; [r8 + 12], edx
    "5b c3"  # pop rbx; ret
)
# uint64_t xcr0(void)
_XGETBV = bytes.fromhex("31c9 0f01d0 48c1e220 4809d0 c3")  # xor ecx, ecx; xgetbv; shl rdx, 32; or rax, rdx; ret
OSXSAVE = 1 << 27  # of ECX of leaf 1: XGETBV works
EAX, EBX, ECX, EDX = range(4)
ALL = (EAX, EBX, ECX, EDX)
# Leaf and subleaf, and which registers are the same on each of the processor's cores and at each moment.
FEATURES = (
    (0, 0, ALL), (1, 0, (EAX, ECX, EDX)), (7, 0, ALL), (7, 1, ALL), (0xD, 1, (EAX,)), (0x14, 0, ALL), (0x19, 0, ALL),
    (0x1E, 0, ALL), (0x1E, 1, ALL), (0x24, 0, ALL),
    (0x80000000, 0, ALL), (0x80000001, 0, (ECX, EDX)), (0x80000008, 0, (EBX,)), (0x80000021, 0, (EAX,)),
)  # fmt: skip
CPUINFO = "/proc/cpuinfo"
# On ARM64: what the lines begin with that LLVM reads, and some that it may.
CPUINFO_LINES = ("CPU ", "Features", "Hardware")

Cpuid = Callable[[int, int], tuple[int, int, int, int]]


@cache
def target() -> bytes:
    """Bytes that are others if LLVM would make other machine code of the same text."""
    return repr((_processor(), _llvm())).encode()


def _processor() -> object:
    if of_machine(os.uname().machine) is X86_64:
        cpuid, xcr0 = _instructions()
        return identity(cpuid, xcr0)
    with open(CPUINFO, errors="replace") as file:
        return [line for line in file if line.startswith(CPUINFO_LINES)]


def identity(cpuid: Cpuid, xcr0: Callable[[], int]) -> tuple:
    """All that CPUID says of features, and which registers the operating system saves."""
    last = {0: cpuid(0, 0)[EAX], 0x80000000: cpuid(0x80000000, 0)[EAX]}
    subleaves = cpuid(7, 0)[EAX] if last[0] >= 7 else 0
    found: list[tuple] = []
    for leaf, subleaf, registers in FEATURES:
        if leaf > last[leaf & 0x80000000] or (leaf == 7 and subleaf > subleaves):
            continue  # the answer would be another leaf's
        values = cpuid(leaf, subleaf)
        found.append((leaf, subleaf, *(values[r] for r in registers)))
    return (*found, xcr0() if cpuid(1, 0)[ECX] & OSXSAVE else 0)


def _instructions() -> tuple[Cpuid, Callable[[], int]]:
    """CPUID and XGETBV as functions."""
    base = map_code(_CPUID + _XGETBV)
    execute = ctypes.CFUNCTYPE(None, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p)(base)
    out = ctypes.create_string_buffer(16)

    def cpuid(leaf: int, subleaf: int) -> tuple[int, int, int, int]:
        execute(leaf, subleaf, ctypes.addressof(out))
        return struct.unpack("<4I", out)

    return cpuid, ctypes.CFUNCTYPE(ctypes.c_uint64)(base + len(_CPUID))


def _llvm() -> object:
    """llvmlite's version, and a fingerprint of its library."""
    spec = PathFinder.find_spec("llvmlite")
    if spec is not None and spec.origin is not None:
        folder = os.path.dirname(spec.origin)
        try:
            with open(os.path.join(folder, "binding", "libllvmlite.so"), "rb") as library:
                size = os.fstat(library.fileno()).st_size
                ends = library.read(PAGE), library.seek(max(size - PAGE, 0)), library.read(PAGE)
            with open(os.path.join(folder, "_version.py"), "rb") as version:
                return version.read(), size, ends
        except OSError:
            pass  # it is installed in another way
    import llvmlite
    import llvmlite.binding as llvm

    return llvmlite.__version__, llvm.llvm_version_info
