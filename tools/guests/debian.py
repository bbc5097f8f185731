"""The Debian guests: a kernel of Debian 12 and an initramfs around its static busybox.

Sixteen variants share the kernel. `boot` runs by itself, from `GUEST-UP` to `GUEST-DONE` and power-off; it is what the
benchmarks and the replay tests run, so its script must not change lightly. `shell` asks for a login on the serial line
and powers off when the session of `LOGIN` with `PASSWORD` ends. `story` runs our program guest/linux/story.s, which
crashes (docs/debugging.md). `disk` loads the kernel's modules for IDE, reads, writes and reads again the first disk,
and reads the CD-ROM if there is one (`LIBATA=dma=0` on the kernel's command line: all by PIO). `load` keeps all four
drives busy at once, whatever they are. `floppy` loads the floppy driver, reads a file of the FAT file system in the
first drive, and writes another. `power` is suspended to RAM and woken, and waits for the power button. `input` prints
what its drivers make of keyboard and mouse. `compiled` runs a program made by Debian's compiler (c_program.py).
`network` has drivers for network cards and an SSH server, and runs what the kernel's command line says (network.py).
`screen` shows scenes on its console (screen.py), `sound` plays and captures (sound.py), `editor` has a text edited
while all is busy (editor.py), `desktop` has an X server (desktop.py), `traced` runs a shell under strace (traced.py).
For guests that start from a disk see disk_guests.py.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from tools.guests import desktop, editor, initramfs, network, screen, sound, traced, workloads
from tools.guests.apt import INDEX, AptError, PrivateApt
from tools.guests.initramfs import Entry

VARIANTS = ("boot", "shell", "story", "disk", "load", "compiled", "floppy", "power", "input", "network", "screen",
            "sound", "editor", "desktop", "workloads", "traced")  # fmt: skip
RECIPES = {"network": network, "screen": screen, "sound": sound, "editor": editor, "desktop": desktop,
           "workloads": workloads, "traced": traced}  # fmt: skip
IDE = ("ata_piix", "sd_mod", "sr_mod")  # modules of the kernel for our drives; what these need is found
FLOPPY = ("floppy", "vfat", "nls_cp437", "nls_ascii")
POWER = ("button", "evdev")  # the power button, and the device node that tells of it
INPUT = ("evdev", "psmouse")
MODULES = {"disk": IDE, "load": IDE, "floppy": FLOPPY, "power": (*POWER, *IDE), "input": INPUT,
           **{name: recipe.MODULES for name, recipe in RECIPES.items()}}  # fmt: skip
KEPT = tuple(sorted({*chain(*MODULES.values()), "crc32c_generic", "ext4", "isofs"}))  # by any

FLAVOUR = "686"  # of the kernel that the variants share
FLAVOURS = ("686-pae", "rt-686-pae")  # others, with PAE paging; the second one is PREEMPT_RT

START = """\
#!/bin/sh
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
"""

_BOOT = (
    START
    + """\
echo GUEST-UP
date
head -c 16 /dev/urandom | md5sum
echo random $RANDOM $RANDOM
i=0
while [ $i -lt 20000 ]; do i=$((i+1)); done
echo turns $i
head -c 8388608 /dev/zero | md5sum
date
echo GUEST-DONE
poweroff -f
"""
)

_SHELL = (
    START
    + """\
hostname playhead
echo GUEST-UP
setsid getty -L 115200 ttyS0 vt100
echo GUEST-DONE
poweroff -f
"""
)

_STORY = (
    START
    + """\
echo GUEST-UP
story
echo "story has ended, status $?"
echo GUEST-DONE
poweroff -f
"""
)

_COMPILED = (
    START
    + """\
