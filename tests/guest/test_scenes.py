"""Screens of real software, ours and QEMU's for the same guest at the same state, pixel by pixel.

A walk drives a guest by keys and the serial line to scenes at which nothing on the screen changes but a cursor that
blinks; then both of its phases are compared. What QEMU shows is asked of QEMU in the same test.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import screened
from screened import OURS, QEMU, Screened, Shot

from tools import guest
from tools.guests import boot_screens

pytestmark = [pytest.mark.guest, pytest.mark.slow]


class Scene(NamedTuple):
    """`keys` are pressed, then the guest's `line` is waited for; `size` is what the screen then has."""

    name: str
    size: tuple[int, int]
    keys: tuple[str, ...] = ()
    line: str = ""
    colours: int = 2  # at least


class Walk(NamedTuple):
    options: Callable[[], Sequence[str]]
    scenes: tuple[Scene, ...]
    only_theirs: tuple[str, ...] = ()  # options for what QEMU has and we have not


def _disk(name: str) -> Callable[[], Sequence[str]]:
    return lambda: ("-m", "128", "-drive", f"file={guest.screen_disk(name)},format=raw,if=ide,snapshot=on")


def _linux(scenes: str, more: str = "") -> Callable[[], Sequence[str]]:
    def options() -> Sequence[str]:
        kernel, initrd = map(str, guest.debian("screen"))
        return "-m", "128", "-kernel", kernel, "-initrd", initrd, "-append", f"{guest.NO_TESTS} SCENES={scenes} {more}"

    return options


TEXT, VGA, SVGA, WIDE = (720, 400), (640, 480), (800, 600), (1280, 800)
WALKS = {
    "firmware": Walk(lambda: ("-m", "16", "-nodefaults", "-boot", "menu=on,splash-time=60000",
                              "-drive", f"file={guest.floppy_disk()},format=raw,if=floppy,snapshot=on"), (
        Scene("banner", TEXT),
        Scene("boot menu", TEXT, ("esc",)),
    ), ("-global", "apic-common.vapic=off")),
    "grub": Walk(_disk("grub-menu"), (
        Scene("menu as text", TEXT),
        Scene("editor", TEXT, ("e",)),
        Scene("menu again", TEXT, ("esc",)),
        Scene("16 colours by its VGA driver", VGA, ("down", "down", "down", "ret"), colours=3),
    )),
    "grub in graphics": Walk(_disk("grub-menu"), (
        Scene("video test", VGA, ("down", "down", "ret"), colours=9),
        Scene("menu as text", TEXT, ("ret",)),
        Scene("menu in graphics", SVGA, ("ret",), colours=10_000),
        Scene("command line", SVGA, ("c",), colours=10_000),
    )),
    "grub's list of modes": Walk(_disk("grub-menu"), (
        Scene("list", TEXT, ("down", "ret")),
    )),
    "syslinux": Walk(_disk("syslinux-menu"), (
        Scene("menu as text", TEXT, colours=6),
        Scene("typing", TEXT, ("tab", "x", "y"), colours=4),
        Scene("menu again", TEXT, ("esc",), colours=6),
        Scene("menu in graphics", SVGA, ("ret",), colours=10_000),
        Scene("submenu", SVGA, ("down", "down", "ret"), colours=10_000),
    )),
    "isolinux": Walk(lambda: ("-m", "64", "-cdrom", str(guest.screen_disk("isolinux-menu")), "-boot", "d"), (
        Scene("prompt", TEXT, colours=6),
        Scene("help", TEXT, ("f1",)),
        Scene("menu in graphics", SVGA, ("m", "e", "n", "u", "ret"), colours=10_000),
    )),
    "linux": Walk(_linux("text,scrolled,font,bochs,pixels,second"), (
        Scene("vgacon", TEXT, line="text", colours=16),
        Scene("scrolled", TEXT, line="scrolled"),
        Scene("50 lines by a font", TEXT, line="font", colours=16),
        Scene("bochs-drm", WIDE, line="bochs", colours=16),
        Scene("pixels", WIDE, line="pixels", colours=100_000),
        Scene("another console", WIDE, line="second", colours=16),
    )),
}  # fmt: skip
MODES = {"text-50": TEXT, "text-60": (720, 480), "text-28": TEXT, "vesa-8": VGA, "vesa-15": SVGA,
         "vesa-16": (1024, 768), "vesa-24": VGA, "vesa-32": SVGA}  # fmt: skip
