"""The Debian guest in which a text is edited: nano on the console, with keys and a mouse, while everything is busy.

Debian's nano, gpm (which brings the mouse to a text console) and aplay are put beside busybox. `PORT=8000` on the
kernel's command line is where the host has an HTTP server; the first disk is written all over. `PAUSE=200000`: so many
microseconds are between two rounds of these.

The guest prints GUEST-UP, is busy and shows /tmp/text in nano, until that is left; then what was written, between
lines of its own, how often each of the others has come round, and GUEST-DONE.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from pathlib import Path

from tools.guests import initramfs, packages
from tools.guests.initramfs import Entry

MODULES = ("mii", "8139cp", "ata_piix", "sd_mod", "evdev", "psmouse", "snd_intel8x0")
PACKAGES = ("alsa-utils", "gpm", "libasound2", "libasound2-data", "libc6", "libgpm2", "libncursesw6", "libtinfo6",
            "nano", "ncurses-base", "libatopology2", "libsamplerate0", "libfftw3-single3", "libgcc-s1")  # fmt: skip
_FILES = ("usr/bin/aplay", "(usr/)?bin/nano", "usr/sbin/gpm", "lib/terminfo/l/linux", "usr/share/alsa/.+",
          r"(usr/)?lib/i386-linux-gnu/libgpm\.so\.2(\..*)?")  # fmt: skip
RATE = 48000

SCRIPT = """\
dmesg -n 1
export PATH=/bin:/usr/bin:/usr/sbin LD_LIBRARY_PATH=/lib:/lib/i386-linux-gnu:/usr/lib/i386-linux-gnu
export TERM=linux HOME=/root
mkdir -p /run /var/run /root
for module in /lib/modules/*.ko; do insmod $module; done
i=0
while [ ! -b /dev/sda ] || [ ! -e /dev/snd/pcmC0D0p ] && [ $i -lt 100 ]; do i=$((i+1)); sleep 0.1; done
ip link set lo up
ip link set eth0 up
ip address add 10.0.2.15/24 dev eth0
gpm -m /dev/input/mice -t exps2
count() { n=$(cat /tmp/$1 2>/dev/null); echo $((n+1)) > /tmp/$1.new; mv /tmp/$1.new /tmp/$1; }
(while :; do
  wget -q -O - http://10.0.2.2:$PORT/bytes/200000 | sha256sum > /tmp/new && mv /tmp/new /tmp/sum
  count fetched
  usleep ${PAUSE:-0}
done) &
(while :; do
  dd if=/bin/busybox of=/dev/sda bs=4096 count=100 oflag=direct 2>/dev/null
  dd if=/dev/sda of=/tmp/back bs=4096 count=100 iflag=direct 2>/dev/null
  count written
  usleep ${PAUSE:-0}
done) &
(while :; do cat /lib/tone; done) | aplay -q -D hw:0,0 -t raw -f dat 2> /tmp/sound &
printf 'A text\\n\\nto be edited.\\n' > /tmp/text
printf 'set mouse\\nset linenumbers\\n' > $HOME/.nanorc
sleep 2
echo GUEST-UP
setsid sh -c 'exec nano /tmp/text < /dev/tty1 > /dev/tty1 2>&1'
echo TEXT-BEGIN
cat /tmp/text
echo TEXT-END
echo "fetched $(cat /tmp/fetched), written $(cat /tmp/written), $(cut -c -64 /tmp/sum)"
head -n 3 /proc/asound/card0/pcm0p/sub0/status
cat /tmp/sound
echo GUEST-DONE
poweroff -f
"""


def tone() -> bytes:
    """A second of 440 and 660 Hz, stereo, 16 bits."""
    frames = (struct.pack("<hh", *(int(20000 * math.sin(2 * math.pi * hz * n / RATE)) for hz in (440, 660)))
              for n in range(RATE))  # fmt: skip
    return b"".join(frames)


def entries(folder: Path, say: Callable[[str], None]) -> list[Entry]:
    """Programs, libraries and data; the packages are fetched into `folder` if need be."""
    kept = packages.unpacked(folder, "editor", PACKAGES, say)
    names = {"bin", "lib"}  # are there already
    files = packages.with_libraries(kept, packages.chosen(kept, _FILES))
    return [*(entry for entry in files if entry.path not in names), initramfs.file("lib/tone", tone())]
