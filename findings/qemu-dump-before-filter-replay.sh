#!/bin/sh
# A `filter-dump` that QEMU 7.2 creates before the `filter-replay` of the same netdev has both directions in its file while recording,
# and nothing at all in the replay: neither the packets that come out of the log nor those that the guest sends again. One that is
# created behind it has the same packets with the same times as in the recording. (In a replay the replay filter stops all that reaches
# it and puts what is logged in behind itself; a filter in front sees neither, and QEMU says nothing.)
#
# What is looked at: the packets that a filter on either side keeps, of iPXE from an e1000's ROM asking for an address. Debian's
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
"""Records and replays a machine whose firmware asks for an address, with a dump on either side of the replay filter."""
import os
import struct
import subprocess
import sys
import time

folder = os.getcwd()
libraries = ":".join(f"{folder}/root{place}/x86_64-linux-gnu" for place in ("/usr/lib", "/lib"))
environment = {**os.environ, "LD_LIBRARY_PATH": libraries}
command = [f"{folder}/root/usr/bin/qemu-system-i386"]
for place in ("usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu"):
    command += ["-L", f"{folder}/root/{place}"]
command += ["-M", "pc", "-m", "32", "-nodefaults", "-display", "none", "-boot", "n", "-monitor", "stdio",
            "-netdev", "user,id=net", "-device", "e1000,netdev=net"]


def packets(name: str) -> list[tuple[int, int, bytes]]:
    """Seconds, microseconds and content of each packet in a file of tcpdump's."""
    data, at, found = open(name, "rb").read(), 24, []
    while at < len(data):
        seconds, micros, kept, _ = struct.unpack_from("<IIII", data, at)
        found.append((seconds, micros, data[at + 16 : at + 16 + kept]))
        at += 16 + kept
    return found


def run(mode: str) -> tuple[list, list]:
    """What the dump in front and the one behind have. A recording ends when iPXE has had an answer, a replay by itself."""
    front, behind = f"{mode}-front.pcap", f"{mode}-behind.pcap"
    words = ["-icount", f"shift=5,rr={mode},rrfile=log.bin", "-object", f"filter-dump,id=a,netdev=net,file={front}",
             "-object", "filter-replay,id=r,netdev=net", "-object", f"filter-dump,id=b,netdev=net,file={behind}"]
    child = subprocess.Popen(command + words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    asked = time.monotonic() + (60 if mode == "record" else 120)
    while time.monotonic() < asked and child.poll() is None:
        time.sleep(0.5)
        if os.path.exists(behind) and len(packets(behind)) >= (8 if mode == "record" else wanted):
            break
    child.communicate("quit\n", timeout=60)
    return packets(front), packets(behind)


wanted = 8
version = subprocess.run([command[0], "--version"], env=environment, capture_output=True, text=True).stdout
print(version.splitlines()[0])
recorded = run("record")
wanted = len(recorded[1])
replayed = run("replay")
for mode, (front, behind) in (("record", recorded), ("replay", replayed)):
    print(f"{mode}: {len(front)} packets in the dump in front of filter-replay, {len(behind)} in the one behind it")
same = min(len(recorded[1]), len(replayed[1]))
print(f"the first {same} behind it are {'equal' if recorded[1][:same] == replayed[1][:same] else 'different'}, times included")
described = (len(recorded[0]) >= 8 and len(recorded[1]) >= 8 and not replayed[0] and same >= 8
             and recorded[1][:same] == replayed[1][:same])
sys.exit(0 if described else "QEMU behaves otherwise")
PYTHON
python3 look.py
echo "as described"
