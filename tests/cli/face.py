"""`playhead-system-i386` as a program, and a disk with a small system for it, which talks on COM1."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tools import asm

PROGRAM = [sys.executable, "-m", "playhead.cli.system_i386"]
DISK_BYTES = 1 << 20
SECOND = b"second sector"  # of the disk
PROMPT = b"key? "

# A boot sector: prints what is in the disk's second sector, writes its own beginning into the third, then echoes what
# comes in on COM1 until that is a `q`, and powers off (PIIX4, where SeaBIOS has put it).
SYSTEM = """
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7C00, %sp
        movb    $0x80, %dl
        movw    $0x0201, %ax            # read one sector
        movw    $0x0002, %cx
        xorb    %dh, %dh
        movw    $0x8000, %bx
        int     $0x13
        movw    $0x0301, %ax            # write one
        movw    $0x0003, %cx
        movw    $0x7C00, %bx
        int     $0x13
        cli                             # with -nographic the firmware reads COM1 in its timer's handler
        movw    $0x8000, %si
        call    print
        movw    $prompt, %si
        call    print
ask:    movw    $0x3FD, %dx
        inb     %dx, %al
        testb   $1, %al
        jz      ask
        movw    $0x3F8, %dx
        inb     %dx, %al
        outb    %al, %dx
        cmpb    $'q', %al
        jne     ask
        movw    $0x604, %dx
        movw    $0x2000, %ax
        outw    %ax, %dx
stop:   hlt
        jmp     stop
print:  lodsb
        testb   %al, %al
        jz      1f
        movw    $0x3F8, %dx
        outb    %al, %dx
        jmp     print
1:      ret
prompt: .asciz  ": key? "
"""


def disk() -> bytes:
    """The content of a disk image with that system."""
    sector = asm.flat(SYSTEM, 0x7C00, 16).ljust(510, b"\0") + b"\x55\xaa"
    return (sector + SECOND.ljust(512, b"\0")).ljust(DISK_BYTES, b"\0")


def make_images(folder: Path) -> None:
    """`disk.qcow2` with that system, and `empty.qcow2`."""
    raw = folder / "disk.raw"
    raw.write_bytes(disk())
    qemu_img("convert", "-f", "raw", "-O", "qcow2", str(raw), str(folder / "disk.qcow2"))
    raw.unlink()
    qemu_img("create", "-f", "qcow2", str(folder / "empty.qcow2"), "16M")


def qemu_img(*words: str) -> str:
    return subprocess.run(["qemu-img", *words], check=True, capture_output=True, text=True).stdout


def run(folder: Path, words: Sequence[str], typed: bytes = b"", limit_s: float = 240) -> tuple[int, bytes, str]:
    """Type something when the system asks for it; exit status, standard output, standard error."""
    child = Face(folder, words)
    if typed:
        child.until(PROMPT, limit_s)
        child.type(typed)
    return child.end(limit_s)


class Face:
    """The program, running."""

    def __init__(self, folder: Path, words: Sequence[str]):
        self.errors = open(folder / "stderr", "w+")
        self.child = subprocess.Popen([*PROGRAM, *words], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=self.errors, bufsize=0)  # fmt: skip
        self.said = b""

    def until(self, text: bytes, limit_s: float = 240) -> None:
        import select

        assert self.child.stdout is not None
        end = time.monotonic() + limit_s
        while text not in self.said:
            if not select.select([self.child.stdout], [], [], max(end - time.monotonic(), 0))[0]:
                self.child.kill()
                raise AssertionError(f"no {text!r} in {self.said!r}; {self.complaints()}")
            piece = self.child.stdout.read(4096)
            assert piece, f"it ended: {self.said!r}; {self.complaints()}"
            self.said += piece

    def type(self, keys: bytes) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(keys)

    def complaints(self) -> str:
        self.errors.seek(0)
        return self.errors.read()

    def end(self, limit_s: float = 240) -> tuple[int, bytes, str]:
        try:
            rest, _ = self.child.communicate(timeout=limit_s)
        finally:
            self.child.kill()
        self.said += rest
        said = self.complaints()
        self.errors.close()
        return self.child.returncode, self.said, said
