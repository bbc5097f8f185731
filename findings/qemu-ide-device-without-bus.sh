#!/bin/sh
# QEMU 7.2's `pc` puts `-device ide-hd` without bus= on the second IDE channel first (ide.1, unit 0, then unit 1), and refuses a
# third one ("IDE unit 1 is in use") although both places of ide.0 are free. With bus=ide.0 the same device is taken. (The bus
# that was made last is the first that the search for one meets, and nobody asks whether it is full.)
#
# What is looked at: the monitor's `info qtree` for one and two such devices, and QEMU's answer to three. Debian's qemu-system-x86
# and the packages that it needs are unpacked into a temporary folder; python3 is the system's. The machine runs nothing (-S).
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
"""Starts QEMU with one, two and three disks that name no bus, and says where they went."""
import os
import re
import subprocess
import sys

folder = os.getcwd()
libraries = ":".join(f"{folder}/root{place}/x86_64-linux-gnu" for place in ("/usr/lib", "/lib"))
environment = {**os.environ, "LD_LIBRARY_PATH": libraries}
command = [f"{folder}/root/usr/bin/qemu-system-i386", "-L", f"{folder}/root/usr/share/qemu", "-L",
           f"{folder}/root/usr/share/seabios", "-M", "pc", "-nodefaults", "-display", "none", "-S", "-monitor", "stdio"]


def start(*devices: str) -> tuple[int, str, list[str]]:
    """Status, what was said, and `BUS UNIT` of each disk."""
    words = list(command)
    for n, device in enumerate(devices):
        with open(f"{n}.img", "wb") as image:
            image.truncate(1 << 20)
        words += ["-drive", f"file={n}.img,format=raw,if=none,id=d{n}", "-device", f"{device},drive=d{n}"]
    done = subprocess.run(words, env=environment, input="info qtree\nquit\n", capture_output=True, text=True, timeout=60)
    found, bus = [], ""
    for line in done.stdout.splitlines():
        if name := re.match(r"\s*bus: (ide\.\d)", line):
            bus = name[1]
        if unit := re.match(r"\s*unit = (\d)", line):
            found.append(f"{bus} unit {unit[1]}")
    return done.returncode, done.stderr.strip(), found


print(subprocess.run([command[0], "--version"], env=environment, capture_output=True, text=True).stdout.splitlines()[0])
one, two, three = start("ide-hd"), start("ide-hd", "ide-hd"), start("ide-hd", "ide-hd", "ide-hd")
named = start("ide-hd", "ide-hd", "ide-hd,bus=ide.0")
for what, result in (("one", one), ("two", two), ("three", three), ("the third with bus=ide.0", named)):
    print(f"{what}: status {result[0]}, {', '.join(sorted(result[2])) or result[1].rpartition('/')[2]}")
described = (one[2] == ["ide.1 unit 0"] and sorted(two[2]) == ["ide.1 unit 0", "ide.1 unit 1"] and three[0] == 1
             and sorted(named[2]) == ["ide.0 unit 0", "ide.1 unit 0", "ide.1 unit 1"])
sys.exit(0 if described else "QEMU behaves otherwise")
PYTHON
python3 look.py
echo "as described"
