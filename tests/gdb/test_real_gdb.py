"""Debian's gdb attached to the fake machine: what its user sees."""

import contextlib
import signal
import subprocess

import pytest
import real_gdb
from fake_target import READ_ONLY, FakeTarget

SHOWN = """
eip 0x1000 0x1000
eflags 0x202 [ IF IOPL=0 ]
cs 0x8 8
fs_base 0xc0100000 3222274048
cr0 0x80000011 [ PE ET PG ]
cr3 0x5000 20480
cr4 0x10 [ PSE ]
gdtr_limit 0xff 255
tr 0x28 40
icount 0x0 0
st0 1.5 (raw 0x3fffc000000000000000)
fctrl 0x37f 895
dr7 <unavailable>
$1 = -4611686018427387904
$2 = 0
$3 = [ PE ET PG ]
=> 0x1000: mov $0x0,%eax
0x1005: inc %eax
0x1006: mov %eax,0x2000
0x1000: 0xb8 0x00 0x00 0x00
0x5000: Cannot access memory at address 0x5000
* 1 Thread 1 (CPU#0) 0x00001000 in ?? ()
"""
NO_MORE = "No more reverse-execution history."


def lines(out: str) -> list[str]:
    return [" ".join(line.split()) for line in out.splitlines()]


def in_order(out: str, *parts: str) -> None:
    at = 0
    for part in parts:
        found = out.find(part, at)
        assert found >= 0, f"{part!r} is not in:\n{out[at:]}"
        at = found + len(part)


def test_registers_and_memory():
    out = real_gdb.run(FakeTarget(), "info registers", "info registers float", "info registers system", "p $mm0.uint64",
                       "p $ax", "p $cr0", "x/3i $pc", "x/4xb 0x1000", "x/1xw 0x5000", "info threads")  # fmt: skip
    shown = lines(out)
    for line in SHOWN.strip().splitlines():
        assert line in shown, out


def test_steps_both_ways():
    out = real_gdb.run(FakeTarget(), "stepi", "stepi", "p $eax", "reverse-stepi", "p $eax", "reverse-stepi",
                       "reverse-stepi", "stepi", "p $icount")  # fmt: skip
    in_order(out, "0x00001005", "0x00001006", "$1 = 1", "0x00001005", "$2 = 0", "0x00001000", NO_MORE, "0x00001000",
             "0x00001005", "$3 = 1")  # fmt: skip


def test_breakpoints_both_ways():
    out = real_gdb.run(FakeTarget(), "break *0x1006", "continue", "continue", "p $icount", "reverse-continue",
                       "p $icount", "reverse-continue", "delete", "hbreak *0x100b", "continue", "delete",
                       "continue")  # fmt: skip
    hit = "Breakpoint 1, 0x00001006"
    in_order(out, hit, hit, "$1 = 6", hit, "$2 = 2", NO_MORE, "0x00001000")
    in_order(out, "Breakpoint 2, 0x0000100b", NO_MORE, "0x00001010")


def test_watchpoints_both_ways():
    out = real_gdb.run(FakeTarget(), "watch *(int*)0x2000", "continue", "continue", "reverse-continue",
                       "reverse-continue", "reverse-continue", "delete", "awatch *(char*)0x2001",
                       "continue")  # fmt: skip
    in_order(out, "Old value = -1\nNew value = 1\n0x0000100b", "Old value = 1\nNew value = 2\n0x0000100b",
             "Old value = 2\nNew value = 1\n0x00001006", "Old value = 1\nNew value = -1\n0x00001006", NO_MORE,
             "Hardware access (read/write) watchpoint 2")  # fmt: skip


def test_conditions_are_evaluated_here():
    target = FakeTarget()
    out = real_gdb.run(target, "set breakpoint condition-evaluation target", "break *0x1006 if $eax == 5", "continue",
                       "p $eax", "delete", "break *0x100b if *(int*)0x2000 > 6 && $eax != 7", "continue", "p $eax",
                       "reverse-continue")  # fmt: skip
    in_order(out, "Breakpoint 1, 0x00001006", "$1 = 5", "Breakpoint 2, 0x0000100b", "$2 = 8", NO_MORE)
    assert "insert 0 0x1006 1 if" in target.log and target.log.count("continue") == 2


