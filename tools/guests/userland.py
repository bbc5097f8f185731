"""A Debian 12 userland for i386 as a list of files: what `debootstrap --variant=minbase` installs, and an init.

Packages are resolved and fetched by a private apt and read with dpkg-deb, owners and modes included, so no root, chroot
or foreign processor is needed. Their maintainer scripts are not run, which would need one. What those scripts of the
essential packages would have left behind, as far as a login wants it, is written here instead: the users and groups of
base-passwd, PAM's common files, a few links. dpkg's database is complete, and says that all is installed.

Manuals, translations and documentation are left out, as Debian's images for containers do (dpkg's path-exclude).

Sources: Debian Policy, chapter 6 and appendix A; deb(5), deb-control(5), dpkg(1) on /var/lib/dpkg.
"""

from __future__ import annotations

import io
import re
import stat
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.guests import initramfs
from tools.guests.apt import INDEX, AptError, PrivateApt
from tools.guests.debian import LOGIN, PASSWORD_HASH
from tools.guests.initramfs import Entry

WANTED = ("?essential", "apt", "sysvinit-core", "usr-is-merged")
LEFT_OUT = re.compile(r"usr/share/(doc|info|lintian|locale|man|bug)/.")
MERGED = ("bin", "lib", "sbin")  # links into /usr
SHADOW_GROUP = 42
_LOCAL = "playhead"

_START = """\
#!/bin/sh
[ -d /proc/1 ] || mount -t proc proc /proc
[ -d /sys/block ] || mount -t sysfs sys /sys
mount -t tmpfs -o mode=755 run /run
mount -t devpts -o gid=5,mode=620 devpts /dev/pts 2>/dev/null
hostname playhead
: > /run/utmp
echo GUEST-UP
"""

_STOP = """\
#!/bin/sh
sync
mount -o remount,ro /
echo GUEST-DONE
exec /sbin/halt -d -f -p
"""

_INITTAB = f"""\
id:2:initdefault:
si::sysinit:/etc/{_LOCAL}/start
t0:2:respawn:/sbin/agetty -L 115200 ttyS0 vt100
l0:0:wait:/etc/{_LOCAL}/stop
"""

_PAM = {
    "common-account": "account required pam_unix.so\n",
    "common-auth": "auth required pam_unix.so nullok\n",
    "common-password": "password required pam_unix.so yescrypt\n",
    "common-session": "session required pam_unix.so\n",
    "common-session-noninteractive": "session required pam_unix.so\n",
}


def key() -> str:
    """What the list of files follows from, besides the packages."""
    return Path(__file__).read_text()


def entries(folder: Path, say: Callable[[str], None]) -> list[Entry]:
    """Fetch the packages and make the list, folders before what is in them."""
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder) as scratch:
        apt = PrivateApt(Path(scratch) / "apt", "i386", say, folder / INDEX)
        apt.update()
        packages = apt.download(*sorted(apt.with_needs(*WANTED)))
        say(f"reading {len(packages)} packages")
        return _System(packages).entries()


