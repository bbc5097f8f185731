"""The log of the emulator says what happens, and neither the guest nor a recording can tell that it is there."""

import errno
import os
import re

import pytest

from playhead.cli import main
from playhead.log.reader import Reader
from tools import guest

ALL = ("-d", "int,cpu_reset,guest_errors,unimp", "-trace", "*")


def machine(name, *words):
    return ["-bios", str(guest.image(name)), "-m", "16", "-serial", "null", "-rtc", "base=2026-01-01,clock=vm", *words]


def digests(path):
    with Reader(str(path)) as reader:
        return [digest for batch in reader.batches() for digest in batch.digests]


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_a_recording_is_the_same_with_it_and_its_replay_logs_the_same(engine, tmp_path, capfd):
    plain, logged = tmp_path / "plain.ph", tmp_path / "logged.ph"
    period = ("--digest-period", "100000", "--engine", engine)
    assert main(["record", "-o", str(plain), *period, *machine("v86")]) == 0
    out = tmp_path / "log"
    assert main(["record", "-o", str(logged), *period, *machine("v86"), *ALL, "-D", str(out)]) == 0
    assert digests(plain) == digests(logged) and len(digests(plain)) > 1
    said = out.read_text()
    assert out.stat().st_mode & 0o777 == 0o600
    assert re.search(r"^Servicing hardware INT=0x\w\w  @\d+\+\d+\n +0: v=\w\w e=\w{4} i=0 .*IP=\w{4}:\w{8}", said, re.M)
    assert re.search(r"^cpu_out addr 0x3fb\(b\) value \d+  @", said, re.M)
    again = tmp_path / "again"
    assert main(["replay", str(logged), "--engine", engine, *ALL, "-D", str(again)]) == 0
    kept = [line for line in said.split("\n") if not line.startswith("replay_checkpoint")]
    assert kept == [line for line in again.read_text().split("\n") if not line.startswith("replay_checkpoint")]
    capfd.readouterr()
    assert main(["debug", str(logged), "--batch", "-ex", "log int", "-ex", f"logfile {tmp_path / 'third'}",
                 "-ex", "seek 50%", "-ex", "info trace-events cpu*"]) == 0  # fmt: skip
    assert capfd.readouterr().out.endswith("cpu_in : state 0\ncpu_out : state 0\n")
    assert (tmp_path / "third").read_text().split("\n")[0].startswith("Servicing hardware")


def test_a_log_that_cannot_be_written_ends_with_its_file(tmp_path, monkeypatch, capfd):
    """Not a line of the record in whose middle that happens goes to standard error instead."""
    write = os.write

    def full(fd, data):
        if b"Servicing" in data:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data)

    monkeypatch.setattr("playhead.monitor.log_items.os.write", full)
    assert main(["run", *machine("v86"), "-d", "int", "-D", str(tmp_path / "log")]) == 0
    said = capfd.readouterr().err
    assert "the log ends here: cannot write" in said and "v=" not in said


def test_what_each_item_says(tmp_path):
    out = tmp_path / "log"
    assert main(["run", *machine("faults"), "-d", "unimp,guest_errors", "-D", str(out)]) == 0
    assert "undefined instruction, IP=" in out.read_text() and "Servicing" not in out.read_text()
    assert main(["run", *machine("faults"), "-d", "cpu_reset,int", "-D", str(out)]) == 0
    assert re.search(r"v=0e e=000\d i=0 cpl=\d IP=\w{4}:\w{8} CR2=\w{8}  @", out.read_text())


@pytest.mark.parametrize("words, said", [
    (("-d", "exec"), "log item exec is not supported: playhead debug goes from instruction"),
    (("-d", "in_asm"), "instructions are not translated"), (("-d", "strace"), "without a machine"),
    (("-d", "nothing"), "'nothing' is no log item; there is int, "), (("-d", "trace:x"), "unknown event 'x'"),
    (("-trace", "nosuch*"), "-trace nosuch*: unknown event 'nosuch*'"),
    (("-d", "int", "-D", "/nowhere/x"), "-D /nowhere/x: cannot write /nowhere/x"),
])  # fmt: skip
def test_refusals(words, said, capfd):
    assert main(["run", *machine("halt"), *words]) == 2
    err = capfd.readouterr().err
    assert said in err and err.count("\n") == 1, err


def test_help(capfd):
    assert main(["run", "-d", "help"]) == 0
    assert capfd.readouterr().out.startswith("Log items (comma separated):\nnone ")
    assert main(["run", "-trace", "help"]) == 0 and "replay_event\n" in capfd.readouterr().out + "\n"


def test_the_log_takes_no_file_of_the_run(tmp_path, capfd):
    path = tmp_path / "r.ph"
    assert main(["record", "-o", str(path), *machine("halt"), "-d", "int", "-D", str(path)]) == 2
    assert "are the same file" in capfd.readouterr().err
    assert main(["record", "-o", str(path), *machine("halt")]) == 0
    assert main(["replay", str(path), "-d", "int", "-D", str(path)]) == 2
    assert main(["run", *machine("halt"), "-d", "int", "-D", str(path)]) == 2
    assert "is a recording" in capfd.readouterr().err and main(["verify", str(path)]) == 0
