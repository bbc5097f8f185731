"""Linux started from disks and a CD-ROM by SeaBIOS and a boot loader: recorded by the command line, replayed exactly.

The guests are those of tools/guests/disk_guests.py, and `load` of tools/guests/debian.py, which works on four drives at
once. Each recording is of a copy of the image that is deleted before the replay. The long tests are the media and the
load besides `grub`, and the same sessions on QEMU, whose answers are the reference.

An instruction takes 64 ns here (shift 6): GRUB measures the processor by polling a timer for 55 ms, whatever the speed.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import load_sums
import pytest
from scripted import Step, talk

from playhead.cli.drives import SEABIOS
from playhead.cli.linux_kernel import find as find_kernel
from playhead.linux.kernels import LINKED_AT
from playhead.log.reader import Reader
from tools import guest
from tools.guests.debian import LOGIN, PASSWORD

pytestmark = [pytest.mark.guest, pytest.mark.slow]
PLAYHEAD = [sys.executable, "-m", "playhead.cli"]
LIMIT_S = 900
PROMPT = b"playhead# "
SUMS = re.compile(rb"^([0-9a-f]{32})  -\r?$", re.MULTILINE)

_TALKS = {  # commands whose answers do not depend on the time, and how to end
    "grub": (
        "dd if=/bin/busybox of=/root/copy bs=4096",
        "sync",
        "echo 3 > /proc/sys/vm/drop_caches",
        "cat /root/copy | md5sum",
        "cat /boot/vmlinuz | md5sum",
        "find / -xdev | sort | md5sum",
        "exit",
    ),
    "userland": (
        "dd if=/bin/bash of=/root/copy bs=4096",
        "sync",
        "echo 3 > /proc/sys/vm/drop_caches",
        "cat /root/copy | md5sum",
        "find / -xdev -not -path '/var/log/*' | md5sum",
        "dpkg -l | md5sum",
        "dpkg --verify | md5sum",
        "apt list --installed 2>&1 | md5sum",
        "poweroff",
    ),
}
SESSIONS: dict[str, list[Step]] = {
    name: [(b"login: ", f"{LOGIN}\n".encode()), (b"assword: ", f"{PASSWORD}\n".encode())]
    + [(PROMPT, f"{line}\n".encode()) for line in lines]
    for name, lines in _TALKS.items()
}


def refuse(text: str) -> None:
    """What is missing is said; in CI it may not be missing."""
    pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)


@pytest.fixture(scope="session")
def image(pytestconfig: pytest.Config) -> Callable[[str], Path]:
    """The image of a guest."""

    def find(name: str) -> Path:
        if not any(os.path.exists(path) for path in SEABIOS):
            refuse("no SeaBIOS (Debian's package seabios), so nothing was started from a disk")
        try:
            return guest.boot_disk(name)
        except guest.GuestError as error:
            refuse(f"the guest {name} cannot be had, so starting from it was not tested: {error}")
            raise

    return find


@dataclass
class Recorded:
    path: Path
    said: bytes
    heard: str

    def replay(self) -> None:
        """Once, in a separate process: the same console, and every digest."""
        done = subprocess.run([*PLAYHEAD, "replay", str(self.path)], stdin=subprocess.DEVNULL, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout == self.said and b"digests compared are equal" in done.stderr


def digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def options(name: str, path: Path) -> list[str]:
    return [guest.disk_guests.GUESTS[name].option, str(path), "-snapshot", "-m", "128"]


def record(name: str, original: Path, folder: Path) -> Recorded:
    """Record a session with a copy of the image, which must not change, and is gone afterwards."""
    copy, path = folder / original.name, folder / f"{name}.ph"
    shutil.copyfile(original, copy)
    before = digest(copy)
    command = [*PLAYHEAD, "record", "-o", str(path), "-nographic", "-icount", "shift=6", *options(name, copy)]
    status, said, heard = talk(command, SESSIONS.get(name, []), LIMIT_S)
    assert status == 0 and b"GUEST-UP" in said and b"GUEST-DONE" in said, (said[-2000:], heard)
    assert digest(copy) == before == digest(original)
    copy.unlink()
    return Recorded(path, said, heard)


def on_qemu(name: str, path: Path) -> bytes:
    """What the same session prints on QEMU's PC."""
    if shutil.which("qemu-system-i386") is None:
        pytest.skip("qemu-system-i386 is not installed")
    command = ["qemu-system-i386", "-M", "pc", "-cpu", "pentium2", "-nodefaults", "-display", "none", "-serial",
               "stdio", "-no-reboot", *options(name, path)]  # fmt: skip
    return talk(command, SESSIONS.get(name, []), LIMIT_S)[1]