class _System:
    """The files of the packages by path, then what the scripts would have added."""

    def __init__(self, packages: list[Path]):
        self._files: dict[str, Entry] = {}
        for name in MERGED:
            self._add(initramfs.folder(f"usr/{name}"))
            self._add(initramfs.link(name, f"usr/{name}"))
        status = [self._package(path) for path in packages]
        self._add(initramfs.file("var/lib/dpkg/status", "\n".join(status).encode()))
        self._add(initramfs.file("var/lib/dpkg/available", b""))
        self._add(initramfs.file("var/lib/dpkg/info/format", b"1\n"))
        self._configure()

    def entries(self) -> list[Entry]:
        for path in list(self._files):
            for n, letter in enumerate(path):
                if letter == "/" and path[:n] not in self._files:
                    self._add(initramfs.folder(path[:n]))
        return [self._files[path] for path in sorted(self._files)]

    def _add(self, entry: Entry) -> None:
        self._files[entry.path] = entry

    def _package(self, path: Path) -> str:
        """Add a package's files and what dpkg keeps of it; its paragraph of the status file."""
        control = {entry.path: entry.data for entry in _members(_tar("--ctrl-tarfile", path))}
        text = control.pop("control").decode()
        fields = dict(re.findall(r"^(\S+): (.*)$", text, re.MULTILINE))
        paths = []
        for entry in _members(_tar("--fsys-tarfile", path)):
            paths.append("/" + entry.path)
            top, _, rest = entry.path.partition("/")
            if top in MERGED:
                if not rest:
                    continue
                entry = Entry(f"usr/{entry.path}", entry.mode, entry.data, entry.device, entry.owner)
            if not LEFT_OUT.match(entry.path):
                self._add(entry)
        same = fields.get("Multi-Arch") == "same"
        name = f"{fields['Package']}:{fields['Architecture']}" if same else fields["Package"]
        control["list"] = "".join(f"{one}\n" for one in ["/.", *paths]).encode()
        for ending, data in control.items():
            mode = 0o755 if ending in ("preinst", "postinst", "prerm", "postrm", "config") else 0o644
            self._add(initramfs.file(f"var/lib/dpkg/info/{name}.{ending}", data, mode))
        return text.replace("\n", "\nStatus: install ok installed\n", 1)

    def _configure(self) -> None:
        """What maintainer scripts leave: of base-passwd, dash, libc-bin, libpam-runtime, mawk and passwd."""
        users = self._files["usr/share/base-passwd/passwd.master"].data.replace(b":*:", b":x:")
        groups = self._files["usr/share/base-passwd/group.master"].data.replace(b":*:", b":x:")
        names = [line.split(":")[0] for line in users.decode().splitlines()]
        passwords = {name: "*" for name in names} | {LOGIN: PASSWORD_HASH}
        shadow = "".join(f"{name}:{word}:19676:0:99999:7:::\n" for name, word in passwords.items())
        users = users.replace(b":/root:/bin/sh", b":/root:/bin/bash")
        texts: dict[str, bytes | str] = {
            "etc/passwd": users, "etc/group": groups, "etc/hostname": "playhead\n", "etc/inittab": _INITTAB,
            "etc/fstab": "/dev/sda1 / ext4 defaults 0 1\n", "etc/hosts": "127.0.0.1 localhost playhead\n",
            "etc/nsswitch.conf": self._files["usr/share/libc-bin/nsswitch.conf"].data,
            "root/.profile": "export PS1='playhead# '\n", "root/.inputrc": "set enable-bracketed-paste off\n",
            "etc/apt/sources.list": "",
        }  # fmt: skip
        texts |= {f"etc/pam.d/{name}": text for name, text in _PAM.items()}
        for path, text in texts.items():
            self._add(initramfs.file(path, text if isinstance(text, bytes) else text.encode()))
        self._add(Entry("etc/shadow", 0o100640, shadow.encode(), owner=(0, SHADOW_GROUP)))
        for name, text in (("start", _START), ("stop", _STOP)):
            self._add(initramfs.file(f"etc/{_LOCAL}/{name}", text.encode(), 0o755))
        for path, target in (("usr/bin/sh", "dash"), ("usr/bin/awk", "mawk"), ("etc/mtab", "../proc/self/mounts"),
                             ("var/run", "/run"), ("var/lock", "/run/lock")):  # fmt: skip
            self._add(initramfs.link(path, target))
        for name in ("dev", "etc/inittab.d", "proc", "run", "sys"):
            self._add(initramfs.folder(name))


def _tar(what: str, package: Path) -> bytes:
    done = subprocess.run(["dpkg-deb", what, str(package)], capture_output=True)
    if done.returncode != 0:
        raise AptError(f"cannot read {package.name}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _members(archive: bytes) -> Iterator[Entry]:
    """The files in a package's archive, without its top folder."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            path, owner, mode = member.name.removeprefix("./").rstrip("/"), (member.uid, member.gid), member.mode
            if path in ("", "."):
                continue
            if member.isdir():
                yield Entry(path, stat.S_IFDIR | mode, owner=owner)
            elif member.issym():
                yield Entry(path, stat.S_IFLNK | 0o777, member.linkname.encode(), owner=owner)
            elif member.isfile() or member.islnk():  # a hard link becomes a copy
                content = tar.extractfile(member)
                assert content is not None
                yield Entry(path, stat.S_IFREG | mode, content.read(), owner=owner)
            else:
                raise AptError(f"a file of an unexpected kind in a package: {member.name}")
