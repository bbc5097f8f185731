"""A character that Debian's shell prints, back through the kernel, the shell and the page cache to its file."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

import playhead
from playhead.analyses.backwards import backwards
from playhead.cli import main
from tools import guest

pytestmark = [pytest.mark.guest, pytest.mark.slow]
PRINTED = "GUEST-DONE"


def test_back_to_the_initramfs(tmp_path: Path) -> None:
    """The archive is not compressed here: what a decoder of codes of bits makes is no copy of what it reads."""
    kernel, packed = guest.debian()
    archive, path = gzip.decompress(Path(packed).read_bytes()), tmp_path / "r.ph"
    (tmp_path / "initrd.cpio").write_bytes(archive)
    words = ["-kernel", str(kernel), "-initrd", str(tmp_path / "initrd.cpio"), "-append", guest.NO_TESTS]
    assert main(["record", "-o", str(path), "-m", "128", "-serial", "null", "-no-reboot", *words]) == 0
    with playhead.open(str(path)) as rec:
        rows = list(backwards(rec, f'register:al@serial:"{PRINTED}"').rows())
    assert rows[0].target == ("al",) and len(rows) > 20
    (origin,) = {text for row in rows for text in row.origins if text.startswith("initrd")}
    place = re.fullmatch(r"initrd\[0x([0-9a-f]+)(?::0x([0-9a-f]+))?\] \((\S+)\[.*\]\)", origin)
    assert place is not None and place[3].endswith("init"), origin
    first = int(place[1], 16)
    assert PRINTED[-1].encode() in archive[first : int(place[2] or f"{first + 1:x}", 16)]
    around = archive[first - 64 : first + 64]
    assert PRINTED.encode() in around, around
