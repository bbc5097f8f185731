"""`playhead log` as a user meets it: recordings and logs of QEMU, printed and counted, and what it refuses."""

import json

import pytest

from playhead.cli import main
from playhead.log import events as E
from playhead.log.moment import Moment
from playhead.log.qemu_codec import encode, header
from playhead.log.qemu_format import LAYOUTS
from playhead.log.writer import Writer

META = {"config": {"ram_bytes": 1}, "session": {}, "parts": ["cpu"], "digest_period": 1000}
VERSION = 0xE0200C
EVENTS = [
    E.ClockHost(ns=5), E.CheckpointPassed(id=7), E.Instruction(count=340), E.ExceptionTaken(), E.Instruction(count=60),
    E.Input(what=E.KeyCode(key=50, down=True)), E.InputSync(), E.CheckpointPassed(id=1), E.Interrupt(),
    E.CharRead(port=0, data=bytearray(b"a\n")), E.Shutdown(cause=4), E.End(),
]  # fmt: skip
TEXT = """\
             0  1:CLOCK_HOST ns=5
             0  2:CHECKPOINT id=INIT
           340  3:INSTRUCTION count=340
           340  4:EXCEPTION
           400  5:INSTRUCTION count=60
           400  6:ASYNC_INPUT what=key key=x down=True
           400  7:ASYNC_INPUT_SYNC
           400  8:CHECKPOINT id=CLOCK_WARP_ACCOUNT
           400  9:INTERRUPT
           400  10:ASYNC_CHAR_READ port=0 data='a\\n'
           400  11:SHUTDOWN cause=host-signal
           400  12:END
"""


@pytest.fixture
def qemu(tmp_path):
    path = tmp_path / "replay.bin"
    path.write_bytes(header(VERSION) + b"".join(encode(LAYOUTS[VERSION], e) for e in EVENTS))
    return path


@pytest.fixture
def ours(tmp_path):
    path = tmp_path / "r.ph"
    with Writer(str(path)) as writer:
        writer.begin(META)
        writer.event(Moment(10), E.ClockHost(ns=1))
        writer.event(Moment(20, 1), E.Interrupt(vector=8))
        writer.event(Moment(30), E.End(cause=6, checks=bytearray(2)))
        writer.flush(Moment(30), 300, 1)
    return path


def run(capsys, *words, status=0):
    capsys.readouterr()
    assert main(["log", *map(str, words)]) == status
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err and err.count("\n") == (err != "")
    return out, err


def test_a_log_of_qemus(qemu, capsys):
    assert run(capsys, qemu) == (TEXT, "") == run(capsys, "dump", qemu)
    rows = [json.loads(line) for line in run(capsys, qemu, "--json")[0].splitlines()]
    assert [r["id"] for r in rows] == list(range(1, 13)) and rows[-1]["icount"] == 400
    assert rows[5]["kind"] == "ASYNC_INPUT" and rows[5]["args"] == {"what": "key", "key": "x", "down": True}
    assert rows[11]["args"] == {} and rows[3]["args"] == {}


def test_an_old_log_of_qemus(qemu, capsys):
    qemu.write_bytes(header(0xE02006) + encode(LAYOUTS[0xE02006], E.InputSync(), 1) + b"\x15")
    assert run(capsys, qemu)[0].splitlines()[0].split() == ["0", "1:ASYNC_INPUT_SYNC", "checkpoint=CLOCK_WARP_ACCOUNT"]
    assert json.loads(run(capsys, qemu, "--json")[0].splitlines()[0])["checkpoint"] == "CLOCK_WARP_ACCOUNT"


def test_ours(ours, capsys):
    lines = run(capsys, "dump", ours)[0].splitlines()
    assert lines[1].split() == ["20+1", "2:INTERRUPT", "vector=8"] and len(lines) == 3
    assert json.loads(run(capsys, "dump", ours, "--json")[0].splitlines()[1])["args"] == {"vector": 8}


def test_text_is_shown_as_text(tmp_path, capsys):
    path = tmp_path / "r.ph"
    typed = ["naïve 日本\n".encode(), b"\xc3", b"back\\slash \x1b[1m'\xff"]
    with Writer(str(path)) as writer:
        writer.begin(META)
        for n, data in enumerate(typed):
            writer.event(Moment(n), E.CharRead(port=0, data=bytearray(data)))
        writer.flush(Moment(9), 300, 1)
    lines = [line.partition("data=")[2] for line in run(capsys, path)[0].splitlines()]
    assert lines == ["'naïve 日本\\n'", "'\\xc3'", '"back\\\\slash \\x1b[1m\'\\xff"']
    rows = [json.loads(line)["args"]["data"] for line in run(capsys, "--json", path)[0].splitlines()]
    assert rows == ["naïve 日本\n", "\\xc3", "back\\slash \x1b[1m'\\xff"]