def test_writes_in_a_replay_are_refused_visibly():
    out = real_gdb.run(FakeTarget(), "set var $eax = 5", "set var *(int*)0x2000 = 5", "stepi", "p *(int*)0x2000",
                       "set var *(int*)0x2000 = 5", "monitor echo hello")  # fmt: skip
    in_order(out, f"Could not write register \"eax\"; remote failure reply 'E.{READ_ONLY}'",
             "Cannot access memory at address 0x2000", f"\n{READ_ONLY}\n", "0x00001005", "$1 = -1",
             "Cannot access memory at address 0x2000", f"\n{READ_ONLY}\n", "a fake machine says: hello")  # fmt: skip


def test_writes_elsewhere():
    out = real_gdb.run(FakeTarget(writable=True), "set var $eax = 5", "set var *(int*)0x2000 = 0x2a7d2423", "p $eax",
                       "p/x *(int*)0x2000", "set var $st0 = 2.5", "p $st0")  # fmt: skip
    in_order(out, "$1 = 5", "$2 = 0x2a7d2423", "$3 = 2.5")


def test_monitor():
    target = FakeTarget()
    out = real_gdb.run(target, "monitor echo a word", "monitor what", "monitor seek 4",
                       "maintenance flush register-cache", "p $eip", "monitor flood", "stepi")  # fmt: skip
    in_order(out, "a fake machine says: a word", "there is no command 'what'", "maintenance flush register-cache",
             "0x100e", "19 long", "0x00001005")  # fmt: skip
    assert out.count("long") == 20_000


@pytest.mark.parametrize("feature", ["noack", "swbreak-feature", "hwbreak-feature", "verbose-resume", "binary-download",
                                     "conditional-breakpoints", "target-features", "software-breakpoint"])  # fmt: skip
def test_without_a_feature(feature):
    """An older client, or one that was told not to use something, gets along as well."""
    commands = ("break *0x1006 if $eax == 2", "continue", "p $eax", "p *(int*)0x2000", "stepi", "p *(int*)0x2000",
                "monitor echo hello", "reverse-stepi", "set var *(char*)0x2000 = 7", "p *(char*)0x2000")  # fmt: skip
    if feature == "software-breakpoint":
        commands = ("hbreak" + commands[0][5:], *commands[1:])
    out = real_gdb.run(FakeTarget(writable=True), *commands, before=[f"set remote {feature}-packet off"])
    in_order(out, "Breakpoint 1, 0x00001006", "$1 = 2", "$2 = 1", "0x0000100b", "$3 = 2", "hello", "0x00001006")
    in_order(out, "$3 = 2", "$4 = 7")


def test_a_machine_that_runs_live_and_ends():
    out = real_gdb.run(FakeTarget(can_reverse=False, exits=True), "reverse-stepi", "continue")
    in_order(out, "Target remote does not support this command.", "exited with code 03]")


@pytest.mark.parametrize("command", ["continue", "reverse-continue"])
def test_ctrl_c(command):
    target = FakeTarget(endless=True)
    if command == "reverse-continue":
        target._border = lambda kind, step, interrupted: FakeTarget._border(target, kind, 1, interrupted)
    with real_gdb.Serving(target) as serving:
        gdb = real_gdb.start(serving, [command, "p $eip", "detach"])
        try:
            serving.wait_for(lambda: command in target.log)
            gdb.send_signal(signal.SIGINT)
            out, _ = gdb.communicate(timeout=real_gdb.PATIENCE_S)
        finally:
            gdb.kill()
    in_order(out, "received signal SIGINT", "$1 = ", "detached]")
    assert serving.ways == ["detach"]


def test_one_client_after_another():
    """Detach, kill, a gdb that dies in mid-run, and one that comes while another is there."""
    target = FakeTarget(endless=True)
    with real_gdb.Serving(target) as serving, contextlib.ExitStack() as gdbs:

        def attach(*commands: str) -> subprocess.Popen:
            gdb = real_gdb.start(serving, commands)
            gdbs.callback(gdb.kill)
            return gdb

        for n, (command, way) in enumerate((("detach", "detach"), ("kill", "kill"))):
            out, _ = attach("break *0x1006", command).communicate(timeout=real_gdb.PATIENCE_S)
            serving.wait_for(lambda: len(serving.ways) == n + 1)  # noqa: B023
            assert serving.ways[-1] == way and not target.points, out
        dying = attach("break *0x9999", "continue")
        serving.wait_for(lambda: target.log[-1:] == ["continue"])
        waiting = attach("stepi")
        dying.kill()
        out, _ = waiting.communicate(timeout=real_gdb.PATIENCE_S)
        dying.communicate()
        serving.wait_for(lambda: len(serving.ways) == 4)
        assert serving.ways[2:] == ["gone", "detach"] and not target.points and "detached]" in out
