"""Multiboot kernels: ours prints what its loader told it, here and on QEMU; a real one from Debian's archive runs.

What QEMU 7.2 does was found by this guest: it loads an ELF file by its physical addresses, the information says flags
24Fh, the memory map is SeaBIOS's, the command line begins with the kernel's file name, a module's with its own.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from memory_drive import Door

from playhead.boards.config import PcConfig
from playhead.cli import main
from playhead.log.reader import Reader
from playhead.machine.machine import Machine
from tools import guest
from tools.guests import host_tools
from tools.guests.apt import AptError

FORMS = ("elf", "header", "high")
HIGH = 0xC0000000
OPTIONS = ("-m", "16", "-append", "one two=3", "-initrd", "data first words,more,more x=1,,2", "-device",
           "isa-debug-exit")  # fmt: skip


def kernel(form: str) -> bytes:
    """`high`: an ELF file for addresses that paging would bring, as kernels at 3 GiB are."""
    image = bytearray(guest.multiboot(form == "header").read_bytes())
    if form == "high":
        struct.pack_into("<I", image, 24, struct.unpack_from("<I", image, 24)[0] + HIGH)
        for at in (52, 84):
            struct.pack_into("<I", image, at + 8, struct.unpack_from("<I", image, at + 8)[0] + HIGH)
    return bytes(image)


def put(folder: Path, form: str) -> None:
    (folder / "kernel").write_bytes(kernel(form))
    (folder / "data").write_bytes(bytes(n * n & 0xFF for n in range(5000)))
    (folder / "more").write_bytes(b"more\n")


def golden() -> str:
    return (guest.BOOT / "multiboot.expect").read_text()


@pytest.mark.parametrize("form", FORMS)
def test_it_is_told_what_qemu_tells(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path, form)
    assert main(["record", "-o", "it.ph", "-kernel", "kernel", "-serial", "file:out", *OPTIONS]) == 1
    for name in ("kernel", "data", "more"):
        (tmp_path / name).unlink()
    assert main(["replay", "it.ph", "-serial", "file:again", "--quiet"]) == 0
    said = (tmp_path / "out").read_bytes()
    assert said == (tmp_path / "again").read_bytes()
    assert said.decode().replace("\r\n", "\n") == golden()
    with Reader("it.ph") as reader:
        assert [name for name, _ in reader.references()] == ["kernel", "module 0", "module 1", "module 2"]
    capfd.readouterr()
    assert main(["info", "it.ph"]) == 0
    rows = [line.split(maxsplit=2) for line in capfd.readouterr().out.splitlines() if line.startswith("module ")]
    assert rows == [["module", "0", "data first words"], ["module", "1", "more"], ["module", "2", "more x=1,2"]]


@pytest.mark.skipif(shutil.which("qemu-system-i386") is None, reason="qemu-system-i386 is not installed")
@pytest.mark.parametrize("form", FORMS)
def test_so_does_qemu(form: str, tmp_path: Path) -> None:
    put(tmp_path, form)
    command = ["qemu-system-i386", "-M", "pc", "-cpu", "pentium2", "-nodefaults", "-display", "none", "-serial",
               "stdio", "-kernel", "kernel", *OPTIONS]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=300)
    text = done.stdout.decode().replace("\r\n", "\n")
    assert done.returncode == 1 and text.replace("loader qemu\n", "loader playhead\n") == golden()


def test_a_reset_loads_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a part of a recording has its modules too."""
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "elf")
    assert main(["record", "-o", "it.ph", "-kernel", "kernel", "-serial", "file:out", *OPTIONS]) == 1
    assert main(["trim", "it.ph", "--from", "10", "-o", "part.ph"]) == 0
    assert main(["replay", "part.ph", "-serial", "file:again", "--quiet"]) == 0


@pytest.mark.parametrize("name, text", [
    ("missing", "cannot read module missing: No such file or directory"),
    ("data,", "cannot read module : No such file or directory"),
])  # fmt: skip
def test_modules_that_are_not_there(name: str, text: str, tmp_path: Path, monkeypatch, capfd) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "elf")
    assert main(["run", "-kernel", "kernel", "-initrd", name, "-serial", "null"]) == 2
    said = capfd.readouterr().err
    assert said.startswith("playhead: ") and said.endswith(f"{text}\n") and said.count("\n") == 1


def test_an_output_is_no_module(tmp_path: Path, monkeypatch, capfd) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "elf")
    words = ["-kernel", "kernel", "-initrd", "more a,data b", "-serial", "null"]
    assert main(["record", "-o", "data", "--force", *words]) == 2
    assert "are the same file" in capfd.readouterr().err


def test_a_kernel_of_debians_archive_runs() -> None:
    """The game in its package grub-invaders draws its attackers and the ship on the text screen."""
    try:
        tools = host_tools.fetch(guest.cache() / "debian", lambda text: None, "invaders", ("grub-invaders",))
        kernel = tools.file("boot/invaders.exec")
    except (AptError, OSError) as error:
        text = f"the package grub-invaders cannot be had: {error}"
        pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)
    machine = Machine(PcConfig(ram_bytes=16 << 20, kernel=kernel, kernel_name="invaders.exec"), Door())
    machine.run(4_000_000)
    screen = machine.memory.read(0xB8000, 80 * 25 * 2)[::2]
    assert screen.count(b"-*-") == 40 and b"/\0\\" in screen[24 * 80 :]
