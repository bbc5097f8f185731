"""Which processor features a Linux kernel refuses to run without, told by its image before it starts.

A kernel that is entered by the 32-bit boot protocol skips its own setup code, which would say "This kernel requires the
following features not present on the CPU" and stop; without it a kernel for PAE dies silently on a processor that has
none. What that code would print from stands in the setup part: behind the text, a list of just those features that this
kernel was built to require, each as two bytes (word and bit in the kernel's numbering) and its name. Kernels have it so
since 2.6.25; of an image without the text nothing is said.

Source: the kernel's arch/x86/boot/cpu.c and mkcpustr.c; arch/x86/include/asm/cpufeatures.h for the numbering.
"""

import re
from dataclasses import dataclass

SETUP_SECTS, SECTOR = 0x1F1, 512
SAYS = b"This kernel requires the following features not present on the CPU:\n\0"
FORMATS = 32  # at most so many bytes are between the text and the list
ENTRY = re.compile(rb"([\0-\x1f])([\0-\x1f])([a-z][a-z0-9_]{1,15})\0")
# Words of the kernel's numbering that are CPUID registers: leaf, and the register's place in EAX, EBX, ECX, EDX. The
# others are not, or belong to other makers' processors.
WORDS = {0: (1, 3), 1: (0x80000001, 3), 4: (1, 2), 6: (0x80000001, 2), 9: (7, 1)}


@dataclass(frozen=True)
class Feature:
    """Bit `bit` of register `register` (0 to 3: EAX, EBX, ECX, EDX) of a CPUID leaf."""

    name: str
    leaf: int
    register: int
    bit: int


def required(image: bytes) -> list[Feature]:
    """The features without which a bzImage would stop."""
    setup = image[: ((image[SETUP_SECTS] or 4) + 1) * SECTOR] if len(image) > SETUP_SECTS else b""
    text = setup.find(SAYS)
    entry = ENTRY.search(setup, text + len(SAYS), text + len(SAYS) + FORMATS) if text >= 0 else None
    found: list[tuple[int, int, str]] = []
    while entry:
        word, bit, name = entry[1][0], entry[2][0], entry[3].decode()
        if found and (word, bit) <= found[-1][:2]:
            break
        found.append((word, bit, name))
        entry = ENTRY.match(setup, entry.end())
    return [Feature(name, *WORDS[word], bit) for word, bit, name in found if word in WORDS]
