"""Disk and CD-ROM images that a PC starts from: partition table, boot loader, file system.

Three loaders: GRUB from an ext4 partition, SYSLINUX from a FAT partition, ISOLINUX from a CD-ROM. All of it is written
into files: no loop devices, no mounting, no root.

Sources: GRUB manual, "BIOS installation" and "Images" (boot.img in the first sector, core.img in the gap behind it);
grub-core/boot/i386/pc/boot.S for the two places in boot.img; SYSLINUX, doc/syslinux.txt; El Torito specification 1.0.
"""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playhead.host.block import create_qcow2, open_image
from tools.guests import ext4
from tools.guests.apt import AptError
from tools.guests.host_tools import EPOCH, HostTools
from tools.guests.initramfs import Entry

SECTOR = 512
MIB = 1 << 20
GAP = MIB  # where the only partition begins
EXT4, FAT16 = 0x83, 0x0E  # types of partitions
GRUB = "usr/lib/grub/i386-pc"
GRUB_MODULES = ("biosdisk", "part_msdos", "ext2", "normal", "linux", "serial", "terminal", "echo")
CLUSTER = 1 << 16  # of qcow2
BOOT_CODE = 440  # bytes of a first sector that may hold code; then come the disk's signature and the table
DRIVE_CHECK = 0x66  # in boot.img: a jump that, taken out, makes it use a hard disk's number as the BIOS gives it
SIGNATURE = b"PLAY"
SERIAL_SPEED = 115200


def grub(out: Path, size: int, kernel: Path, initrd: Path, append: str, entries: list[Entry], tools: HostTools) -> None:
    """A raw disk of `size` bytes with these files on ext4, and kernel and initramfs in /boot, started by GRUB."""
    config = f"""\
serial --unit=0 --speed={SERIAL_SPEED}
terminal_output serial
echo GRUB-UP
linux /boot/vmlinuz {append}
initrd /boot/initrd
boot
"""
    boot = [
        Entry("boot", 0o040755), Entry("boot/grub", 0o040755), Entry("boot/grub/grub.cfg", 0o100644, config.encode()),
        Entry("boot/vmlinuz", 0o100644, kernel.read_bytes()), Entry("boot/initrd", 0o100644, initrd.read_bytes()),
    ]  # fmt: skip
    names = {entry.path for entry in entries}
    _empty(out, size)
    ext4.make(out, GAP, size - GAP, [*entries, *(entry for entry in boot if entry.path not in names)], tools)
    loader = _grub_core(out, "(hd0,msdos1)/boot/grub", GRUB_MODULES, tools)
    if len(loader) > GAP - SECTOR:
        raise AptError(f"GRUB's core image has {len(loader)} bytes, more than fit in front of the partition")
    _write_first_sector(out, _grub_boot_code(tools), EXT4, size)
    with open(out, "r+b") as file:
        file.seek(SECTOR)
        file.write(loader)


def grub_loader(out: Path, prefix: str, modules: Sequence[str], tools: HostTools, *more: str | Path) -> None:
    """A raw disk of 1 MiB with nothing but GRUB. `more`: of grub-mkimage."""
    loader = _grub_core(out, prefix, modules, tools, *more)
    if len(loader) > MIB - SECTOR:
        raise AptError(f"GRUB's core image has {len(loader)} bytes, more than its disk")
    code = _grub_boot_code(tools).ljust(SECTOR - 2, b"\0") + b"\x55\xaa"
    out.write_bytes((code + loader).ljust(MIB, b"\0"))


def _grub_core(out: Path, prefix: str, modules: Sequence[str], tools: HostTools, *more: str | Path) -> bytes:
    core = out.with_name(out.name + ".core")
    tools.run("grub-mkimage", "-d", tools.folder / GRUB, "-O", "i386-pc", "-p", prefix, "-o", core, *more, *modules)
    loader = core.read_bytes()
    core.unlink()
    return loader


def _grub_boot_code(tools: HostTools) -> bytes:
    code = bytearray(tools.file(f"{GRUB}/boot.img")[:BOOT_CODE])
    code[DRIVE_CHECK : DRIVE_CHECK + 2] = b"\x90\x90"
    return bytes(code)


