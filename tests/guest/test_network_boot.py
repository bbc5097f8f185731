"""SeaBIOS runs iPXE from the expansion ROM of Debian's package ipxe-qemu, which boots kernels from the network;
recorded, and replayed where there is neither a network, nor libslirp, nor the ROM's file.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from networked import alone
from scripted import talk

from playhead.boards import pc_memory
from playhead.cli import card_roms, main
from playhead.cli.assemble import make_config
from playhead.cli.drives import open_drives, placed
from playhead.cli.options import parse_arguments
from playhead.cli.recorded_config import config_of
from playhead.cli.system_i386 import OPTIONS
from playhead.log.reader import Reader
from tools import guest
from tools.guests import host_tools
from tools.guests.apt import AptError

PLAYHEAD = [sys.executable, "-m", "playhead.cli"]
QEMU = "qemu-system-i386"
LIMIT_S = 240


@pytest.fixture(scope="module", autouse=True)
def package() -> None:
    if card_roms.find("efi-e1000.rom") is None:
        text = "the expansion ROMs are not installed (Debian's package ipxe-qemu)"
        pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)


# what firmware is told

ORDERS = [
    ("-device", "e1000,bootindex=1", "-device", "rtl8139,bootindex=0,addr=0x1f"),
    ("-device", "e1000,bootindex=1,addr=3.0", "-device", "e1000,bootindex=0,addr=3.1", "-boot", "strict=on,order=n"),
    ("-device", "e1000", "-boot", "n,menu=on,splash-time=100"),
    ("-device", "rtl8139,bootindex=2", "-drive", "file=disk,format=raw,if=none,id=d", "-device",
     "ide-hd,drive=d,bootindex=1"),
]  # fmt: skip


@pytest.mark.parametrize("options", ORDERS, ids=[" ".join(order) for order in ORDERS])
def test_firmware_is_told_the_order_that_qemu_tells(options: tuple[str, ...], tmp_path: Path, monkeypatch) -> None:
    """SeaBIOS prints the file on its debug port."""
    if shutil.which(QEMU) is None:
        pytest.skip("qemu-system-i386 is not installed")
    monkeypatch.chdir(tmp_path)
    Path("disk").write_bytes(bytes(1 << 20))
    values = parse_arguments("", OPTIONS, ["-nodefaults", "-bios", str(card_roms.find("bios.bin")), *options], ["[D]"])
    with open_drives(placed(values)) as drives:
        config = make_config(values, drives)
    ours = pc_memory.firmware_files(config, pc_memory.acpi(config))["bootorder"]
    multi = [word.replace("addr=3.0", "addr=3.0,multifunction=on") for word in options]
    said = _firmware_of_qemu(["-nodefaults", "-display", "none", *multi], rb"set VGA mode|PS2 keyboard|sercon")
    found = re.search(rb"boot order:\r?\n((?:\d+: .*\n)*)", said)
    theirs = re.sub(rb"\d+: ", b"", found[1]) if found else b""
    assert theirs.decode().split() == ours.rstrip(b"\0").decode().split()


def _firmware_of_qemu(options: list[str], until: bytes) -> bytes:
    command = [QEMU, *options, "-debugcon", "stdio", "-global", "isa-debugcon.iobase=0x402"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    seen = bytearray()
    try:
        assert process.stdout is not None
        while not re.search(until, seen) and (data := os.read(process.stdout.fileno(), 4096)):
            seen += data
    finally:
        process.kill()
        process.communicate()
    return bytes(seen)


# booting


class Server(ThreadingHTTPServer):
    """An HTTP server of a folder's files, on loopback."""

    daemon_threads = True

    def __init__(self, folder: Path):
        super().__init__(("127.0.0.1", 0), partial(_Files, directory=str(folder)))
        self.asked: list[str] = []


class _Files(SimpleHTTPRequestHandler):
    def log_request(self, *words: object) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "files").mkdir()
    with Server(tmp_path / "files") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def options(folder: Path, card: str, bootfile: str) -> list[str]:
    return ["-m", "64", "-nographic", "-no-reboot", "-netdev", f"user,id=n0,tftp={folder},bootfile={bootfile}",
            "-device", f"{card},netdev=n0"]  # fmt: skip


