"""The prompt's commands that run a replay, both ways: gdb's words, in scripts (`--batch -ex`) and with a gdb attached
at the same time; the terminal with line editing is in tests/cli.
"""

import re
import signal
import subprocess
import sys
from pathlib import Path

import planted
import pytest
from quiet_host import QuietHost

from playhead.base.errors import PlayheadError
from playhead.boards.config import PcConfig
from playhead.cli import main
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.machine.machine import Machine
from playhead.monitor import looking, moving, replaying
from playhead.monitor.commands import Monitor
from playhead.timeline.debuggee import SOFTWARE, WATCH
from playhead.timeline.replayed import ReplayDebuggee
from playhead.timeline.timeline import Timeline

RET = 0xF00F6  # of the routine that sends a character


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    return planted.shared(tmp_path_factory)


class Prompt:
    """A monitor on a replay; `do(line)` gives what it says. `here`: three instructions before the RET of one of the
    last characters that are printed.
    """

    def __init__(self, reader: Reader):
        pc = PcConfig.from_json(reader.meta["config"], reader.blob)
        build = lambda door: Machine(pc, door, shift=reader.meta["shift"])  # noqa: E731
        self.line = Timeline(build, QuietHost(), reader, 1).begin()
        self.target = ReplayDebuggee(self.line, lambda: "now")
        self.monitor = Monitor((*moving.commands(self.target), *replaying.commands(self.target, reader),
                                *looking.commands(self.target)))  # fmt: skip
        self.do("seek end")
        self.do(f"break *{RET:#x}")
        self.here = [at(self.do("rc")) for _ in range(5)][-1] - 3

    def do(self, text: str) -> list[str]:
        said: list[str] = []
        self.monitor.execute(text, said.append)
        return said


@pytest.fixture(scope="module")
def opened(recording):
    with Reader(str(recording)) as reader:
        yield Prompt(reader)


@pytest.fixture
def prompt(opened) -> Prompt:
    opened.do("delete")
    opened.do(f"seek {opened.here}")
    return opened


def at(said: list[str]) -> int:
    found = re.match(r"at (\d+)(\+\d+)?: ", said[-1])
    assert found, said
    return int(found[1])


def test_steps(prompt):
    here = prompt.here
    assert at(prompt.do("stepi")) == here + 1 and at(prompt.do("si 4")) == here + 5
    assert at(prompt.do("rsi 5")) == here
    assert at(prompt.do("ni")) == here + 1 and at(prompt.do("reverse-nexti")) == here
    assert at(prompt.do("finish")) == here + 4 and "jmp" in prompt.do("si 0")[-1]
    assert "call 0xf0115" in prompt.do("reverse-finish")[-1]


def test_breakpoints_both_ways(prompt):
    assert prompt.do(f"break *{RET:#x}") == [f"Breakpoint {at_number(prompt)} at {RET:#010x}"]
    first, second = at(prompt.do("rc")), at(prompt.do("reverse-continue"))
    assert second < first < prompt.here and at(prompt.do("c")) == first and prompt.line.machine.pc() == RET
    prompt.do("delete")
    assert prompt.do("c")[0] == "the end of the recording" and prompt.do("rc")[0] == "the start of the recording"


def at_number(prompt) -> int:
    """Of the newest."""
    return int(prompt.do("info breakpoints")[-1].split()[0])


def test_conditions_and_temporary_ones(prompt):
    prompt.do("seek 1040000")
    prompt.do(f"b {RET:#x} if $al == 'x'".replace("'x'", "0x0a"))
    said = prompt.do("c")
    assert "breakpoint" in said[0] and prompt.target.read_register("eax") & 0xFF == 0x0A
    there = prompt.line.moment
    prompt.do("delete")
    prompt.do("seek 1040000")
    prompt.do(f"tbreak {RET:#x}")
    assert Moment(at(prompt.do("c"))) < there
    assert prompt.do("info b") == ["No breakpoints or watchpoints."]
    prompt.do(f"b {RET:#x} if *($esp - 0x100000) == 0")  # there is no memory: it stops, so that one sees
    assert "breakpoint" in prompt.do("c")[0]


