"""Programs of Debian packages that run on this host without being installed: unpacked into a private folder.

The images of disk_images.py then come out the same whichever of these programs the host has, and nothing needs root.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.guests.apt import INDEX, AptError, PrivateApt

PACKAGES = {  # a package with programs or files that are wanted, and the libraries that not every Debian has
    "e2fsprogs": ("libext2fs2", "libcom-err2", "libss2"),
    "grub-common": ("libdevmapper1.02.1",),
    "grub-pc-bin": (),
    "isolinux": (),
    "mtools": (),
    "syslinux": (),
    "syslinux-common": (),
    "xorriso": ("libisoburn1", "libburn4", "libisofs6", "libjte2", "libreadline8"),
}
EPOCH = 1_700_000_000  # the time that all images are made at, in seconds since 1970


class HostTools:
    """`folder` is where the packages were unpacked."""

    def __init__(self, folder: Path):
        self.folder = folder
        programs = ("usr/bin", "bin", "usr/sbin", "sbin")
        libraries = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")
        self._programs = [folder / name for name in programs]
        self._environment = {
            "PATH": ":".join(map(str, [*self._programs, os.environ.get("PATH", "")])),
            "LD_LIBRARY_PATH": ":".join(str(folder / name) for name in libraries),
            "LC_ALL": "C",
            "TZ": "UTC",
            "SOURCE_DATE_EPOCH": str(EPOCH),
            "E2FSPROGS_FAKE_TIME": str(EPOCH),
            "MKE2FS_CONFIG": str(folder / "etc/mke2fs.conf"),
            "MTOOLS_SKIP_CHECK": "1",
        }

    def run(self, program: str, *arguments: str | Path, text: str = "") -> str:
        """Run one with `text` on its standard input; what it printed."""
        paths = [path for folder in self._programs if (path := folder / program).exists()]
        if not paths:
            raise AptError(f"no program {program} among the packages in {self.folder}")
        command = [str(paths[0]), *map(str, arguments)]
        done = subprocess.run(command, env=self._environment, input=text, capture_output=True, text=True)
        if done.returncode != 0:
            lines = (done.stdout + done.stderr).strip().splitlines() or [f"status {done.returncode}"]
            raise AptError(f"{program} failed: {lines[-1]}")
        return done.stdout + done.stderr

    def file(self, path: str) -> bytes:
        """The content of a file of one of the packages."""
        try:
            return (self.folder / path).read_bytes()
        except OSError:
            raise AptError(f"no file /{path} among the packages in {self.folder}") from None


def key_of(*what: object) -> str:
    """What the name of a file in the cache carries, so that it is another one when what it is made from changes."""
    return hashlib.sha256(repr(what[0] if len(what) == 1 else what).encode()).hexdigest()[:12]


def fetch(folder: Path, say: Callable[[str], None], kind: str = "tools", packages: Sequence[str] = ()) -> HostTools:
    """The tools that make disk images, or those of other `packages`, below `folder`; fetched if they are not there."""
    if platform.machine() != "x86_64":
        raise AptError(f"the programs that make guests are fetched for x86-64, and this is {platform.machine()}")
    names = list(packages) or [name for package, libraries in PACKAGES.items() for name in (package, *libraries)]
    kept = folder / f"{kind}-{key_of(names)}"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder) as scratch:
            apt = PrivateApt(Path(scratch) / "apt", "amd64", say, folder / INDEX)
            apt.update()
            files = Path(scratch) / "files"
            for name in names:
                apt.unpack(name, files)
            files.replace(kept)
    return HostTools(kept)