def replays_alone(path: Path, printed: bytes) -> None:
    command = [*alone(), *PLAYHEAD, "replay", str(path)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert done.stdout == printed and b"digests compared are equal" in done.stderr


def both(*cards: str) -> list[object]:
    """The second card's turn is long."""
    return [cards[0], pytest.param(cards[1], marks=pytest.mark.long)]


@pytest.mark.parametrize("card", both("e1000", "rtl8139"))
def test_a_kernel_over_tftp(card: str, server: Server, tmp_path: Path, capfd) -> None:
    """A script loads our Multiboot kernel and a module. The file of the card's ROM is gone when it is replayed."""
    files, path, rom = tmp_path / "files", tmp_path / "tftp.ph", tmp_path / "own.rom"
    shutil.copy(guest.multiboot(), files / "kernel")
    (files / "data").write_bytes(bytes(n * n & 0xFF for n in range(5000)))
    (files / "boot.ipxe").write_text("#!ipxe\nkernel kernel one two=3\nmodule data first words\nboot\n")
    standard = card_roms.find(f"efi-{card}.rom")
    assert standard is not None
    shutil.copy(standard, rom)
    words = options(files, card, "boot.ipxe")
    words[-1] += f",romfile={rom}"
    command = [*PLAYHEAD, "record", "-o", str(path), *words, "-boot", "n", "-device", "isa-debug-exit"]
    status, printed, errors = talk(command, [(b"\nPASS", b"")], LIMIT_S)
    assert status == 1, errors
    for line in (f"net0: 52:54:00:12:34:56 using {'82540em' if card == 'e1000' else card} on 0000:00:02.0 (open)",
                 "net0: 10.0.2.15/255.255.255.0 gw 10.0.2.2", "tftp://10.0.2.2/boot.ipxe... ok", "magic 2BADB002",
                 "command line tftp://10.0.2.2/kernel one two=3", "loader iPXE"):  # fmt: skip
        assert line.encode() in printed, f"{line} is not in {printed!r}"
    assert b"bytes 00001388 sum 3D194E65 last 00000000 text tftp://10.0.2.2/data first words" in printed
    rom.unlink()
    with Reader(str(path)) as reader:
        assert [one.data for one in config_of(reader).roms] == [Path(standard).read_bytes()]
    assert main(["info", str(path)]) == 0
    assert re.search(rf"^rom 0 +own\.rom of {card}\S*, sha256 [0-9a-f]{{16}}$", capfd.readouterr().out, re.M)
    replays_alone(path, printed)


@pytest.mark.parametrize("card", both("rtl8139", "e1000"))
def test_linux_over_http(card: str, server: Server, debian, tmp_path: Path) -> None:
    """From SeaBIOS's boot menu; a script that came over TFTP goes on to one on an HTTP server."""
    files, path = tmp_path / "files", tmp_path / "http.ph"
    at = f"http://10.0.2.2:{server.server_port}"
    shutil.copy(debian["boot"][0], files / "vmlinuz")
    (files / "first.ipxe").write_text(f"#!ipxe\nchain {at}/second.ipxe\n")
    (files / "second.ipxe").write_text(f"#!ipxe\nkernel {at}/vmlinuz console=ttyS0 panic=-1 root=none\nboot\n")
    command = [*PLAYHEAD, "record", "-o", str(path), *options(files, card, "first.ipxe"), "-boot",
               "order=c,menu=on,splash-time=60000"]  # fmt: skip
    steps = [(b"Press ESC for boot menu.", b"\x1b"), (b"2. iPXE (PCI 00:02.0)", b"2"), (b"Linux version 6.1", b""),
             (b"Kernel command line: console=ttyS0 panic=-1 root=none", b"")]  # fmt: skip
    status, printed, errors = talk(command, steps, LIMIT_S, end=signal.SIGTERM)
    assert status == 0, errors
    assert server.asked == ["/second.ipxe", "/vmlinuz"] and f"{at}/vmlinuz... ok".encode() in printed
    replays_alone(path, printed)


@pytest.mark.long
@pytest.mark.parametrize("card", ["rtl8139", "e1000"])
def test_pxelinux(card: str, debian, tmp_path: Path) -> None:
    """Debian's PXELINUX runs on iPXE's PXE interface, in real mode, and starts Linux."""
    try:
        packages = ("pxelinux", "syslinux-common")
        loader = host_tools.fetch(guest.cache() / "debian", lambda text: None, "pxelinux", packages)
    except (AptError, OSError) as error:
        text = f"the package pxelinux cannot be had: {error}"
        pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)
    files, path = tmp_path / "files", tmp_path / "pxelinux.ph"
    (files / "pxelinux.cfg").mkdir(parents=True)
    for name in ("PXELINUX/pxelinux.0", "syslinux/modules/bios/ldlinux.c32"):
        (files / Path(name).name).write_bytes(loader.file(f"usr/lib/{name}"))
    shutil.copy(debian["boot"][0], files / "vmlinuz")
    text = "DEFAULT it\nLABEL it\nKERNEL vmlinuz\nAPPEND console=ttyS0 root=none\n"
    (files / "pxelinux.cfg/default").write_text(text)
    command = [*PLAYHEAD, "record", "-o", str(path), *options(files, card, "pxelinux.0"), "-boot", "n"]
    steps = [(b"PXELINUX 6.", b""), (b"Kernel command line: BOOT_IMAGE=vmlinuz console=ttyS0 root=none", b"")]
    status, printed, errors = talk(command, steps, LIMIT_S, end=signal.SIGTERM)
    assert status == 0, errors
    replays_alone(path, printed)


