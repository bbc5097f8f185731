#!/bin/sh
# QEMU 7.2's e1000 ends a segmented packet whose payload is an exact multiple of the segment size with one frame more, of headers alone:
# 200 bytes in segments of 100 leave as three frames with 100, 100 and 0 bytes, 199 bytes as two. PSH and FIN of the packet are in
# the last frame with data, and again in the one without, which the receiver has to take for a second end of the connection. A capture of a guest's traffic
# on this card so shows TCP segments that the guest's own system never made. (Intel's manual ends with the frame that empties the buffer.)
#
# What is looked at: the frames that come out of a `-netdev dgram` when a context descriptor and a data descriptor are given to the card
# through QEMU's qtest protocol. Debian's qemu-system-x86 and the packages that it needs are unpacked into a temporary folder; python3
# is the system's. Status: 0 as described, 1 QEMU behaves otherwise, 2 the packages cannot be had.
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
"""Has an e1000 send TCP packets in segments, and says what each frame carries."""
import os
import socket
import struct
import subprocess
import sys

folder = os.getcwd()
libraries = ":".join(f"{folder}/root{place}/x86_64-linux-gnu" for place in ("/usr/lib", "/lib"))
environment = {**os.environ, "LD_LIBRARY_PATH": libraries}
program = f"{folder}/root/usr/bin/qemu-system-i386"
BASE, RING, DATA, SEGMENT, HEADERS = 0xE0000000, 0x10000, 0x20000, 100, 54
wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
wire.bind("ours")
wire.settimeout(2)
with open("loop.bin", "wb") as image:  # firmware that does nothing
    image.write(bytes(0xFFF0) + b"\xeb\xfe".ljust(16, b"\0"))
qemu = subprocess.Popen(
    [program, "-accel", "tcg", "-bios", "loop.bin", "-display", "none", "-nodefaults", "-M", "pc", "-m", "16",
     "-qtest", "stdio", "-qtest-log", "none", "-device", "e1000,netdev=n,addr=2,romfile=",
     "-netdev", "dgram,id=n,local.type=unix,local.path=theirs,remote.type=unix,remote.path=ours"],
    env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def ask(line: str) -> None:
    qemu.stdin.write(line + "\n")
    qemu.stdin.flush()
    while not qemu.stdout.readline().startswith("OK"):
        pass


for offset, value in ((0x10, BASE), (4, 6)):  # of the configuration space: where the registers are; memory, master
    ask(f"outl 0xcf8 {0x80001000 | offset:#x}")
    ask(f"outl 0xcfc {value:#x}")
for register, value in ((0x3800, RING), (0x3808, 128), (0x400, 2), (0, 0x40)):  # TDBAL, TDLEN, TCTL.EN, CTRL.SLU
    ask(f"writel {BASE + register:#x} {value:#x}")


def frames(payload: int, tail: int) -> list[tuple[int, int]]:
    """(bytes of payload, TCP flags) of each frame that a packet with FIN, PSH and ACK leaves as."""
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + payload, 1, 0, 64, 6, 0, bytes((10, 0, 2, 15)), bytes((10, 0, 2, 2)))
    tcp = struct.pack(">HHIIBBHHH", 1000, 80, 1, 1, 0x50, 0x19, 8192, 0, 0)
    content = bytes.fromhex("525500000002525400123456") + b"\x08\0" + ip + tcp + bytes(payload)
    tcp_ip_tse_ext = 0x27 << 24
    context = struct.pack("<BBHBBHIBBH", 14, 24, 33, 34, 50, 0, payload | tcp_ip_tse_ext, 0, HEADERS, SEGMENT)
    data = struct.pack("<QIBBH", DATA, len(content) | 1 << 20 | 0x2D << 24, 0, 3, 0)  # EXT, TSE, RS, EOP; sums
    ask(f"write {DATA:#x} {len(content)} 0x{content.hex()}")
    ask(f"write {RING + 16 * tail:#x} 32 0x{(context + data).hex()}")
    ask(f"writel {BASE + 0x3818:#x} {tail + 2}")
    found = []
    try:
        while True:
            frame = wire.recv(1 << 16)
            found.append((int.from_bytes(frame[16:18], "big") - 40, frame[47]))
    except TimeoutError:
        return found


print(subprocess.run([program, "--version"], env=environment, capture_output=True, text=True).stdout.splitlines()[0])
results = {payload: frames(payload, 2 * n) for n, payload in enumerate((199, 200))}
qemu.kill()
for payload, found in results.items():
    print(f"{payload} bytes in segments of {SEGMENT}:", ", ".join(f"{size} bytes (flags {flags:02x})" for size, flags in found))
described = results == {199: [(100, 0x10), (99, 0x19)], 200: [(100, 0x10), (100, 0x19), (0, 0x19)]}
sys.exit(0 if described else "QEMU behaves otherwise")
PYTHON
python3 look.py
echo "as described"
