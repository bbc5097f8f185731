"""Debuggers on a real recording, through `playhead debug`: gdb's packets by hand, and Debian's gdb.

The recording is of our guest `rep`: string instructions, each interrupted by the timer again and again. What a stop is
expected to be is what running forwards finds.
"""

import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import real_gdb

from playhead.gdb import INSIDE_GDB
from tests import shared
from tools import asm, guest
from tools.fuzz import reverse as fuzz_reverse
from tools.fuzz.reverse import Debugger, Gdb, Place

SEED = random.SystemRandom().getrandbits(32)
REFUSAL = "a replay cannot be changed; to continue differently from here: playhead branch"
BREAK = "T05thread:01;swbreak:;"


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    return shared.recorded(tmp_path_factory, "rep")


@pytest.fixture(scope="module")
def end(recording) -> int:
    return fuzz_reverse.last_icount(recording)


@pytest.fixture(scope="module")
def debugger(recording) -> Iterator[Debugger]:
    with Debugger(recording) as debugger:
        yield debugger


@pytest.fixture
def gdb(debugger) -> Iterator[Gdb]:
    """Packets by hand, from the recording's start on. What it inserts goes when it does."""
    client = debugger.attach()
    client.monitor("replay_seek start")
    yield client
    client.close()


@pytest.fixture(scope="module")
def symbols() -> dict[str, int]:
    return asm.build(guest.SOURCES / "rep.s", asm.FIRMWARE)[1]


def real(debugger: Debugger, *commands: str) -> str:
    """What Debian's gdb prints. It begins where the one before it stopped."""
    gdb = real_gdb.attach(debugger.port, commands)
    try:
        return gdb.communicate(timeout=real_gdb.PATIENCE_S)[0]
    finally:
        gdb.kill()


def values(out: str) -> list[int]:
    """Of `p` with a number in gdb."""
    return [int(value, 0) for value in re.findall(r"^\$[0-9]+ = (0x[0-9a-f]+|[0-9]+)$", out, re.MULTILINE)]


# QEMU's test of reverse debugging


def test_ten_steps_by_packets_on_a_busy_host(recording, end):
    rng = random.Random(SEED)
    with Debugger(recording) as debugger, fuzz_reverse.Load():
        gdb = debugger.attach()
        for moment in ("0", *(str(rng.randrange(end)) for _ in range(4))):
            try:
                fuzz_reverse.ten_steps(gdb, moment, end)
            except fuzz_reverse.Wrong as wrong:
                pytest.fail(f"at {moment}: {wrong}\n./dev fuzz reverse --seed {SEED} --at {moment}")


def test_ten_steps_by_gdb(debugger, end):
    at = end - 13  # instructions that the guest executes once, on its way to power-off
    steps = [line.format(n=n) for n in range(10) for line in ("p $icount", "set $pc{n} = $pc", "stepi")]
    back = [line.format(n=n) for n in range(9, -1, -1) for line in ("reverse-stepi", "p $icount", "p $pc == $pc{n}")]
    again = [line.format(n=n) for n in range(10) for line in ("p $icount", "p $pc == $pc{n}", "stepi")]
    breaks = [f"break *$pc{n}" for n in range(10)]
    out = real(debugger, f"monitor replay_seek {at}", "maintenance flush register-cache", *steps, *back, *again,
               *breaks, f"monitor replay_break {end - 1}", "continue", "p $icount", "reverse-continue", "p $icount",
               "p $pc == $pc9", "monitor replay_delete_break")  # fmt: skip
    found = values(out)
    icounts = found[:10]
    assert icounts == sorted(icounts) and icounts[0] == at
    assert found[10:30] == [x for icount in reversed(icounts) for x in (icount, 1)], out
    assert found[30:50] == [x for icount in icounts for x in (icount, 1)], out
    assert found[50:] == [end - 1, icounts[9], 1], out
    assert "received signal SIGINT" in out  # QEMU reports a replay breakpoint in the same way


# breakpoints


def test_breakpoints_side_by_side(gdb):
    gdb.monitor("replay_seek 1000")
    there = [gdb.place()]
    for _ in range(6):
        gdb.ask("s")
        there.append(gdb.place())
    for place in there[:-1]:
        gdb.ask(f"Z0,{place.linear:x},1")
    for place in reversed(there[:-1]):
        assert (gdb.ask("bc"), gdb.place()) == (BREAK, place)


