"""Machine versions: what one is made of, that a later one leaves it alone, and what is not run."""

import dataclasses
from pathlib import Path

import pytest
from test_pc import Rig

from playhead.base.errors import UnsupportedError, UsageError
from playhead.boards import machine_version, pc_devices
from playhead.boards.config import PcConfig
from playhead.boards.machine_version import VERSIONS, MachineVersion
from playhead.cli import main
from playhead.cli.machine_values import MACHINE_TYPE
from playhead.devices import registry
from playhead.devices.intc.ioapic import IoApic
from playhead.log.moment import START
from playhead.log.reader import Reader
from playhead.session.snapshots import Saved
from playhead.session.vm_state import pack, unpack
from tools import guest

RUNS_IT = (("replay",), ("replay", "--verify"), ("debug", "-gdb", "none", "-ex", "q"), ("who", "--addr", "0x1000"),
           ("branch", "--at", "end", "-o", "new"), ("trim", "--from", "10", "-o", "new"))  # fmt: skip


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A later release, which has another I/O APIC and another default of -m."""
    newer = IoApic.QEMU._replace(properties=(IoApic.QEMU.properties[0]._replace(default=0x21),))
    old = dataclasses.replace(VERSIONS[0], released=True, back={"ioapic.version": 0x20, "ram_bytes": 128 << 20})
    monkeypatch.setattr(IoApic, "QEMU", newer)
    monkeypatch.setattr(machine_version, "VERSIONS", (MachineVersion("pc-99", "later"), old, *VERSIONS[1:]))
    monkeypatch.setattr(PcConfig, "ram_bytes", 256 << 20)
    monkeypatch.setattr(PcConfig.__init__, "__defaults__", tuple(
        256 << 20 if value == 128 << 20 else value for value in PcConfig.__init__.__defaults__))  # fmt: skip


def record(path: Path, *more: str) -> dict:
    """Record a guest of ours that halts at once; returns what the recording says of its machine."""
    assert main(["record", "-o", str(path), "-bios", str(guest.image("halt")), "-serial", "null", *more]) == 0
    return described(path)


def described(path: Path) -> dict:
    with Reader(str(path)) as reader:
        return reader.meta["config"]


def test_the_names(later: None) -> None:
    assert MACHINE_TYPE("pc") == MACHINE_TYPE("pc-i440fx") == "pc-99"
    assert MACHINE_TYPE("pc-2") == "pc-2"
    there = ["pc", "pc-i440fx", "pc-99", "pc-5", "pc-4", "pc-3", "pc-2"]
    assert [name for name, _ in machine_version.listed()] == there
    with pytest.raises(UsageError, match=f"unknown machine 'pc-6'; there is {', '.join(there)}"):
        MACHINE_TYPE("pc-6")


def test_an_old_version_shows_a_guest_what_it_always_did(later: None) -> None:
    for name, version in ((VERSIONS[0].name, 0x170020), ("pc-99", 0x170021)):
        rig = Rig(PcConfig(ram_bytes=1 << 20, bios=bytes(1 << 16), machine=name))
        rig.memory.mmio.write(0xFEC00000, 4, 1)
        assert rig.memory.mmio.read(0xFEC00010, 4) == version
        plain = {k: v for k, v in rig.board.config.to_json().items() if k != "ram_bytes"}
        made = PcConfig.from_json(plain, lambda digest: bytes(1 << 16))
        assert (made.machine, made.ram_bytes >> 20) == (name, 256 if name == "pc-99" else 128)


def test_a_version_lacks_the_devices_of_later_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = tuple(MachineVersion(n, "", lacks=lacks) for n, lacks in (("c", ()), ("b", ("pm",)), ("a", ("kbc", "vga"))))
    monkeypatch.setattr(machine_version, "VERSIONS", rows)
    ids = {version.name: {entry.id for entry in pc_devices.own(version.name)} for version in rows}
    assert ids["c"] - ids["b"] == {"pm"} and ids["b"] - ids["a"] == {"kbc", "vga"} and ids["a"]


def test_what_is_recorded_before_a_later_release_replays_in_it(
    tmp_path: Path, request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str]
) -> None:
    assert record(tmp_path / "old.ph", "-M", "pc")["machine"] == VERSIONS[0].name
    request.getfixturevalue("later")
    old = record(tmp_path / "again.ph", "-M", VERSIONS[0].name)
    assert old == described(tmp_path / "old.ph") and old["ram_bytes"] == 128 << 20
    assert record(tmp_path / "new.ph")["machine"] == "pc-99"
    for name in ("old", "again", "new"):
        assert main(["replay", str(tmp_path / f"{name}.ph"), "--quiet"]) == 0
    assert main(["info", str(tmp_path / "old.ph")]) == 0
    assert f"machine         {VERSIONS[0].name}, " in capfd.readouterr().out


@pytest.mark.parametrize("named", [None, "pc-77"])
def test_what_cannot_be_run_is_refused_by_every_verb_that_would(
    named: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As Playhead 0.1.0 described machines; and a version of the future."""
    ours = PcConfig.to_json
    with monkeypatch.context() as then:
        change = {"machine": named} if named else {}
        then.setattr(PcConfig, "to_json", lambda self: {k: v for k, v in ours(self).items() if k != "machine"} | change)
        record(tmp_path / "r.ph")
    monkeypatch.chdir(tmp_path)
    capfd.readouterr()
    why = "machine version 'pc-77' is not known here" if named else "made by Playhead 0.1.0"
    for verb, *words in RUNS_IT:
        assert main([verb, "r.ph", *words]) == 2
        err = capfd.readouterr().err
        lines = [line for line in err.splitlines() if "is whole" not in line]
        assert len(lines) == 1 and lines[0].startswith(f"playhead: r.ph: {why}") and "use " in lines[0], err
        assert not (tmp_path / "new").exists()
    assert main(["verify", "r.ph"]) == 0 and main(["info", "r.ph"]) == 0 and main(["log", "r.ph"]) == 0


