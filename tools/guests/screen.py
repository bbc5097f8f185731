"""What the Debian guest for the screen does: it shows scenes on its first virtual console, one after the other.

`SCENES=text,font,...` on the kernel's command line names them. When one is there, the guest prints its name on the
serial line and waits for a line. Nothing on the screen changes then: the console's cursor is off, the kernel's messages
go to the serial line.

- `text`: colours, attributes and characters in whatever mode the console has; `scrolled`: more lines than it has.
- `font`: the same with a font of 8 by 8 pixels, on a VGA 50 lines of text.
- `bochs`: Linux's driver for QEMU's VGA is loaded, and takes over the console; then the same text.
- `pixels`: bytes of a program as pixels, written to the framebuffer.
- `second`: another console, with another text.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

from tools.guests import initramfs, packages
from tools.guests.initramfs import Entry

MODULES = ("bochs",)
PACKAGES = ("console-setup-linux",)
_FONT = "usr/share/consolefonts/Lat15-VGA8.psf.gz"

SCRIPT = """\
dmesg -n 1
stty -echo
load() { for module in /lib/modules/*.ko; do insmod $module; done; }
text() {
  printf '\\033c\\033[?25l%s\\n' "$1"
  for high in 4 10; do
    for back in 0 1 2 3 4 5 6 7; do
      for fore in 0 1 2 3 4 5 6 7; do printf '\\033[%s%s;3%sm %s%s' $high $back $fore $back $fore; done
      for fore in 0 1 2 3 4 5 6 7; do printf '\\033[%s%s;9%sm %s%s' $high $back $fore $back $fore; done
      printf '\\033[0m\\n'
    done
  done
  for how in 1:bold 4:underlined 5:blinks 7:reverse 2:dim; do printf '\\033[%sm%s\\033[0m ' ${how%:*} ${how#*:}; done
  echo
  printf '┌──┬──┐ ╔══╦══╗ ░▒▓█ ÄÖÜäöüß éèêñ €\\n│  │  │ ║  ║  ║ ←↑→↓ ≤≥±÷ ½¼²\\n└──┴──┘ ╚══╩══╝ ♠♣♥♦ ☺☻ \\n'
}
for scene in $(echo $SCENES | tr , ' '); do
  case $scene in
    text) text "This is $scene." > /dev/tty1 ;;
    scrolled) (printf '\\033c\\033[?25l'; seq 1 300; printf '%s' last) > /dev/tty1 ;;
    font) loadfont < /lib/font.psf; text "$(stty size < /dev/tty1)" > /dev/tty1 ;;
    bochs) load; text "$(cat /sys/class/graphics/fb0/virtual_size)" > /dev/tty1 ;;
    pixels) cat /bin/busybox > /dev/fb0 ;;
    second) text "Another console." > /dev/tty2; chvt 2 ;;
  esac
  sleep 1
  echo $scene
  read answer
done
echo GUEST-DONE
poweroff -f
"""


def entries(folder: Path, say: Callable[[str], None]) -> list[Entry]:
    """The font; its package is fetched into `folder` if need be."""
    kept = packages.unpacked(folder, "screen", PACKAGES, say)
    return [initramfs.file("lib/font.psf", gzip.decompress((kept / _FONT).read_bytes()))]
