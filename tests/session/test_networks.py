"""Networks as a source of input, as properties: whatever a network brings, when it comes and how many there are, each
frame enters once, in order, where there is room, and a replay does the same without one.
"""

import random
from itertools import pairwise
from types import SimpleNamespace

import pytest
from fake_machine import Program
from fake_network import Busy, Networked, Seen, Wire, networked
from planted import entries
from quiet_host import QuietHost
from test_sources import record, replay

from playhead.host.net.end import FRAME_MAX, INBOX, NetEnd
from playhead.log.events import LinkChanged, NetPacket
from playhead.log.reader import Reader
from playhead.session.outcome import Options
from playhead.session.replay import ReplayOptions, ReplaySession
from playhead.session.run import RunSession
from playhead.session.sources import NetSource
from playhead.session.sources.source import Refused
from playhead.session.target import closed_door
from tests.impaired_net import Faults, impair


def host_with(*ends, **more):
    host = QuietHost(**more)
    host.ends.update({f"net{n}": end for n, end in enumerate(ends)})
    return host


@pytest.mark.parametrize("seed", range(6))
def test_whatever_comes_a_replay_has_it(tmp_path, seed):
    chance, machines, seen = random.Random(seed), [], []
    cards = chance.choice((1, 2, 3, 5))
    build = networked(machines, cards, halt=chance.choice((0, 4, 40)), reset=chance.choice((0, 2)), seed=seed + 1)
    networks = [Busy(seed, n) for n in range(cards)]

    def prepare(session):
        seen.append(Seen(session))
        session.drive = lambda: links(session)

    def links(session):
        if chance.random() < 0.05:
            for _ in range(chance.choice((1, 2))):
                session.sources[NetSource].set_link(chance.randrange(cards), chance.random() < 0.5)
        session.turn()

    record(tmp_path / "r.ph", build, host_with(*networks, plan=[(30, 0, b"keys")]), prepare)
    events = [e for e in entries(tmp_path / "r.ph") if isinstance(e.event, NetPacket | LinkChanged)]
    packets = [e.event for e in events if isinstance(e.event, NetPacket)]
    assert len(packets) > 50 and not any(packet.flags for packet in packets)
    for n, network in enumerate(networks):
        into = [bytes(packet.data) for packet in packets if packet.net == n]
        assert len(into) == network.brought - len(network._inbox)
        assert [f for net, out, f, *_ in seen[0].packets if net == n and not out] == into
        assert [f for net, out, f, *_ in seen[0].packets if net == n and out] == network.sent
        assert network.times == sorted(network.times)
    again = networked(machines, cards, **vars(machines[0].p))
    for split in (None, seed):
        assert replay(tmp_path / "r.ph", again, host_with(), split)[1].complete
        for card, same in zip(machines[0].cards, machines[-1].cards, strict=True):
            assert (same.got, same.lost, same.links) == (card.got, card.lost, card.links)


def test_the_order_at_one_moment_is_cables_then_netdevs(tmp_path):
    machines = []
    ends = [Wire([b"b%d" % n, b"a%d" % n], n) for n in range(3)]
    host = host_with(*ends)

    def all_at_once(session):
        session.drive = session.turn
        for card, up in ((2, False), (0, False), (2, True)):
            session.sources[NetSource].set_link(card, up)
        session.turn()

    record(tmp_path / "r.ph", networked(machines, 3, halt=0), host,
           lambda session: setattr(session, "drive", lambda: all_at_once(session)))  # fmt: skip
    events = [e for e in entries(tmp_path / "r.ph") if isinstance(e.event, NetPacket | LinkChanged)]
    assert len({e.moment for e in events}) == 1
    assert [(e.event.card, e.event.up) for e in events[:3]] == [(2, False), (0, False), (2, True)]
    assert [(e.event.net, bytes(e.event.data)) for e in events[3:]] == [
        (0, b"b0"), (0, b"a0"), (1, b"b1"), (1, b"a1"), (2, b"b2"), (2, b"a2"),
    ]  # fmt: skip


