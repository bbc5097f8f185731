"""A recorded guest with an AC97 and the PC's speaker: it plays 4,800 frames of a pattern and captures 2,400, both at
once, prints sums of what it has captured and of where the card said it was meanwhile, and beeps for 50 ms.
"""

from __future__ import annotations

import struct
from pathlib import Path

from playhead.cli import main
from tools import guest
from tools.guests.sound import frames, wave_file

NAM, NABM, PLAYED, CAPTURED = 0xC000, 0xC400, 4_800, 2_400
BEEP_HZ = 1000.15  # 1193182 / 1193
SOURCE = f"""
        .include "pc.inc"
        .macro  config offset, value
        movl    $0x80001000 + \\offset, %eax
        movw    $0xCF8, %dx
        outl    %eax, %dx
        movl    $\\value, %eax
        movw    $0xCFC, %dx
        outl    %eax, %dx
        .endm
        .macro  out16 port, value
        movw    $\\port, %dx
        movw    $\\value, %ax
        outw    %ax, %dx
        .endm
        .macro  out32 port, value
        movw    $\\port, %dx
        movl    $\\value, %eax
        outl    %eax, %dx
        .endm
        .text
main:   config  0x10, {NAM}
        config  0x14, {NABM}
        config  0x04, 7
        out16   {NAM + 0x02}, 0
        out16   {NAM + 0x18}, 0
        out16   {NAM + 0x1C}, 0x0F0F
        movl    $0x200000, %edi         # frame n is (n * 7, n * -3)
        xorl    %ecx, %ecx
1:      imull   $7, %ecx, %eax
        stosw
        imull   $-3, %ecx, %eax
        stosw
        incl    %ecx
        cmpl    ${PLAYED}, %ecx
        jb      1b
        movl    $0x100000, %edi         # descriptors: ten buffers to be played, five to be captured
        movl    $0x200000, %eax
        movl    $32, %ecx
2:      stosl
        movl    $960, (%edi)
        addl    $4, %edi
        addl    $1920, %eax
        loop    2b
        movl    $0x101000, %edi
        movl    $0x300000, %eax
        movl    $32, %ecx
3:      stosl
        movl    $960, (%edi)
        addl    $4, %edi
        addl    $1920, %eax
        loop    3b
        out32   {NABM + 0x10}, 0x100000
        out32   {NABM + 0x00}, 0x101000
        outport {NABM + 0x15}, 9
        outport {NABM + 0x05}, 4
        outport {NABM + 0x1B}, 1
        outport {NABM + 0x0B}, 1
        xorl    %ebp, %ebp              # positions, summed up
4:      movw    ${NABM + 0x18}, %dx
        xorl    %eax, %eax
        inw     %dx, %ax
        roll    $1, %ebp
        xorl    %eax, %ebp
        movl    $20, %ecx
5:      loop    5b
        movw    ${NABM + 0x16}, %dx
        inw     %dx, %ax
        testw   $1, %ax
        jz      4b
        movl    $0x300000, %esi
        movl    ${CAPTURED}, %ecx
        xorl    %ebx, %ebx
6:      lodsl
        roll    $3, %ebx
        addl    %eax, %ebx
        loop    6b
        movl    %ebx, %eax
        call    hex_out
        print   " captured, "
        movl    %ebp, %eax
        call    hex_out
        print   " positions\\n"
        outport 0x43, 0xB6              # counter 2: 1 kHz
        outport 0x42, 0xA9
        outport 0x42, 0x04
        outport 0x61, 3
        movl    $400000, %ecx
7:      loop    7b
        outport 0x61, 0
        jmp     pass

hex_out:                              # eax
        pushal
        movl    $8, %ecx
1:      roll    $4, %eax
        pushl   %eax
        andb    $15, %al
        addb    $'0', %al
        cmpb    $'9', %al
        jbe     2f
        addb    $'a' - '0' - 10, %al
2:      call    uart_send
        popl    %eax
        loop    1b
        popal
        ret
"""


def pattern() -> bytes:
    """What it plays."""
    return b"".join(struct.pack("<HH", n * 7 & 0xFFFF, n * -3 & 0xFFFF) for n in range(PLAYED))


def captured_sum(data: bytes) -> int:
    """What it prints of frames that it has captured."""
    total = 0
    for (frame,) in struct.iter_unpack("<I", data.ljust(4 * CAPTURED, b"\0")[: 4 * CAPTURED]):
        total = ((total << 3 | total >> 29) + frame) & 0xFFFFFFFF
    return total


def record(path: Path, *words: str, source: bytes = frames(7, 10_000), audiodev: str = "") -> None:
    """Beside it are `in.wav`, with `source`, and `out.wav`. `words`: further options."""
    image, folder = path.parent / "sound.bin", path.parent
    image.write_bytes(guest.firmware(SOURCE, folder))
    (folder / "in.wav").write_bytes(wave_file(source))
    end = audiodev or f"wav,id=s,path={folder}/out.wav,in.path={folder}/in.wav"
    assert main(["record", "-o", str(path), "--digest-period", "100000", "-bios", str(image), "-m", "4", "-serial",
                 f"file:{folder}/seen", "-audiodev", end, "-device", "AC97,audiodev=s,addr=2", "-M",
                 "pcspk-audiodev=s", "-icount", "shift=7", *words]) == 0  # fmt: skip
