"""picture [--output FILE]: record GRUB's menus in text and in graphics, and make the README's picture of the recording

While the guest is recorded, `playhead shot` is asked what is on its screen, so that keys are pressed when their menu is
there; the picture is what it shows at the recording's end.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tools import guest

OUTPUT = Path(__file__).resolve().parent.parent / "docs" / "screen.png"
OURS = [sys.executable, "-m", "playhead.cli"]
PATIENCE_S = 300
SETTLES_S = 3.0  # a menu is drawn within that


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="picture", description=__doc__)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args(argv)
    disk = guest.screen_disk("grub-menu")
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "grub.ph"
        record(disk, recording)
        shot = [*OURS, "shot", str(recording), "-o", str(options.output), "--force"]
        return subprocess.run(shot, check=False).returncode


def record(disk: Path, recording: Path) -> None:
    """From power-on to the second entry of the menu in graphics."""
    drive = f"file={disk},format=raw,if=ide,snapshot=on"
    words = ["record", "-o", str(recording), "-drive", drive, "-m", "64", "-vga", "std", "-serial", "null"]
    process = subprocess.Popen([*OURS, *words, "-monitor", "stdio"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               text=True)  # fmt: skip
    assert process.stdin is not None
    try:
        wait(recording, lambda text: "graphics" in text)
        print("sendkey ret", file=process.stdin, flush=True)
        wait(recording, lambda text: "graphics mode" in text)
        for line in ("sendkey down", "quit"):
            time.sleep(SETTLES_S)
            print(line, file=process.stdin, flush=True)
        process.wait(PATIENCE_S)
    finally:
        process.kill()
        process.wait()


def wait(recording: Path, there: Callable[[str], bool]) -> None:
    """Until the screen is so, as far as it has been written: what `shot --text` prints, or says instead."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        shot = subprocess.run([*OURS, "shot", str(recording), "--text", "--quiet"], capture_output=True, text=True)
        if there(shot.stdout + shot.stderr):
            return
        time.sleep(0.5)
    raise SystemExit(f"picture: no menu within {PATIENCE_S} s; there was: {shot.stderr or shot.stdout}")


if __name__ == "__main__":
    sys.exit(main())
