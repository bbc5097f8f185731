"""guest [NAME|all|debian|disks|check]: build or fetch guests and print their paths; check: compare ours with QEMU.

Guests are kept in `$XDG_CACHE_HOME/playhead`, ours under a name that carries the hash of their source. Tests, the
demo and the benchmarks use `image`, `program`, `debian`, `boot_disk` and `expected` of this module.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import random
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tools import asm
from tools.guests import arm64, boot_screens, c_program, disk_guests, qemu_source
from tools.guests import debian as debian_recipe
from tools.guests.apt import AptError

SOURCES = Path(__file__).resolve().parent.parent / "guest"
LINUX = SOURCES / "linux"  # programs for the Debian guests
BOOT = SOURCES / "boot"  # what boot loaders and firmware start
PROGRAMS = {"story": ("story",), "workloads": ("calls",)}  # which Debian guest has which of them
WITH_DISK = ("chips", "disk", "inputs", "suspend")
WITH_FLOPPY = ("floppy",)
CARDS = ("rtl8139", "e1000")  # each on a user-mode network of its own; the guest is the firmware, so without ROMs
MORE = {
    "testdev": ["-device", "pc-testdev"],
    "net": [
        word
        for n, card in enumerate(CARDS)
        for word in ("-netdev", f"user,id=n{n}", "-device", f"{card},id=card{n},netdev=n{n},addr={3 + n},romfile=")
    ],
    "screen": ["-device", "VGA,addr=02.0,romfile=", "-audiodev", "none,id=s", "-device", "AC97,addr=03.0,audiodev=s"],
}
CPU = {"pae": "pentium2,+nx"}
NOT_ON_QEMU = ("vme",)  # QEMU's TCG has no virtual interrupts: the golden file is what the manual says
ENDLESS = ("halt",)  # prints its line and never ends by itself
DISK_BYTES, FLOPPY_BYTES = 4 << 20, 1_474_560
DEBIAN_APPEND = "console=ttyS0"
NO_TESTS = disk_guests.APPEND
LOGIN = f"log in as {debian_recipe.LOGIN}, password {debian_recipe.PASSWORD}"
APPEND = {
    "story": NO_TESTS,
    "disk": NO_TESTS,
    "load": NO_TESTS,
    "floppy": NO_TESTS,
    "power": NO_TESTS,
    "input": NO_TESTS,
    "compiled": NO_TESTS,
    "network": NO_TESTS,
    "screen": NO_TESTS,
    "sound": NO_TESTS,
    "editor": NO_TESTS,
    "desktop": NO_TESTS,
    "workloads": NO_TESTS,
    "traced": NO_TESTS,
}  # without the kernel's tests of its ciphers: half the boot


class GuestError(Exception):
    """A guest cannot be had; one line says why."""


def cache() -> Path:
    """Where guests are kept, outside the tree."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "playhead" / "guests"


def names() -> list[str]:
    """Our guests: every source in the folder."""
    return sorted(path.stem for path in SOURCES.glob("*.s"))


def image(name: str) -> Path:
    """The firmware image of one of our guests, for `-bios`; built when its source is new."""
    if name not in names():
        raise GuestError(f"no guest {name!r}; there are {', '.join(names())}, debian")
    return _built(SOURCES / f"{name}.s", ".bin", asm.firmware)


def firmware(source: str, folder: Path) -> bytes:
    """The image of a test's own guest, whose source may include what ours do. `folder` is empty, or of such a guest."""
    for path in SOURCES.glob("*.inc"):
        shutil.copyfile(path, folder / path.name)
    (folder / "guest.s").write_text(source)
    return asm.firmware(folder / "guest.s")


def disk() -> Path:
    """The raw image that some guests want as their first drive. Whoever lets it be written takes a copy."""
    out = cache() / "disk-5.img"
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = out.with_suffix(f".{os.getpid()}")
        partial.write_bytes(random.Random(5).randbytes(DISK_BYTES))
        partial.replace(out)
    return out


def floppy_disk() -> Path:
    """A 1.44 MB disk of noise."""
    out = cache() / "floppy-1.img"
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = out.with_suffix(f".{os.getpid()}")
        partial.write_bytes(random.Random(1).randbytes(FLOPPY_BYTES))
        partial.replace(out)
    return out


def machine(name: str) -> list[str]:
    """The options, ours and QEMU's, of the machine of one of our guests; no drive's file is changed."""
    drives = ["-drive", f"file={disk()},format=raw,if=ide,snapshot=on"] if name in WITH_DISK else []
    if name in WITH_FLOPPY:
        drives += ["-drive", f"file={floppy_disk()},format=raw,if=floppy,snapshot=on"]
    drives += MORE.get(name, [])
    cpu = ["-cpu", CPU[name]] if name in CPU else []
    return ["-bios", str(image(name)), *cpu, *drives]


