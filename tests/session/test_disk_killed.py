"""kill -9 while a guest writes its disk: the image is consistent, and what the guest had flushed is in it."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from playhead.cli import main
from playhead.host.block import create_qcow2, open_image
from playhead.hw.block import FLUSH, SECTOR, WRITE
from playhead.log.events import BlockDone
from playhead.log.reader import Reader
from playhead.machine.storage import Storage
from tools import guest

PLAYHEAD = [sys.executable, "-m", "playhead.cli"]
MACHINE = ["-bios", str(guest.image("disk")), "-m", "16", "-serial", "null"]
LEAKS = 3  # of qemu-img check: clusters that nothing uses, which a kill may leave (also of QEMU)
Requests = list[tuple[int, int, bytes]]  # kind, LBA, data


@pytest.fixture(scope="module")
def requests(tmp_path_factory: pytest.TempPathFactory) -> Requests:
    """All that the guest asks of its disk, in order, from the first on: the same each time, however long it takes."""
    made: Requests = []
    start = Storage.start

    def noted(self: Storage, drive: int, kind: int, lba: int, count: int, data: bytes = b"") -> int:
        made.append((kind, lba, bytes(data)))
        return start(self, drive, kind, lba, count, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Storage, "start", noted)
        assert main(["run", *MACHINE, "-hda", str(guest.disk()), "-snapshot"]) == 0
    return made


def overlay(folder: Path) -> Path:
    path = folder / "top.qcow2"
    create_qcow2(str(path), guest.DISK_BYTES, backing=str(guest.disk()), backing_format="raw")
    return path


@pytest.mark.parametrize("seed", range(4))
def test_what_was_flushed_is_there(seed: int, requests: Requests, tmp_path: Path) -> None:
    image, path = overlay(tmp_path), tmp_path / "r.ph"
    words = ["record", "-o", str(path), *MACHINE, "-hda", str(image)]
    with subprocess.Popen([*PLAYHEAD, *words], stderr=subprocess.DEVNULL) as child:
        while not path.exists():
            time.sleep(0.005)
        time.sleep(random.Random(seed).uniform(0.1, 0.7))
        child.kill()
    if shutil.which("qemu-img"):
        checked = subprocess.run(["qemu-img", "check", str(image)], capture_output=True, text=True)
        assert checked.returncode in (0, LEAKS), checked  # never corrupt
    with Reader(str(path)) as reader:
        ended = {entry.event.id for entry in reader.entries() if isinstance(entry.event, BlockDone)}
    flushed = max((id for id in ended if requests[id - 1][0] == FLUSH), default=0)
    with open_image(str(image), read_only=True) as opened:
        content = opened.read(0, opened.size)
    disk = bytearray(guest.disk().read_bytes())
    for kind, lba, data in requests[:flushed]:
        if kind == WRITE:
            disk[lba * SECTOR : lba * SECTOR + len(data)] = data
    missing = {at for at in range(0, len(disk), SECTOR) if disk[at : at + SECTOR] != content[at : at + SECTOR]}
    for kind, lba, data in requests[flushed:]:  # a later write may have got there
        for at in range(lba * SECTOR, lba * SECTOR + len(data), SECTOR) if kind == WRITE else ():
            if content[at : at + SECTOR] == data[at - lba * SECTOR : at - lba * SECTOR + SECTOR]:
                missing.discard(at)
    assert not missing
    assert main(["replay", str(path), "--quiet", "-serial", "null"]) == 0