def test_a_state_that_an_older_playhead_saved_is_told_apart() -> None:
    class Older:
        def to_json(self) -> dict:
            return {name: value for name, value in config.to_json().items() if name != "machine"}

    config = PcConfig(bios=bytes(1 << 16))
    state = pack(Saved("here", START, 0, "now", {}, {}), Older())
    with pytest.raises(UsageError, match=r"is of the machine of Playhead 0\.1\.0"):
        unpack(state, config, "snapshot 'here'")


def test_the_table_is_sound() -> None:
    names = [version.name for version in VERSIONS]
    assert len({*names, *machine_version.ALIASES}) == len(names) + 2
    assert all(version.released for version in VERSIONS[1:]) and not VERSIONS[0].back
    for name, value in ((name, value) for version in VERSIONS for name, value in version.back.items()):
        device, dot, prop = name.rpartition(".")
        if dot:
            registry.declared(device).property(prop).check(value, device)
        else:
            assert type(getattr(PcConfig(), name)) is type(value)
    with pytest.raises(UnsupportedError, match="'pc-1' is not known here"):
        machine_version.back("pc-1")


@pytest.mark.parametrize("more, there", [
    ((), True), (("-M", "hpet=off"), False), (("-no-hpet",), False), (("-M", "pc-2"), False), (("-M", "pc-3"), True),
    (("-M", "pc-4"), True),
])  # fmt: skip
def test_an_hpet_unless_it_is_left_out(tmp_path: Path, more: tuple[str, ...], there: bool) -> None:
    devices = record(tmp_path / "r.ph", *more)["devices"]
    assert any(device["driver"] == "hpet" for device in devices) == there
    assert main(["replay", str(tmp_path / "r.ph"), "--quiet"]) == 0


def test_an_old_machine_has_no_hpet_to_ask_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", "-o", str(tmp_path / "r.ph"), "-bios", str(guest.image("halt")), "-M", "pc-2,hpet=on"]) == 2
    assert "machine pc-2 has no HPET" in capsys.readouterr().err
