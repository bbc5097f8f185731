"""Debian's kernels for PAE boot, are recorded and replayed; and where the processor lacks what a kernel needs, that is
said before it starts."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from playhead.boards.linux_features import required
from tools import guest

pytestmark = [pytest.mark.guest]
PLAYHEAD = [sys.executable, "-m", "playhead.cli"]
LIMIT_S = 600
Flavours = Callable[[str], tuple[Path, Path]]


def playhead(*arguments: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [*PLAYHEAD, *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=LIMIT_S)


@pytest.mark.slow
@pytest.mark.parametrize("flavour,cpu,nx", [
    ("686-pae", "pentium2", "Notice: NX (Execute Disable) protection missing in CPU!"),
    pytest.param("rt-686-pae", "pentium2,+nx", "NX (Execute Disable) protection: active", marks=pytest.mark.long),
])  # fmt: skip
def test_boots_and_replays(flavour: str, cpu: str, nx: str, flavours: Flavours, tmp_path: Path) -> None:
    kernel, initrd = flavours(flavour)
    path = tmp_path / "pae.ph"
    done = playhead("record", "-o", path, "-cpu", cpu, "-m", "64", "-nographic", "-icount", "shift=6",
                    "-kernel", kernel, "-initrd", initrd, "-append", guest.NO_TESTS)  # fmt: skip
    for line in (f"{flavour} ", nx, "turns 20000", "96995b58d4cbf6aaa9041b4f00c7f6ae", "reboot: Power down"):
        assert line in done.stdout, f"{line!r} is not among {done.stdout[-500:]!r}; {done.stderr}"
    again = playhead("replay", path, "--from", "70%")
    assert again.returncode == 0, again.stderr
    assert "reboot: Power down" in again.stdout and done.stdout.endswith(again.stdout)
    looked = playhead("debug", path, "--at", "80%", "-gdb", "none", stdin="info registers\nx/1i $eip\nquit\n").stdout
    assert "PDPTE3=" in looked and "no memory" not in looked, looked
    assert re.search(r"^c[0-9a-f]{7} T vfs_read$", playhead("symbols", path).stdout, re.MULTILINE)
    assert re.search(r"^ +1  [0-9a-f]{8}  init$", playhead("processes", path, "--at", "90%").stdout, re.MULTILINE)
    calls = playhead("syscalls", path, "--from", "70%", "--process", "date").stdout
    assert 'openat(AT_FDCWD, "/etc/localtime", ' in calls and "date  exit_group(0) = ?" in calls, calls
    assert playhead("dmesg", path, "--at", "end").stdout.rstrip().endswith("reboot: Power down")


def test_what_a_kernel_needs_is_said_before_it_starts(debian: dict[str, tuple[Path, Path]], flavours: Flavours) -> None:
    plain, pae = debian["boot"][0], flavours("686-pae")[0]
    assert [f.name for f in required(plain.read_bytes())] == ["fpu", "cx8", "cmov"]
    assert [f.name for f in required(pae.read_bytes())] == ["fpu", "pae", "cx8", "cmov"]
    lacking = (("pentium2,-pae", pae, "pae"), ("486", pae, "pae, cx8, cmov"), ("pentium", plain, "cmov"))
    for cpu, kernel, lacks in lacking:
        done = playhead("run", "-cpu", cpu, "-kernel", kernel)
        said = f"the kernel needs {lacks}, which the processor {cpu} does not have; -cpu pentium2 has it"
        assert (done.returncode, done.stdout) == (2, "") and said in done.stderr
