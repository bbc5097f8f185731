#!/bin/sh
# gdb 13.1 hands the condition of a breakpoint to a remote target that can evaluate it (ConditionalBreakpoints+), but not if the
# condition names a narrow or renamed register ($cx, $al, $pc, $sp): then, without a word, it is gdb that evaluates the
# condition, and the target stops at every pass. `$ecx == 3` runs at the target's speed; `$cx == 3` costs a round trip each time.
#
# What is looked at: the packets that gdb sends to a small server in this file, an i386 whose registers are zero and that runs
# nothing. Debian's gdb and the packages that it needs are unpacked into a temporary folder; python3 is the system's.
# Status: 0 as described, 1 gdb behaves otherwise, 2 the packages cannot be had.
set -eu
VERSION=13.1-3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p archives/partial root
: >status
if ! apt-get -q -y -o Debug::NoLocking=1 -o Dir::State::status="$folder/status" -o Dir::Cache::archives="$folder/archives" \
    -o APT::Sandbox::User= --no-install-recommends --download-only install "gdb=$VERSION" >log 2>&1; then
    tail -n 3 log >&2
    echo "gdb=$VERSION cannot be fetched (apt-get update first; Debian 12 has it)" >&2
    exit 2
fi
for package in archives/*.deb; do dpkg -x "$package" root; done

cat >server.py <<'PYTHON'
"""Serves gdb's remote protocol for one connection: registers that are zero, memory of NOPs, an execution that ends at once."""
import socket
import sys

core = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip", "eflags", "cs", "ss", "ds", "es", "fs", "gs"]
words = "".join(f'<reg name="{name}" bitsize="32" type="int32"/>' for name in core)
floats = "".join(f'<reg name="st{n}" bitsize="80" type="i387_ext"/>' for n in range(8))
control = "".join(f'<reg name="{name}" bitsize="32" type="int" group="float"/>'
                  for name in ("fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop"))
DESCRIPTION = ('<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target><architecture>i386</architecture>'
               f'<feature name="org.gnu.gdb.i386.core">{words}{floats}{control}</feature></target>')
SIZE = 16 * 4 + 8 * 10 + 8 * 4

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
stream = listener.accept()[0].makefile("rwb", buffering=0)
while byte := stream.read(1):
    if byte != b"$":
        continue
    text = b""
    while (byte := stream.read(1)) != b"#":
        text += byte
    stream.read(2)
    packet = text.decode("latin-1")
    if packet.startswith("Z0"):
        print("gdb sends", packet, file=sys.stderr, flush=True)
    if packet.startswith("qSupported"):
        answer = "PacketSize=4000;qXfer:features:read+;ConditionalBreakpoints+"
    elif packet.startswith("qXfer:features:read:target.xml:"):
        at, length = (int(part, 16) for part in packet.rpartition(":")[2].split(","))
        part = DESCRIPTION[at : at + length]
        answer = ("l" if at + length >= len(DESCRIPTION) else "m") + part
    else:
        length = int(packet.partition(",")[2] or "0", 16) if packet[:1] == "m" else 0
        answer = {"?": "T05", "g": "00" * SIZE, "m": "90" * length, "H": "OK", "Z": "OK", "z": "OK", "c": "W00",
                  "D": "OK"}.get(packet[:1], "")
    stream.write(f"+${answer}#{sum(answer.encode()) % 256:02x}".encode())
PYTHON

gdb() {
    libraries=$folder/root/lib/x86_64-linux-gnu:$folder/root/usr/lib/x86_64-linux-gnu
    PYTHONHOME=$folder/root/usr "$folder/root/lib64/ld-linux-x86-64.so.2" --library-path "$libraries" \
        "$folder/root/usr/bin/gdb" --data-directory="$folder/root/usr/share/gdb" -nx -batch "$@"
}

condition() { # CONDITION: the packet of a breakpoint with it
    mkfifo port
    python3 server.py >port 2>sent &
    read -r number <port
    rm port
    gdb -ex "target remote 127.0.0.1:$number" -ex "break *0x1000 if $1" -ex continue >said 2>&1 || true
    wait
    echo "break *0x1000 if $1"
    sed 's/^/    /' sent
    grep -i condition said || echo "    (gdb prints nothing about the condition)"
}

gdb -ex 'show version' | head -n 1
condition '$ecx == 3' | tee wide
condition '$cx == 3' | tee narrow
condition '$pc == 3' | tee renamed
grep -q 'Z0,1000,1;X' wide && ! grep -q 'Z0,1000,1;X' narrow && ! grep -q 'Z0,1000,1;X' renamed &&
    grep -q 'Z0,1000,1' narrow && grep -q 'Z0,1000,1' renamed || { echo "not as described" >&2; exit 1; }