DEFAULT = {"firmware", "grub", "syslinux", "linux"}
QEMU_LIMIT_S = 60.0


def compare(walk: Walk, folder: Path) -> None:
    options = ("-vga", "std", "-net", "none", *walk.options())
    theirs = {}
    with Screened(QEMU, folder / "qemu", (*options, *walk.only_theirs)) as machine:
        for scene in walk.scenes:
            _go(machine, scene)
            theirs[scene] = machine.settled(_is_it(scene), QEMU_LIMIT_S)
            machine.send(b"\n")
    with Screened(OURS, folder / "ours", options) as machine:
        for scene in walk.scenes:
            _go(machine, scene)
            machine.shows(theirs[scene], scene.name)
            machine.send(b"\n")


def _go(machine: Screened, scene: Scene) -> None:
    machine.press(*scene.keys)
    if scene.line:
        machine.wait_for(scene.line)


def _is_it(scene: Scene) -> Callable[[Shot], bool]:
    return lambda shot: shot[:2] == scene.size and shot.colours >= scene.colours


def _needs_qemu() -> None:
    if shutil.which(QEMU[0]) is None:
        text = "qemu-system-i386 is not installed (Debian's package qemu-system-x86), so no screen was compared"
        pytest.fail(text) if screened.os.environ.get("CI") == "true" else pytest.skip(text)


@pytest.fixture(autouse=True)
def _both() -> None:
    _needs_qemu()
    try:
        guest.screen_disk("grub-menu")
    except guest.GuestError as error:
        text = f"the guests cannot be had, so no screen was compared: {error}"
        pytest.fail(text) if screened.os.environ.get("CI") == "true" else pytest.skip(text)


@pytest.mark.parametrize(
    "name", [name if name in DEFAULT else pytest.param(name, marks=pytest.mark.long) for name in WALKS]
)
def test_a_walk(name: str, tmp_path: Path) -> None:
    compare(WALKS[name], tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("mode", boot_screens.MODES)
def test_linux_started_in_a_mode(mode: str, tmp_path: Path) -> None:
    """SYSLINUX hands `vga=` to the kernel's own set-up, which asks the BIOS for the mode."""
    down = ("down",) * (list(boot_screens.MODES).index(mode) + 2)
    scenes = Scene("menu", TEXT, colours=6), Scene("the mode", MODES[mode], (*down, "ret"), "text", colours=16)
    compare(Walk(_disk("syslinux-menu"), scenes), tmp_path)


def test_all_modes(tmp_path: Path) -> None:
    """Our own walk through the modes, as programs for DOS used them (guest/boot/modes.s)."""
    names = re.findall(r'^ +scene +"(.+)"', (guest.BOOT / "modes.s").read_text(), re.MULTILINE)
    assert len(names) > 30
    options = ("-m", "16", "-vga", "std", "-net", "none", "-device", "isa-debug-exit",
               "-drive", f"file={guest.modes_disk()},format=raw,if=ide,snapshot=on")  # fmt: skip
    wrong = []
    with Screened(QEMU, tmp_path / "qemu", options) as theirs, Screened(OURS, tmp_path / "ours", options) as ours:
        for name in names:
            for machine in (theirs, ours):
                machine.wait_for(name)
            phases = theirs.settled() if name == "cursor" else {theirs.shot()}
            try:
                ours.shows(phases, name, 5 if name == "cursor" else 0)
            except AssertionError as error:
                wrong.append(str(error))
            for machine in (theirs, ours):
                machine.send(b"\n")
        for machine in (theirs, ours):
            machine.end()
    assert not wrong, "\n".join(wrong)
