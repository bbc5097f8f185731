"""rr's commands in a real gdb, by MI: the command sequences of front ends that were made for rr, and of ordinary ones.

| front end | what it sends besides ordinary MI |
|---|---|
| Midas (VS Code) | packets `qRRCmd` by `maint packet`; `run cN` where its user wants checkpoint N |
| programs that drive rr by MI | `-interpreter-exec console "when"`, `"run N"`, `"checkpoint"`, `"restart N"`, ... |
| consoles of cppdbg, native-debug, gdb-mi | what is typed, for a thread and a frame or not; `--reverse` from buttons |
| an IDE's Run button | `-target-select extended-remote`, `-exec-arguments`, `-exec-run` |

Each waits for `*stopped` after a movement, and takes numbers out of what the console shows.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_mi import Mi, console

from playhead.gdb import INSIDE_GDB
from tests import shared
from tools import asm, guest
from tools.fuzz import reverse as fuzz_reverse
from tools.fuzz.reverse import Debugger

SOURCE = f'-interpreter-exec console "source {INSIDE_GDB}"'


@pytest.fixture(scope="module")
def debugger(tmp_path_factory) -> Iterator[Debugger]:
    with Debugger(shared.recorded(tmp_path_factory, "rep")) as debugger:
        yield debugger


@pytest.fixture(scope="module")
def handler() -> str:
    return f"*{asm.build(guest.SOURCES / 'rep.s', asm.FIRMWARE)[1]['on_tick']:#x}"


def icount(mi: Mi) -> int:
    (line,) = (line for line in mi.ask("-data-evaluate-expression $icount") if line.startswith("^done"))
    return int(re.findall(r"[0-9]+", line)[0])


def said(mi: Mi, command: str) -> str:
    return console(mi.ask(f'-interpreter-exec console "{command}"'))


def stopped(answer: list[str]) -> str:
    assert answer[-1].startswith("*stopped"), answer
    return answer[-1]


@pytest.mark.parametrize("mode, mi_async", [("remote", "off"), ("extended-remote", "on")])
def test_by_console_commands(debugger, handler, mode, mi_async):
    """What clients over MI do with rr; the numbers are found as theirs find them."""
    with Mi((f"-gdb-set mi-async {mi_async}", "-gdb-set confirm off", SOURCE)) as mi:
        mi.ask(f"-target-select {mode} 127.0.0.1:{debugger.port}")
        stopped(mi.ask('-interpreter-exec console "run 0"'))
        mi.ask(f"-break-insert {handler}")
        assert 'reason="breakpoint-hit"' in stopped(mi.ask("-exec-continue"))
        number = int(re.search(r"checkpoint\s+(\d+)", said(mi, "checkpoint"), re.IGNORECASE)[1])
        event = int(re.search(r"event:\s*(\d+)", said(mi, "when"), re.IGNORECASE)[1])
        assert event == icount(mi) == int(re.search(r"tick: (\d+)", said(mi, "when-ticks"))[1])
        assert said(mi, "when-tid") == "Current tid: 1\n" and "Elapsed Time (s): 0.0" in said(mi, "elapsed-time")
        stopped(mi.ask("-exec-continue")), stopped(mi.ask("-exec-continue"))
        assert icount(mi) > event
        listed = said(mi, "info checkpoints").splitlines()
        assert listed[0] == "ID\tWhen\tWhere" and listed[1].split("\t")[0] == str(number)
        assert listed[1].split("\t")[1] == f"{event}+1"  # after the delivery of the interrupt
        stopped(mi.ask(f'-interpreter-exec console "restart {number}"'))
        assert icount(mi) == event
        stopped(mi.ask(f'-interpreter-exec console "run {event - 100}"'))
        assert icount(mi) == event - 100
        assert 'reason="breakpoint-hit"' in stopped(mi.ask("-exec-continue")) and icount(mi) == event
        assert said(mi, f"delete checkpoint {number}") == f"Deleted checkpoint {number}.\n"
        assert f'^error,msg="No checkpoint number {number}."' in mi.ask(f'-interpreter-exec console "restart {number}"')
        assert said(mi, "info checkpoints") == "No checkpoints.\n" and icount(mi) == event
        mi.ask("-target-detach")


def test_by_packets_of_rr(debugger):
    """As Midas sends them, without our file; and with a thread's number in front, as later versions of rr want it."""

    def rr(*words: str) -> str:
        text = ":".join(word.encode().hex() for word in words)
        reply = re.search(r'received: \\"(.*?)\\"', "".join(mi.ask(f"maint packet qRRCmd:{text}")))
        return bytes.fromhex(reply[1]).decode()

    with Mi() as mi:
        mi.ask(f"-target-select extended-remote 127.0.0.1:{debugger.port}")
        stopped(mi.ask("-exec-step-instruction"))
        where = rr("when").rpartition(" ")[2]
        assert re.fullmatch(r"Checkpoint \d+ at story.c:17\n", rr("checkpoint", "story.c:17"))
        assert re.fullmatch(r"Checkpoint \d+ at b.c:3\n", rr("checkpoint", "1", "b.c:3"))
        rows = [line.split("\t") for line in rr("info checkpoints").splitlines()[1:]]
        assert [row[2] for row in rows] == ["story.c:17", "b.c:3"] and rows[0][1] == where.strip()
        assert rr("delete checkpoint", rows[1][0]) == f"Deleted checkpoint {rows[1][0]}.\n"
        stopped(mi.ask("-exec-step-instruction 5"))
        stopped(mi.ask(f'-interpreter-exec console "run c{rows[0][0]}"'))  # Midas's `restart`; gdb's own `run` here
        assert icount(mi) == int(where)
        rr("delete checkpoint", rows[0][0])


