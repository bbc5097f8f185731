"""docs/performance.md: each measurement writes its own part of it, and says by which command, when and on what.

A part lies between two comments that carry the measurement's name. What is around the parts is written by hand.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
PAGE = HERE / "docs" / "performance.md"
OURS = "PLAYHEAD_"  # variables that begin so change what is measured
PLOTS = HERE / "docs" / "performance"


def write(name: str, text: str) -> None:
    """Put a measurement's part in the place of the one that is there."""
    begin, end = f"<!-- bench {name} -->", f"<!-- end of bench {name} -->"
    page = PAGE.read_text(encoding="utf-8")
    if begin not in page or end not in page:
        raise SystemExit(f"{PAGE} has no place for {name}: it needs the lines {begin} and {end}")
    before, _, rest = page.partition(begin)
    after = rest.partition(end)[2]
    PAGE.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}", encoding="utf-8")


def circumstances() -> str:
    """What a reader has to know of a figure: the command, the day, the host and its load, the tree."""
    words = " ".join(word for word in sys.argv[1:] if word != "--write")
    settings = "".join(f"{name}={value} " for name, value in sorted(os.environ.items()) if name.startswith(OURS))
    command = f"{settings}./dev bench {Path(sys.argv[0]).stem} {words}".strip()
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=HERE, capture_output=True, text=True)
    said = [f"`{command}`", time.strftime("%Y-%m-%d"), commit.stdout.strip() or "no git", processor(),
            f"{os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f} at the end"]  # fmt: skip
    return "; ".join(said)


def processor() -> str:
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else "an unknown processor"
