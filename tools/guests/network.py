"""What the Debian guest with a network has besides kernel and busybox: drivers, addresses, Debian's SSH server.

What it does is said on the kernel's command line, in words that the kernel gives to its first process as variables:

- `DRIVER=8139cp`, `8139too` or `e1000`: the driver that it loads; without it `8139cp` and `e1000`.
- `IP=dhcp`, `IP=10.1.0.1/24`, `IP=10.1.0.1/24,dhcp`: the addresses of eth0, eth1 and so on; without it all ask for
  a lease.
- `KEY="ssh-ed25519 AAAA..."`: dropbear listens at port 22, and lets whoever has this key in as root.
- `HTTPD=yes`: busybox's server gives what is in /www at port 80: `small`, of 1,000 bytes, and `large`, of 1,000,000.
- `RUN="wget -O - http://10.0.2.2:8000/file | md5sum"`: what is run then, between GUEST-UP and GUEST-DONE; without it
  a shell on the serial line, without a login. The machine is switched off at the end of either.

8139too leaves chips alone that know C+ mode, as ours and QEMU's does, to 8139cp, although these have C mode as well. So
that C mode has Linux's driver too, this guest's copy of the module has the comparison of the revision taken out, and
no signature, which would be wrong then.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tools.guests import initramfs, packages
from tools.guests.apt import AptError
from tools.guests.initramfs import Entry

DRIVERS = ("8139cp", "8139too", "e1000")
MODULES = DRIVERS  # Debian's kernel has af_packet and ipv6 built in
PACKAGES = ("dropbear-bin", "libc6", "libcrypt1", "libgmp10", "libtomcrypt1", "libtommath1", "zlib1g")
_PROGRAMS = {"dropbear": "usr/sbin", "dropbearkey": "usr/bin", "dbclient": "usr/bin"}
_LIBRARIES = ("ld-linux.so.2", "libc.so.6", "libcrypt.so.1", "libgmp.so.10", "libtomcrypt.so.1", "libtommath.so.1",
              "libz.so.1")  # fmt: skip
_LIBRARY_FOLDER = "i386-linux-gnu"  # below lib and usr/lib

# Where 8139too looks for a revision of 20h or more: CMP AL or a byte in memory with 1Fh, then JA.
_REVISION = re.compile(rb"(\x3c|\x80[\x78-\x7f].)\x1f(\x0f\x87|\x77)", re.DOTALL)
_SIGNED = b"~Module signature appended~\n"

SCRIPT = """\
mkdir -p /dev/pts /www /root/.ssh
mount -t devpts devpts /dev/pts
dmesg -n 4
hostname playhead
ip link set lo up
head -c 1000 /bin/busybox > /www/small
head -c 1000000 /bin/busybox > /www/large
load() { for module in $*; do insmod /lib/modules/*-$module.ko; done; }
load mii ${DRIVER:-8139cp e1000}
n=0
for path in /sys/class/net/eth*; do
  [ -e $path ] || continue
  card=${path##*/}
  n=$((n+1))
  address=$(echo $IP, | cut -d, -f$n)
  ip link set $card up
  case $address in
    *.*) ip address add $address dev $card ;;
    *) i=0
      while [ "$(cat /sys/class/net/$card/carrier)" != 1 ] && [ $i -lt 100 ]; do i=$((i+1)); usleep 50000; done
      udhcpc -i $card -f -q -n -t 20 -T 1 -s /etc/lease ;;
  esac
done
if [ -n "$KEY" ]; then
  echo "$KEY" > /root/.ssh/authorized_keys
  chmod 700 /root /root/.ssh
  dropbearkey -t ed25519 -f /etc/dropbear_key > /dev/null 2>&1
  dropbear -E -r /etc/dropbear_key 2>/dev/null
fi
[ -n "$HTTPD" ] && httpd -h /www
echo GUEST-UP
if [ -n "$RUN" ]; then
  eval "$RUN"
else
  setsid cttyhack sh
fi
echo GUEST-DONE
poweroff -f
"""

_LEASE = """\
#!/bin/sh
[ "$1" = bound ] || exit 0
ip address add $ip/$mask dev $interface
[ -n "$router" ] && ip route add default via $router dev $interface
for one in $dns; do echo nameserver $one; done > /etc/resolv.conf
echo "$interface: lease of $ip/$mask from $siaddr, router $router, dns $dns, for $lease s"
"""

_ETC = {
    "etc/passwd": "root:*:0:0:root:/root:/bin/sh\n",
    "etc/group": "root:x:0:\n",
    "etc/shells": "/bin/sh\n",
    "etc/profile": "export PATH=/bin PS1='playhead# '\n",
    "root/.profile": "export PATH=/bin\n",
}


def entries(folder: Path, say: Callable[[str], None]) -> list[Entry]:
    """Programs, their libraries and configuration; the packages' files are fetched into `folder` if need be."""
    kept = packages.unpacked(folder, "network", PACKAGES, say)
    made = [initramfs.file(f"bin/{name}", _file(kept, f"{where}/{name}"), 0o755) for name, where in _PROGRAMS.items()]
    made += [initramfs.file(f"lib/{name}", _library(kept, name), 0o755) for name in _LIBRARIES]
    made += [initramfs.file(path, text.encode()) for path, text in _ETC.items()]
    return [*made, initramfs.file("etc/lease", _LEASE.encode(), 0o755)]


def module(path: Path) -> bytes:
    """A module's content, as this guest has it."""
    content = path.read_bytes()
    if path.stem != "8139too":
        return content
    changed, number = _REVISION.subn(b"\\1\xff\\2", content)  # nothing is above FFh
    if number != 1:
        raise AptError(f"8139too.ko has {number} comparisons of the chip's revision, not one")
    return _unsigned(changed)


def _unsigned(module: bytes) -> bytes:
    """A module without what scripts/sign-file appended: signature, 12 bytes that end with its length, a magic text."""
    if not module.endswith(_SIGNED):
        return module
    end = len(module) - len(_SIGNED)
    return module[: end - 12 - int.from_bytes(module[end - 4 : end], "big")]


def _library(kept: Path, name: str) -> bytes:
    for where in ("lib", "usr/lib"):
        if (kept / where / _LIBRARY_FOLDER / name).exists():
            return _file(kept, f"{where}/{_LIBRARY_FOLDER}/{name}")
    raise AptError(f"none of {', '.join(PACKAGES)} has a library {name}")


def _file(kept: Path, path: str) -> bytes:
    try:
        return (kept / path).read_bytes()
    except OSError:
        raise AptError(f"none of {', '.join(PACKAGES)} has a file /{path}") from None
