"""Compiled code changes nothing that can be seen: the guests of the test suite are the same machine, at the same
moments, whichever tier runs them.

The quick form runs a few small guests; the long one all of them, the kept recordings, and the beginning of Debian's
boot. Recordings made with everything compiled replay without, and the other way.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from playhead.cli import main
from playhead.engine.llvm.tier2 import switch
from tests import shared
from tests.guest.tiers import WAYS, Seen, compare
from tools import guest
from tools.fuzz import replay as fuzz_replay

QUICK = ("smc", "v86")
TESTS = [name for name in guest.names() if name != "demo" and name not in guest.ENDLESS]
KEPT = sorted((Path(__file__).resolve().parent.parent / "recordings").glob("*/*.ph"))
BOOT = 300_000_000  # instructions: from the unpacked kernel into its first drivers


def held(seen: dict[str, Seen], moments: int, compiles: bool = True) -> None:
    """Something was compared, and compiled code was there to be compared."""
    assert len(seen) == len(WAYS) and all(len(ways.digests) >= min(moments, 2) for ways in seen.values())
    compiled = {way.name for way in WAYS if way.tier2 == switch.FORCE}
    assert not compiles or all(seen[name].installed > 10 for name in compiled)


@pytest.fixture
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    return lambda name: shared.recorded(tmp_path_factory, name)


@pytest.mark.parametrize("name", QUICK)
def test_each_way_is_the_same_machine(name: str, recorded: Callable[[str], Path]) -> None:
    held(compare(recorded(name), 8), 8)


@pytest.mark.parametrize("made, replayed", [(switch.FORCE, switch.OFF), (switch.OFF, switch.FORCE)])
def test_a_recording_of_one_tier_replays_on_another(
    made: str, replayed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rep.ph"
    monkeypatch.setenv(switch.VARIABLE, made)
    machine = (*guest.machine("rep"), "-m", "16", "-serial", f"file:{path}.out", "--digest-period", "10000")
    assert main(["record", "-o", str(path), *machine]) == 0
    monkeypatch.setenv(switch.VARIABLE, replayed)
    for more in ([], ["--split-seed", str(random.Random(made).randrange(1000))]):
        assert main(["replay", str(path), "-serial", "null", *more]) == 0


@pytest.mark.long
@pytest.mark.parametrize("name", TESTS)
def test_each_guest_is_the_same_machine(name: str, recorded: Callable[[str], Path]) -> None:
    held(compare(recorded(name), 60), 60)


@pytest.mark.long
@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_each_kept_recording_is_the_same_machine(path: Path) -> None:
    held(compare(path, 40), 40)


@pytest.mark.long
@pytest.mark.guest
def test_the_boot_is_the_same_machine(boot: fuzz_replay.Recorded) -> None:
    held(compare(boot.path, 100, most=BOOT), 100)