echo GUEST-UP
compiled
echo "compiled has ended, status $?"
echo GUEST-DONE
poweroff -f
"""
)

LOAD_MODULES = """\
for module in /lib/modules/*.ko; do
  case $module in *-libata.ko) insmod $module $LIBATA;; *) insmod $module;; esac
done
"""

_FLOPPY = (
    START
    + LOAD_MODULES
    + """\
i=0
while [ ! -b /dev/fd0 ] && [ $i -lt 100 ]; do i=$((i+1)); sleep 0.1; done
echo GUEST-UP
mkdir /medium
mount -t vfat /dev/fd0 /medium || exec sh
echo "file: $(md5sum < /medium/file)"
head -c 200000 /bin/busybox > /medium/copy && echo "wrote: ok"
umount /medium
echo 3 > /proc/sys/vm/drop_caches
mount -t vfat -o ro /dev/fd0 /medium
echo "copy: $(md5sum < /medium/copy)"
umount /medium
echo 3 > /proc/sys/vm/drop_caches
echo "disk: $(md5sum < /dev/fd0)"
echo GUEST-DONE
poweroff -f
"""
)

_DISK = (
    START
    + LOAD_MODULES
    + """\
i=0
while [ ! -b /dev/sda ] && [ $i -lt 100 ]; do i=$((i+1)); sleep 0.1; done
echo GUEST-UP
cat /proc/partitions
echo "before: $(md5sum /dev/sda)"
dd if=/bin/busybox of=/dev/sda bs=4096 seek=300 count=100
sync
echo 3 > /proc/sys/vm/drop_caches
echo "after: $(md5sum /dev/sda)"
dd if=/dev/sda bs=512 skip=2399 count=3 iflag=direct 2>/dev/null | md5sum
dd if=/bin/busybox of=/dev/sda bs=512 seek=77 skip=5 count=20 oflag=direct
echo "direct: $(md5sum /dev/sda)"
[ -b /dev/sr0 ] && echo "cdrom: $(md5sum /dev/sr0)"
echo GUEST-DONE
poweroff -f
"""
)

# Each drive has a reader, each disk a writer too, all at once: eight rounds of blocks at places that a generator picks,
# half of them past the page cache. What a writer wrote in a round it reads back. The sums follow from the images alone.
_LOAD = (
    START
    + LOAD_MODULES
    + """\
i=0
while [ $(ls /sys/block | grep -c '^s[dr]') -lt ${DRIVES:-4} ] && [ $i -lt 100 ]; do i=$((i+1)); sleep 0.1; done
echo GUEST-UP
dmesg -n 1
reader() {
  blocks=$(($(cat /sys/block/$1/size) / 8)); x=$2; n=0
  while [ $n -lt 8 ]; do
    x=$(((x * 1103515245 + 12345) & 0x7fffffff)); n=$((n+1))
    [ $((n & 1)) = 1 ] && flag=direct || flag=fullblock
    dd if=/dev/$1 bs=4096 skip=$(((x >> 8) % (blocks / 2 - 16))) count=16 iflag=$flag 2>/dev/null
  done | md5sum > /tmp/reader-$1
}
writer() {
  half=$(($(cat /sys/block/$1/size) / 16)); x=$2; n=0; wrong=0
  while [ $n -lt 8 ]; do
    x=$(((x * 1103515245 + 12345) & 0x7fffffff)); n=$((n+1)); to=$((half + (x >> 8) % (half - 16)))
    [ $((n & 1)) = 1 ] && flag=oflag=direct || flag=conv=fsync
    dd if=/bin/busybox bs=4096 skip=$((x >> 24)) count=16 of=/tmp/data-$1 2>/dev/null
    dd if=/tmp/data-$1 bs=4096 of=/dev/$1 seek=$to $flag 2>/dev/null
    dd if=/dev/$1 bs=4096 skip=$to count=16 iflag=direct 2>/dev/null | cmp -s - /tmp/data-$1 || wrong=$((wrong+1))
  done
  echo "wrong $wrong" > /tmp/writer-$1
}
seed=1
for path in /sys/block/s[dr]*; do
  drive=${path##*/}; seed=$((seed+1))
  reader $drive $seed &
  case $drive in sd*) writer $drive $((seed+100)) & ;; esac
