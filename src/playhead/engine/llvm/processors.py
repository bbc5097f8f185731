"""The processors that there is native code for, and what their object files ask of a linker: relocations, and jumps to
functions that are far away.

LLVM makes few kinds of relocations for us: those that were met, and those that the same code would need with another
layout. What is not known here raises `NotLinkable`.
"""

from __future__ import annotations

import os
from typing import Protocol


class NotLinkable(Exception):
    """An object file with something in it that this linker does not know."""


class Output(Protocol):
    """What a relocation is written to: an image that is being linked. Places are offsets in it."""

    code: bytearray
    absolute: list[tuple[int, int]]  # (where, target): words that will hold the address of a target

    def store(self, where: int, size: int, value: int) -> None:
        """A signed number; raises if it does not fit."""

    def word(self, name: str, target: int | None) -> int:
        """Where the address of a symbol is held; one without a target is outside."""

    def stub(self, name: str) -> int:
        """Where a jump to a function outside is."""


class Processor:
    """One kind of processor."""

    name: str
    machines: tuple[str, ...]  # its names in what `uname` says
    elf: int  # its number in ELF files
    triple: str  # LLVM's name
    STUB: int  # bytes of a jump

    def jump(self, out: Output, where: int, word: int) -> None:
        """Write a jump to the address in a word."""
        raise NotImplementedError

    def relocate(self, out: Output, kind: int, where: int, name: str, target: int | None, addend: int) -> bool:
        """Do what a relocation asks for. False: its kind is not known. `target`: None if it is outside the image."""
        raise NotImplementedError


class _X86_64(Processor):
    """x86-64 psABI, section 4.4"""

    name, machines, elf, triple, STUB = "x86-64", ("x86_64", "amd64"), 62, "x86_64-unknown-linux-gnu", 6
    R_64, R_PC32, R_PLT32, R_GOTPCREL, R_PC64, R_GOTPCRELX, R_REX_GOTPCRELX = 1, 2, 4, 9, 24, 41, 42
    THROUGH_WORD = (R_GOTPCREL, R_GOTPCRELX, R_REX_GOTPCRELX)

    def jump(self, out: Output, where: int, word: int) -> None:
        out.code[where : where + 2] = b"\xff\x25"  # jmp *word(%rip)
        out.store(where + 2, 4, word - where - 6)

    def relocate(self, out: Output, kind: int, where: int, name: str, target: int | None, addend: int) -> bool:
        if kind in self.THROUGH_WORD:
            out.store(where, 4, out.word(name, target) + addend - where)
        elif kind == self.R_PLT32:
            out.store(where, 4, (out.stub(name) if target is None else target) + addend - where)
        elif target is not None and kind in (self.R_PC32, self.R_PC64):
            out.store(where, 4 if kind == self.R_PC32 else 8, target + addend - where)
        elif target is not None and kind == self.R_64:
            out.absolute.append((where, target + addend))
        else:
            return False
        return True


class _Arm64(Processor):
    """ELF for the Arm 64-bit Architecture, section 5.7. Instructions hold parts of an address in bits of theirs."""

    name, machines, elf, triple, STUB = "ARM64", ("aarch64", "arm64"), 183, "aarch64-unknown-linux-gnu", 12
    R_ABS64, R_PREL64, R_PREL32, R_JUMP26, R_CALL26 = 257, 260, 261, 282, 283
    R_ADR_PREL_PG_HI21, R_ADD_ABS_LO12_NC = 275, 277
    LOADS = {278: 0, 284: 1, 285: 2, 286: 3, 299: 4}  # R_LDST*_ABS_LO12_NC: the size's binary logarithm
    R_ADR_GOT_PAGE, R_LD64_GOT_LO12_NC = 311, 312
    ADRP, LDR, BR = 0x90000010, 0xF9400210, 0xD61F0200  # adrp x16, 0; ldr x16, [x16]; br x16

    def jump(self, out: Output, where: int, word: int) -> None:
        for n, instruction in enumerate((self.ADRP, self.LDR, self.BR)):
            out.code[where + 4 * n : where + 4 * n + 4] = instruction.to_bytes(4, "little")
        self.page(out, where, word)
        self.low_bits(out, where + 4, word, 3)

    def relocate(self, out: Output, kind: int, where: int, name: str, target: int | None, addend: int) -> bool:
        if kind in (self.R_CALL26, self.R_JUMP26):
            distance = (out.stub(name) if target is None else target) + addend - where
            self.bits(out, where, 0, 26, self.signed(distance >> 2, 26))
        elif kind == self.R_ADR_GOT_PAGE:
            self.page(out, where, out.word(name, target) + addend)
        elif kind == self.R_LD64_GOT_LO12_NC:
            self.low_bits(out, where, out.word(name, target) + addend, 3)
        elif target is None:
            return False
        elif kind == self.R_ADR_PREL_PG_HI21:
            self.page(out, where, target + addend)
        elif kind == self.R_ADD_ABS_LO12_NC:
            self.low_bits(out, where, target + addend, 0)
        elif kind in self.LOADS:
            self.low_bits(out, where, target + addend, self.LOADS[kind])
        elif kind in (self.R_PREL32, self.R_PREL64):
            out.store(where, 4 if kind == self.R_PREL32 else 8, target + addend - where)
        elif kind == self.R_ABS64:
            out.absolute.append((where, target + addend))
        else:
            return False
        return True

    def page(self, out: Output, where: int, target: int) -> None:
        """The distance in pages, of an ADRP: an image begins with a page."""
        pages = self.signed((target >> 12) - (where >> 12), 21)
        self.bits(out, where, 29, 2, pages & 3)
        self.bits(out, where, 5, 19, pages >> 2)

    def low_bits(self, out: Output, where: int, target: int, scale: int) -> None:
        """The offset in a page, of an ADD or a load or store."""
        offset = target & 0xFFF
        if offset & ((1 << scale) - 1):
            raise NotLinkable(f"an access of {1 << scale} bytes at offset {offset:#x}")
        self.bits(out, where, 10, 12, offset >> scale)

    def signed(self, value: int, size: int) -> int:
        if not -1 << size - 1 <= value < 1 << size - 1:
            raise NotLinkable(f"a distance of {value} does not fit into {size} bits")
        return value & ((1 << size) - 1)

    def bits(self, out: Output, where: int, shift: int, size: int, value: int) -> None:
        """Put a value into bits of an instruction."""
        word = int.from_bytes(out.code[where : where + 4], "little")
        word = word & ~(((1 << size) - 1) << shift) | value << shift
        out.code[where : where + 4] = word.to_bytes(4, "little")


X86_64, ARM64 = _X86_64(), _Arm64()
PROCESSORS: tuple[Processor, ...] = (X86_64, ARM64)


def of_machine(machine: str) -> Processor | None:
    """The processor that `uname` calls so; None if there is no native code for it."""
    return next((p for p in PROCESSORS if machine.lower() in p.machines), None)


def this_processor() -> Processor:
    """That of this host. Raises `NotLinkable` where there is no native code."""
    found = of_machine(os.uname().machine)
    if found is None:
        raise NotLinkable(f"no linker for {os.uname().machine}")
    return found
