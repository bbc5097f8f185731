"""Networks of real machines in recordings that are more than a straight line: snapshots that are loaded while packets
wait, branches, parts.
"""

from pathlib import Path

import pytest
from planted import entries

from playhead.cli import main
from playhead.host.net.end import NetEnd
from playhead.log.events import NetPacket, SnapshotLoaded
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.log.writer import Writer
from playhead.machine.machine import Machine
from playhead.session.branch import BranchSession
from playhead.session.outcome import Options
from playhead.timeline.timeline import Timeline
from tests.shared import once
from tools.fuzz.net_machine import SHIFT, Quiet
from tools.fuzz.net_receiving import Calm


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return once(tmp_path_factory, "network.ph", Calm)


def packets(path: Path) -> list[bytes]:
    return [bytes(e.event.data) for e in entries(path) if isinstance(e.event, NetPacket)]


def replays(path: Path) -> bool:
    return all(main(["replay", str(path), "-serial", "null", *words]) == 0
               for words in ((), ("--engine", "reference"), ("--split-seed", "5")))  # fmt: skip


class Rewound(Calm):
    """Goes back to an earlier state, twice, each time with frames at the host's end."""

    waiting = tuple(bytes.fromhex("525400123456") + bytes((n,)) * 60 for n in range(5))
    _saved, _loads = False, 0

    def _turn(self) -> None:
        session = self.session
        if not self._saved and session.machine.icount > 4500 and session.at_arrival:
            session.save_snapshot("here")
            self._saved = True
        elif self._saved and self._loads < 2 and session.machine.icount > 5200 + 200 * self._loads:
            for frame in self.waiting:
                self.networks["net0"].arrive(frame)
            self._loads += 1
            session.load_snapshot("here")
        super()._turn()


def test_what_waits_while_a_snapshot_is_loaded_comes_afterwards(tmp_path):
    made = Rewound(tmp_path / "r.ph")
    found = [e.event for e in entries(made.path)]
    loads = [n for n, event in enumerate(found) if isinstance(event, SnapshotLoaded)]
    assert len(loads) == 2
    for begin in loads:
        next = [bytes(event.data) for event in found[begin:] if isinstance(event, NetPacket)]
        where = next.index(made.waiting[0])
        assert next[where : where + 5] == list(made.waiting)
    assert sum(packets(made.path).count(frame) for frame in made.waiting) == 10
    assert not made.networks["net0"].waiting and replays(made.path)
    made.replay("reference", 3)


class Other(NetEnd):
    """Another network than the recording's."""

    live = True

    def __init__(self) -> None:
        super().__init__("n0")
        self.sent = 0

    def virtual_time(self, ns: int) -> None:
        if self.sent < 9:
            self.sent += 1
            self.arrive(bytes.fromhex("525400123456") + b"other" * 20)


@pytest.mark.parametrize("at", [Moment(4600), Moment(5700)])
def test_a_branch_has_a_network_of_its_own(recording, tmp_path, at):
    """Also where the cable is out."""
    path, end = tmp_path / "branch.ph", Other()
    with Reader(str(recording)) as reader:
        pc = Calm.machine()

        def build(door):
            return Machine(pc, door, "native", SHIFT)

        line = Timeline(build, Quiet(), reader, 1).begin()
        line.seek(at)
        options = Options(digest_period=reader.digest_period, meta={"parent_file": recording.name})
        with Writer(str(path), True) as writer:
            BranchSession(build, Quiet(ends={"net0": end}), options, writer, reader, line.player.point(),
                          line.machine.now_ns(), line.known_pages()).run()  # fmt: skip
    past = [bytes(e.event.data) for e in entries(recording) if isinstance(e.event, NetPacket) and e.moment < at]
    new = packets(path)
    assert past and new[: len(past)] == past and 0 < len(new) - len(past) == end.sent - len(end._inbox)
    assert all(b"other" in one for one in new[len(past) :]) and replays(path)


@pytest.mark.parametrize("netdev,status,said", [
    ((), 0, "netdev n0 leads nowhere; -netdev TYPE,id=n0 connects it"),
    (("-netdev", "socket,listen=127.0.0.1:0,id=n0"), 0, ""),
    (("-netdev", "socket,listen=127.0.0.1:0,id=n1"), 2, "the recorded machine has no netdev 'n1' (there is n0)"),
    (("-netdev", "socket,listen=127.0.0.1:0,id=n0") * 2, 2, "netdev 'n0' is given twice"),
])  # fmt: skip
def test_what_a_branch_is_connected_to(recording, tmp_path, capfd, netdev, status, said):
    path = tmp_path / "branch.ph"
    assert main(["branch", str(recording), "--at", "5000", "-o", str(path), "-serial", "null", *netdev]) == status
    assert said in capfd.readouterr().err and path.exists() == (status == 0)
    assert status or main(["replay", str(path), "-serial", "null"]) == 0


@pytest.mark.parametrize("begin,end", [(4200, 5000), (4616, 6400), (5650, 5850), (0, 4300)])
def test_a_part_has_its_packets(recording, tmp_path, begin, end):
    path, pcap = tmp_path / "part.ph", tmp_path / "part.pcapng"
    assert main(["trim", str(recording), "-o", str(path), "--from", str(begin), "--to", str(end)]) == 0
    with Reader(str(path)) as reader:
        first = reader.start.moment if reader.start else Moment(0)
    whole = [bytes(e.event.data) for e in entries(recording)
             if isinstance(e.event, NetPacket) and first <= e.moment < Moment(end)]  # fmt: skip
    assert packets(path)[: len(whole)] == whole and whole and replays(path)
    assert main(["pcap", str(path), "-o", str(pcap)]) == 0 and pcap.stat().st_size > sum(map(len, whole))
