#!/bin/sh
# What QEMU 7.2's standard VGA calls white depends on the depth: all bits of a pixel set come out of `screendump` as FFFFFF in 16 bits (5-6-5), but
# as F8F8F8 in 15 bits (5-5-5) and as F8FCF8 in 16 bits when the card's frame buffer is switched to big-endian: the one goes through pixman, which widens
# a channel by repeating its upper bits, the others through code that shifts it. So the same picture, drawn by a guest in two modes, differs by seven levels at
# its bright end, and a comparison of screenshots between modes, or with hardware, needs a tolerance for QEMU's sake.
#
# What is looked at: a screen of 64x32 whose pixels are FFFFh, in the three formats, set up by QEMU's qtest protocol and taken by its own screendump. Debian's
# qemu-system-x86 and the packages that it needs are unpacked into a temporary folder; python3 is the system's.
# Status: 0 as described, 1 QEMU behaves otherwise, 2 the packages cannot be had.
set -eu
VERSION=1:7.2+dfsg-7+deb12u18+b3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p archives/partial root
: >status
if ! apt-get -q -y -o Debug::NoLocking=1 -o Dir::State::status="$folder/status" -o Dir::Cache::archives="$folder/archives" \
    -o APT::Sandbox::User= --no-install-recommends --download-only install "qemu-system-x86=$VERSION" >log 2>&1; then
    tail -n 3 log >&2
    echo "qemu-system-x86=$VERSION cannot be fetched (apt-get update first; Debian 12 has it)" >&2
    exit 2
fi
for package in archives/*.deb; do dpkg -x "$package" root; done
cat >look.py <<'PYTHON'
"""Fills a screen with ones in several formats, and says what colour QEMU's screendump has for them."""
import json
import os
import socket
import subprocess
import sys
import time

folder = os.getcwd()
libraries = ":".join(f"{folder}/root{place}/x86_64-linux-gnu" for place in ("/usr/lib", "/lib"))
environment = {**os.environ, "LD_LIBRARY_PATH": libraries}
program = f"{folder}/root/usr/bin/qemu-system-i386"
FRAME, REGISTERS, WIDTH, HEIGHT = 0xE0000000, 0xE1000000, 64, 32
LITTLE, BIG = 0x1E1E1E1E, 0xBEBEBEBE
with open("loop.bin", "wb") as image:  # firmware that does nothing
    image.write(bytes(0xFFF0) + b"\xeb\xfe".ljust(16, b"\0"))
qemu = subprocess.Popen(
    [program, "-accel", "tcg", "-bios", "loop.bin", "-display", "none", "-nodefaults", "-M", "pc", "-m", "16", "-qtest", "stdio",
     "-qtest-log", "none", "-device", "VGA,addr=2,romfile=", "-qmp", "unix:qmp,server=on,wait=off"],
    env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def ask(line: str) -> None:
    qemu.stdin.write(line + "\n")
    qemu.stdin.flush()
    while not qemu.stdout.readline().startswith("OK"):
        pass


for offset, value in ((0x10, FRAME), (0x18, REGISTERS), (4, 3)):
    ask(f"outl 0xcf8 {0x80001000 | offset:#x}")
    ask(f"outl 0xcfc {value:#x}")
monitor = socket.socket(socket.AF_UNIX)
for _ in range(100):
    try:
        monitor.connect("qmp")
        break
    except OSError:
        time.sleep(0.05)
talk = monitor.makefile("rw")
talk.readline()


def execute(command: str, **arguments: object) -> None:
    talk.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
    talk.flush()
    while "return" not in (answer := json.loads(talk.readline())):
        assert "error" not in answer, answer


def white(bits: int, order: int) -> str:
    """The colours of the screen when all bits of all pixels are set."""
    for number, value in ((4, 0), (1, WIDTH), (2, HEIGHT), (3, bits), (4, 0x41)):
        ask(f"outw 0x1ce {number:#x}")
        ask(f"outw 0x1cf {value:#x}")
    ask("outb 0x3c0 0x20")  # the attribute controller shows something
    ask(f"writel {REGISTERS + 0x604:#x} {order:#x}")
    ask(f"memset {FRAME:#x} {WIDTH * HEIGHT * 2} 0xff")
    execute("screendump", filename=f"{folder}/screen.ppm")
    content = open("screen.ppm", "rb").read()
    pixels = content[-3 * WIDTH * HEIGHT :]
    return " ".join(sorted({pixels[at : at + 3].hex() for at in range(0, len(pixels), 3)}))


print(subprocess.run([program, "--version"], env=environment, capture_output=True, text=True).stdout.splitlines()[0])
execute("qmp_capabilities")
FORMATS = {"16 bits": (16, LITTLE), "15 bits": (15, LITTLE), "16 bits, big-endian": (16, BIG)}
results = {name: white(*how) for name, how in FORMATS.items()}
qemu.kill()
for name, colours in results.items():
    print(f"{name}: all ones are {colours}")
described = list(results.values()) == ["ffffff", "f8f8f8", "f8fcf8"]
sys.exit(0 if described else "QEMU behaves otherwise")
PYTHON
python3 look.py
echo "as described"