def syslinux(out: Path, size: int, kernel: Path, initrd: Path, append: str, tools: HostTools) -> None:
    """A raw disk of `size` bytes whose FAT16 partition has kernel and initramfs, started by SYSLINUX."""
    with tempfile.TemporaryDirectory(prefix="fat-", dir=out.parent) as scratch:
        config = Path(scratch) / "syslinux.cfg"
        config.write_text(_syslinux_config("vmlinuz", "initrd.gz", append))
        fat_disk(out, size, [(kernel, "vmlinuz"), (initrd, "initrd.gz"), (config, "syslinux.cfg")], tools)


def fat_disk(out: Path, size: int, files: Sequence[tuple[Path, str]], tools: HostTools) -> None:
    """A raw disk with a FAT16 partition that has these files, under these names, and SYSLINUX."""
    _empty(out, size)
    partition = f"{out}@@{GAP}"
    sectors = (size - GAP) // SECTOR
    tools.run("mformat", "-i", partition, "-T", str(sectors), "-H", str(GAP // SECTOR), "-h", "16", "-s", "63",
              "-c", "4", "-m", "0xf8", "-N", "706c6179", "-v", "PLAYHEAD", "::")  # fmt: skip
    for source, name in files:
        tools.run("mcopy", "-i", partition, source, f"::{name}")
    tools.run("syslinux", "--offset", str(GAP), "--install", out)
    _write_first_sector(out, tools.file("usr/lib/syslinux/mbr/mbr.bin")[:BOOT_CODE], FAT16, size)


def iso(out: Path, kernel: Path, initrd: Path, append: str, tools: HostTools) -> None:
    """A CD-ROM image with kernel and initramfs, started by ISOLINUX."""
    config = _syslinux_config("/vmlinuz", "/initrd.gz", append).encode()
    bootable_iso(out, {"vmlinuz": kernel.read_bytes(), "initrd.gz": initrd.read_bytes(),
                       "isolinux/isolinux.cfg": config}, tools)  # fmt: skip


def bootable_iso(out: Path, files: dict[str, bytes], tools: HostTools) -> None:
    """A CD-ROM image with these files and ISOLINUX, whose files are in the folder `isolinux`."""
    with tempfile.TemporaryDirectory(prefix="iso-", dir=out.parent) as scratch:
        root = Path(scratch) / "root"
        (root / "isolinux").mkdir(parents=True)
        loader = {"isolinux/isolinux.bin": tools.file("usr/lib/ISOLINUX/isolinux.bin"),
                  "isolinux/ldlinux.c32": tools.file("usr/lib/syslinux/modules/bios/ldlinux.c32")}  # fmt: skip
        for name, data in (files | loader).items():
            (root / name).write_bytes(data)
        for path in (root, *root.rglob("*")):
            os.utime(path, (EPOCH, EPOCH))
        tools.run(
            "xorriso", "-as", "mkisofs", "-quiet", "-V", "PLAYHEAD", "-R", "-J", "-uid", "0", "-gid", "0",
            "-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat", "-no-emul-boot", "-boot-load-size", "4",
            "-boot-info-table", "-o", out, root,
        )  # fmt: skip


def _syslinux_config(kernel: str, initrd: str, append: str) -> str:
    return f"""\
SERIAL 0 {SERIAL_SPEED}
PROMPT 0
DEFAULT linux
LABEL linux
SAY SYSLINUX-UP
LINUX {kernel}
INITRD {initrd}
APPEND {append}
"""


def _empty(out: Path, size: int) -> None:
    with open(out, "wb") as file:
        file.truncate(size)


def _write_first_sector(out: Path, code: bytes, kind: int, size: int) -> None:
    """The boot code and a table of one partition, from `GAP` to the end, which is active. Its cylinders, heads and
    sectors say that they cannot say it."""
    beyond = b"\xfe\xff\xff"
    entry = struct.pack("<B3sB3sII", 0x80, beyond, kind, beyond, GAP // SECTOR, (size - GAP) // SECTOR)
    sector = code.ljust(BOOT_CODE, b"\0") + SIGNATURE + bytes(2) + entry.ljust(64, b"\0") + b"\x55\xaa"
    assert len(sector) == SECTOR
    with open(out, "r+b") as file:
        file.write(sector)


def to_qcow2(raw: Path, out: Path) -> None:
    """Copy a raw image into a new qcow2 image, without the clusters that are zero."""
    create_qcow2(str(out), raw.stat().st_size)
    with open(raw, "rb") as source, open_image(str(out)) as image:
        at = 0
        while data := source.read(CLUSTER):
            if data.strip(b"\0"):
                image.write(at, data)
            at += len(data)
        image.flush()
