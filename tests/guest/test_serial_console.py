"""-nographic with real SeaBIOS: it prints on COM1, and INT 10h and INT 16h of real-mode systems are the serial line."""

import json
import subprocess
import threading
from pathlib import Path

import pytest
from test_boot_from_disk import PLAYHEAD, refuse

from playhead.cli.drives import SEABIOS

TEXT = b"a key: \0"
BOOT_SECTOR = bytes.fromhex(
    "31c0 8ed8 be2d7c"  # DS = 0, SI = the text
    "ac 84c0 7408 b40e 31db cd10 ebf3"  # INT 10h, function 0Eh, for each character
    "31c0 cd16 b40e 31db cd10"  # INT 16h: wait for a key, and show it
    "b40e b021 cd10"  # one more, because SeaBIOS keeps the last one back
    "ba0105 30c0 ee f4 ebfd"  # isa-debug-exit
)


@pytest.fixture
def disk(tmp_path: Path) -> str:
    if not any(Path(path).exists() for path in SEABIOS):
        refuse("no SeaBIOS (Debian's package seabios), so its serial console was not tested")
    (tmp_path / "d.img").write_bytes((BOOT_SECTOR + TEXT).ljust(510, b"\0") + b"\x55\xaa" + bytes(512 * 99))
    return str(tmp_path / "d.img")


def run(words: list[str], key: bytes) -> tuple[int, bytes]:
    """Type the key when it is asked for; exit status and what was printed."""
    child = subprocess.Popen([*PLAYHEAD, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    assert child.stdin and child.stdout
    watchdog = threading.Timer(60, child.kill)
    watchdog.start()
    said = b""
    while (piece := child.stdout.read(256)) != b"":
        said += piece
        if key and b"a key: " in said:
            child.stdin.write(key)
            key = b""
    watchdog.cancel()
    return child.wait(), said


def test_seabios_and_a_real_mode_system_talk_on_the_serial_line(disk: str, tmp_path: Path) -> None:
    path = str(tmp_path / "r.ph")
    machine = ["-hda", disk, "-m", "16", "-device", "isa-debug-exit"]
    status, said = run(["record", "-o", path, "-nographic", *machine], b"k")
    assert status == 1 and b"SeaBIOS" in said and b"a key: k" in said
    done = subprocess.run([*PLAYHEAD, "replay", path], stdin=subprocess.DEVNULL, capture_output=True)
    assert done.returncode == 0 and done.stdout == said
    facts = json.loads(subprocess.check_output([*PLAYHEAD, "info", "--json", path]))
    assert facts["machine"]["graphics"] is False


def test_graphics_off_is_the_same_without_the_terminal(disk: str) -> None:
    machine = ["-hda", disk, "-m", "16", "-device", "isa-debug-exit", "-serial", "stdio"]
    assert b"a key: k" in run(["run", "-M", "pc,graphics=off", *machine], b"k")[1]
    stop = ["-nographic", "-M", "pc,graphics=on"]
    child = subprocess.Popen([*PLAYHEAD, "run", *stop, *machine], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            child.communicate(timeout=4)
    finally:
        child.kill()
        said = child.communicate()[0]
    assert said == b""