def test_a_string_instruction_is_a_step_each_time(recording, symbols):
    """A breakpoint on it stops before every iteration, in both directions; also the one just passed."""
    image, _ = asm.build(guest.SOURCES / "rep.s", asm.FIRMWARE)
    stores = symbols["stores"] - asm.FIRMWARE.base
    stosl = asm.FIRMWARE.base + image.index(b"\xf3\xab", stores)
    with Debugger(recording) as debugger:  # its own: traces of a breakpoint in a hot loop slow others down
        gdb = debugger.attach()
        gdb.ask(f"Z0,{stosl:x},1")
        counts = [(gdb.ask("c"), gdb.register("ecx")) for _ in range(3)]
        assert counts == [(BREAK, 0x40000 - n) for n in range(3)]
        gdb.ask(f"z0,{stosl:x},1")
        gdb.ask(f"Z0,{stosl + 2:x},1")
        assert (gdb.ask("c"), gdb.register("ecx")) == (BREAK, 0)
        behind = gdb.place()
        gdb.ask(f"Z0,{stosl:x},1")
        for n in range(1, 4):
            assert (gdb.ask("bc"), gdb.place()) == (BREAK, Place(behind.icount - n, 0, stosl))
            assert gdb.register("ecx") == n
        assert (gdb.ask("c"), gdb.place().icount) == (BREAK, behind.icount - 2)


def test_conditions_backwards(debugger, symbols):
    ticks, on_tick = symbols["ticks"], symbols["on_tick"]
    for where in ("target", "host"):
        out = real(debugger, "monitor replay_seek end", f"set breakpoint condition-evaluation {where}",
                   f"break *{on_tick:#x} if *(int*){ticks:#x} == 7", "reverse-continue", f"p *(int*){ticks:#x}",
                   "reverse-continue", f"p *(int*){ticks:#x}")  # fmt: skip
        assert out.count("Breakpoint 1, ") == 1 and values(out) == [7, 0], out
        assert "No more reverse-execution history" in out


# watchpoints


@pytest.mark.parametrize("kind, name", [(2, "watch"), (3, "rwatch"), (4, "awatch")])
def test_the_last_three_accesses(gdb, symbols, kind, name):
    """`interrupted` is counted up by the handler and compared with 3 by `main`."""
    address = symbols["interrupted"]
    gdb.ask(f"Z{kind},{address:x},4")
    gdb.monitor("replay_seek 2000000")
    forwards = []
    while (stop := gdb.ask("c")) == f"T05thread:01;{name}:{address:08x};":
        forwards.append(gdb.place())
    assert stop == "T05thread:01;replaylog:end;" and len(forwards) > 3
    for behind in reversed(forwards[-3:]):
        assert gdb.ask("bc") == stop.replace("replaylog:end", f"{name}:{address:08x}")
        there = gdb.place()
        assert there.icount == behind.icount - 1, "it is to stop in front of the instruction"
        assert gdb.ask("s")[:3] == "T05" and gdb.place() == behind
        gdb.ask("bs")
        assert gdb.place() == there


def test_watchpoints_by_gdb(debugger, symbols):
    ticks = symbols["ticks"]
    out = real(debugger, "monitor replay_seek end", f"watch *(int*){ticks:#x}", *["reverse-continue"] * 3,
               "continue")  # fmt: skip
    changes = re.findall(r"Old value = (\d+)\nNew value = (\d+)", out)
    last = int(changes[0][0])
    assert [(int(a), int(b)) for a, b in changes] == [
        (last, last - 1), (last - 1, last - 2), (last - 2, last - 3), (last - 3, last - 2)], out  # fmt: skip


# the ends, and what is refused


def test_the_ends(gdb, end):
    assert gdb.ask("bs") == gdb.ask("bc") == "T05thread:01;replaylog:begin;"
    assert gdb.place()[:2] == (0, 0)
    assert gdb.ask("c") == gdb.ask("c") == gdb.ask("s") == "T05thread:01;replaylog:end;"
    assert gdb.place().icount == end
    assert gdb.ask("bs") == "T05thread:01;" and gdb.place().icount == end - 1


