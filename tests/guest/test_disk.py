"""Debian's kernel on our disk and CD-ROM: what it reads and leaves there is what it reads and leaves on QEMU's PC.

The guest (`disk` of tools/guests/debian.py) prints checksums of the disk before and after its own writes. The reference
is the same kernel, initramfs and images on QEMU; where QEMU is not installed, the checksums that Python computes.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from memory_drive import Door, Store, go
from playhead.boards.config import PcConfig
from playhead.boards.drive_config import DriveConfig
from playhead.boards.pc_devices import parts
from playhead.hw.block import WRITE
from playhead.machine import checkpoint
from playhead.machine.machine import Machine
from tools import guest

pytestmark = [pytest.mark.guest, pytest.mark.slow]
DISK, CD = random.Random(5).randbytes(2 << 20), random.Random(6).randbytes(256 << 10)
SUMS = re.compile(rb"^(\w+): ([0-9a-f]{32})  /dev/s\w+\r$", re.MULTILINE)


@pytest.fixture(scope="module")
def linux() -> tuple[Path, Path]:
    try:
        return guest.debian("disk")
    except guest.GuestError as error:
        text = f"the Debian guest cannot be had, so Linux on our disks was not tested: {error}"
        pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)


@pytest.fixture(scope="module")
def expected(linux: tuple[Path, Path]) -> tuple[dict[bytes, bytes], bytes]:
    """The checksums that the guest should print, and what should be on the disk in the end."""
    busybox = (guest.cache() / "debian" / "busybox").read_bytes()
    sums, disk = {b"before": DISK}, bytearray(DISK)
    disk[300 * 4096 : 400 * 4096] = busybox[: 100 * 4096]
    sums[b"after"] = bytes(disk)
    disk[77 * 512 : 97 * 512] = busybox[5 * 512 : 25 * 512]
    sums |= {b"direct": bytes(disk), b"cdrom": CD}
    return {name: hashlib.md5(data).hexdigest().encode() for name, data in sums.items()}, bytes(disk)


def test_qemu_agrees_with_what_is_expected(linux, expected, tmp_path) -> None:
    if shutil.which("qemu-system-i386") is None:
        pytest.skip("qemu-system-i386 is not installed")
    disk, cd = tmp_path / "disk.img", tmp_path / "cd.iso"
    disk.write_bytes(DISK)
    cd.write_bytes(CD)
    command = ["qemu-system-i386", "-M", "pc", "-cpu", "pentium2", "-m", "128", "-nographic", "-nodefaults"]
    command += ["-serial", "stdio", "-kernel", str(linux[0]), "-initrd", str(linux[1]), "-append", guest.APPEND["disk"]]
    command += ["-drive", f"file={disk},format=raw,if=ide", "-cdrom", str(cd), "-no-reboot"]
    said = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=600).stdout
    assert dict(SUMS.findall(said)) == expected[0] and disk.read_bytes() == expected[1]


class Rig:
    """The machine of this test; `how` is more for the kernel's command line."""

    def __init__(self, linux: tuple[Path, Path], how: str = ""):
        self.store = Store()
        self.disk, self.cd = self.store.drive(DISK), self.store.drive(CD, read_only=True)
        self.door = Door(self.disk, self.cd)
        config = PcConfig(
            kernel=linux[0].read_bytes(), initrd=linux[1].read_bytes(), append=f"{guest.APPEND['disk']} {how}",
            **parts(drives=[DriveConfig(sectors=self.disk.sectors), DriveConfig(1, 0, "cdrom", self.cd.sectors)]),
        )  # fmt: skip
        self.machine = Machine(config, self.door)

    def go(self, until: Callable[[], bool]) -> str:
        return go(self.machine, self.store, until, latency=100_000)


@pytest.mark.long
def test_a_checkpoint_in_a_dma_write(linux) -> None:
    """Put into a new machine while the disk takes Linux's data: both end alike."""
    first, second = Rig(linux), Rig(linux)
    writing = lambda: bool(first.store.pending) and first.store.pending[0].kind == WRITE  # noqa: E731
    assert first.go(writing) == "until"
    taken = checkpoint.take(first.machine)
    checkpoint.restore(second.machine, taken.parts, taken.pages)
    assert second.machine.board.in_flight() == first.machine.board.in_flight() != []
    second.store.take(first.store, {first.disk: second.disk, first.cd: second.cd})
    for _ in range(2):
        assert second.machine.digest_parts() == first.machine.digest_parts()
        assert [rig.go(lambda: False) for rig in (first, second)] == ["shutdown"] * 2
    assert second.disk.content == first.disk.content != DISK


@pytest.mark.parametrize("how", ["", pytest.param("LIBATA=dma=0", marks=pytest.mark.long)], ids=["dma", "pio"])
def test_linux_reads_and_writes(how: str, linux, expected) -> None:
    rig = Rig(linux, how)
    disk = rig.disk
    ended = rig.go(lambda: False)
    said = bytes(rig.door.printed)
    assert ended == "shutdown" and b"ata1: PATA max MWDMA2" in said, said[-2000:]
    assert dict(SUMS.findall(said)) == expected[0] and disk.content == expected[1]
    assert disk.flushes and b"rror" not in said.partition(b"ata_piix")[2], said[-3000:]
