"""Hosts that are not this one, under QEMU's user-mode emulation: an x86-64 processor without anything that was added
since 2003, and Python for ARM64. Each has a cache of its own, which is kept with the guests.

LLVM takes twenty times as long there, so this host makes the parts of the native core for them, which are the same
bytes that they would make (`test_other_hosts.py` compares some). Guests are made here as well: the assembler is LLVM's
for x86, which llvmlite has on x86 only.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tools import guest

ROOT = Path(__file__).resolve().parents[2]
BASELINE = "qemu64"
ASK = "import json; from playhead.engine.llvm.compile import host; print(json.dumps(host()))"
BUILD = """
import json, sys
from playhead.engine.llvm.build import build_parts
from playhead.engine.llvm.compile import Host
from playhead.engine.llvm.library import building
with building():
    build_parts(Host(*json.loads(sys.argv[1])))
"""
WAIT_S = 1800


class OtherHost:
    """`python`: a command that is its interpreter."""

    def __init__(self, name: str, python: Path):
        self.name, self.python = name, python
        cache = guest.cache() / "other-hosts" / name
        (cache / "playhead").mkdir(parents=True, exist_ok=True)
        guests = cache / "playhead" / "guests"
        if not guests.is_symlink():
            guests.symlink_to(guest.cache())  # they are assembled here
        paths = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
        own = {"XDG_CACHE_HOME": str(cache), "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
        self.environment = {**os.environ, **own}
        self.goal = json.loads(self.run("-c", ASK).stdout)
        command = [sys.executable, "-c", BUILD, json.dumps(self.goal)]
        subprocess.run(command, env=self.environment, check=True, timeout=WAIT_S)

    def run(self, *words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        """Python there, with these words; its status has to be 0. `more`: of its environment."""
        command = [str(self.python), *map(str, words)]
        done = subprocess.run(command, env=self.environment | more, capture_output=True, text=True, timeout=WAIT_S)
        assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done

    def playhead(self, *words: str | Path, **more: str) -> str:
        """The program there; what it says."""
        return self.run("-m", "playhead", *words, **more).stderr


def baseline(folder: Path) -> OtherHost:
    """An environment for Python in `folder` like this one's, whose interpreter is under the emulator."""
    if shutil.which("qemu-x86_64") is None:
        raise guest.GuestError("qemu-x86_64 is not installed (Debian's package is qemu-user)")
    prefix = Path(sys.prefix)
    shutil.copyfile(prefix / "pyvenv.cfg", folder / "pyvenv.cfg")
    (folder / "lib").symlink_to(prefix / "lib")
    (folder / "bin").mkdir()
    launcher = folder / "bin" / "python"
    launcher.write_text(f'#!/bin/sh\nexec qemu-x86_64 -cpu {BASELINE} -0 "$0" {shlex.quote(sys.executable)} "$@"\n')
    launcher.chmod(0o755)
    return OtherHost("baseline", launcher)


def arm64(folder: Path) -> OtherHost:
    return OtherHost("arm64", guest.arm64_python())


HOSTS: dict[str, Callable[[Path], OtherHost]] = {"baseline": baseline, "arm64": arm64}
