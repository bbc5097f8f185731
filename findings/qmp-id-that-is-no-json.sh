#!/bin/sh
# QEMU 7.2 answers a QMP command whose `id` is the number 1e999 with an id that is no JSON. The number is one that JSON's grammar
# allows; QEMU reads it into a double, which becomes infinite, and prints that as `inf`. A client that reads JSON strictly (Python's
# json, jq) fails on the answer to its own request, and has no id to tell which one that was.
#
# What is looked at: the lines that QEMU sends. Debian's qemu-system-x86 and the packages that it needs are unpacked into a
# temporary folder; python3 is the system's. The machine has no devices and runs nothing (-M none).
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
libraries="$folder/root/usr/lib/x86_64-linux-gnu:$folder/root/lib/x86_64-linux-gnu"
qemu() { LD_LIBRARY_PATH="$libraries" "$folder/root/usr/bin/qemu-system-x86_64" "$@"; }

qemu --version | head -n 1
{
    echo '{"execute":"qmp_capabilities"}'
    echo '{"execute":"query-status","id":1e999}'
    echo '{"execute":"query-status","id":1e308}'
    echo '{"execute":"quit"}'
} | qemu -M none -display none -nodefaults -qmp stdio -L root/usr/share/qemu >answers
cat answers
cat >look.py <<'PYTHON'
"""Whether the answer with the infinite id is what this file says."""
import json
import sys

lines = open("answers").read().splitlines()
answers = [line for line in lines if '"id"' in line]
bad = [line for line in answers if '"id": inf' in line]
if len(answers) != 2 or len(bad) != 1:
    sys.exit("QEMU behaves otherwise")
try:
    json.loads(bad[0])
except json.JSONDecodeError as error:
    print("as described: Python's json says of the first answer:", error)
else:
    sys.exit("QEMU behaves otherwise: the answer is JSON")
PYTHON
python3 look.py
