"""The Debian guest in which strace shows a shell's system calls, to compare with what its recording tells of them.

The same script runs twice: by itself between JOB-BEGIN and JOB-END, then under strace, whose lines are printed between
TRACE-BEGIN and TRACE-END.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools.guests import initramfs, packages
from tools.guests.initramfs import Entry

MODULES = ("evdev",)  # for tests of modules' symbols
PACKAGES = ("strace", "libc6", "libunwind8", "liblzma5", "libgcc-s1")
_FILES = ("usr/bin/strace",)

JOB = """\
cd /root
i=0
while [ $i -lt 20 ]; do i=$((i+1)); echo "line $i" >> text; done
cat text | wc -l
ls /none text
mkdir folder && ln -s text folder/link && readlink folder/link
mv text folder/moved && rm -r folder
head -c 20000 /dev/zero | md5sum
kill -0 $$
trap 'echo caught' USR1
kill -USR1 $$
exit 3
"""

SCRIPT = """\
dmesg -n 1
for module in /lib/modules/*.ko; do insmod $module; done
export LD_LIBRARY_PATH=/lib/i386-linux-gnu:/usr/lib/i386-linux-gnu
echo GUEST-UP
echo JOB-BEGIN
/bin/sh /lib/job
echo "JOB-END $?"
/usr/bin/strace -f -qq -s 32 -o /tmp/trace /bin/sh /lib/job
echo "traced: $?"
echo TRACE-BEGIN
cat /tmp/trace
echo TRACE-END
echo GUEST-DONE
poweroff -f
"""


def entries(folder: Path, say: Callable[[str], None]) -> list[Entry]:
    """strace, its libraries and the script; the packages are fetched into `folder` if need be."""
    kept = packages.unpacked(folder, "traced", PACKAGES, say)
    names = {"bin", "lib"}  # are there already
    files = packages.with_libraries(kept, packages.chosen(kept, _FILES))
    return [*(entry for entry in files if entry.path not in names), initramfs.file("lib/job", JOB.encode())]