class Flood(Wire):
    """Frames come faster than anybody takes them."""

    taken = 0

    def take(self):
        self.taken += 1
        assert self.taken < 100_000, "no end"
        self.arrive(bytes(60))
        return super().take()


def test_a_flood_does_not_stop_the_guest(tmp_path):
    """Not even where the card drops all at once."""
    machines, flood = [], Flood([bytes(60)])
    build = networked(machines, end=3000)

    def sieve(door):
        machine = build(door)
        machine.cards[0].can_receive = lambda: True
        return machine

    _, outcome = record(tmp_path / "r.ph", sieve, host_with(flood, plan=[(n, 0, b"k") for n in range(20, 40)]))
    assert outcome.icount >= 3000 and flood.taken > 1024
    assert replay(tmp_path / "r.ph", sieve, host_with())[1].complete


def test_back_pressure_waits_outside_and_goes_on_at_once(tmp_path):
    """A card with room for two: the rest waits at the host, each netdev for itself, and none is lost."""
    machines = []
    ends = [Wire((bytes((n, i)) for i in range(40)), n) for n in range(2)]
    build = networked(machines, 2, end=60_000, halt=0)

    def full(door):
        machine = build(door)
        machine.cards[0].can_receive = lambda: False
        return machine

    record(tmp_path / "r.ph", full, host_with(*ends))
    assert len(ends[0]._inbox) == 40 and not ends[1].waiting
    packets = [e for e in entries(tmp_path / "r.ph") if isinstance(e.event, NetPacket)]
    assert [bytes(e.event.data) for e in packets] == [bytes((1, i)) for i in range(40)]
    assert len({e.moment for e in packets}) > 10
    assert replay(tmp_path / "r.ph", full, host_with())[1].complete


def test_packets_and_cables(tmp_path):
    machines, hosts, seen = [], [], []

    def host(packets=0):
        hosts.append(host_with(Wire(bytes(20 + n) for n in range(packets)), plan=[(30, 0, b"keys")]))
        return hosts[-1]

    def prepare(session):
        seen.append(Seen(session))
        session.drive = lambda: session.turn() if session.host.reads < 100 or pulled else pull(session)

    def pull(session):
        for up in (False, True):
            pulled.append(up)
            session.sources[NetSource].set_link(0, up)
        session.turn()

    pulled = []
    record(tmp_path / "r.ph", networked(machines), host(60), prepare)
    events = [e.event for e in entries(tmp_path / "r.ph") if isinstance(e.event, NetPacket | LinkChanged)]
    assert sum(isinstance(e, NetPacket) for e in events) == 60 and 0 < machines[0].cards[0].lost < 60
    assert [e.up for e in events if isinstance(e, LinkChanged)] == machines[0].cards[0].links == [False, True]
    wire = hosts[0].ends["net0"]
    assert wire.times == sorted(wire.times) and wire.times[-1] > 0
    assert [frame for _, out, frame, *_ in seen[0].packets if out] == wire.sent
    assert [len(frame) for _, out, frame, *_ in seen[0].packets if not out] == list(range(20, 80))
    for split in (None, 1):
        with Reader(str(tmp_path / "r.ph")) as reader:
            session = ReplaySession(networked(machines), host(5), reader, ReplayOptions(split))
            seen.append(Seen(session))
            assert session.run().complete
        assert machines[-1].cards[0].lost == machines[0].cards[0].lost and machines[-1].cards[0].links == [False, True]
        assert not hosts[-1].ends["net0"].sent and len(hosts[-1].ends["net0"]._inbox) == 5
        assert seen[-1].packets == seen[0].packets