def test_numbers_that_a_double_does_not_hold_are_strings(tmp_path, capsys):
    path, large = tmp_path / "r.ph", (1 << 62) + 1
    with Writer(str(path)) as writer:
        writer.begin(META)
        writer.event(Moment(10), E.ClockHost(ns=-large))
        writer.event(Moment((1 << 53) + 1), E.ClockHost(ns=5))
        writer.flush(Moment((1 << 53) + 1), 300, 1)
    first, second = map(json.loads, run(capsys, "--json", path)[0].splitlines())
    assert first["args"] == {"ns": str(-large)} and first["icount"] == 10
    assert second["args"] == {"ns": "5"} and second["icount"] == str((1 << 53) + 1)
    assert json.loads(run(capsys, "stats", "--json", path)[0])["instructions"] == str((1 << 53) + 1)
    capsys.readouterr()
    assert main(["info", "--json", str(path)]) == 0
    assert json.loads(capsys.readouterr()[0])["instructions"] == str((1 << 53) + 1)


def test_stats(qemu, ours, capsys):
    lines = run(capsys, "stats", qemu)[0].splitlines()
    assert lines[0] == "format QEMU 0xe0200c, instructions 400, complete yes"
    assert ["INSTRUCTION", "2", "10", "340", "400"] in [line.split() for line in lines]
    assert f"total{12:>25}{qemu.stat().st_size - 12:>12}" in lines
    facts = json.loads(run(capsys, "stats", qemu, "--json")[0])
    assert facts["format"] == "QEMU 0xe0200c" and facts["bytes"] == qemu.stat().st_size - 12
    rows = facts["histogram"]["rows"]
    assert sum(r["events"] for r in rows) == facts["events"] == 12 and rows[0]["kinds"]["CHECKPOINT"] == 1
    facts = json.loads(run(capsys, "stats", ours, "--json")[0])
    assert (facts["format"], facts["instructions"], facts["complete"]) == ("playhead", 30, True)
    assert facts["kinds"]["INTERRUPT"] == {"events": 1, "bytes": 10, "first": 20, "last": 20}
    assert run(capsys, ours, "--stats") == run(capsys, "stats", ours)


def test_a_killed_qemus(qemu, capsys):
    data = qemu.read_bytes()
    qemu.write_bytes(bytes(4) + data[4:-6])
    out, err = run(capsys, qemu)
    assert out == "".join(TEXT.splitlines(True)[:9])
    assert err.startswith(f"playhead: {qemu} has no version number: its QEMU was killed")
    assert "read as version 0xe0200c; its last 4 bytes are an event that was cut off" in err
    assert json.loads(run(capsys, "stats", qemu, "--json")[0])["complete"] is False


def test_damage_is_one_line_behind_what_was_good(qemu, capsys):
    data = qemu.read_bytes()
    qemu.write_bytes(data[:-6])
    out, err = run(capsys, qemu, status=2)
    assert out == "".join(TEXT.splitlines(True)[:9])
    assert f"{qemu} is damaged: at byte {len(data) - 10}: event 10, ASYNC_CHAR_READ: the file ends inside it" in err
    qemu.write_bytes(header(0xE02009) + data[12:])
    assert "version 0xe02009, whose event numbers are not known here" in run(capsys, qemu, status=2)[1]
    assert "version 0xe02009" in run(capsys, "stats", qemu, "--json", status=2)[1]


def test_a_log_of_qemus_cannot_be_replayed(qemu, capsys):
    for words in (["replay", str(qemu)], ["info", str(qemu)]):
        assert main(words) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1
        assert f"{qemu} is a log that QEMU recorded: it holds events only, not the machine" in err


def test_what_is_no_log(tmp_path, capsys):
    (tmp_path / "text").write_text("hello\n" * 100)
    (tmp_path / "zeros").write_bytes(bytes(10_000))
    assert "is not a recording" in run(capsys, tmp_path / "text", status=2)[1]
    assert "is not a recording" in run(capsys, "stats", tmp_path / "zeros", status=2)[1]
    assert "No such file" in run(capsys, "dump", tmp_path / "none", status=2)[1]
    assert "directory" in run(capsys, tmp_path, status=2)[1]
    assert "log needs FILE" in run(capsys, "stats", status=2)[1]
    assert "one word too many" in run(capsys, "stats", "a", "b", status=2)[1]