def test_watchpoints_say_what_changed(prompt):
    slot = prompt.target.read_register("esp") - 4
    prompt.do("watch *(unsigned char *) ($esp - 4)")
    forwards = prompt.do("c")
    new = prompt.target.read_memory(slot, 1, False).hex()
    assert forwards[1] == f"  {slot:#010x}: 00 -> {new}" and new != "00" and "written" in forwards[0]
    behind = at(forwards)
    backwards = prompt.do("rc")
    assert backwards[:2] == forwards[:2] and at(backwards) == behind - 1
    prompt.do("d")
    prompt.do(f"rwatch {slot:#x} 2")
    said = prompt.do("c")
    assert said[0].endswith("2 bytes: read") and len(said) == 2
    prompt.do(f"awatch {slot:#x}:1")
    assert [line.split()[1:3] for line in prompt.do("info watchpoints")[1:]] == [["read", "watchpoint"],
                                                                               ["access", "watchpoint"]]  # fmt: skip


def test_gdb_and_the_prompt_do_not_disturb_each_other(prompt):
    target, start = prompt.target, prompt.line.moment
    gdb_at = 0xF0106  # where the routine that prints a character of any kind begins
    target.insert(SOFTWARE, gdb_at, 1, None)
    target.insert(WATCH, 0x10A00, 4, None)
    prompt.do("seek 1036000")
    prompt.do(f"b {RET:#x}")
    mine = at(prompt.do("c"))
    assert prompt.line.machine.pc() == RET
    prompt.do("seek 1036000")
    stop = target.resume("continue", lambda: False)
    assert stop.reason == "break" and prompt.line.machine.pc() == gdb_at
    prompt.do("rc")
    target.remove(SOFTWARE, gdb_at, 1)
    target.remove(WATCH, 0x10A00, 4)
    prompt.line.seek(start)
    assert target.resume("reverse-continue", lambda: False).reason == "history-begin"
    prompt.do("seek 1036000")
    assert at(prompt.do("c")) == mine


REFUSED = ("stepi zz", "si -1", "si 1 2", "si 99999999999", "nexti x", "break main", "b 1 if", "b 1 if (", "b $nosuch",
           "watch", "watch 0 0", "watch 0 x", "watch 0:99999999", "delete 77", "delete 1 77", "delete x", "finish now",
           "continue 5", "x/3z 1", "x (", "print", "print /q 1", "rsi 1.5", "b \x1b[2J", "help nothing", "i zz",
           "reverse-finish x", "info breakpoints 1")  # fmt: skip


@pytest.mark.parametrize("command", REFUSED)
def test_a_refusal_leaves_everything_alone(prompt, command):
    prompt.do("b 0x1000")
    before = (prompt.line.moment, prompt.do("info b"), prompt.line.player.digest().root)
    with pytest.raises(PlayheadError) as refused:
        prompt.do(command)
    assert all(c.isprintable() for c in str(refused.value)), str(refused.value)
    assert (prompt.line.moment, prompt.do("info b"), prompt.line.player.digest().root) == before


def test_an_unknown_word_is_shown_escaped(recording, capfd):
    assert main(["debug", str(recording), "--batch", "-ex", "\x1b]0;title\x07\x9b31mred"]) == 2
    said = capfd.readouterr().err
    assert said == "playhead: unknown command: '\\x1b]0;title\\x07\\x9b31mred'; help lists what there is\n"


