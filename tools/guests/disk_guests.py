"""The guests that start from a disk or a CD-ROM: what is on each image, and how it is started.

All have the kernel of debian.py. `grub` is a busybox system on ext4, `userland` a Debian system on ext4 (userland.py);
both ask for a login on the serial line (`LOGIN` and `PASSWORD` of debian.py). `syslinux` and `iso` run by themselves:
they mount the medium that they were started from, print checksums of it, and power off.

The kernel's drivers for IDE and for file systems are modules, so each image has a small initramfs that loads them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.guests import debian, disk_images, host_tools, initramfs, userland
from tools.guests.initramfs import Entry

APPEND = "console=ttyS0 cryptomgr.notests"  # without the kernel's tests of its ciphers
MIB = 1 << 20
RECIPES = ("disk_images.py", "ext4.py")  # a change of these makes other images


@dataclass(frozen=True)
class Guest:
    """`option`: how the command line takes the image. `modules`: what the initramfs loads. `script`: what it then
    does; it is given the rest of `append` as variables."""

    name: str
    ending: str
    option: str
    modules: tuple[str, ...]
    script: str
    append: str = ""


_WAIT = (
    debian.START
    + debian.LOAD_MODULES
    + """\
i=0
while [ ! -b $medium ] && [ $i -lt 100 ]; do i=$((i+1)); sleep 0.1; done
"""
)

_TO_ROOT = (
    _WAIT
    + """\
mount -t ext4 $medium /root || exec sh
mount -o move /dev /root/dev
umount /sys
umount /proc
exec switch_root /root /sbin/init
"""
)

_MEDIUM = (
    _WAIT
    + """\
mkdir /medium
mount -t $type $medium /medium || exec sh
echo GUEST-UP
echo "kernel: $(md5sum < /medium/vmlinuz)"
if [ $type = vfat ]; then
  head -c 300000 /bin/busybox > /medium/copy
  umount /medium
  echo 3 > /proc/sys/vm/drop_caches
  mount -t $type -o ro $medium /medium
  echo "copy: $(md5sum < /medium/copy)"
fi
umount /medium
echo GUEST-DONE
poweroff -f
"""
)

_DISK, _CD = ("ata_piix", "sd_mod"), ("ata_piix", "sr_mod")
_EXT4 = (*_DISK, "crc32c_generic", "ext4")
GUESTS = {
    guest.name: guest
    for guest in (
        Guest("grub", ".img", "-hda", _EXT4, _TO_ROOT, "medium=/dev/sda1"),
        Guest("syslinux", ".img", "-hda", (*_DISK, "vfat", "nls_cp437", "nls_ascii"), _MEDIUM,
              "medium=/dev/sda1 type=vfat"),
        Guest("iso", ".iso", "-cdrom", (*_CD, "isofs"), _MEDIUM, "medium=/dev/sr0 type=iso9660"),
        Guest("userland", ".qcow2", "-hda", _EXT4, _TO_ROOT, "medium=/dev/sda1"),
    )
}  # fmt: skip

_BUSYBOX_INIT = """\
#!/bin/sh
export PATH=/bin
[ -e /bin/getty ] || /bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
hostname playhead
echo GUEST-UP
setsid getty -L 115200 ttyS0 vt100
sync
mount -o remount,ro /
echo GUEST-DONE
poweroff -f
"""


def build(name: str, kernel: Path, busybox: Path, folder: Path, say: Callable[[str], None]) -> Path:
    """The image of a guest, below `folder`; its name carries the hash of what it is made from and with."""
    guest = GUESTS[name]
    modules = debian.modules(folder, guest.modules, say)
    initrd = debian.pack(name, guest.script, busybox, folder, modules=modules)
    key = hashlib.sha256(repr((guest, initrd.name, host_tools.PACKAGES, host_tools.EPOCH)).encode())
    for path in (kernel, busybox, *(Path(__file__).with_name(one) for one in RECIPES)):
        key.update(hashlib.sha256(path.read_bytes()).digest())
    key.update((userland.key() if name == "userland" else _BUSYBOX_INIT).encode())
    out = folder / f"{name}-{key.hexdigest()[:12]}{guest.ending}"
    if out.exists():
        return out
    tools = host_tools.fetch(folder, say)
    say(f"making {out.name}")
    partial = out.with_suffix(f".{os.getpid()}")
    append = f"{APPEND} {guest.append}"
    try:
        if name == "grub":
            disk_images.grub(partial, 64 * MIB, kernel, initrd, append, _busybox_system(busybox), tools)
        elif name == "syslinux":
            disk_images.syslinux(partial, 32 * MIB, kernel, initrd, append, tools)
        elif name == "iso":
            disk_images.iso(partial, kernel, initrd, append, tools)
        else:
            raw = out.with_suffix(f".raw{os.getpid()}")
            try:
                entries = userland.entries(folder, say)
                disk_images.grub(raw, 1024 * MIB, kernel, initrd, append, entries, tools)
                disk_images.to_qcow2(raw, partial)
            finally:
                raw.unlink(missing_ok=True)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return out


def _busybox_system(busybox: Path) -> list[Entry]:
    """The root of `grub`: a busybox, which makes its links at the first start, and an init that asks for a login."""
    entries = [initramfs.folder(name) for name in ("bin", "dev", "etc", "proc", "root", "sbin", "sys", "tmp")]
    entries += [
        initramfs.file("bin/busybox", busybox.read_bytes(), 0o755),
        initramfs.link("bin/sh", "busybox"),
        initramfs.file("sbin/init", _BUSYBOX_INIT.encode(), 0o755),
    ]
    return entries + [initramfs.file(path, text.encode()) for path, text in debian.ETC.items()]
