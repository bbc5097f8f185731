#!/bin/sh
# pcapng says for each interface in which unit its packets' times count (if_tsresol), and from which second on (if_tsoffset). A file
# may mix them, and mergecap makes such files of ordinary captures. dpkt 1.9.8 takes the first interface's unit for the packets of
# all: a packet of 2023 on an interface that counts nanoseconds, behind one that counts microseconds, gets a time 53,000 years later,
# without a word. And dpkt, scapy 2.8.0 and python-pcapng 2.1.1 all ignore if_tsoffset: a packet with one is of 1970.
#
# So whoever writes captures for all of them gives every interface the same unit and no offset.
#
# What is looked at: the times that the three give for three packets of the same moment, in a file that is valid by the
# specification (draft-ietf-opsawg-pcapng, sections 4.2 and 4.3), and, if it is installed, those that tshark gives, which are right.
# Status: 0 as described, 1 a reader behaves otherwise, 2 the packages cannot be had.
set -eu
PACKAGES="dpkt==1.9.8 scapy==2.8.0 python-pcapng==2.1.1"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
# shellcheck disable=SC2086
if ! python3 -m pip install -q --disable-pip-version-check --target packages $PACKAGES >log 2>&1; then
    tail -n 3 log >&2
    echo "$PACKAGES cannot be installed" >&2
    exit 2
fi
cat >write.py <<'PYTHON'
"""Three interfaces, and on each a packet of 1,700,000,000 s: in microseconds, in nanoseconds, in nanoseconds from there on."""
import struct

SECONDS, FRAME = 1_700_000_000, b"\xff" * 6 + b"\x02\0\0\0\0\1" + b"\x88\xb5" + bytes(46)


def block(kind, body):
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size


def interface(name, exponent, offset=None):
    options = b"".join(struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)
                       for code, value in ((2, name), (9, bytes([exponent])), (14, offset)) if value)
    return block(1, struct.pack("<HHI", 1, 0, 0) + options + bytes(4))


def packet(number, time):
    head = struct.pack("<IIIII", number, time >> 32, time & 0xFFFFFFFF, len(FRAME), len(FRAME))
    return block(6, head + FRAME)


with open("times.pcapng", "wb") as file:
    file.write(block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
    file.write(interface(b"micro", 6) + interface(b"nano", 9) + interface(b"from", 9, struct.pack("<q", SECONDS)))
    file.write(packet(0, SECONDS * 10**6) + packet(1, SECONDS * 10**9) + packet(2, 0))
PYTHON
cat >look.py <<'PYTHON'
import shutil
import subprocess
import sys
import warnings

sys.path.insert(0, "packages")
warnings.simplefilter("ignore")
import dpkt
from pcapng import FileScanner
from pcapng.blocks import EnhancedPacket
from scapy.utils import RawPcapNgReader

with open("times.pcapng", "rb") as file:
    by_dpkt = [float(time) for time, _ in dpkt.pcapng.Reader(file)]
with open("times.pcapng", "rb") as file:
    by_pcapng = [block.timestamp for block in FileScanner(file) if isinstance(block, EnhancedPacket)]
with RawPcapNgReader("times.pcapng") as reader:
    by_scapy = [float(((meta.tshigh << 32) + meta.tslow) / meta.tsresol) for _, meta in reader]
print("written:                 [1700000000.0, 1700000000.0, 1700000000.0]")
print("dpkt", dpkt.__version__, "             ", by_dpkt)
print("python-pcapng 2.1.1      ", by_pcapng)
print("scapy 2.8.0              ", by_scapy)
if shutil.which("tshark"):
    command = ["tshark", "-r", "times.pcapng", "-T", "fields", "-e", "frame.time_epoch"]
    print("tshark                   ", subprocess.run(command, capture_output=True, text=True).stdout.split())
described = (by_dpkt == [1.7e9, 1.7e12, 0.0] and by_pcapng == [1.7e9, 1.7e9, 0.0] and by_scapy == [1.7e9, 1.7e9, 0.0])
sys.exit(0 if described else "a reader behaves otherwise")
PYTHON
python3 write.py
python3 look.py
echo "as described"