def boot_floppy() -> Path:
    """A 1.44 MB disk of noise that reads itself by the BIOS when it is started."""

    def make(path: Path) -> bytes:
        program = asm.build(path, asm.BOOT_SECTOR)[0]
        return program + floppy_disk().read_bytes()[len(program) :]

    return _built(BOOT / "floppy.s", ".img", make)


def modes_disk() -> Path:
    """A disk of 1 MiB that walks through the modes of a VGA when it is started."""
    return _built(BOOT / "modes.s", ".img", lambda path: asm.build(path, asm.BOOT_SECTOR)[0].ljust(1 << 20, b"\0"))


def multiboot(kludge: bool = False) -> Path:
    """Our Multiboot kernel, for `-kernel`: an ELF file, or one that only its header describes."""
    return _built(BOOT / "multiboot.s", ".bin" if kludge else ".elf", lambda path: asm.multiboot(path, kludge=kludge))


def programs() -> list[str]:
    """Our Linux programs: every source in guest/linux."""
    return sorted(path.stem for path in LINUX.glob("*.s"))


def program(name: str) -> Path:
    """One of them, an ELF file with symbols and line numbers; built when its source is new."""
    return _built(LINUX / f"{name}.s", ".elf", lambda path: asm.program(path, f"guest/linux/{path.name}"))


def _built(path: Path, ending: str, make: Callable[[Path], bytes]) -> Path:
    """What `make` makes of a source, kept under the source's hash."""
    try:
        source = "\n".join(text for text, _ in asm.expand(path))
        out = cache() / f"{path.stem}-{hashlib.sha256(source.encode()).hexdigest()[:12]}{ending}"
        if not out.exists():
            out.parent.mkdir(parents=True, exist_ok=True)
            partial = out.with_suffix(f".{os.getpid()}")
            partial.write_bytes(make(path))
            partial.replace(out)
    except (asm.AsmError, OSError) as error:
        raise GuestError(str(error)) from None
    return out


def expected(name: str) -> str:
    """What a test guest prints, line ends as `\\n`: the golden file next to its source, written by QEMU."""
    return (SOURCES / f"{name}.expect").read_text()


def debian(variant: str = "boot") -> tuple[Path, Path]:
    """(kernel, initrd) of a Debian guest; the variants `boot`, `story`, `compiled`, `disk` (which wants an IDE disk),
    `load` (which wants four drives) and `power` run by themselves, `shell` asks for a login on COM1.
    """
    if variant not in debian_recipe.VARIANTS:
        raise GuestError(f"no Debian variant {variant!r}; there are {', '.join(debian_recipe.VARIANTS)}")
    folder = cache() / "debian"
    try:
        with _alone(folder):
            kernel, busybox = debian_recipe.fetch(folder, _say)
            modules = debian_recipe.modules(folder, debian_recipe.MODULES.get(variant, ()), _say)
            inside = {name: program(name).read_bytes() for name in PROGRAMS.get(variant, ())}
            if variant == "compiled":
                inside[variant] = c_program.build(folder, _say).read_bytes()
            recipe = debian_recipe.RECIPES.get(variant)
            more = recipe.entries(folder, _say) if recipe else []
            return kernel, debian_recipe.build(variant, busybox, folder, inside, modules, more)
    except (AptError, OSError) as error:
        raise GuestError(str(error)) from None


def flavour(name: str) -> tuple[Path, Path]:
    """(kernel, initrd) of the variant `boot` with another of Debian's kernels: `686-pae`, `rt-686-pae`."""
    _, initrd = debian("boot")
    try:
        return debian_recipe.other_kernel(cache() / "debian", name, _say), initrd
    except (AptError, OSError) as error:
        raise GuestError(str(error)) from None


def replay_dump() -> Path:
    """QEMU's script that prints its record/replay logs."""
    try:
        with _alone(cache() / "qemu-source"):
            return qemu_source.replay_dump(cache() / "qemu-source", _say)
    except (AptError, OSError) as error:
        raise GuestError(str(error)) from None


def arm64_python() -> Path:
    """A command that is Python for ARM64, with all that Playhead needs; no guest, but another host for it."""
    folder = cache() / "arm64"
    try:
        with _alone(folder):
            return arm64.fetch(folder, _say)
    except (AptError, OSError, subprocess.CalledProcessError) as error:
        raise GuestError(str(error)) from None


