"""Debian's qemu-img and qemu-io, which judge the images that we write and make images for us to read."""

import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

PATIENCE_S = 240
BUSY, TRIES = "Unable to get accurate CPU usage", 10


def need() -> None:
    """Without the judge the test is skipped loudly; in CI it fails."""
    missing = [name for name in ("qemu-img", "qemu-io") if shutil.which(name) is None]
    if missing:
        text = f"{', '.join(missing)} not installed (Debian's package is qemu-utils): images go unjudged"
        if os.environ.get("CI") == "true":
            pytest.fail(text)
        pytest.skip(text)


def run(*arguments: object, ok: tuple[int, ...] = (0,)) -> str:
    """Run a program; its standard output. For LUKS, qemu-img measures the processor; on a busy one it gives up."""
    for _ in range(TRIES):
        done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=PATIENCE_S)
        if BUSY not in done.stderr:
            break
    assert done.returncode in ok, f"{' '.join(map(str, arguments))}: {done.returncode} {done.stdout}{done.stderr}"
    return done.stdout


def create(path: Path, size: int, **options: object) -> None:
    backing = [str(v) for k in ("b", "F") if k in options for v in (f"-{k}", options.pop(k))]
    pairs = ",".join(f"{name}={value}" for name, value in options.items())
    run("qemu-img", "create", "-q", "-f", "qcow2", *backing, *(["-o", pairs] if pairs else []), path, size)


def io(path: Path, *commands: str) -> None:
    """qemu-io commands, such as `write -P 7 0 64k`."""
    out = run("qemu-io", "-f", "qcow2", *(part for command in commands for part in ("-c", command)), path)
    assert "failed" not in out, out


def check(path: Path, leaks: bool = False) -> None:
    """No corruption, and no leak unless that is allowed."""
    report = json.loads(run("qemu-img", "check", "-f", "qcow2", "--output=json", path, ok=(0, 2, 3)))
    assert not report.get("corruptions") and not report["check-errors"], report
    assert leaks or not report.get("leaks"), report


def content(path: Path, format: str = "qcow2", snapshot: str | None = None) -> bytes:
    """The disk as QEMU reads it."""
    target = path.with_suffix(".content")
    options = ["-l", f"snapshot.name={snapshot}"] if snapshot is not None else []
    run("qemu-img", "convert", "-f", format, "-O", "raw", *options, path, target)
    return target.read_bytes()


def compare(path: Path, expected: bytes) -> None:
    """By qemu-img compare with a raw twin."""
    twin = path.with_suffix(".twin")
    twin.write_bytes(expected)
    run("qemu-img", "compare", "-q", "-f", "qcow2", "-F", "raw", path, twin)


def scribble(size: int, seed: int, zero: bool = True, discard: bool = True, count: int = 20) -> list[str]:
    """Random commands for qemu-io, in sectors."""
    rng = random.Random(seed)
    commands = []
    for _ in range(count):
        at = rng.randrange(size // 512)
        length = 512 * min(size // 512 - at, rng.choice([1, 3, 8, 128, 200, 1000]))
        kinds = [f"write -P {rng.randrange(1, 256)}"] * 4 + ["write -z"] * zero + ["write -z -u"] * zero
        kinds += ["discard"] * discard
        commands.append(f"{rng.choice(kinds)} {at * 512} {length}")
    return commands
