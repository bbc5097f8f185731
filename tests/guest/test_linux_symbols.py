"""Debian's kernel without debug packages: its symbols out of guest memory, and what a real gdb and nm make of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from playhead.cli import main
from playhead.linux import symbols_of
from playhead.log.reader import Reader
from tests.shared import recorded
from tools.fuzz import replay as fuzz_replay

sys.path.insert(0, str(Path(__file__).parents[1] / "gdb"))
import real_gdb

PLAYHEAD = [sys.executable, "-m", "playhead.cli"]
IN_A_CALL = ("vfs_write", "ksys_write", "__ia32_sys_write", "ia32_sys_call", "__do_fast_syscall_32",
             "do_fast_syscall_32", "do_SYSENTER_32", "entry_SYSENTER_32")  # fmt: skip

pytestmark = pytest.mark.guest


@pytest.fixture(scope="module")
def vmlinux(boot: fuzz_replay.Recorded, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("symbols") / "vmlinux"
    command = [*PLAYHEAD, "symbols", str(boot.path), "-o", str(out)]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.search(r"Linux 6\.1\.\S+-686, 45,\d{3} symbols\n", said.stderr), said.stderr
    return out


def test_nm_reads_every_symbol(boot: fuzz_replay.Recorded, vmlinux: Path) -> None:
    lines = subprocess.run(["nm", "-S", str(vmlinux)], capture_output=True, text=True, check=True).stdout.splitlines()
    with Reader(str(boot.path)) as reader:
        table = symbols_of(reader)
    found = {(int(words[0], 16), words[-1]) for words in map(str.split, lines)}
    assert found == {(symbol.address, symbol.name) for symbol in table}
    for name in ("_stext", "schedule", "init_task", "current_task", "entry_INT80_32"):
        assert any(line.split()[-1] == name for line in lines)
    where = f"{table.address('schedule') + 3:#x}"
    said = subprocess.run(["addr2line", "-f", "-e", str(vmlinux), where], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("schedule\n")


@pytest.mark.parametrize("given", [True, False], ids=["file", "by itself"])
def test_a_backtrace_in_a_system_call_has_names(boot: fuzz_replay.Recorded, vmlinux: Path, given: bool) -> None:
    real_gdb.program()
    command = [*PLAYHEAD, "debug", str(boot.path), "--at", 'serial:"GUEST-UP"', "--gdb"]
    command += ["--symbols", str(vmlinux)] if given else []
    typed = "break vfs_write\ncontinue\nbt\nbreak serial8250_start_tx\ncontinue\nbt\nkill\n"
    done = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=300)
    assert given or "symbols out of the guest's memory" in done.stderr
    first, deep = done.stdout.split("Breakpoint 2 at")
    frames = re.findall(r"#\d+ +0x[0-9a-f]+ in (\S+) \(\)", first)
    assert tuple(frames[: len(IN_A_CALL)]) == IN_A_CALL, done.stdout
    frames = re.findall(r"#\d+ +0x[0-9a-f]+ in (\S+) \(\)", deep)
    assert len(frames) > 12 and tuple(frames[-len(IN_A_CALL) - 1 : -1]) == IN_A_CALL and "??" not in frames[:-1], deep


def test_a_function_is_met_by_name_from_the_very_start(boot: fuzz_replay.Recorded) -> None:
    real_gdb.program()
    command = [*PLAYHEAD, "debug", str(boot.path), "--gdb"]
    typed = "break rest_init\ncontinue\nbt\nkill\n"
    done = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=300)
    assert "in rest_init ()" in done.stdout and "start_kernel ()" in done.stdout, done.stdout


def test_where_no_linux_runs_gdb_starts_without_symbols(tmp_path_factory: pytest.TempPathFactory) -> None:
    real_gdb.program()
    path = recorded(tmp_path_factory, "hpet")
    command = [*PLAYHEAD, "debug", str(path), "--gdb"]
    done = subprocess.run(command, input="stepi\nkill\n", capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "Linux" not in done.stderr, done.stderr


def test_the_log_is_what_the_console_has_shown(boot: fuzz_replay.Recorded, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["dmesg", str(boot.path), "--at", "end"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert main(["dmesg", str(boot.path), "--at", "end", "--decode"]) == 0
    decoded = capfd.readouterr().out.splitlines()
    assert [line.partition(": ")[2] for line in decoded] == lines
    assert boot.console is not None
    said = boot.console.decode(errors="replace").replace("\r", "")
    shown = [line for line in said.split("\n") if line.startswith("[")]
    on_console = [line for line, more in zip(lines, decoded, strict=True) if ":debug : " not in more[:20]]
    assert shown == on_console and len(shown) > 250 and len(lines) > len(shown)
