"""A real lldb, where one is installed: what it needs of the target description, how it leaves, what it shows.

CI has none; what lldb sends and expects is in tests/gdb/test_session.py as packets.
"""

import shutil
import subprocess
from collections.abc import Iterator

import pytest
import real_gdb

from tests import shared
from tools.fuzz.reverse import Debugger

LLDB = shutil.which("lldb") or next(filter(None, (shutil.which(f"lldb-{n}") for n in range(25, 12, -1))), None)
REFUSAL = "a replay cannot be changed"

pytestmark = pytest.mark.skipif(LLDB is None, reason="no lldb is installed")


@pytest.fixture(scope="module")
def debugger(tmp_path_factory) -> Iterator[Debugger]:
    with Debugger(shared.recorded(tmp_path_factory, "rep")) as debugger:
        yield debugger


def lldb(port: int, *commands: str) -> str:
    words = [word for line in (f"gdb-remote 127.0.0.1:{port}", *commands, "quit") for word in ("-o", line)]
    assert LLDB is not None
    return subprocess.run(
        [LLDB, "--no-lldbinit", "--arch", "i386", "-b", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=real_gdb.PATIENCE_S,
    ).stdout  # fmt: skip


def test_one_after_another(debugger):
    """Its `quit` sends `k`."""
    assert "eip = 0x0000fff0" in lldb(debugger.port, "register read eip", "stepi")
    assert "eip = 0x00000000" in lldb(debugger.port, "register read eip")


def test_the_reason_for_a_refused_write(debugger):
    assert REFUSAL in lldb(debugger.port, "memory write 0x1000 5")
