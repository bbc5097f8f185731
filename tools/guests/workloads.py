"""The Debian guest whose programs `./dev bench programs` measures: each between two lines on the console.

Busybox works on files in memory that are made before, so that only the work is between the lines: BEGIN NAME, and END
NAME with what came of it, which has to be the same on every emulator. `calls` is guest/linux/calls.s. WORK=a,b on the
kernel's command line says which of `NAMES` there are to be; all by default.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools.guests.initramfs import Entry

MODULES: tuple[str, ...] = ()
PROGRAMS = ("gzip", "sha256sum", "awk", "sort")
KERNEL = ("fork", "getppid", "pipe")
NAMES = (*PROGRAMS, *KERNEL)

# gzip's 8 MB are the program file of busybox, over and over; the lines to be sorted are numbers read backwards.
SCRIPT = """\
dmesg -n 1
echo GUEST-UP
work() { echo "BEGIN $1"; result=$($1_work 2>&1 | tail -n 1); echo "END $1 $result"; }
repeat() { i=0; while [ $i -lt $2 ]; do cat $1; i=$((i+1)); done; }
some() { repeat /bin/busybox $(($1 / $(stat -c %s /bin/busybox) + 1)) | head -c $1 > /tmp/data; }
gzip_work() { gzip -9 -c /tmp/data | wc -c; }
sha256sum_work() { sha256sum /tmp/data; }
awk_work() { awk '{ n[$1 % 100]++; s += length($1) } END { print n[7], s }' /tmp/data; }
sort_work() { sort /tmp/data | md5sum; }
fork_work() { calls f; echo $?; }
getppid_work() { calls g; echo $?; }
pipe_work() { calls p; echo $?; }
WORK=${WORK:-gzip,sha256sum,awk,sort,fork,getppid,pipe}
IFS=,
for name in $WORK; do
  IFS=' '
  case $name in
    gzip) some 8000000 ;;
    sha256sum) some 32000000 ;;
    awk) seq 1000000 > /tmp/data ;;
    sort) seq 100000 299999 | rev > /tmp/data ;;
  esac
  work $name
  rm -f /tmp/data
done
echo GUEST-DONE
poweroff -f
"""


def entries(folder: Path, say: Callable[[str], None]) -> list[Entry]:
    """Nothing beside what `pack` puts there."""
    return []
