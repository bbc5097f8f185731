"""Debian's gdb where CS base is not 0: a boot sector at 07C0:0, SeaBIOS, a virtual-8086 task; live and replayed.

gdb takes EIP for the linear address, so it does not recognise its breakpoints there. It must stop anyway, and
continuing from there must get somewhere, in both directions.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import real_gdb

from playhead.cli.drives import SEABIOS
from playhead.gdb import INSIDE_GDB
from tools import asm, guest
from tools.fuzz import reverse as fuzz_reverse
from tools.fuzz.reverse import PLAYHEAD, Debugger

SECTOR = """
        ljmpw   $0x7C0, $start
start:  movw    %cs, %ax
        movw    %ax, %ds
        xorl    %ecx, %ecx
again:  incw    %cx
        movw    %cx, counter
        callw   work
        cmpw    $10, %cx
        jne     again
        movw    $0x501, %dx
        outb    %al, %dx
        hlt
work:   xorw    %bx, %bx
        retw
        .balign 4
counter: .word 0
"""
AGAIN, STORE, CALL, BEHIND, RETURN, COUNTER = 0x7C0C, 0x7C0D, 0x7C11, 0x7C14, 0x7C20, 0x7C24
SIGTRAP = "Program received signal SIGTRAP"
FLUSH = "maintenance flush register-cache"


@pytest.fixture(scope="module")
def machine(tmp_path_factory) -> list[str]:
    """The options of a machine that starts the boot sector."""
    if not any(Path(path).exists() for path in SEABIOS):
        text = "Debian's package seabios is not installed"
        pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)
    image = tmp_path_factory.mktemp("sector") / "sector.img"
    code = asm.flat(SECTOR, bits=16)
    assert code[AGAIN - 0x7C00 :].startswith(bytes.fromhex("41 890e2400")), "the addresses are other ones"
    image.write_bytes(code.ljust(510, b"\0") + b"\x55\xaa" + bytes(65536 - 512))
    drive = ["-snapshot", "-drive", f"file={image},format=raw"]
    return ["-m", "16", "-serial", "null", "-device", "isa-debug-exit", *drive]


@pytest.fixture(scope="module")
def recording(machine, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("segments") / "sector.ph"
    subprocess.run([*PLAYHEAD, "record", "-o", path, *machine], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return path


@pytest.fixture(scope="module")
def replayed(recording) -> Iterator[Debugger]:
    with Debugger(recording) as debugger:
        yield debugger


@pytest.fixture(params=["live", "replayed"])
def port(request, machine) -> Iterator[int]:
    """The place of a machine at its first instruction."""
    if request.param == "replayed":
        debugger = request.getfixturevalue("replayed")
        gdb = debugger.attach()
        gdb.monitor("seek start")
        gdb.close()
        yield debugger.port
        return
    command = [*PLAYHEAD, "run", "-S", "-gdb", "tcp::0", *machine]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        yield int(process.stderr.readline().rpartition(":")[2])
        process.terminate()


def gdb(port: int, *commands: str, before: tuple[str, ...] = ()) -> str:
    process = real_gdb.attach(port, commands, before)
    try:
        return process.communicate(timeout=real_gdb.PATIENCE_S)[0]
    finally:
        process.kill()


def values(out: str) -> list[int]:
    return [int(value, 0) for value in re.findall(r"^\$[0-9]+ = (0x[0-9a-f]+|-?[0-9]+)", out, re.MULTILINE)]


SHOW = ("p/x $cs_base + $eip", "p $cx", "p $icount")


def shown(out: str) -> list[tuple[int, ...]]:
    """What `SHOW` printed each time."""
    found = values(out)
    return [tuple(found[n : n + 3]) for n in range(0, len(found), 3)]


def test_breakpoints_stop_and_going_on_makes_progress(port):
    go = ("continue", *SHOW)
    out = gdb(port, f"break *{AGAIN:#x}", f"break *{BEHIND:#x}", *go, *go, *go, "stepi", *SHOW, *go,
              "delete 2", *go, *go)  # fmt: skip
    stops = shown(out)
    assert [stop[:2] for stop in stops] == [
        (AGAIN, 0), (BEHIND, 1), (AGAIN, 1), (STORE, 2), (BEHIND, 2), (AGAIN, 2), (AGAIN, 3)], out  # fmt: skip
    icounts = [stop[2] for stop in stops]
    assert icounts == sorted(set(icounts)) and out.count(SIGTRAP) == 6
    assert out.count(f"breakpoint at linear address {AGAIN:#x}, which is 07c0:000c") == 4


def test_hardware_breakpoints_and_conditions(port):
    go = ("continue", *SHOW)
    out = gdb(port, f"hbreak *{AGAIN:#x} if $ecx == 5", f"break *{BEHIND:#x} if (short) $ecx % 4 == 3", *go, *go, *go)
    assert [stop[:2] for stop in shown(out)] == [(BEHIND, 3), (AGAIN, 5), (BEHIND, 7)], out


def test_watchpoints(port):
    out = gdb(port, f"break *{AGAIN:#x}", "continue", "delete", f"watch *(short *) {COUNTER:#x}",
              *(["continue", *SHOW] * 3))  # fmt: skip
    assert [stop[:2] for stop in shown(out)] == [(CALL, 1), (CALL, 2), (CALL, 3)], out
    assert re.findall(r"Old value = (\d+)\nNew value = (\d+)", out) == [("0", "1"), ("1", "2"), ("2", "3")]


def test_backwards(replayed):
    back = ("reverse-continue", *SHOW)
    out = gdb(replayed.port, "monitor seek end", FLUSH, f"break *{AGAIN:#x}", f"break *{BEHIND:#x} if $ecx != 8",
              *back, *back, *back, "reverse-stepi", *SHOW, "stepi", *SHOW, *back, "continue", *SHOW)  # fmt: skip
    assert [stop[:2] for stop in shown(out)] == [
        (BEHIND, 10), (AGAIN, 9), (BEHIND, 9), (RETURN, 9), (BEHIND, 9), (AGAIN, 8), (BEHIND, 9)], out  # fmt: skip
    out = gdb(replayed.port, "monitor seek end", FLUSH, f"watch *(short *) {COUNTER:#x}", *(back * 3))
    assert [stop[:2] for stop in shown(out)] == [(STORE, 10), (STORE, 9), (STORE, 8)], out


def test_firmware(replayed):
    """SeaBIOS starts at F000:E05B, which the first instruction jumps to; and comes by again and again at F000:D146."""
    out = gdb(replayed.port, "monitor seek start", FLUSH, "break *0xfe05b", "continue", *SHOW, "reverse-continue",
              "p $icount")  # fmt: skip
    assert shown(out)[0] == (0xFE05B, 0, 1) and values(out)[3] == 0 and "reverse-execution history" in out, out


def test_a_virtual_8086_task(tmp_path):
    image, symbols = asm.build(guest.SOURCES / "v86.s", asm.FIRMWARE)
    task = 0x20000
    first = image[symbols["v86_code"] - asm.FIRMWARE.base :][:1]
    with Debugger(fuzz_reverse.record(tmp_path / "v86.ph", "v86")) as debugger:
        out = gdb(debugger.port, f"break *{task:#x}", "continue", "p/x $cs_base + $eip",
                  "p ((int) $eflags >> 17) & 1", f"p/x *(unsigned char *) {task:#x}", "stepi", "p $icount", "delete",
                  f"break *{symbols['monitor']:#x}", "continue", "p $eip == $pc && $cs_base == 0", "p $icount",
                  f"break *{task:#x}", "reverse-continue", "p/x $cs_base + $eip")  # fmt: skip
    found = values(out)
    assert found[:3] == [task, 1, first[0]] and found[4] == 1 and found[5] > found[3] and found[6] == task, out
    assert out.count(SIGTRAP) == 2 and "Breakpoint 2, " in out, "where the base is 0, gdb knows its breakpoint"


def test_gdb_disassembles_16_bit_code(replayed):
    """With the architecture in the target description, gdb 13 would continue decoding 32-bit code."""
    out = gdb(replayed.port, "monitor seek end", FLUSH, f"x/2i {AGAIN:#x}",
              "set architecture i8086", f"x/4i {AGAIN:#x}")  # fmt: skip
    code = re.findall(r"0x7c[0-9a-f]+:\s+(.*)", out)
    assert code[2:] == ["inc    %cx", "mov    %cx,0x24", "call   0x7c1e", "cmp    $0xa,%cx"], out
    assert code[0] == "inc    %ecx", out


# the commands that gdb loads


def with_file(port: int, *commands: str) -> str:
    return gdb(port, f"source {INSIDE_GDB}", *commands)


def test_conditions_on_narrow_registers(replayed):
    """The server evaluates conditions, but only of whole registers: what gdb loads rewrites them."""
    out = with_file(replayed.port, "seek start", f"break *{BEHIND:#x} if $cl == 4 && $cx < 9", "continue", *SHOW,
                    "info breakpoints", "condition 1 $ch == 0 && $cx == 6", "continue", *SHOW)  # fmt: skip
    assert [stop[:2] for stop in shown(out)] == [(BEHIND, 4), (BEHIND, 6)], out
    assert "stop only if ((signed char)$ecx) == 4" in out


def test_what_gdb_does_at_a_breakpoint_is_done(port):
    """Names, `tbreak`, conditions that only gdb can evaluate, and what each stop shows."""
    out = with_file(port, f"tbreak *{AGAIN:#x}", "continue", "set var $five = 5", f"break *{BEHIND:#x} if $cx == $five",
                    "continue", "info breakpoints")  # fmt: skip
    assert "Temporary breakpoint 1\n" in out and out.count("breakpoint at linear") == 2, out
    assert "Breakpoint 2; its condition does not hold" in out and "\n1 " not in out[out.index("Num ") :]
    assert "07c0:000c  linear 00007c0c  41  inc cx\n" in out, out


def test_the_commands_of_a_breakpoint_are_executed(replayed):
    """At the prompt, after the stop. Those that let it continue are not, and gdb says so."""
    script = [f"target remote 127.0.0.1:{replayed.port}", "set pagination off", "seek start", f"break *{BEHIND:#x}",
              "commands", "if $cx < 2", "printf \"behind %d\\n\", $cx", "end", "end", "continue", "continue",
              "commands 1", "continue", "end", "continue", "p 1000 + $cx"]  # fmt: skip
    out = subprocess.run(
        [real_gdb.program(), "-nx", "-q", "-x", INSIDE_GDB], input="\n".join(script), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=real_gdb.PATIENCE_S,
    ).stdout  # fmt: skip
    assert re.findall("behind ([0-9]+)", out) == ["1"] and out.count("its commands are not executed") == 1, out
    assert "$1 = 1003\n" in out


def test_stepping_over_calls(port):
    out = with_file(port, f"tbreak *{CALL:#x}", "continue", "over", *SHOW, "over", *SHOW,
                    "info breakpoints")  # fmt: skip
    assert [stop[:2] for stop in shown(out)] == [(BEHIND, 1), (0x7C17, 1)] and "No breakpoints" in out, out


def test_addresses_and_code(replayed):
    out = with_file(replayed.port, f"tbreak *{BEHIND:#x}", "seek start", "continue", "p/x $linear()",
                    "p/x $linear(0x7c0, 0x24)", "xi 2", f"xi 1 {AGAIN:#x}", f"xi {COUNTER:#x} - 4")  # fmt: skip
    assert values(out) == [BEHIND, COUNTER], out
    assert out.count("\n00007c") == 3 + 8
    code = ["00007c14  83 f9 0a  cmp cx, 0xa", "00007c17  75 f3  jne 0xc", "00007c0c  41  inc cx"]
    assert "\n".join(code) in out, out
