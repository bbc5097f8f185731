"""A start imports what it uses, and no more: most of what a short run costs is imports."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools import guest

RUN = """
import sys
from playhead.cli import main
status = main(sys.argv[2:])
sys.stdout.flush()
with open(sys.argv[1], "w") as out:
    print(*sys.modules, file=out)
sys.exit(status)
"""
# What compiles and what evaluates instructions, debuggers, disk images, and what takes long to import.
NEVER = (
    "llvmlite", "rich", "prompt_toolkit", "unicorn", "capstone", "concurrent", "multiprocessing", "difflib", "tempfile",
    "shutil", "socket", "ssl", "asyncio", "logging", "email", "subprocess", "textwrap", "fractions", "decimal",
    "urllib", "numpy", "PIL", "curses", "playhead.host.display.vnc", "playhead.host.display.curses_view",
    "playhead.gdb", "playhead.monitor", "playhead.timeline", "playhead.host.block",
    "playhead.host.listen", "playhead.host.editor", "playhead.ir", "playhead.x86.insn", "playhead.x86.softfloat",
    "playhead.x86.build", "playhead.x86.decode", "playhead.x86.disasm", "playhead.x86.flags", "playhead.x86.isa",
    "playhead.x86.notation", "playhead.x86.table", "playhead.x86.system.paging", "playhead.x86.system.segments",
    "playhead.engine.reference", "playhead.engine.llvm.build", "playhead.engine.llvm.compile",
    "playhead.engine.llvm.emit", "playhead.engine.llvm.generate", "playhead.engine.llvm.runtime",
    "playhead.engine.llvm.stubs", "playhead.machine.look", "playhead.machine.differences", "playhead.session.diagnose",
    "playhead.session.vm_state", "playhead.cli.live", "playhead.cli.debug", "playhead.boards.linux_features",
)  # fmt: skip
OF_RECORDINGS = ("sqlite3", "zstandard", "playhead.log.container", "playhead.log.reader", "playhead.log.writer",
                 "playhead.log.beside", "playhead.session.record", "playhead.session.replay")  # fmt: skip
OF_RECORDING = ("playhead.log.reader", "playhead.session.replay")
OF_REPLAYING = ("playhead.log.writer", "playhead.session.record")


def imported(tmp_path: Path, words: list[str], program: str = "playhead.cli") -> set[str]:
    """The modules that a process has when it has done what the words say."""
    out = tmp_path / "modules"
    code = RUN.replace("playhead.cli", program)
    done = subprocess.run([sys.executable, "-c", code, str(out), *words], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(out.read_text().split())


def unwanted(modules: set[str], unwanted: tuple[str, ...]) -> list[str]:
    return sorted(m for m in modules if any(m == name or m.startswith(name + ".") for name in unwanted))


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options. What has to be compiled once, which imports LLVM, has been."""
    words = ["-bios", str(guest.image("halt")), "-m", "16"]
    folder = tmp_path_factory.mktemp("first")
    imported(folder, ["run", *words, "-serial", "null"])
    imported(folder, [*words, "-nographic"], "playhead.cli.system_i386")  # with devices of its own: VGA, network card
    return words


@pytest.mark.parametrize("console", [["-serial", "stdio", "-monitor", "none"], ["-nographic"]])
def test_a_run(tmp_path, machine, console):
    modules = imported(tmp_path, ["run", *machine, *console])
    assert "playhead.engine.llvm.engine" in modules
    assert unwanted(modules, (*NEVER, *OF_RECORDINGS)) == []


def test_a_recording_and_its_replay(tmp_path, machine):
    recording = str(tmp_path / "r.ph")
    modules = imported(tmp_path, ["record", "-o", recording, *machine, "-nographic"])
    assert "playhead.log.writer" in modules and unwanted(modules, (*NEVER, *OF_RECORDING)) == []
    modules = imported(tmp_path, ["replay", recording])
    assert "playhead.log.reader" in modules and unwanted(modules, (*NEVER, *OF_REPLAYING)) == []
    machine_code = ("playhead.engine", "playhead.machine", "playhead.boards.pc", "playhead.devices.storage", "mmap")
    assert unwanted(imported(tmp_path, ["info", recording]), (*NEVER, *OF_REPLAYING, *machine_code)) == []
    assert unwanted(imported(tmp_path, ["verify", recording]), (*NEVER, *OF_REPLAYING, *machine_code)) == []


def test_qemus_command_line(tmp_path, machine):
    face, recording = "playhead.cli.system_i386", f"rrfile={tmp_path / 'r.bin'}"
    modules = imported(tmp_path, [*machine, "-nographic"], face)
    assert unwanted(modules, (*NEVER, *OF_RECORDINGS)) == []
    modules = imported(tmp_path, ["-icount", f"shift=7,rr=record,{recording}", *machine, "-nographic"], face)
    assert "playhead.log.writer" in modules and unwanted(modules, (*NEVER, *OF_RECORDING)) == []
    modules = imported(tmp_path, ["-icount", f"rr=replay,{recording}"], face)
    assert "playhead.log.reader" in modules and unwanted(modules, (*NEVER, *OF_REPLAYING)) == []


def test_the_reference_engine_compiles_nothing(tmp_path, machine):
    """It is for hosts on which native code cannot run, or may not be made."""
    modules = imported(tmp_path, ["run", *machine, "-serial", "null", "--engine", "reference"])
    assert "playhead.engine.reference" in modules
    assert unwanted(modules, ("llvmlite", "playhead.engine.llvm")) == []


def test_a_question(tmp_path):
    """It is answered before anything of ours but the command line is there."""
    modules = imported(tmp_path, ["--version"])
    ours = {m.split(".")[1] for m in modules if m.startswith("playhead.")}
    assert ours <= {"base", "cli", "host", "version"}
    assert unwanted(modules, (*NEVER, *OF_RECORDINGS, "dataclasses", "inspect", "json", "ctypes")) == []


def test_the_check_sees_packages_and_what_is_in_them():
    modules = {"playhead.gdb.serve", "playhead.gdbx", "rich", "playhead"}
    assert unwanted(modules, ("playhead.gdb", "rich", "llvmlite")) == ["playhead.gdb.serve", "rich"]
