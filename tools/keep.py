"""keep [--unreleased]: make the five recordings by which the tests prove that a machine version replays forever.

They go into tests/recordings/VERSION, for the newest version of `boards/machine_version.py`, and are made once, when
that version is released: `keys` (the demo guest, typed at), `inputs` (a disk, the date, keys), `loadvm` (at the
monitor: savevm, keys, loadvm, the mouse, the power button, another floppy disk), `network` (both cards, whose cables
are pulled out and plugged in at the monitor; it needs libslirp) and `screen` (the VGA in all ways to draw, a sound
played and one captured). Existing ones are only replaced with --unreleased, and never those of a released version.
"""

from __future__ import annotations

import argparse
import os
import random
import select
import shutil
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Sequence
from pathlib import Path

from playhead.base.errors import PlayheadError
from playhead.boards.machine_version import VERSIONS
from playhead.cli import demo
from playhead.cli.native_core import prepare
from tools import guest

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "recordings"
MOST_BYTES = 64 << 10  # most of it is SQLite's, a page for each table
DISK_SECTORS = 512
FLOPPY_BYTES = 160 << 10
PATIENCE_S = 60
MONITOR = "(qemu) "
TYPED = (("inputs ", "one "), ("one ", "two "), ("two ", "three"))  # what is waited for, what is typed then
COMMANDS = (
    "savevm here", "sendkey shift-a", "loadvm here", "mouse_move 3 -4", "system_powerdown",
    "change floppy0 {floppy} raw",
)  # fmt: skip
CABLES = (
    ("cards: ", "w"),
    ("waiting\r\n", "\x01c"),
    (MONITOR, "set_link card0 off\r"),
    ("C+ mode, link down\r\n", "set_link card0 on\r"),
    ("C+ mode, link up\r\n", "set_link n1 off\r"),
    ("e1000, link down\r\n", "set_link n1 on\r"),
    ("e1000, link up\r\n", "\x01cr"),
    ("waiting\r\n", "q"),
)  # guest/net.s says what its letters mean


class KeepError(Exception):
    """Nothing was kept; one line says why."""


def disk(path: Path) -> None:
    """An image whose sectors all differ, and which takes little room in a recording."""
    path.write_bytes(b"".join(f"sector {n:5}\n".encode().ljust(32, b".") * 16 for n in range(DISK_SECTORS)))


def noise(path: Path) -> None:
    """A tenth of a second of sound in which no two samples need be equal."""
    with wave.open(str(path), "wb") as out:
        out.setparams((2, 2, 48_000, 0, "NONE", "not compressed"))
        out.writeframes(random.Random(13).randbytes(4 * 4_800))


def inputs(path: Path) -> list[str]:
    """The machine of the guest `inputs`, with a disk of its own, which lies beside the recording."""
    image = path.with_suffix(".img")
    disk(image)
    return ["-bios", str(guest.image("inputs")), "-drive", f"file={image},format=raw,snapshot=on"]


def record(path: Path, machine: Sequence[str], options: Sequence[str], typed: Sequence[tuple[str, str]]) -> None:
    """Record a guest, and type each text when the one before it has been printed."""
    command = [*demo.PLAYHEAD, "record", "-o", str(path), "-m", "2", *machine, "--digest-period", "5000", *options]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    child = subprocess.Popen(command, bufsize=0, **pipes)  # type: ignore[call-overload]
    try:
        for awaited, text in typed:
            wait_for(child.stdout.fileno(), awaited.encode())
            time.sleep(random.uniform(0.05, 0.1))
            child.stdin.write(text.encode())
        said = b"".join(child.communicate(timeout=PATIENCE_S)).decode()
    except (subprocess.TimeoutExpired, BrokenPipeError):
        raise KeepError(f"{path.stem}: the guest did not take what was typed") from None
    finally:
        child.kill()
    if child.returncode != 0:
        raise KeepError(f"{path.stem}: {said.strip()}")


def wait_for(out: int, text: bytes) -> None:
    """Read up to and with a text."""
    said, until = b"", time.monotonic() + PATIENCE_S
    while not said.endswith(text):
        if not select.select([out], [], [], max(until - time.monotonic(), 0))[0] or not (piece := os.read(out, 1)):
            raise KeepError(f"no {text.decode()!r} came, but {said.decode()!r}")
        said += piece


def make(folder: Path) -> None:
    demo.record("keys", folder / "keys.ph", guest.image("demo"), random.Random())
    path = folder / "inputs.ph"
    record(path, inputs(path), ["-serial", "stdio"], TYPED)
    floppy = folder / "floppy.img"
    floppy.write_bytes(bytes(FLOPPY_BYTES))
    commands = [(MONITOR, command.format(floppy=floppy) + "\r") for command in COMMANDS]
    path = folder / "loadvm.ph"
    record(path, inputs(path), ["-nographic"], [("inputs ", "\x01c"), *commands])
    record(folder / "network.ph", guest.machine("net"), ["-nographic"], CABLES)
    heard = folder / "heard.wav"
    noise(heard)
    machine = [word.replace("none,", f"wav,in.path={heard},") for word in guest.machine("screen")]
    few = ["--no-checkpoints", "--digest-period", "50000"]  # a state has half a MiB of pictures
    record(folder / "screen.ph", machine, ["-serial", "stdio", *few], ())
    for path in folder.glob("*.ph"):
        if path.stat().st_size > MOST_BYTES:
            raise KeepError(f"{path.name} has {path.stat().st_size} bytes; {MOST_BYTES} are the most that is kept")


def keep(unreleased: bool) -> None:
    version = VERSIONS[0]
    target = FOLDER / version.name
    there = sorted(path.name for path in target.glob("*.ph"))
    if there and version.released:
        raise KeepError(f"{version.name} is released: {', '.join(there)} replay forever, and are never made again")
    if there and not unreleased:
        raise KeepError(f"tests/recordings/{version.name} has {', '.join(there)}: --unreleased replaces them")
    with tempfile.TemporaryDirectory(prefix="playhead-keep-") as made:
        make(Path(made))
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted(Path(made).glob("*.ph")):
            shutil.copyfile(path, target / path.name)
            print(f"{os.path.relpath(target / path.name)}: {path.stat().st_size:,} bytes")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev keep", description="make the recordings that the tests keep")
    parser.add_argument("--unreleased", action="store_true", help="replace those of a version that is not released")
    options = parser.parse_args(arguments)
    try:
        prepare()
        keep(options.unreleased)
    except (KeepError, demo.DemoError, guest.GuestError, PlayheadError, OSError) as error:
        print(f"keep: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
