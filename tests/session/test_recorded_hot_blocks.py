"""A recording names the blocks that were hot; a replay and a part of it are given them; nothing else comes of it."""

import pytest
from fake_machine import Program
from quiet_host import QuietHost
from test_record_replay import FakeMachine, record, replay, same

from playhead.cli import main
from playhead.log.hot_blocks import HotBlock
from playhead.log.reader import Reader
from playhead.log.verify import verify
from playhead.log.writer import Writer
from playhead.machine.machine import Machine
from tools.fuzz import recording as fuzz_recording

SOME = [HotBlock(0xF1000, 1, 5000), HotBlock(0x1000, 2, 40)]


def hints(path):
    with Reader(str(path)) as reader:
        assert not verify(reader).faults
        return reader.hot_blocks()


def test_recorded_and_given_to_a_replay(tmp_path, monkeypatch):
    path = tmp_path / "r.ph"
    monkeypatch.setattr(FakeMachine, "hot_blocks", SOME[::-1])
    recorded, _ = record(path, Program(1), QuietHost())
    assert hints(path) == SOME
    monkeypatch.setattr(FakeMachine, "hot_blocks", ())
    replayed, _, _ = replay(path, Program(1))
    assert replayed.hot_blocks == SOME
    same(recorded, replayed)


def test_a_disk_that_is_full_at_the_end(tmp_path, monkeypatch):
    """The recording is complete without them."""
    path = tmp_path / "r.ph"
    monkeypatch.setattr(FakeMachine, "hot_blocks", SOME)

    def full(self, blocks):
        with monkeypatch.context() as patch:
            patch.setattr(Writer, "put_blob", lambda self, data: self._host(_no_space))
            real(self, blocks)

    real = Writer.hot_blocks
    monkeypatch.setattr(Writer, "hot_blocks", full)
    _, outcome = record(path, Program(1), QuietHost())
    assert outcome.complete and hints(path) == []


def _no_space():
    raise OSError(28, "No space left on device")


@pytest.fixture(scope="module")
def tiered(tmp_path_factory):
    """A real guest's, with tier 2 on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLAYHEAD_TIER2", "on")
        return fuzz_recording.record("demo", tmp_path_factory.mktemp("hot"))


def test_of_a_real_guest(tiered, tmp_path, monkeypatch):
    found = hints(tiered.path)
    assert len(found) >= 5 and found == sorted(found, key=lambda block: -block.entries)
    part = tmp_path / "part.ph"
    assert main(["trim", str(tiered.path), "-o", str(part), "--from", "30%", "--quiet"]) == 0
    assert hints(part) == found
    given = []
    monkeypatch.setattr(Machine, "hot_blocks", property(lambda self: [], lambda self, blocks: given.append(blocks)))
    for tier2 in ("off", "on"):
        monkeypatch.setenv("PLAYHEAD_TIER2", tier2)
        assert main(["replay", str(part), "--quiet", "-serial", "null"]) == 0
    assert given == [found, found]