done
wait
sync
echo 3 > /proc/sys/vm/drop_caches
for path in /sys/block/s[dr]*; do
  drive=${path##*/}
  echo "$drive read: $(cat /tmp/reader-$drive)"
  [ -e /tmp/writer-$drive ] && echo "$drive written: $(cat /tmp/writer-$drive)"
  echo "$drive whole: $(md5sum < /dev/$drive)"
done
echo GUEST-DONE
poweroff -f
"""
)

# `WAYS` on the kernel's command line says what happens, one after the other, separated by commas: `button` waits for
# the power button, the others suspend to RAM; `rtc` and `RTC` set an alarm for five seconds, or an hour, before.
_POWER = (
    START
    + LOAD_MODULES
    + """\
rtc=/sys/class/rtc/rtc0
button=$(grep -l 'Power Button' /sys/class/input/event*/device/name | head -n 1)
button=/dev/input/$(echo ${button#/sys/class/input/} | cut -d/ -f1)
head -c 300000 /dev/urandom > /tmp/data
sum=$(md5sum < /tmp/data)
[ -b /dev/sda ] && disk=$(head -c 300000 /dev/sda | md5sum)
echo "GUEST-UP, $(cat /sys/power/state)"
IFS=,
for way in ${WAYS:-rtc}; do
  echo "way: $way"
  before=$(cat $rtc/since_epoch)
  case $way in
    rtc) echo +5 > $rtc/wakealarm ;;
    RTC) echo +3600 > $rtc/wakealarm ;;
  esac
  if [ $way = button ]; then
    head -c 16 $button > /dev/null
    echo "button pressed"
  else
    echo mem > /sys/power/state
    echo "awake after $(($(cat $rtc/since_epoch) - before)) s, $([ -n "$(cat $rtc/wakealarm)" ] && echo alarm is set)"
  fi
done
[ "$(md5sum < /tmp/data)" = "$sum" ] && echo "memory is as it was"
if [ -b /dev/sda ]; then
  echo 3 > /proc/sys/vm/drop_caches
  [ "$(head -c 300000 /dev/sda | md5sum)" = "$disk" ] && echo "disk is as it was"
fi
echo GUEST-DONE
poweroff -f
"""
)

# Prints keys, buttons and movements (k or m, type, code, value), until Esc and the right button have been released.
_INPUT = (
    START
    + LOAD_MODULES
    + """\
dmesg -n 1
node() {
  found=$(grep -l "$1" /sys/class/input/event*/device/name | head -n 1)
  [ -n "$found" ] && echo /dev/input/$(echo ${found#/sys/class/input/} | cut -d/ -f1)
}
tell() {
  who=$1 last=$2
  while set -- $(dd bs=16 count=1 2>/dev/null | od -An -v -t x2); do
    case $5 in 0001|0002) echo "$who $5 $6 $8$7";; esac
    [ $5.$6.$7 = 0001.$last.0000 ] && break
  done
}
i=0
while [ -z "$(node Mouse)" ] && [ $i -lt 100 ]; do i=$((i+1)); sleep 0.1; done
cat /sys/class/input/event*/device/name
echo "clock: $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
tell k 0001 < $(node keyboard) &
tell m 0111 < $(node Mouse) &
sleep 1
echo GUEST-UP
wait
echo GUEST-DONE
poweroff -f
"""
)

_SCRIPTS = {
    "disk": _DISK, "floppy": _FLOPPY, "boot": _BOOT, "shell": _SHELL, "story": _STORY, "load": _LOAD,
    "compiled": _COMPILED, "power": _POWER, "input": _INPUT,
    **{name: START + recipe.SCRIPT for name, recipe in RECIPES.items()},
}  # fmt: skip

LOGIN, PASSWORD = "root", "playhead"
PASSWORD_HASH = "$1$recorded$aLRthxMddQeX8Hn3YTtA31"  # md5-crypt
ETC = {
    "etc/passwd": f"{LOGIN}:{PASSWORD_HASH}:0:0:root:/root:/bin/sh\n",
    "etc/group": "root:x:0:\n",
    "etc/issue": "Playhead guest, \\l\n",
    "etc/profile": "export PATH=/bin PS1='playhead# '\n",
}


def fetch(folder: Path, say: Callable[[str], None]) -> tuple[Path, Path]:
    """Fetch kernel and busybox into `folder` if they are not there; returns both files."""
    kernel, busybox = folder / "vmlinuz", folder / "busybox"
    if kernel.exists() and busybox.exists():
        return kernel, busybox
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder) as scratch:
        apt = PrivateApt(Path(scratch) / "apt", "i386", say, folder / INDEX)
        apt.update()
        package = _newest(apt, FLAVOUR)
        files = Path(scratch) / "files"
        apt.unpack(package, files)
        apt.unpack("busybox-static", files)
        (folder / "version").write_text(package + "\n")
        _take(files, f"boot/vmlinuz-{package.removeprefix('linux-image-')}", kernel)
        _take(files, "bin/busybox", busybox)
    return kernel, busybox


def other_kernel(folder: Path, flavour: str, say: Callable[[str], None]) -> Path:
    """The kernel of another flavour, fetched into `folder` if it is not there."""
    kernel = folder / f"vmlinuz-{flavour}"
    if not kernel.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder) as scratch:
            apt = PrivateApt(Path(scratch) / "apt", "i386", say, folder / INDEX)
            apt.update()
            package = _newest(apt, flavour)
            apt.unpack(package, Path(scratch) / "files")
            _take(Path(scratch) / "files", f"boot/vmlinuz-{package.removeprefix('linux-image-')}", kernel)
    return kernel


def _newest(apt: PrivateApt, flavour: str) -> str:
    """The package of the newest kernel of a flavour."""
    pattern = re.compile(rf"linux-image-6\.1\.0-(\d+)-{flavour}")
    versions = [int(match[1]) for name in apt.names("linux-image-6.1.0-") if (match := pattern.fullmatch(name))]
    if not versions:
        raise AptError(f"no linux-image-6.1.0-*-{flavour} among this system's package sources (Debian 12 has it, i386)")
    return f"linux-image-6.1.0-{max(versions)}-{flavour}"


def modules(folder: Path, names: Sequence[str], say: Callable[[str], None]) -> list[Path]:
    """The files of these modules of the kernel and of all that they need, in the order in which they can be loaded;
    fetched into `folder` if need be."""
    kept = folder / f"kernel-modules-{hashlib.sha256(repr(KEPT).encode()).hexdigest()[:12]}"
    if not kept.exists():
        package = (folder / "version").read_text().strip()
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder) as scratch:
            apt = PrivateApt(Path(scratch) / "apt", "i386", say, folder / INDEX)
            apt.update()
            files, some = Path(scratch) / "files", Path(scratch) / "modules"
            apt.unpack(package, files)
            found = {path.stem.replace("-", "_"): path for path in sorted(files.rglob("*.ko"))}
            some.mkdir()
            for name in _with_needs(KEPT, found):
                shutil.copyfile(found[name], some / f"{name}.ko")
            some.replace(kept)
    found = {path.stem: path for path in kept.glob("*.ko")}
    return [found[name] for name in _with_needs(names, found)]


def _with_needs(names: Sequence[str], found: dict[str, Path]) -> list[str]:
    """These modules and all that they need, each after what it needs."""
    order: list[str] = []

    def add(name: str) -> None:
        if name in order:
            return
        if name not in found:
            raise AptError(f"the kernel's package has no module {name}")
        for text in found[name].read_bytes().split(b"\0"):  # .modinfo is a list of strings
            if text.startswith(b"depends="):
                for need in filter(None, text[8:].decode().split(",")):
                    add(need.replace("-", "_"))
        order.append(name)

    for name in names:
        add(name)
    return order


def build(variant: str, busybox: Path, folder: Path, programs: dict[str, bytes], modules: Sequence[Path],
          more: Sequence[Entry] = ()) -> Path:  # fmt: skip
    """The initramfs of a variant, with these programs in /bin, these modules in /lib/modules, and more files."""
    etc = [initramfs.file(path, text.encode()) for path, text in ETC.items()] if variant == "shell" else []
    return pack(variant, _SCRIPTS[variant], busybox, folder, programs, modules, [*etc, *more])


def pack(name: str, script: str, busybox: Path, folder: Path, programs: Mapping[str, bytes] = {},
         modules: Sequence[Path] = (), more: Sequence[Entry] = ()) -> Path:  # fmt: skip
    """An initramfs that runs `script`; its name carries the hash of what it was built from."""
    entries = [initramfs.folder(name) for name in ("bin", "dev", "etc", "proc", "sys", "tmp", "root")]
    entries += [
        initramfs.character_device("dev/console", 5, 1),
        initramfs.character_device("dev/null", 1, 3, 0o666),
        initramfs.file("bin/busybox", busybox.read_bytes(), 0o755),
        initramfs.link("bin/sh", "busybox"),
        initramfs.file("init", script.encode(), 0o755),
    ]
    entries += [initramfs.file(f"bin/{program}", data, 0o755) for program, data in programs.items()]
    if modules:
        entries += [initramfs.folder("lib"), initramfs.folder("lib/modules")]
        files = [(f"{n:02}-{path.name}", path) for n, path in enumerate(modules)]
        entries += [initramfs.file(f"lib/modules/{numbered}", network.module(path)) for numbered, path in files]
    entries += more
    key = hashlib.sha256(repr([(e.path, e.mode, hashlib.sha256(e.data).hexdigest()) for e in entries]).encode())
    out = folder / f"{name}-{key.hexdigest()[:12]}.cpio.gz"
    if not out.exists():
        partial = out.with_suffix(f".{os.getpid()}")
        partial.write_bytes(initramfs.pack(entries))
        partial.replace(out)
    return out


def _take(files: Path, path: str, to: Path) -> None:
    source = files / path
    if not source.exists():
        source = files / "usr" / path  # where a merged /usr has it
    if not source.exists():
        raise AptError(f"the package has no /{path}")
    partial = to.with_suffix(f".{os.getpid()}")
    shutil.copyfile(source, partial)
    partial.replace(to)
