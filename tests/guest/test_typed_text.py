"""A typed text at Linux's console, with a German keymap, and a mouse with five buttons and two wheels.

The keymap is made of the same layout, but what it maps are the kernel's own numbers of keys, which come from atkbd: a
wrong key, a Shift or an AltGr too few gives another text.
"""

from __future__ import annotations

import json
import socket
import struct
from pathlib import Path

import pytest
from at_the_keyboard import Typed

from playhead.base.keyboard.layouts import layout
from playhead.cli import main
from playhead.devices.input.scan_codes import numbered
from tools import guest
from tools.guests import debian, initramfs

pytestmark = [pytest.mark.guest, pytest.mark.slow]
MODIFIERS = ((), ("shift",), ("alt_r",))  # the keymap's tables 0, 1, 2
SPECIAL = {28: 0x0201, 42: 0x0700, 54: 0x0700, 100: 0x0701, 29: 0x0702, 14: 0x7F, 15: 0x09, 57: 0x20}
SCRIPT = (
    debian.START
    + debian.LOAD_MODULES
    + """\
dmesg -n 1
loadkmap < /etc/keymap
i=0
while ! grep -q Mouse /sys/class/input/event*/device/name && [ $i -lt 100 ]; do i=$((i+1)); sleep 0.1; done
mouse=$(grep -l Mouse /sys/class/input/event*/device/name | cut -d/ -f5)
{
  while set -- $(dd bs=16 count=1 2>/dev/null | od -An -v -t x2); do
    case $5 in 0001|0002) echo "m $5 $6 $8$7";; esac
    [ $5.$6.$7 = 0001.0114.0000 ] && break
  done
} < /dev/input/$mouse &
sleep 1
echo GUEST-UP
while read -r line; do echo "line: $line"; [ "$line" = end ] && break; done < /dev/tty1
wait
echo GUEST-DONE
poweroff -f
"""
)
TEXT = "Größe: {x} @ 5 € ~ | \\ [Y] <Z> \"q\" µ³ 'end'"


def keymap(name: str) -> bytes:
    """The layout in the form of busybox's loadkmap."""
    codes = {key: code for code, key in numbered().items() if code < 0x80}
    tables = [dict(SPECIAL) for _ in MODIFIERS]
    for character, (*held, key) in layout(name).chords.items():
        value = ord(character) if character.isascii() else ord(character) ^ 0xF000
        tables[MODIFIERS.index(tuple(held))][codes[key]] = value
    flags = bytes(1 if n < len(tables) else 0 for n in range(256))
    return b"bkeymap" + flags + b"".join(struct.pack("<128H", *(t.get(n, 0x0200) for n in range(128))) for t in tables)


def guest_of(name: str) -> tuple[Path, Path]:
    kernel, _ = guest.debian("input")
    folder = kernel.parent
    modules = debian.modules(folder, debian.INPUT, print)
    file = initramfs.file("etc/keymap", keymap(name))
    return kernel, debian.pack("typed", SCRIPT, folder / "busybox", folder, modules=modules, more=[file])


def ask(path: Path, *events: dict[str, object]) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        with client.makefile("rw") as file:
            for line in ({"execute": "qmp_capabilities"},
                         {"execute": "input-send-event", "arguments": {"events": events}}):  # fmt: skip
                file.write(json.dumps(line) + "\n")
                file.flush()
                while "return" not in (answer := json.loads(file.readline())):
                    assert "error" not in answer, answer


def button(name: str, down: bool) -> dict[str, object]:
    return {"type": "btn", "data": {"button": name, "down": down}}


def move(axis: str, value: int) -> dict[str, object]:
    return {"type": "rel", "data": {"axis": axis, "value": value}}


def test_linux_reads_what_is_typed_and_sees_five_buttons_and_two_wheels(tmp_path: Path) -> None:
    kernel, initrd = guest_of("de")
    qmp = tmp_path / "qmp"
    typed = Typed(tmp_path, "-kernel", str(kernel), "-initrd", str(initrd), "-append", guest.APPEND["input"] + " quiet",
                  "-qmp", f"unix:{qmp},server,nowait", "-k", "de")  # fmt: skip
    typed.wait("GUEST-UP\n")
    assert main(["type", str(qmp), TEXT.replace("\\", "\\\\") + "\\n"]) == 0
    typed.wait("line: Gr")
    typed.type("type -l de -h 2 -d 2 end\\n")
    ask(qmp, button("side", True), move("x", 3))
    for wheel in ("wheel-up", "wheel-down", "wheel-left", "wheel-right"):
        ask(qmp, button(wheel, True))
        ask(qmp, button(wheel, False))
    ask(qmp, button("side", False))
    ask(qmp, button("extra", True), move("y", -300))
    ask(qmp, button("extra", False))
    said = typed.end()
    assert f"line: {TEXT}\n" in said and "line: end\n" in said, said
    seen = [line.split()[1:] for line in said.splitlines() if line.startswith("m ")]
    keys = [(code, int(value, 16)) for kind, code, value in seen if kind == "0001"]
    assert keys == [("0113", 1), ("0113", 0), ("0114", 1), ("0114", 0)]
    wheels = [(code, int(value, 16)) for kind, code, value in seen if kind == "0002" and code in ("0008", "0006")]
    assert wheels == [("0008", 1), ("0008", 0xFFFFFFFF), ("0006", 0xFFFFFFFF), ("0006", 1)]
    moved = [(int(value, 16) ^ 1 << 31) - (1 << 31) for kind, code, value in seen if (kind, code) == ("0002", "0001")]
    assert sum(moved) == -300
    assert "GUEST-DONE" in said and typed.replayed(tmp_path) == said