def files() -> tuple[bytes, bytes]:
    """The kernel that the media hold, and busybox."""
    folder = guest.cache() / "debian"
    return (folder / "vmlinuz").read_bytes(), (folder / "busybox").read_bytes()


def md5(data: bytes) -> bytes:
    return hashlib.md5(data).hexdigest().encode()


@pytest.mark.parametrize("name", ["grub", "syslinux", "iso"])
def test_an_image_is_the_same_at_every_build(name: str, image, tmp_path: Path, monkeypatch) -> None:
    first = image(name)
    folder = tmp_path / "playhead/guests/debian"
    folder.mkdir(parents=True)
    for path in (guest.cache() / "debian").iterdir():
        if path != first:
            (folder / path.name).symlink_to(path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    second = guest.boot_disk(name)
    assert second != first and second.name == first.name and digest(second) == digest(first)


def test_grub_and_ext4(image, tmp_path: Path) -> None:
    recorded = record("grub", image("grub"), tmp_path)
    kernel, busybox = files()
    assert b"GRUB-UP" in recorded.said and b"EXT4-fs (sda1): mounted" in recorded.said
    assert SUMS.findall(recorded.said)[:2] == [md5(busybox), md5(kernel)]
    with Reader(str(recorded.path)) as reader:  # this kernel was not given by -kernel
        linux = find_kernel(reader)
    assert linux is not None and linux.offset is not None and linux.stext == LINKED_AT + linux.offset
    assert f"Linux version {linux.version}".encode() in recorded.said.replace(b"\r", b"") and not linux.offset % (
        1 << 20
    )
    recorded.replay()


@pytest.mark.long
@pytest.mark.parametrize("name", ["syslinux", "iso"])
def test_media_that_run_by_themselves(name: str, image, tmp_path: Path) -> None:
    recorded = record(name, image(name), tmp_path)
    kernel, busybox = files()
    assert b"kernel: " + md5(kernel) in recorded.said
    if name == "syslinux":
        assert b"copy: " + md5(busybox[:300000]) in recorded.said
    recorded.replay()


@pytest.mark.long
def test_a_debian_userland(image, tmp_path: Path) -> None:
    """Logged in, worked in, shut down; five replays without the image are all the recording, and so is QEMU."""
    original = image("userland")
    recorded = record("userland", original, tmp_path)
    sums = SUMS.findall(recorded.said)
    assert len(sums) == 5
    assert sums == SUMS.findall(on_qemu("userland", original))
    for _ in range(5):
        recorded.replay()


@pytest.mark.long
@pytest.mark.parametrize("name", ["grub", "syslinux", "iso"])
def test_qemu_starts_them_too(name: str, image) -> None:
    said = on_qemu(name, image(name))
    assert b"GUEST-UP" in said and b"GUEST-DONE" in said and md5(files()[0]) in said


@pytest.mark.long
def test_four_drives_at_once(tmp_path: Path) -> None:
    """Three disks that are read and written, and a CD-ROM that is read, by seven processes at once."""
    try:
        kernel, initrd = guest.debian("load")
    except guest.GuestError as error:
        refuse(f"the Debian guest cannot be had, so four drives at once were not tested: {error}")
    sizes = {"sda": 4 << 20, "sdb": 4 << 20, "sdc": 3 << 20, "sr0": 2 << 20}
    contents = {name: random.Random(name).randbytes(size) for name, size in sizes.items()}
    command = [*PLAYHEAD, "record", "-o", str(tmp_path / "load.ph"), "-nographic", "-snapshot", "-m", "128", "-kernel",
               str(kernel), "-initrd", str(initrd), "-append", guest.APPEND["load"]]  # fmt: skip
    for option, name in (("-hda", "sda"), ("-hdb", "sdb"), ("-cdrom", "sr0"), ("-hdd", "sdc")):
        (tmp_path / name).write_bytes(contents[name])
        command += [option, str(tmp_path / name)]
    status, said, heard = talk(command, [], LIMIT_S)
    assert status == 0 and b"GUEST-DONE" in said, (said[-2000:], heard)
    printed = re.findall(r"^(s\w+ (?:read|written|whole)): (.*)\r$", said.decode(), re.MULTILINE)
    assert dict(printed) == load_sums.expected(contents, files()[1])
    for name, content in contents.items():
        assert (tmp_path / name).read_bytes() == content
        (tmp_path / name).unlink()
    with Reader(str(tmp_path / "load.ph")) as reader:
        ends = sum(entry.kind.name == "ASYNC_BLOCK" for batch in reader.batches() for entry in batch.entries)
    assert ends > 500
    Recorded(tmp_path / "load.ph", said, heard).replay()
