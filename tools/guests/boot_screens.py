"""Images whose boot loaders show what they can on a screen: menus as text and as graphics, with pictures behind them.

- `grub-menu`: a disk whose GRUB has all of its files in its core image: a menu as text, whose entries lead to one in
  graphics (gfxterm, a picture behind it), to GRUB's list of video modes, and to its own tests of them.
- `syslinux-menu`: a disk with SYSLINUX: menu.c32 as text, vesamenu.c32 with a picture. Its other entries start
  the kernel in the video modes of `MODES`.
- `isolinux-menu`: a CD-ROM: a prompt below a message in colours, from there vesamenu.c32.

Nothing on these screens changes by itself: no countdown, no clock.

Sources: GRUB manual, chapter "Commands"; SYSLINUX, doc/menu.txt and doc/syslinux.txt ("DISPLAY FILE FORMAT").
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from tools.guests import disk_images
from tools.guests.host_tools import EPOCH, PACKAGES, HostTools, fetch

# vga= of Linux's boot protocol: what the guest calls it, the number.
MODES = {"text-50": "0x0F01", "text-60": "0x0F07", "text-28": "0x0F02", "vesa-8": "0x0301", "vesa-15": "0x0313",
         "vesa-16": "0x0317", "vesa-24": "0x0312", "vesa-32": "0x0343"}  # fmt: skip
GRUB_MODULES = ("normal", "configfile", "echo", "gfxterm", "gfxterm_background", "png", "font", "vbe", "vga", "video",
                "videoinfo", "videotest", "memdisk", "tar", "terminal", "sleep", "gfxmenu", "read", "test")  # fmt: skip
_GRUB_TEXT = """\
set timeout=-1
menuentry "graphics" {
  loadfont (memdisk)/ascii.pf2
  set gfxmode=800x600x32
  terminal_output gfxterm
  background_image (memdisk)/back.png
  configfile (memdisk)/boot/grub/graphics.cfg
}
menuentry "video modes" {
  videoinfo
  read
}
menuentry "video test" {
  loadfont (memdisk)/ascii.pf2
  videotest 640x480x8
}
menuentry "16 colours" {
  loadfont (memdisk)/ascii.pf2
  rmmod vbe
  set gfxmode=640x480
  terminal_output gfxterm
  configfile (memdisk)/boot/grub/graphics.cfg
}
submenu "more" {
  menuentry "one" { true }
  menuentry "two, with a name so long that it does not fit into a line of this menu, whatever its width" { true }
}
"""
_GRUB_GRAPHICS = """\
set color_normal=white/black
set color_highlight=yellow/blue
set menu_color_normal=white/black
set menu_color_highlight=yellow/blue
set timeout=-1
menuentry "Playhead" { true }
menuentry "records" { true }
menuentry "and replays" { true }
"""
_SYSLINUX = """\
DEFAULT menu.c32
PROMPT 0
MENU TITLE Playhead: screens
LABEL graphics
  MENU LABEL ^Graphics
  KERNEL vesamenu.c32
  APPEND graphics.cfg
MENU SEPARATOR
"""
_GRAPHICS = """\
DEFAULT vesamenu.c32
PROMPT 0
MENU TITLE In graphics
MENU RESOLUTION 800 600
MENU BACKGROUND back.png
MENU COLOR title 1;36;44 #ffffff40 #00000000 std
LABEL one
  MENU LABEL ^One
  TEXT HELP
  A text that says more of the
  entry that is chosen.
  ENDTEXT
  LOCALBOOT 0
LABEL two
  MENU LABEL ^Two
  LOCALBOOT 0
MENU BEGIN
  MENU TITLE ^More
LABEL three
  LOCALBOOT 0
MENU END
"""
_ISOLINUX = """\
DEFAULT one
PROMPT 1
DISPLAY hello.msg
F1 help.msg
LABEL one
  LOCALBOOT 0
LABEL menu
  KERNEL vesamenu.c32
  APPEND graphics.cfg
