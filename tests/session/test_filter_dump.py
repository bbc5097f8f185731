"""filter-dump: QEMU's format, both directions or one, the same file from a recording and its replays, once each."""

import shutil
import struct
import time

import echo_guest
import pytest
from echo_guest import CREATED_NS, HELLO
from quiet_host import QuietHost

from playhead.boards.config import PcConfig
from playhead.base.errors import HostError
from playhead.log.moment import Moment
from playhead.log.pcap import PcapFile
from playhead.log.reader import Reader
from playhead.machine.machine import Machine
from playhead.session.filter_dump import FilterDump
from playhead.session.replay import ReplayOptions, ReplaySession
from playhead.timeline.timeline import Timeline
from tests.free_ports import free_ports
from tests.host.net.ends import QEMU, Open, Relay
from tests.shared import once

COUNT = 12
FRAMES = echo_guest.frames(COUNT)


def packets(data):
    """(time in microseconds, length on the wire, bytes kept) of each."""
    at, found = 24, []
    while at < len(data):
        seconds, micros, kept, length = struct.unpack_from("<IIII", data, at)
        found.append((seconds * 10**6 + micros, length, data[at + 16 : at + 16 + kept]))
        at += 16 + kept
    assert at == len(data)
    return found


def dump(path, queue="all", maxlen=65536, said=None):
    return FilterDump(PcapFile(str(path), maxlen), 0, queue, CREATED_NS, (said if said is not None else []).append)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A recording, with a dump beside it that was made live."""

    def make(path):
        live = dump(path.with_suffix(".pcap"))
        echo_guest.record(path, COUNT, lambda session: session.traffic.append(live))
        live.close()

    path = once(tmp_path_factory, "dumped.ph", make)
    return path, path.with_suffix(".pcap").read_bytes()


def replayed(path, *dumps, split=None):
    with Reader(str(path)) as reader:
        pc = PcConfig.from_json(reader.meta["config"], reader.blob)
        session = ReplaySession(lambda door: Machine(pc, door), QuietHost(ports=1), reader, ReplayOptions(split))
        session.traffic += dumps
        assert session.run().complete
    for one in dumps:
        one.close()


def test_both_directions_with_times_of_the_guest(recorded):
    found = packets(recorded[1])
    assert sorted(frame for *_, frame in found) == sorted([HELLO, *FRAMES, *FRAMES])
    times = [at - CREATED_NS // 1000 for at, *_ in found]
    assert times == sorted(times) and 0 < times[0] < 2000 <= times[1]


@pytest.mark.parametrize("split", [None, 1])
def test_a_replay_writes_the_same_file(recorded, tmp_path, split):
    replayed(recorded[0], dump(tmp_path / "again"), split=split)
    assert (tmp_path / "again").read_bytes() == recorded[1]


def test_queue_and_maxlen(recorded, tmp_path):
    replayed(recorded[0], dump(tmp_path / "rx", "rx"), dump(tmp_path / "tx", "tx"), dump(tmp_path / "short", maxlen=20))
    rx, tx, short = (packets((tmp_path / name).read_bytes()) for name in ("rx", "tx", "short"))
    assert [frame for *_, frame in rx] == [HELLO, *FRAMES] and [frame for *_, frame in tx] == FRAMES
    assert sorted(rx + tx) == sorted(packets(recorded[1]))
    assert short == [(at, length, frame[:20]) for at, length, frame in packets(recorded[1])]


def test_going_back_and_forth_writes_each_packet_once(recorded, tmp_path):
    again = dump(tmp_path / "again")
    with Reader(str(recorded[0])) as reader:
        pc = PcConfig.from_json(reader.meta["config"], reader.blob)
        line = Timeline(lambda door: Machine(pc, door), QuietHost(ports=1), reader, 1)
        line.player.traffic.append(again)
        line.begin()
        moments = sorted({e.moment for e in reader.entries()})
        for there, back in zip(moments[2::3], moments[::3], strict=False):
            line.seek(Moment(there.icount, there.seq + 1))
            line.seek(back)
            line.seek(there)
        line.seek(Moment(1))
        line.player.conclude()
    again.close()
    assert (tmp_path / "again").read_bytes() == recorded[1]


def test_a_dump_that_cannot_be_written_ends_and_the_machine_goes_on(recorded, tmp_path):
    said = []
    with pytest.raises(HostError, match="cannot write /dev/full: No space left on device"):
        dump("/dev/full")
    with pytest.raises(HostError, match="No such file or directory"):
        dump(tmp_path / "no" / "folder")
    full = dump(tmp_path / "x", said=said)
    full._file._write = lambda data: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    replayed(recorded[0], full)
    assert said == [f"cannot write {tmp_path / 'x'}: No space left on device; no more packets are written there"]


@pytest.mark.skipif(shutil.which(QEMU) is None, reason=f"there is no {QEMU}")
def test_the_format_is_qemus(tmp_path):
    """The same packets through a real QEMU's filter-dump: equal but for the times, and in which queue is which."""
    a, b, c, d = free_ports(4)
    theirs = {queue: tmp_path / f"qemu-{queue}" for queue in ("all", "rx", "tx")}
    relay = Relay(
        f"socket,udp=127.0.0.1:{a},localaddr=127.0.0.1:{b}", f"socket,udp=127.0.0.1:{c},localaddr=127.0.0.1:{d}"
    )
    for queue, path in theirs.items():
        relay.words += ["-object", f"filter-dump,id={queue},netdev=n0,file={path},queue={queue},maxlen=100"]
    sent = [(False, b"to the guest " * 5), (True, b"from the guest " * 20)]
    with (
        Open(f"socket,udp=127.0.0.1:{b},localaddr=127.0.0.1:{a}") as network,
        Open(f"socket,udp=127.0.0.1:{d},localaddr=127.0.0.1:{c}") as guest,
        relay,
    ):
        relay.wait_until_it_listens()
        for out, frame in sent:
            here, there = (guest, network) if out else (network, guest)
            here.send(frame)
            there.take(1)
    for queue, path in theirs.items():
        ours = dump(tmp_path / "ours", queue, 100)
        for n, (out, frame) in enumerate(sent):
            ours.packet(0, out, frame, Moment(n), 0, None)
        ours.close()
        mine, qemu = (tmp_path / "ours").read_bytes(), path.read_bytes()
        assert mine[:24] == qemu[:24]
        assert [one[1:] for one in packets(mine)] == [one[1:] for one in packets(qemu)]
        assert all(abs(at / 1e6 - time.time()) < 60 for at, *_ in packets(qemu))