def debian_line(variant: str) -> str:
    """The options that start a Debian guest."""
    kernel, initrd = debian(variant)
    append = shlex.quote(APPEND.get(variant, DEBIAN_APPEND))
    return f"{variant:8} -kernel {kernel} -initrd {initrd} -append {append}"


def boot_disk(name: str) -> Path:
    """The image of a guest that starts from a disk or CD-ROM (guests/disk_guests.py); built if there is none yet."""
    if name not in disk_guests.GUESTS:
        raise GuestError(f"no disk {name!r}; there are {', '.join(disk_guests.GUESTS)}")
    folder = cache() / "debian"
    try:
        with _alone(folder):
            kernel, busybox = debian_recipe.fetch(folder, _say)
            return disk_guests.build(name, kernel, busybox, folder, _say)
    except (AptError, OSError) as error:
        raise GuestError(str(error)) from None


def screen_disk(name: str) -> Path:
    """An image whose boot loader shows what it can (guests/boot_screens.py); its Linux shows a text."""
    folder = cache() / "debian"
    kernel, initrd = debian("screen")
    try:
        with _alone(folder):
            return boot_screens.build(name, kernel, initrd, f"{NO_TESTS} SCENES=text", folder, _say)
    except (AptError, OSError) as error:
        raise GuestError(str(error)) from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time fetches and builds in a folder; others wait, and then find what it made."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _say(text: str) -> None:
    print(f"guest: {text}", file=sys.stderr, flush=True)


def on_qemu(name: str) -> str:
    """What one of our guests prints on QEMU's PC. An endless one is stopped after a while."""
    command = ["qemu-system-i386", "-accel", "tcg", *machine(name), "-nographic", "-nodefaults"]
    command += ["-serial", "stdio"]
    limit_s = 5 if name in ENDLESS else 60
    try:
        raw = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=limit_s).stdout
    except subprocess.TimeoutExpired as late:
        if name not in ENDLESS:
            raise GuestError(f"{name}: still running on QEMU after {late.timeout:.0f} s") from None
        raw = late.stdout or b""
    return raw.decode("ascii", errors="replace").replace("\r\n", "\n")


def check(write: bool) -> int:
    """Compare each test guest's golden file with what QEMU makes of it, or write the files."""
    if shutil.which("qemu-system-i386") is None:
        raise GuestError("qemu-system-i386 is not installed (Debian's package is qemu-system-x86)")
    wrong = []
    for name in names():
        if name == "demo" or name in NOT_ON_QEMU:
            continue
        said, golden = on_qemu(name), SOURCES / f"{name}.expect"
        if write:
            golden.write_text(said)
        same = golden.exists() and golden.read_text() == said
        print(f"{name:8} {'agrees with QEMU' if same else 'DIFFERS from QEMU'}", flush=True)
        if not same:
            wrong.append(name)
            print(said)
    return 1 if wrong else 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev guest", description="build or fetch guests, print their paths")
    known = [*names(), *programs(), *disk_guests.GUESTS, *boot_screens.IMAGES, *debian_recipe.FLAVOURS]
    known += ["compiled", "arm64"]
    parser.add_argument("name", nargs="?", default="all", help=f"{', '.join(known)}, all, debian, disks, check")
    parser.add_argument("--write", action="store_true", help="with check: rewrite the golden files from QEMU")
    options = parser.parse_args(arguments)
    try:
        if options.name == "check":
            return check(options.write)
        if options.name == "debian":
            for variant in debian_recipe.VARIANTS:
                if variant != "compiled":  # its compiler is only fetched when asked for
                    print(debian_line(variant))
            _say(f"shell: {LOGIN}")
            return 0
        if options.name == "compiled":
            print(debian_line(options.name))
            return 0
        if options.name == "arm64":
            print(arm64_python())
            return 0
        if options.name in debian_recipe.FLAVOURS:
            kernel, initrd = flavour(options.name)
            print(f"{options.name:10} -kernel {kernel} -initrd {initrd} -append {shlex.quote(NO_TESTS)}")
            return 0
        if options.name in boot_screens.IMAGES:
            print(screen_disk(options.name))
            return 0
        if options.name in ("disks", *disk_guests.GUESTS):
            for name in disk_guests.GUESTS if options.name == "disks" else [options.name]:
                print(f"{name:8} {disk_guests.GUESTS[name].option} {boot_disk(name)}")
            if options.name in ("disks", "grub", "userland"):
                _say(f"grub, userland: {LOGIN}")
            return 0
        for name in names() if options.name == "all" else [options.name]:
            print(program(name) if name in programs() else image(name))
    except GuestError as error:
        print(f"guest: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
