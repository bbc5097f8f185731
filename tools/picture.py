"""picture [--output FILE]: record a Debian kernel that boots on the VGA console, and make the README's picture of it

The picture is what `playhead shot` shows at the recording's end.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from playhead.cli import main as playhead
from tools import guest

OUTPUT = Path(__file__).resolve().parent.parent / "docs" / "screen.png"
APPEND = "console=ttyS0 console=tty0 cryptomgr.notests"
MOMENT = "end"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="picture", description=__doc__)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args(argv)
    kernel, initrd = guest.debian("boot")
    boot = ["-kernel", str(kernel), "-initrd", str(initrd), "-append", APPEND, "-m", "128", "-vga", "std"]
    with tempfile.TemporaryDirectory() as folder:
        recording = f"{folder}/boot.ph"
        status = playhead(["record", "-o", recording, *boot, "-serial", "null"])
        return status or playhead(["shot", recording, "--at", MOMENT, "-o", str(options.output), "--force"])


if __name__ == "__main__":
    sys.exit(main())
