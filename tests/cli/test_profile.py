"""`--profile`: the figures are those of the run, and taking them changes no digest and no moment."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from test_linux_memory import elf, fields, note

from playhead.base.errors import UsageError
from playhead.cli import main
from playhead.cli.profile import by_function, stretches
from playhead.cli.proving import workers
from playhead.linux.symbol_files import kernel_start, read
from playhead.linux.symbol_table import Symbol, SymbolTable
from playhead.log.reader import Reader
from playhead.machine.profile import EXITS, Place
from playhead.x86 import state as S
from tests.shared import recorded
from tools import guest

MACHINE = ["-m", "16", "-serial", "null", "-icount", "shift=3,sleep=off"]



@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a guest with paging, exceptions, code that it writes, and devices."""
    path = tmp_path_factory.mktemp("profile") / "plain.ph"
    assert main(["record", "-o", str(path), *guest.machine("smc"), *MACHINE, "--digest-period", "5000"]) == 0
    return path


def test_a_recording_under_a_profile_has_the_same_digests(recording, tmp_path, capfd):
    path = tmp_path / "profiled.ph"
    words = ["record", "-o", str(path), "--profile", *guest.machine("smc"), *MACHINE, "--digest-period", "5000"]
    assert main(words) == 0
    said = capfd.readouterr().err
    assert roots(path) == roots(recording) != []
    with Reader(str(path)) as reader:
        retired = reader.last_mark()[0].icount
    assert f"profile: {retired:,} instructions in " in said
    for part in ("native code", "Python", "digests", "port write", "serial0", "blocks decoded", "blocks voided"):
        assert part in said, f"{part} is not in\n{said}"


def roots(path: Path) -> list[object]:
    with Reader(str(path)) as reader:
        return [digest for batch in reader.batches() for digest in batch.digests]


def test_two_profiles_of_a_replay_have_the_same_samples(tmp_path_factory, capfd):
    recording, found = recorded(tmp_path_factory, "hpet"), []
    for _ in range(2):
        assert main(["replay", str(recording), "--profile", "--quiet"]) == 0
        said = capfd.readouterr().err
        found.append(said[said.index("hottest code (one in ") :])
    assert found[0] == found[1] and found[0].count("\n") > 2


def test_the_reference_evaluator_is_profiled_as_well(capfd):
    assert main(["run", "--profile", "--engine", "reference", *guest.machine("smc"), *MACHINE]) == 0
    assert re.search(r"profile: [0-9,]+ instructions", capfd.readouterr().err)


@pytest.mark.parametrize(("words", "reason"), [
    (["run", "--symbols", "x"], "give --profile"),
    (["run", "--profile", "--symbols", "/nowhere/x"], "No such file"),
    (["replay", "RECORDING", "--profile", "--from", "1000"], "a whole replay"),
    (["replay", "RECORDING", "--profile", "--jobs", "2"], "on one processor: leave out --jobs 2"),
])  # fmt: skip
def test_what_is_wrong_is_said_in_a_line(words, reason, recording, capfd):
    machine = guest.machine("smc") if words[0] == "run" else []
    assert main([str(recording) if word == "RECORDING" else word for word in words] + machine) == 2
    said = capfd.readouterr().err
    assert reason in said and said.count("\n") == 1


def test_each_reason_to_leave_native_code_has_a_name():
    reasons = {value for name, value in vars(S).items() if name.startswith("EXIT_")}
    assert reasons - {S.EXIT_SINGLE} == set(EXITS)  # SINGLE never comes to Python


def test_samples_tell_compiled_code_from_the_interpreter(tmp_path, monkeypatch, capfd):
    """Where all is compiled before it runs, all samples are in compiled code."""
    monkeypatch.setenv("PLAYHEAD_TIER2", "force")
    assert main(["run", "--profile", *guest.machine("hpet"), *MACHINE]) == 0
    said = capfd.readouterr().err
    assert re.search(r"\n +100\.00 +[0-9,]+  compiled code\n +0\.00 +0  interpreter\n", said), said


def test_samples_near_to_each_other_are_one_stretch():
    kernel = {Place(False, 0x1000): 3, Place(False, 0x1020): 4, Place(False, 0x2000): 1}
    assert list(stretches(Counter({**kernel, Place(True, 0x1030): 5}))) == [
        ("kernel 00001000-00001020", 7), ("kernel 00002000-00002000", 1), ("user   00001030-00001030", 5),
    ]  # fmt: skip


def test_functions_have_the_names_of_a_file_and_move_with_the_kernel(tmp_path):
    path = elf(tmp_path / "vmlinux", {"_stext": 0xC1000000, "work": 0xC1000400})

    class Memory:
        area = bytes(8192) + note(fields("6.1.0", 0xC9000000))

    assert kernel_start(Memory) == 0xC9000000
    symbols = read(str(path), Memory)
    assert symbols.name(0xC9000401) == ("work", 1) and symbols.name(0xC1000401) is None
    assert by_function(Counter({Place(False, 0xC9000402): 2, Place(True, 0x8049123): 1}), symbols) == {
        "kernel work": 2, "user   08049000 (page)": 1,
    }  # fmt: skip


def test_a_list_of_symbols_is_read_and_what_is_none_is_refused(tmp_path):
    path = tmp_path / "System.map"
    path.write_text("c1000000 T _stext\nc1000100 t inner\nc1000200 d data\n")
    assert read(str(path)).name(0xC1000180) == ("inner", 0x80)
    path.write_text("00000000 T _stext\n")
    with pytest.raises(UsageError, match="no addresses"):
        read(str(path))
    path.write_text("some text\n")
    with pytest.raises(UsageError, match="line 1"):
        read(str(path))
    assert SymbolTable([Symbol(0x1000, 0x10, "f")]).name(0x1010) is None


def test_one_processor_replays_what_is_profiled(capfd):
    path = Path(__file__).parents[1] / "recordings" / "pc-5" / "network.ph"
    with Reader(str(path)) as reader:
        assert workers(reader, 2)[0] == 2  # without a profile two of them would
    assert main(["replay", str(path), "--profile", "--quiet"]) == 0
    assert "profile: " in capfd.readouterr().err
