"""A branch continues a recording from the middle with other input, and replays whole and alone."""

from pathlib import Path

import planted
import pytest
from quiet_host import QuietHost

from playhead.boards.config import PcConfig
from playhead.cli import main
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.log.verify import verify
from playhead.machine.machine import Machine
from playhead.timeline.timeline import Timeline

AT = [Moment(0), Moment(100_000), Moment(939_123), Moment(1_047_000)]


@pytest.fixture(scope="module")
def parent(tmp_path_factory) -> Path:
    return planted.shared(tmp_path_factory)


@pytest.mark.parametrize("at", AT)
def test_a_branch_replays_whole(parent, at, tmp_path):
    path = tmp_path / "branch.ph"
    began = planted.branch(parent, at, path, b"echo other\rsum\roff\r")
    outcome = planted.replay(path)
    assert outcome.complete and outcome.icount > began.icount
    assert main(["verify", str(path)]) == 0
    old, new = planted.entries(parent), planted.entries(path)
    past = [(e.moment, e.event) for e in old if e.moment < began]
    assert [(e.moment, e.event) for e in new[: len(past)]] == past
    assert all(e.moment >= began for e in new[len(past) :]) and new != old
    with Reader(str(path)) as reader:
        assert reader.meta["parent"]["at"] == list(began) and reader.meta["parent"]["file"] == "demo.ph"
        verify(reader)


def test_a_branch_of_a_branch_and_seeks_in_it(parent, tmp_path):
    first, second = tmp_path / "one.ph", tmp_path / "two.ph"
    planted.branch(parent, Moment(500_000), first, b"time\rsum\rstatus\roff\r")
    planted.branch(first, Moment(960_000), second, b"help\roff\r")
    assert planted.replay(second).complete
    with Reader(str(second)) as reader:
        pc = PcConfig.from_json(reader.meta["config"], reader.blob)
        line = Timeline(lambda door: Machine(pc, door, shift=3), QuietHost(), reader, 1).begin()
        digests = {}
        for goal in (line.end.icount, 960_000, 700_000, 980_000, 960_000, line.end.icount, 700_000, 980_000):
            line.seek(Moment(goal))
            assert digests.setdefault(line.moment, line.player.digest()) == line.player.digest()


def test_parts_are_replayed_and_compared(parent, capfd):
    assert main(["replay", str(parent), "--from", "50%", "--to", "end", "-serial", "stdio"]) == 0
    out, err = capfd.readouterr()
    assert "digests compared are equal" in err and out
    assert main(["replay", str(parent), "-serial", "stdio"]) == 0
    assert capfd.readouterr().out.endswith(out)
    assert main(["replay", str(parent), "--from", "90%", "--to", "10%"]) == 2
    assert main(["replay", str(parent), "--from", "99G"]) == 2
