"""The Debian guest with an X server: Xorg on the framebuffer of Linux's driver for QEMU's VGA, twm, and a terminal.

Debian's packages are put beside busybox; OpenGL is left out, as `-extension GLX` leaves it out of the server. Keyboard
and mouse are read as event devices. The terminal has a shell: what it prints on /dev/ttyS0 is heard outside. When the
shell ends, so does the guest.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools.guests import initramfs, packages
from tools.guests.initramfs import Entry

MODULES = ("bochs", "evdev", "psmouse")
PACKAGES = (
    "xserver-xorg-core", "xserver-common", "xserver-xorg-video-fbdev", "xserver-xorg-input-evdev", "twm", "xterm",
    "x11-xkb-utils", "xkb-data", "libx11-data", "ncurses-base", "fontconfig-config", "fonts-dejavu-core", "libc6",
    "libgcc-s1", "libbz2-1.0", "liblzma5", "libmd0", "libpcre2-8-0", "libselinux1", "libzstd1", "zlib1g", "libaudit1",
    "libcap-ng0", "libcap2", "libudev1", "libbrotli1", "libbsd0", "libgpg-error0", "libgcrypt20", "liblz4-1",
    "libsystemd0", "libdbus-1-3", "libdrm2", "libpciaccess0", "libtinfo6", "libexpat1", "libxau6", "libxdmcp6",
    "libxcb1", "libx11-6", "libxshmfence1", "libevdev2", "libpng16-16", "libfreetype6", "libfontconfig1",
    "libfontenc1", "libxext6", "libxfixes3", "libice6", "libmtdev1", "libpixman-1-0", "libuuid1", "libsm6",
    "libunwind8", "libutempter0", "libxt6", "libxmu6", "libxpm4", "libxaw7", "libxcvt0", "libxfont2", "libxrender1",
    "libxft2", "libxinerama1", "libxkbfile1", "libxrandr2",
)  # fmt: skip
_FILES = (
    "usr/lib/xorg/Xorg", r"usr/lib/xorg/modules/(drivers/fbdev_drv|input/evdev_drv|lib(fb|fbdevhw|shadow))\.so",
    "usr/lib/xorg/protocol.txt", "usr/bin/(twm|xterm|xkbcomp)", "usr/share/X11/(xkb|locale)/.+", "etc/X11/twm/.+",
    "etc/X11/app-defaults/XTerm", "lib/terminfo/x/xterm", "etc/fonts/.+",
    "usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
)  # fmt: skip

_XORG = """\
Section "ServerFlags"
  Option "AutoAddDevices" "off"
  Option "BlankTime" "0"
EndSection
Section "InputDevice"
  Identifier "keys"
  Driver "evdev"
  Option "Device" "KEYBOARD"
  Option "XkbLayout" "us"
EndSection
Section "InputDevice"
  Identifier "pointer"
  Driver "evdev"
  Option "Device" "MOUSE"
  Option "AccelerationProfile" "-1"
EndSection
Section "Device"
  Identifier "card"
  Driver "fbdev"
EndSection
Section "Screen"
  Identifier "screen"
  Device "card"
EndSection
Section "ServerLayout"
  Identifier "layout"
  Screen "screen"
  InputDevice "keys" "CoreKeyboard"
  InputDevice "pointer" "CorePointer"
EndSection
"""
_TWM = """\
RandomPlacement
NoGrabServer
Color { BorderColor "slategrey" TitleBackground "rgb:2/a/9" TitleForeground "gray85" MenuBackground "rgb:2/a/9" }
Button1 = : root : f.menu "main"
Function "raise" { f.raise }
Button1 = : title : f.move
Menu "main" { "Playhead" f.title "Refresh" f.refresh "Restart" f.restart }
"""
SCRIPT = """\
dmesg -n 1
export PATH=/bin:/usr/bin LD_LIBRARY_PATH=/lib HOME=/root TERM=xterm DISPLAY=:0
mkdir -p /run /var/log /tmp/.X11-unix /var/lib/xkb /root /dev/pts
mount -t devpts devpts /dev/pts
for module in /lib/modules/*.ko; do insmod $module; done
node() {
  found=$(grep -l "$1" /sys/class/input/event*/device/name | head -n 1)
  [ -n "$found" ] && echo /dev/input/$(echo ${found#/sys/class/input/} | cut -d/ -f1)
}
i=0
while [ -z "$(node Mouse)" ] || [ ! -e /dev/fb0 ] && [ $i -lt 100 ]; do i=$((i+1)); sleep 0.1; done
sed -i "s,KEYBOARD,$(node keyboard),;s,MOUSE,$(node Mouse)," /etc/X11/xorg.conf
/usr/lib/xorg/Xorg :0 vt1 -retro -extension GLX -nolisten tcp -noreset > /tmp/xorg 2>&1 &
i=0
while [ ! -e /tmp/.X11-unix/X0 ] && [ $i -lt 300 ]; do i=$((i+1)); sleep 0.1; done
sleep 1
if kill -0 $! 2>/dev/null; then
  twm -f $HOME/.twmrc > /tmp/twm 2>&1 &
  sleep 1
  echo GUEST-UP
  xterm -fn fixed -geometry 80x24+60+60 -e sh > /tmp/xterm 2>&1
fi
cat /tmp/xorg /tmp/twm /tmp/xterm
grep "(EE)" /var/log/Xorg.0.log
echo GUEST-DONE
poweroff -f
"""
_PROFILE = "export PS1='playhead# '\n"


def entries(folder: Path, say: Callable[[str], None]) -> list[Entry]:
    """Server, clients, libraries and data; the packages are fetched into `folder` if need be."""
    kept = packages.unpacked(folder, "desktop", PACKAGES, say)
    there = {"bin", "lib", "etc", "root"}
    files = [entry for entry in packages.with_libraries(kept, packages.chosen(kept, _FILES)) if entry.path not in there]
    own = {"etc/X11/xorg.conf": _XORG, "root/.twmrc": _TWM, "etc/passwd": "root:*:0:0:root:/root:/bin/sh\n",
           "root/.profile": _PROFILE}  # fmt: skip
    return files + [initramfs.file(path, text.encode()) for path, text in own.items()]
