"""A script out of QEMU's source: scripts/replay-dump.py, which prints record/replay logs.

Debian 12's QEMU 7.2 has an older one, which does not know the version of the logs that this QEMU writes. So it comes
from Debian 13's source package.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

from tools.guests.apt import AptError, PrivateApt

SUITE, PACKAGE, MEMBER = "trixie", "qemu", "scripts/replay-dump.py"


def replay_dump(folder: Path, say: Callable[[str], None]) -> Path:
    """The script, fetched once."""
    out = folder / "replay-dump.py"
    if not out.exists():
        folder.mkdir(parents=True, exist_ok=True)
        apt = PrivateApt(folder / "apt", "amd64", say, folder / "apt-index")
        archive = apt.source(PACKAGE, SUITE)
        with tarfile.open(archive) as tar:
            member = next((m for m in tar if m.name.partition("/")[2] == MEMBER), None)
            content = tar.extractfile(member) if member is not None else None
            if content is None:
                raise AptError(f"{archive.name} has no {MEMBER}")
            partial = out.with_suffix(".partial")
            partial.write_bytes(content.read())
        partial.replace(out)
        shutil.rmtree(folder / "apt")
        shutil.rmtree(folder / "apt-index")
    return out