"""
_HELLO = (
    b"\x0c\x0f1e Playhead \x0f07 on a \x0f4fCD-ROM\x0f07: \x0f02F1\x0f07 for help\r\n"
    b"\xc9\xcd\xcd\xbb\r\n\xc8\xcd\xcd\xbc\r\n"
)
_HELP = b"\x0c\x0f70" + bytes(n for n in range(32, 255) if n != 127) + b"\x0f07\r\nThis is all.\r\n"
IMAGES = {"grub-menu": ".img", "syslinux-menu": ".img", "isolinux-menu": ".iso"}  # and their files' endings
RECIPES = ("boot_screens.py", "disk_images.py")


def build(name: str, kernel: Path, initrd: Path, append: str, folder: Path, say: Callable[[str], None]) -> Path:
    """An image, below `folder`; its name carries the hash of what it is made from and with."""
    key = hashlib.sha256(repr((name, kernel.stat().st_size, initrd.name, append, PACKAGES, EPOCH)).encode())
    for one in RECIPES:
        key.update(Path(__file__).with_name(one).read_bytes())
    out = folder / f"{name}-{key.hexdigest()[:12]}{IMAGES[name]}"
    if not out.exists():
        tools = fetch(folder, say)
        partial = out.with_suffix(f".{os.getpid()}")
        try:
            if name == "grub-menu":
                grub(partial, tools)
            elif name == "syslinux-menu":
                syslinux(partial, kernel, initrd, append, tools)
            else:
                isolinux(partial, tools)
            partial.replace(out)
        finally:
            partial.unlink(missing_ok=True)
    return out


def picture(width: int, height: int) -> bytes:
    """A PNG to stand behind menus."""
    from PIL import Image

    made = Image.new("RGB", (width, height))
    made.putdata([(x * 255 // width, y * 255 // height, (x ^ y) & 0xFF) for y in range(height) for x in range(width)])
    out = io.BytesIO()
    made.save(out, "png")
    return out.getvalue()


def grub(out: Path, tools: HostTools) -> None:
    """A disk without a file system: boot sector and core image."""
    files = {"boot/grub/grub.cfg": _GRUB_TEXT.encode(), "boot/grub/graphics.cfg": _GRUB_GRAPHICS.encode(),
             "back.png": picture(320, 240), "ascii.pf2": tools.file("usr/share/grub/ascii.pf2")}  # fmt: skip
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(data), EPOCH
            tar.addfile(member, io.BytesIO(data))
    memdisk = out.with_name(out.name + ".tar")
    memdisk.write_bytes(archive.getvalue())
    try:
        disk_images.grub_loader(out, "(memdisk)/boot/grub", GRUB_MODULES, tools, "-m", memdisk)
    finally:
        memdisk.unlink()


def syslinux(out: Path, kernel: Path, initrd: Path, append: str, tools: HostTools) -> None:
    """The menus, and an entry for each of `MODES` that starts the kernel."""
    entries = [f"LABEL {name}\n  LINUX vmlinuz\n  INITRD initrd.gz\n  APPEND {append} vga={number}\n"
               for name, number in {"text": "normal", **MODES}.items()]  # fmt: skip
    files = {**_menu_files(tools), "syslinux.cfg": (_SYSLINUX + "".join(entries)).encode(),
             "vmlinuz": kernel.read_bytes(), "initrd.gz": initrd.read_bytes()}  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="fat-", dir=out.parent) as scratch:
        disk_images.fat_disk(out, 48 << 20, _written(Path(scratch), files), tools)


def isolinux(out: Path, tools: HostTools) -> None:
    files = {f"isolinux/{name}": data for name, data in _menu_files(tools).items()} | {
        "isolinux/isolinux.cfg": _ISOLINUX.encode(), "isolinux/hello.msg": _HELLO, "isolinux/help.msg": _HELP,
    }  # fmt: skip
    disk_images.bootable_iso(out, files, tools)


def _menu_files(tools: HostTools) -> dict[str, bytes]:
    modules = ("menu.c32", "vesamenu.c32", "libutil.c32", "libcom32.c32")
    found = {name: tools.file(f"usr/lib/syslinux/modules/bios/{name}") for name in modules}
    return found | {"graphics.cfg": _GRAPHICS.encode(), "back.png": picture(800, 600)}


def _written(folder: Path, files: dict[str, bytes]) -> list[tuple[Path, str]]:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return [(folder / name, name) for name in files]