def test_nothing_can_be_changed(gdb, debugger):
    before = gdb.ask("g")
    assert gdb.ask("P0=01000000") == f"E.{REFUSAL}" and gdb.ask("M1000,1:00") == "E01"
    assert gdb.ask("G" + "0" * len(before))[:1] == "E"
    assert gdb.ask("g") == before
    gdb.close()
    out = real(debugger, "set var $eax = 5", "set var *(int*)0x2000 = 5", "stepi")
    assert out.count(REFUSAL) == 2, out


def test_the_reason_is_shown_with_the_write_that_is_refused(debugger):
    """gdb 13 shows none for memory; the file that it loads asks for it before each prompt."""
    script = ["set remotetimeout 60", f"target remote 127.0.0.1:{debugger.port}", "set var *(int*)0x2000 = 5",
              "echo next\\n"]  # fmt: skip
    gdb = subprocess.run(
        [real_gdb.program(), "-nx", "-q", "-x", INSIDE_GDB], input="\n".join(script), capture_output=True, text=True,
        timeout=real_gdb.PATIENCE_S,
    )  # fmt: skip
    both = subprocess.run(
        [real_gdb.program(), "-nx", "-q", "-x", INSIDE_GDB], input="\n".join(script), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=real_gdb.PATIENCE_S,
    ).stdout  # fmt: skip
    assert both.index("Cannot access memory at address 0x2000") < both.index(REFUSAL) < both.index("next\n"), both
    assert gdb.stderr.count(REFUSAL) == 1


# coming and going


@pytest.mark.parametrize("packet", ["k", "vKill;1"])
def test_a_kill_only_leaves(debugger, packet):
    """lldb's `quit` sends `k`, as gdb's `kill` does where there is no `vKill`: the recording stays open."""
    first = debugger.attach()
    first.monitor("replay_seek 1234")
    first.ask("Z0,1000,1")
    first.send(packet)
    first.close()
    assert "has left (kill); the recording stays open" in debugger.complaint()
    second = debugger.attach()
    assert second.register("icount") == 1234
    second.close()


def test_a_kill_ends_a_live_machine_and_says_so():
    """And a detachment does not, nor a connection that is closed."""
    options = ["-m", "16", "-serial", "null", "-bios", guest.image("demo"), "-gdb", "tcp::0"]
    command = [*fuzz_reverse.PLAYHEAD, "run", *options]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        port = int(process.stderr.readline().rpartition(":")[2])
        for way in ("D", "", "vCont;c", "D"):
            client = Gdb(port)
            if way == "D":
                assert client.ask("D") == "OK"
            elif way:
                client.send(way)
            client.close()
            if way != "D":
                assert "connection has closed: the machine is paused" in process.stderr.readline()
        client = Gdb(port)
        assert client.ask("!") == "" and client.ask("vRun;") == "E01" and process.poll() is None
        client.send("k")
        said = process.stderr.read()
        client.close()
        assert process.wait(real_gdb.PATIENCE_S) == 0 and "playhead: ended by the debugger, which killed it" in said


def test_ctrl_c_and_leaving_in_mid_run(debugger, symbols):
    """A search that finds nothing, over the whole recording, again and again."""
    first = debugger.attach()
    first.monitor("replay_seek end")
    first.ask(f"Z0,{symbols['on_tick']:x},1,X3,220027")  # a condition that never holds: constant 0
    first.send("bc")
    first.interrupt()
    stop = first.reply()
    assert stop in ("T02thread:01;", "T05thread:01;replaylog:begin;"), stop
    first.send("c")
    first.close()
    second = debugger.attach()
    assert second.ask("?") == "T05thread:01;"
    second.monitor("replay_seek end")
    assert second.ask("bc") == "T05thread:01;replaylog:begin;"  # nothing of the first one is left
    second.ask("D")
    second.close()


def test_one_client_after_another(debugger):
    assert values(real(debugger, "monitor replay_seek 1234", "maintenance flush register-cache", "p $icount")) == [1234]
    assert values(real(debugger, "p $icount", "stepi", "p $icount")) == [1234, 1235]


def test_batch_without_gdb(recording):
    command = [*fuzz_reverse.PLAYHEAD, "debug", str(recording), "--at", "100%", "--batch", "-ex"]
    done = subprocess.run([*command, "who $esp:4 2"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.count(" -> ") == 2, done
    done = subprocess.run([*command, "who nothing"], capture_output=True, text=True)
    assert done.returncode == 2 and "is no number" in done.stderr