def test_instructions_follow_the_segment_and_the_mode(prompt):
    """The machine starts at F000:FFF0, whose base is FFFF0000; then 16-bit code at F000:0000; then 32-bit code."""
    prompt.do("seek start")
    for text in ("x/i", "x/i $pc", "x/i $eip", "x/i $cs:$eip"):
        assert prompt.do(text) == ["fffffff0  ea 00 00 00 f0  ljmp 0xf000, 0x0"], text
    prompt.do("b $eip")
    assert "0xfffffff0" in prompt.do("i b")[-1]
    prompt.do("delete")
    prompt.do("stepi")
    said = prompt.do("x/3i")
    assert said[0] == "000f0000  fa  cli" and re.search(r"lgdt cs:\[0x\w+\]$", said[2])
    code = prompt.target.read_memory(0xF0000, 0x1000, False)
    jump = code.index(b"\xeb")
    goal = (jump + 2 + int.from_bytes(code[jump + 1 : jump + 2], signed=True)) & 0xFFFF
    assert prompt.do(f"x/i {0xF0000 + jump:#x}")[0].endswith(f"jmp {goal:#x}")  # an offset, as CS counts
    assert prompt.do("p $cs:$eip") == ["983040 (0xf0000)"] and prompt.do("p/x $pc+1") == ["0xf0001"]
    prompt.do("b $eip+1")
    assert at(prompt.do("c")) == 2 and prompt.do("x/i")[0].startswith("000f0001  fc  cld")
    prompt.do("seek 500000")
    assert prompt.do("x/i $pc") == prompt.do("x/i $eip") and ":" not in prompt.do("x/i")[0]


def test_memory_in_gdbs_formats(prompt):
    prompt.do("seek start")
    assert prompt.do("x/4xb 0xffff0000") == ["ffff0000: 0xfa 0xfc 0x2e 0x66"]
    assert prompt.do("x/2dh 0xffff0000") == ["ffff0000: -774 26158"]
    assert prompt.do("x/uw 0xffff0000") == ["ffff0000: 1714355450"]
    eight = int.from_bytes(prompt.target.read_memory(0xFFFF0000, 8, False), "little")
    assert prompt.do("x/gx 0xffff0000") == [f"ffff0000: {eight:#018x}"]
    prompt.do("x/2xb 0xffff0000")
    assert prompt.do("x") == ["ffff0002: 0x2e"] and prompt.do("x") == ["ffff0003: 0x66"]
    assert prompt.do("x/2c 0xffff0002") == ["ffff0002: 46 '.' 102 'f'"]
    assert prompt.do("x/s 0xffff0000")[0].startswith('ffff0000: "\\xfa\\xfc.f\\x0f')
    assert prompt.do("print *(unsigned short *) 0xffff0000") == ["64762 (0xfcfa)"]
    assert prompt.do("p/d -1") == ["-1"] and prompt.do("p/t 5") == ["101"] and prompt.do("p -1") == ["-1 (0xffffffff)"]


def test_words_that_can_be_completed(prompt):
    complete = prompt.monitor.completions
    assert complete("reverse-f") == ("reverse-f", ["reverse-finish"]) and "info" in complete("")[1]
    assert complete("info rep") == ("rep", ["replay"]) and complete("p $eip+$es")[1][:2] == ["es", "es_base"]
    assert complete("help fin")[1] == ["fin", "finish"] and complete("x/4xw 0x")[1] == []
    assert complete("loadvm ") == ("", []) and complete("nothing w")[1] == []


def test_a_signal_ends_a_script(recording):
    command = [sys.executable, "-m", "playhead", "debug", str(recording), "--batch", "--at", "500000",
               "-ex", "when", "-ex", "stepi 100000000", "-ex", "print 6 * 7"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline().startswith("moment")
        child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=300)
    assert child.returncode == 130 and "42" not in out and "Traceback" not in err


def test_a_script_moves(recording, capfd):
    commands = ("b 0xf00f6", "c", "d 1", "reverse-stepi", "nexti", "when")
    words = [word for command in commands for word in ("-ex", command)]
    assert main(["debug", str(recording), "--batch", "--at", "1040000", *words]) == 0
    out = capfd.readouterr().out
    assert "breakpoint 1, 0x000f00f6" in out and out.count("\nat ") == 3 and "moment 10" in out