@pytest.mark.parametrize("commands", [(), (SOURCE,)], ids=["gdb's own run", "ours"])
def test_run_of_front_ends(debugger, handler, commands):
    """`-exec-run`, as an IDE's button does it: to the first breakpoint from the start, or to a moment as argument."""
    with Mi(("-gdb-set confirm off", *commands)) as mi:
        mi.ask(f"-target-select extended-remote 127.0.0.1:{debugger.port}")
        mi.ask(f"-break-insert {handler}")
        for _ in range(2):
            assert 'reason="breakpoint-hit"' in stopped(mi.ask("-exec-run"))
            first = icount(mi)
            stopped(mi.ask("-exec-continue"))
        mi.ask(f"-exec-arguments {first + 1}")
        stopped(mi.ask("-exec-run"))
        assert icount(mi) == first + 1
        assert 'reason="breakpoint-hit"' in stopped(mi.ask("-exec-continue --reverse")) and icount(mi) == first


def test_by_words_at_the_prompt(debugger, handler):
    """As consoles of front ends pass them on, and what their buttons send."""
    with Mi((SOURCE, "set confirm off", f"target extended-remote 127.0.0.1:{debugger.port}")) as mi:
        typed = '-interpreter-exec --thread 1 --frame 0 console "{}"'.format
        stopped(mi.ask(typed("seek start"))), mi.ask(typed(f"break {handler}"))
        stopped(mi.ask(typed("continue")))
        first = icount(mi)
        mi.ask(typed("checkpoint"))
        for command in ("-exec-next-instruction --reverse", "-exec-step-instruction", "-exec-continue --reverse"):
            stopped(mi.ask(command))
        assert icount(mi) == 0
        number = re.search(r"^(\d+)\t", console(mi.ask(typed("info checkpoints"))), re.MULTILINE)[1]
        stopped(mi.ask(typed(f"restart {number}")))
        assert icount(mi) == first
        assert " -> " in console(mi.ask(typed("who $esp:4 1")))
        mi.ask(typed(f"delete checkpoint {number}"))


def test_views_of_a_front_end_are_of_the_new_place(debugger, handler):
    """What an IDE asks for after each stop; after `restart` it is what it was at the checkpoint."""
    views = (
        "-thread-info",
        "-stack-info-depth",
        "-stack-list-frames 0 0",
        "-data-read-memory-bytes $esp 16",
        "-data-list-register-values x 0 1 2 8",
        "-data-disassemble -s $pc -e $pc+16 -- 2",
        "-var-update 1 ticks",
    )
    with Mi((SOURCE, "-gdb-set confirm off")) as mi:
        mi.ask(f"-target-select remote 127.0.0.1:{debugger.port}")
        stopped(mi.ask('-interpreter-exec console "run 0"'))
        mi.ask(f"-break-insert {handler}")
        stopped(mi.ask("-exec-continue"))
        mi.ask("-var-create ticks * (unsigned)$icount")

        def look() -> list[str]:
            results = [next(line for line in mi.ask(view) if line[0] == "^") for view in views]
            assert all(line.startswith("^done") for line in results), results
            return results[:-1]

        number = re.search(r"Checkpoint (\d+)", said(mi, "checkpoint"))[1]
        here = look()
        stopped(mi.ask("-exec-continue")), stopped(mi.ask("-exec-step-instruction 3"))
        elsewhere = look()
        assert elsewhere != here and elsewhere[4] != here[4]
        stopped(mi.ask(f'-interpreter-exec console "restart {number}"'))
        assert look() == here
        said(mi, f"delete checkpoint {number}")


def test_a_killed_recording_is_taken_up_again(debugger):
    with Mi((SOURCE, "-gdb-set confirm off")) as mi:
        mi.ask(f"-target-select extended-remote 127.0.0.1:{debugger.port}")
        for leave in ("kill", "detach"):
            mi.ask(f'-interpreter-exec console "{leave}"')
            stopped(mi.ask('-interpreter-exec console "run 1000"'))
            assert icount(mi) == 1000


def test_a_movement_that_gdb_cannot_make_is_forgotten(debugger):
    with Mi((SOURCE, "-gdb-set confirm off")) as mi:
        mi.ask(f"-target-select remote 127.0.0.1:{debugger.port}")
        stopped(mi.ask('-interpreter-exec console "run 2000"'))
        said(mi, "watch *(char(*)[2000000])0x1000")  # too long, which shows when it is to be inserted
        answer = mi.ask('-interpreter-exec console "run 3000"')
        assert answer[-1].startswith("^error") and any("1 to 1048576 bytes" in line for line in answer), answer
        mi.ask("-break-delete")
        stopped(mi.ask("-exec-step-instruction"))
        assert icount(mi) == 2001


def test_not_a_recording():
    with Mi((SOURCE,)) as mi:
        assert any("this is no recording" in line for line in mi.ask('-interpreter-exec console "checkpoint"'))


def test_the_file_is_in_the_package():
    assert INSIDE_GDB.is_file() and INSIDE_GDB.parent == Path(fuzz_reverse.__file__).parents[2] / "src/playhead/gdb"
