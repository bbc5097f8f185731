"""Floppy disks from end to end: a boot disk of our own through SeaBIOS, SYSLINUX, and Linux's driver, each recorded and
replayed; the first one beside QEMU.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from scripted import talk

from playhead.cli import main
from playhead.cli.drives import SEABIOS
from playhead.log.events import BlockDone
from playhead.log.reader import Reader
from tools import guest
from tools.guests import host_tools
from tools.guests.apt import AptError
from tools.guests.host_tools import HostTools

PLAYHEAD = [sys.executable, "-m", "playhead.cli"]
LIMIT_S = 300
SIZE = 1_474_560

pytestmark = [
    pytest.mark.guest,
    pytest.mark.skipif(not any(os.path.exists(path) for path in SEABIOS), reason="no SeaBIOS"),
]


def refuse(text: str) -> None:
    pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)


@pytest.fixture(scope="module")
def tools() -> HostTools:
    try:
        return host_tools.fetch(guest.cache() / "debian", lambda text: None)
    except (AptError, OSError) as error:
        refuse(f"mtools and SYSLINUX cannot be had, so no FAT floppy was tested: {error}")
        raise


def fat(tools: HostTools, image: Path, files: dict[str, Path]) -> None:
    image.write_bytes(bytes(SIZE))
    tools.run("mformat", "-i", image, "-f", "1440", "-N", "706c6179", "-v", "PLAYHEAD", "::")
    for name, source in files.items():
        tools.run("mcopy", "-i", image, source, f"::{name}")


@pytest.mark.parametrize("protected", [False, True])
def test_a_boot_floppy_reads_itself_as_on_qemu(protected: bool, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    original = guest.boot_floppy().read_bytes()
    Path("floppy.img").write_bytes(original)
    drive = ["-drive", f"file=floppy.img,format=raw,if=floppy,readonly={'on' if protected else 'off'}"]
    words = [*drive, "-boot", "a", "-device", "isa-debug-exit", "-nodefaults"]
    assert main(["record", "-o", "it.ph", *words, "-serial", "file:out"]) == 1
    assert (Path("floppy.img").read_bytes() == original) is protected
    Path("floppy.img").unlink()
    assert main(["replay", "it.ph", "-serial", "file:again", "--quiet"]) == 0
    said = Path("out").read_bytes()
    assert said == Path("again").read_bytes()
    assert said.decode().replace("\r\n", "\n") == golden(protected)
    with Reader("it.ph") as reader:
        assert sum(isinstance(entry.event, BlockDone) for entry in reader.entries()) >= 8
    if shutil.which("qemu-system-i386") is None:
        return
    Path("floppy.img").write_bytes(original)
    command = ["qemu-system-i386", "-display", "none", "-serial", "stdio", *words]
    assert subprocess.run(command, capture_output=True, timeout=300).stdout == said


def golden(protected: bool) -> str:
    text = (guest.BOOT / "floppy.expect").read_text()
    if protected:  # the write fails, and so what is read afterwards is what was there
        text = text.replace("0303 0B07 01:000300", "0303 0B07 01:030001").replace("A9EA", "F828")
    return text


def test_syslinux_starts_from_a_floppy(tools: HostTools, tmp_path: Path) -> None:
    image, path = tmp_path / "sys.img", tmp_path / "it.ph"
    (tmp_path / "cfg").write_text("SERIAL 0 115200\nPROMPT 1\nSAY READ-FROM-THE-FLOPPY\n")
    fat(tools, image, {"syslinux.cfg": tmp_path / "cfg"})
    tools.run("syslinux", "--install", image)
    command = [*PLAYHEAD, "record", "-o", str(path), "-nographic", "-fda", str(image), "-boot", "a", "-icount",
               "shift=6"]  # fmt: skip
    status, said, heard = talk(command, [(b"boot: ", b"nothing\r"), (b"boot: ", b"\x01x")], LIMIT_S)
    assert status in (0, 1) and b"READ-FROM-THE-FLOPPY" in said and b"nothing" in said, (said[-500:], heard)
    image.unlink()
    done = subprocess.run([*PLAYHEAD, "replay", str(path)], stdin=subprocess.DEVNULL, capture_output=True)
    assert done.returncode == 0 and done.stdout == said, done.stderr


@pytest.mark.slow
def test_linux_reads_and_writes_a_fat_floppy(tools: HostTools, tmp_path: Path) -> None:
    try:
        kernel, initrd = guest.debian("floppy")
    except guest.GuestError as error:
        refuse(f"the Debian guest cannot be had: {error}")
        raise
    image, path, content = tmp_path / "fat.img", tmp_path / "it.ph", bytes(n * n >> 3 & 0xFF for n in range(300_000))
    (tmp_path / "file").write_bytes(content)
    fat(tools, image, {"file": tmp_path / "file"})
    command = [*PLAYHEAD, "record", "-o", str(path), "-nographic", "-m", "128", "-kernel", str(kernel), "-initrd",
               str(initrd), "-append", guest.APPEND["floppy"], "-fda", str(image)]  # fmt: skip
    status, said, heard = talk(command, [], LIMIT_S)
    assert status == 0 and b"GUEST-DONE" in said, (said[-2000:], heard)
    busybox = (guest.cache() / "debian/busybox").read_bytes()[:200_000]
    sums = dict(re.findall(r"^(file|copy|disk): ([0-9a-f]{32})", said.decode(), re.MULTILINE))
    found = {"file": content, "copy": busybox, "disk": image.read_bytes()}
    assert sums == {name: hashlib.md5(data).hexdigest() for name, data in found.items()}
    tools.run("mcopy", "-i", image, "::copy", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == busybox
    image.unlink()
    done = subprocess.run([*PLAYHEAD, "replay", str(path)], stdin=subprocess.DEVNULL, capture_output=True)
    assert done.returncode == 0 and done.stdout == said, done.stderr