def test_packets_that_the_machine_cannot_take():
    machine = Networked(closed_door(2), Program())
    source = NetSource(SimpleNamespace(machine=machine, host=None, traffic=[]))
    source.built()
    source.apply(NetPacket(net=0, flags=0, data=bytearray(60)))
    for event, why in (
        (NetPacket(net=1, flags=0, data=bytearray(60)), "a packet for netdev 1, and the machine has no such"),
        (LinkChanged(card=1, up=True), "the link of network card 1, and the machine has 1"),
    ):
        with pytest.raises(Refused, match=why):
            source.apply(event)
    machine.cards[0].frames = [b"a", b"b"]
    with pytest.raises(Refused, match="has no room now"):
        source.apply(NetPacket(net=0, flags=0, data=bytearray(60)))


def test_time_waits_for_a_network_without_sleep():
    host = host_with(Wire())
    session = RunSession(networked([]), host, Options(sleep=False))
    session.drive = lambda: session.finish("none", 0)
    session.run()
    assert host.messages == ["sleep=off: with a network, a halted guest's time passes as with sleep=on"]


def test_an_end_holds_so_many_frames_and_no_more():
    end, poked = NetEnd("n"), []
    end.poke = lambda: poked.append(len(end._inbox))
    for _ in range(INBOX + 2):
        end.arrive(bytes(60))
    end.arrive(bytes(FRAME_MAX + 1))
    assert end.lost == 3 and end.room == 0
    while end.waiting:
        end.take()
    assert poked == [INBOX // 2] and end.room == INBOX


# -- a bad network


ALL = Faults(seed=3, loss=10, double=10, swap=10, cut=10, flip=10)


def bad(frames: int = 2000, faults: Faults = ALL) -> tuple[list[bytes], list[bytes], dict[str, int]]:
    """What went in, what arrived, and what was done."""
    end, sent = Wire(), [b"%08d" % n * 20 for n in range(frames)]
    coming, _ = impair(end, faults)
    arrived = []
    for n, frame in enumerate(sent):
        end.arrive(frame)
        end.virtual_time(n * 1000)
        while end.waiting:
            arrived.append(end.take())
    end.virtual_time(1 << 40)
    while end.waiting:
        arrived.append(end.take())
    return sent, arrived, coming.done


def test_a_bad_network_does_what_it_says_and_the_same_again():
    sent, arrived, done = bad()
    assert bad()[1] == arrived
    assert all(100 < done[fate] < 300 for fate in ("loss", "double", "swap", "cut", "flip"))
    assert len(arrived) == len(sent) - done["loss"] + done["double"]
    whole = [frame for frame in arrived if len(frame) == 160]
    assert sum(frame not in sent for frame in whole) == done["flip"]
    assert sum(a > b for a, b in pairwise(whole)) > done["swap"] // 2
    assert bad(100, Faults(loss=100, skip=60))[1] == sent[:60]
    assert Faults.parse("seed=3,loss=10,double=10,swap=10,cut=10,flip=10") == ALL


def test_a_bad_network_is_between_the_recording_and_the_world(tmp_path):
    """What was lost or changed on the way in is so in the recording; on the way out, only beyond it."""
    machines, network, sent = [], Busy(1), []
    network.send = lambda frame, send=network.send: (sent.append(frame), send(frame))
    coming, going = impair(network, ALL)
    record(tmp_path / "r.ph", networked(machines), host_with(network))
    packets = [bytes(e.event.data) for e in entries(tmp_path / "r.ph") if isinstance(e.event, NetPacket)]
    done = coming.done
    held = done["frames"] - done["loss"] + done["double"] - len(packets)  # to be swapped with the next one
    assert held in (0, 1)
    assert going.done["loss"] and len(sent) != going.done["frames"]
    assert replay(tmp_path / "r.ph", networked(machines), host_with())[1].complete


def test_frames_that_are_none_are_refused_at_the_door():
    end = NetEnd("n")
    for length in (0, 1, FRAME_MAX, FRAME_MAX + 1, 1 << 20):
        end.arrive(bytes(length))
    assert [len(frame) for frame in end._inbox] == [0, 1, FRAME_MAX] and end.lost == 2