# without firmware

LINK_UP = r"e1000: (eth\d) NIC Link is Up 1000 Mbps"


@pytest.mark.parametrize("more", ["", pytest.param("acpi=off", marks=pytest.mark.long),
                                  pytest.param("noapic", marks=pytest.mark.long)])  # fmt: skip
def test_each_interrupt_pin_without_firmware(more: str) -> None:
    """A card in each of four slots, which have one PIRQ each: Linux's driver starts its watchdog by an interrupt that
    it asks the chip for, and only that finds that the link is up (of some two seconds later, on QEMU, too).
    """
    try:
        kernel, initrd = guest.debian("network")
    except guest.GuestError as error:
        text = f"the Debian guest cannot be had: {error}"
        pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)
    words = f"DRIVER=e1000 IP={','.join(f'10.{n}.0.1/24' for n in range(4))}"
    run = "sleep 3; cat /proc/interrupts /proc/ioports /proc/iomem; dmesg | grep Link"
    cards = [word for slot in ("1c", "1d", "1e", "1f") for word in ("-device", f"e1000,addr={slot}")]
    append = f'{guest.NO_TESTS} {more} {words} RUN="{run}"'
    command = [*PLAYHEAD, "run", "-m", "128", "-display", "none", "-serial", "stdio", "-icount", "shift=4", "-kernel",
               str(kernel), "-initrd", str(initrd), *cards, "-append", append]  # fmt: skip
    _, printed, _ = talk(command, [(b"\nGUEST-DONE", b"")], LIMIT_S, end=signal.SIGTERM)
    said = printed[printed.index(b"GUEST-UP") :].decode(errors="replace")
    rows = {int(n): names.split(", ") for n, names in re.findall(r"^ *(\d+): +[1-9]\d* .*?(eth\d.*?)\s*$", said, re.M)}
    assert rows == {10: ["eth1", "eth2"], 11: ["eth0", "eth3"]}
    assert set(re.findall(LINK_UP, said)) == {"eth0", "eth1", "eth2", "eth3"}
    for n in range(4):
        assert f"c0{n * 4:x}0-c0{n * 4 + 3:x}f : 0000:00:1{'cdef'[n]}.0" in said
        assert f"{0xFEB80000 + n * 0x20000:x}-{0xFEB9FFFF + n * 0x20000:x} : 0000:00:1{'cdef'[n]}.0" in said
