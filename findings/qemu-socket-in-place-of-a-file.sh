#!/bin/sh
# QEMU 7.2 removes whatever has the name of a Unix socket that it is to make, without a question or a word: an ordinary file of the
# user's too, with what is in it. So `-netdev stream,server=on,addr.type=unix,addr.path=FILE`, `-netdev dgram,local.type=unix,
# local.path=FILE`, `-chardev socket,path=FILE,server=on`, `-serial unix:FILE,server=on` and `-qmp unix:FILE,server=on`: a path that
# was mistyped costs a file. (bind() itself refuses a name that is taken, and other programs tell a stale socket from a file.)
#
# What is looked at: a file with some text, and what has its name after QEMU was started with each of these options and ended by
# SIGTERM. Debian's qemu-system-x86 and the packages that it needs are unpacked into a temporary folder; python3 is the system's.
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
"""Gives QEMU the name of a file for a socket, in several places."""
import os
import stat
import subprocess
import sys
import time

folder = os.getcwd()
libraries = ":".join(f"{folder}/root{place}/x86_64-linux-gnu" for place in ("/usr/lib", "/lib"))
environment = {**os.environ, "LD_LIBRARY_PATH": libraries}
command = [f"{folder}/root/usr/bin/qemu-system-i386", "-M", "none", "-nodefaults", "-display", "none", "-monitor", "none"]
OPTIONS = {
    "-netdev stream": ("-netdev", "stream,id=n,server=on,addr.type=unix,addr.path=thesis.txt"),
    "-netdev dgram": ("-netdev", "dgram,id=n,local.type=unix,local.path=thesis.txt,remote.type=unix,remote.path=x"),
    "-chardev socket": ("-chardev", "socket,id=c,path=thesis.txt,server=on,wait=off"),
    "-serial unix": ("-serial", "unix:thesis.txt,server=on,wait=off"),
    "-qmp unix": ("-qmp", "unix:thesis.txt,server=on,wait=off"),
}


def look() -> str:
    try:
        return "a socket" if stat.S_ISSOCK(os.lstat("thesis.txt").st_mode) else "the file"
    except FileNotFoundError:
        return "nothing"


print(subprocess.run([command[0], "--version"], env=environment, capture_output=True, text=True).stdout.splitlines()[0])
kept = []
for name, words in OPTIONS.items():
    if os.path.lexists("thesis.txt"):
        os.unlink("thesis.txt")
    with open("thesis.txt", "w") as file:
        file.write("many days of work")
    qemu = subprocess.Popen([*command, *words], env=environment, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 10
    while look() == "the file" and qemu.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    running = look()
    qemu.terminate()
    said = [line for line in qemu.communicate()[1].splitlines() if "terminating" not in line and "has no peer" not in line]
    print(f"{name}: while it runs, {running} has the name; afterwards, {look()}; it said {said or 'nothing'}")
    kept += [name] if "the file" in (running, look()) or said else []
sys.exit(f"QEMU behaves otherwise: {', '.join(kept)}" if kept else 0)
PYTHON
python3 look.py
echo "as described"
