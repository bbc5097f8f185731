"""Python for ARM64 and what Playhead needs with it, in a folder: Debian's packages and wheels of PyPI. QEMU's user-mode
emulator runs it, so that recordings can be made and replayed on another kind of processor than this.

It finds its libraries because the emulator looks for each absolute path below the folder first. A script stands in for
the interpreter, under which Python starts itself again, too.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path

from tools.guests.apt import INDEX, AptError, PrivateApt
from tools.guests.host_tools import key_of

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("python3", "libstdc++6")  # C++'s library is LLVM's
FOR_TESTS = ("pytest", "hypothesis")
PLATFORMS = (*(f"manylinux_2_{n}_aarch64" for n in (28, 27, 24, 17)), "manylinux2014_aarch64")
EMULATOR = "qemu-aarch64"
LAUNCHER = "usr/bin/python-arm64"
SCRIPT = """#!/bin/sh
# Made by tools/guests/arm64.py. $PLAYHEAD_QEMU_ARM64: more options of the emulator.
root=$(dirname "$(dirname "$(dirname "$0")")")
exec {emulator} -L "$root" $PLAYHEAD_QEMU_ARM64 -0 "$0" "$root/usr/bin/{python}" "$@"
"""


def fetch(folder: Path, say: Callable[[str], None]) -> Path:
    """A command that is Python for ARM64; what it needs is fetched into `folder` if need be. Raises AptError."""
    if shutil.which(EMULATOR) is None:
        raise AptError(f"{EMULATOR} is not installed (Debian's package is qemu-user)")
    constraints = ROOT / "constraints.txt"
    wanted = [*tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"], *FOR_TESTS]
    kept = folder / f"python-{key_of(PACKAGES, wanted, constraints.read_text(), SCRIPT)}"
    if not kept.exists():
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder) as scratch:
            root = Path(scratch) / "root"
            _unpack(root, Path(scratch) / "apt", folder.parent / f"{INDEX}-arm64", say)
            python = _python(root)
            _install(root, python, wanted, constraints, say)
            launcher = root / LAUNCHER
            launcher.write_text(SCRIPT.format(emulator=EMULATOR, python=python))
            launcher.chmod(0o755)
            root.replace(kept)
    return kept / LAUNCHER


def _unpack(root: Path, scratch: Path, index: Path, say: Callable[[str], None]) -> None:
    apt = PrivateApt(scratch, "arm64", say, index)
    apt.update()
    root.mkdir()
    for package in apt.download(*apt.with_needs(*PACKAGES)):
        subprocess.run(["dpkg-deb", "-x", str(package), str(root)], check=True)
    if not (root / "lib").exists():  # Debian 13 has everything below usr
        (root / "lib").symlink_to("usr/lib")


def _python(root: Path) -> str:
    """The name of the interpreter, with its version."""
    found = [path.name for path in (root / "usr/bin").iterdir() if re.fullmatch(r"python3\.\d+", path.name)]
    if len(found) != 1:
        raise AptError(f"Debian's packages for ARM64 have {len(found)} interpreters of Python, not one")
    return found[0]


def _install(root: Path, python: str, wanted: list[str], constraints: Path, say: Callable[[str], None]) -> None:
    """Wheels, put where Debian's Python looks for packages."""
    say("fetching wheels for ARM64")
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-input"]
    command += ["--target", str(root / "usr/lib/python3/dist-packages"), "--only-binary=:all:"]
    command += ["--implementation", "cp", "--python-version", python.removeprefix("python")]
    command += [word for platform in PLATFORMS for word in ("--platform", platform)]
    done = subprocess.run([*command, "-c", str(constraints), *wanted], capture_output=True, text=True)
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["no word from pip"]
        raise AptError(f"cannot install the wheels for ARM64: {errors[-1]}")
