"""Keys and movements as SeaBIOS and Linux's drivers see them: typed at the monitor, recorded and replayed.

The BIOS guest is a boot sector of ours: it prints what interrupt 16h and the BIOS's mouse handler tell it. Linux is
Debian's kernel with its drivers, of whose input events it prints what they say.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from at_the_keyboard import Typed

from playhead.cli.drives import SEABIOS
from tools import asm, guest

pytestmark = [pytest.mark.guest, pytest.mark.slow]

# Interrupt 15h, C2xxh: the pointing device; its handler has status, X, Y on the stack, behind a far return address.
BOOT_SECTOR = """
start:  xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %ss
        movw    $0x7C00, %sp
        movw    $0xC205, %ax
        movb    $3, %bh
        int     $0x15
        movw    %ds, %ax
        movw    %ax, %es
        movw    $handler, %bx
        movw    $0xC207, %ax
        int     $0x15
        movw    $0xC200, %ax
        movb    $1, %bh
        int     $0x15
        movb    $'R', %al
        call    putc
1:      movb    $0, %ah
        int     $0x16
        pushw   %ax
        call    word
        popw    %ax
        cmpb    $1, %ah
        jne     1b
        movb    $'.', %al
        call    putc
2:      cli
        hlt
        jmp     2b
handler:
        pushw   %bp
        movw    %sp, %bp
        pushaw
        movb    $'m', %al
        call    putc
        movb    12(%bp), %al
        call    byte
        movb    10(%bp), %al
        call    byte
        movb    8(%bp), %al
        call    byte
        popaw
        popw    %bp
        lretw
word:   pushw   %ax
        movb    $' ', %al
        call    putc
        popw    %ax
        xchgb   %ah, %al
        call    byte
        xchgb   %ah, %al
byte:   pushw   %ax
        shrb    $4, %al
        call    digit
        popw    %ax
        pushw   %ax
        andb    $15, %al
        call    digit
        popw    %ax
        ret
digit:  addb    $'0', %al
        cmpb    $'9', %al
        jbe     putc
        addb    $7, %al
putc:   pushw   %dx
        movw    $0x3F8, %dx
        outb    %al, %dx
        popw    %dx
        ret
"""


def test_the_bios_sees_keys_and_the_mouse(tmp_path: Path) -> None:
    if not any(os.path.exists(path) for path in SEABIOS):
        pytest.fail("no SeaBIOS") if os.environ.get("CI") == "true" else pytest.skip("no SeaBIOS")
    code = asm.flat(BOOT_SECTOR, base=0x7C00, bits=16)
    (tmp_path / "disk.img").write_bytes(code.ljust(510, b"\0") + b"\x55\xaa" + bytes(1 << 20))
    drive = f"file={tmp_path / 'disk.img'},format=raw,if=ide"
    typed = Typed(tmp_path, "-drive", drive, "-m", "16", "-icount", "shift=6")
    typed.wait("R")
    typed.type("sendkey shift-a", "sendkey ret", "sendkey alt-f4", "sendkey 0x48")
    typed.wait("48")
    typed.type("mouse_button 1", "mouse_move 5 -3")
    typed.wait("m090503")
    typed.type("mouse_button 0", "sendkey esc")
    typed.wait(".")
    said = typed.end("quit")
    keys = said.partition("R")[2]
    for part in ("m090000", "m090503", "m080000"):
        assert part in keys
        keys = keys.replace(part, "", 1)
    assert keys == " 1E41 1C0D 6B00 4800 011B."
    assert typed.inputs() - (2 * (2 + 1 + 2 + 1) + 4) in (1, 2)  # Esc may still be pressed at the end
    assert typed.replayed(tmp_path) == said


def test_linux_sees_keys_and_the_mouse(tmp_path: Path) -> None:
    """atkbd and psmouse, which finds a mouse with five buttons and two wheels; the HPET tells the time meanwhile."""
    kernel, initrd = guest.debian("input")
    append = guest.APPEND["input"] + " quiet clocksource=hpet"
    typed = Typed(tmp_path, "-kernel", str(kernel), "-initrd", str(initrd), "-append", append)
    typed.wait("GUEST-UP")
    typed.type("sendkey ctrl-a", "sendkey pause", "sendkey kp_enter", "sendkey volumeup")
    typed.type("mouse_move 40 -7 1", "mouse_button 1", "mouse_move 1000 0", "mouse_button 0")
    typed.wait("m 0001 0110 00000000")
    typed.type("sendkey esc", "mouse_button 2", "mouse_button 0")
    said = typed.end()
    assert "AT Translated Set 2 keyboard" in said and "ImExPS/2 Generic Explorer Mouse" in said and "GUEST-DONE" in said
    assert "clock: hpet\n" in said
    lines = said.partition("GUEST-UP\n")[2].splitlines()
    keys = [line for line in lines if line.startswith("k 0001")]
    assert keys == [f"k 0001 {code:04x} {value:08x}" for code, value in LINUX_KEYS]
    moved = [line.split()[2:] for line in lines if line.startswith("m 0002")]
    assert sum(int(value, 16) for code, value in moved if code == "0000") == 1040
    assert ["0008", "00000001"] in moved and ["0001", "fffffff9"] in moved
    buttons = [line for line in lines if line.startswith("m 0001")]
    assert buttons == [f"m 0001 {code} 0000000{value}" for code in ("0110", "0111") for value in (1, 0)]
    assert typed.replayed(tmp_path) == said


LINUX_KEYS = [  # Linux's codes: left Ctrl, A, Pause, the keypad's Enter, volume up, Esc
    (29, 1), (30, 1), (30, 0), (29, 0), (119, 1), (119, 0), (96, 1), (96, 0), (115, 1), (115, 0), (1, 1), (1, 0),
]  # fmt: skip
