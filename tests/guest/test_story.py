"""The story of docs/debugging.md, with a real gdb: the commands are those of the page, and find the same culprit."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools import guest

sys.path.insert(0, str(Path(__file__).parents[1] / "gdb"))
import real_gdb

PLAYHEAD = [sys.executable, "-m", "playhead.cli"]
PAGE = Path(__file__).parents[2] / "docs" / "debugging.md"
LINK = "0x10001398"

pytestmark = pytest.mark.guest


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> tuple[Path, str]:
    """The recorded story, and what it printed."""
    path = tmp_path_factory.mktemp("story") / "story.ph"
    kernel, initrd = guest.debian("story")
    command = [*PLAYHEAD, "record", "-o", path, "-m", "64", "-nographic", "-kernel", kernel, "-initrd", initrd,
               "-append", guest.APPEND["story"]]  # fmt: skip
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    return path, done.stdout


def page_commands() -> list[str]:
    example = PAGE.read_text().partition("## An example")[2].partition("\n## ")[0]
    blocks = re.findall(r"```gdb\n(.*?)```", example, re.DOTALL)
    return [line.removeprefix("(gdb) ") for block in blocks for line in block.splitlines() if line[:6] == "(gdb) "]


def test_one_reverse_continue_finds_the_culprit(recording):
    path, printed = recording
    crash = re.search(r"segfault at [0-9a-f]+ ip ([0-9a-f]+)", printed)
    assert crash and f"break *0x{crash[1]}" in page_commands(), "the page names another instruction"
    command = [*PLAYHEAD, "debug", path, "--at", "end", "-gdb", "tcp::0"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            port = int(server.stderr.readline().rpartition(":")[2])
            commands = [*page_commands(), "x/i $pc"]
            gdb = real_gdb.attach(port, commands, [f"file {guest.program('story')}"])
            out = gdb.communicate(timeout=300)[0]
        finally:
            server.terminate()
    assert "<store_reading+3>" in out, out
    found = out[out.index("Hardware watchpoint") :]
    assert re.search(r"Old value = 183\nNew value = \d+\nstore_reading \(\) at guest/linux/story.s:158", found), out
    assert "in read_station ()" in found and "= 24\n" in found and "= 2\n" in found, out


def test_who_names_it_without_gdb(recording):
    path, _ = recording
    command = [*PLAYHEAD, "debug", path, "--batch", "--at", 'serial:"the stations are"', "-ex", f"who {LINK}"]
    out = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
    assert "mov dword ptr [eax + edx*4 + 0x8], ecx" in out and "-> b7 00 00 00" in out, out
