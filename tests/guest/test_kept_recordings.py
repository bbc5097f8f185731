"""The recordings that are kept of each machine version (`./dev keep`): they replay, forever.

One that fails here says that a guest sees something else than it did, or that old state is read in another way. A
released version's row in `boards/machine_version.py` has to set that back; what is not released yet may be made again.
"""

from pathlib import Path

import pytest

from playhead.boards.machine_version import VERSIONS
from playhead.cli import main
from playhead.log.events import (
    AudioIn,
    BlockDone,
    CharRead,
    ClockHost,
    Event,
    Input,
    InputSync,
    LinkChanged,
    MediumChanged,
    NetPacket,
    PowerButtonPressed,
    SnapshotLoaded,
)
from playhead.log.reader import Reader

FOLDER = Path(__file__).resolve().parent.parent / "recordings"
PC_2 = {CharRead, BlockDone, ClockHost, SnapshotLoaded}
PC_3 = PC_2 | {Input, InputSync, MediumChanged, PowerButtonPressed}
PC_4 = PC_3 | {NetPacket, LinkChanged}
KINDS: dict[str, set[type[Event]]] = {"pc-2": PC_2, "pc-3": PC_3, "pc-4": PC_4, "pc-5": PC_4 | {AudioIn}}
NAMES = {"pc-2": {"inputs", "keys", "loadvm"}, "pc-3": {"inputs", "keys", "loadvm"},
         "pc-4": {"inputs", "keys", "loadvm", "network"},
         "pc-5": {"inputs", "keys", "loadvm", "network", "screen"}}  # fmt: skip
KEPT = sorted(FOLDER.glob("*/*.ph"))
UNRELEASED = {version.name for version in VERSIONS if not version.released}


def advice(version: str) -> str:
    if version in UNRELEASED:
        return f"{version} is not released: if guests are meant to see another machine, make them again: " \
               "./dev keep --unreleased"  # fmt: skip
    return f"{version} is released: a guest of it must see what it always saw (boards/machine_version.py, `back`)"


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_replays(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status = main(["replay", str(path), "-serial", "null", "--no-diagnose"])
    assert status == 0, f"{capfd.readouterr().err}{advice(path.parent.name)}"


@pytest.mark.parametrize("version", [version.name for version in VERSIONS])
def test_those_of_each_version_have_all_kinds_of_input(version: str) -> None:
    seen: set[type] = set()
    paths = [path for path in KEPT if path.parent.name == version]
    if not paths and version in UNRELEASED:
        pytest.skip(f"{version} is not released, and has none yet: ./dev keep makes them")
    assert {path.stem for path in paths} == NAMES[version], f"recordings of {version} are missing; {advice(version)}"
    for path in paths:
        assert path.stat().st_size <= 64 << 10
        with Reader(str(path)) as reader:
            assert reader.meta["config"]["machine"] == version and reader.ended()
            seen |= {type(entry.event) for entry in reader.entries()}
    assert KINDS[version] <= seen


def test_there_are_none_of_versions_that_are_not_there() -> None:
    assert {path.parent.name for path in KEPT} <= {version.name for version in VERSIONS}
