"""Clients that send anything and leave anywhere: a session never raises, and the next one finds all in order."""

import random

import pytest
from fake_target import FakeTarget
from gdb_client import packet, replies

from playhead.gdb.commands_query import COMMANDS as QUERIES
from playhead.gdb.packets import escape
from playhead.gdb.serve import GdbServer
from playhead.gdb.server import _DISPATCHER, GdbSession

NAMES = [command.name for commands in _DISPATCHER._by_first.values() for command in commands]
WORDS = [b",", b";", b":", b"=", b"0", b"1", b"2", b"1000", b"2000,4", b"4000", b"ffffffff", b"-1", b"p1.1", b"c",
         b"X3,220127", b"X1,ff", b"target.xml", b"swbreak+;error-message+", b"6563686f", b"zz", b"\x00", b"\xff", b"#",
         b"}", b"s:1", b"cmds:"]  # fmt: skip
TRANSCRIPT = b"".join((
    packet(b"qSupported:swbreak+;hwbreak+"), b"+", packet(b"vMustReplyEmpty"), b"+", packet(b"QStartNoAckMode"), b"+",
    packet(b"?"), packet(b"qXfer:features:read:target.xml:0,fff"), packet(b"g"), packet(b"Z0,1006,1;X3,220127"),
    packet(b"Z2,2000,4"), packet(b"vCont;c"), b"\x03", packet(b"m1000,10"), packet(b"bc"),
    packet(b"qRcmd,6563686f2061"), packet(b"z0,1006,1"), packet(b"X2000,2:}\x03a"), packet(b"vCont;s:1"), packet(b"D"),
))  # fmt: skip


def run_all(session: GdbSession) -> bytes:
    out = session.take_output()
    for _ in range(200):
        if session.wanted is None:
            return out
        session.run(lambda: session.interrupt_requested)
        out += session.take_output()
    raise AssertionError("it never stands")


def fresh(rng: random.Random) -> GdbSession:
    return GdbSession(FakeTarget(can_reverse=rng.random() < 0.7, writable=rng.random() < 0.3, exits=rng.random() < 0.2))


def random_packet(rng: random.Random) -> bytes:
    data = rng.choice(NAMES) if rng.random() < 0.9 else rng.randbytes(rng.randrange(5))
    data += b"".join(rng.choice(WORDS) for _ in range(rng.randrange(6)))
    if rng.random() < 0.1:
        data = data[: rng.randrange(len(data) + 1)] + rng.randbytes(rng.randrange(3))
    return packet(escape(data)) if rng.random() < 0.95 else b"$" + data + b"#00"


def stands_and_answers(session: GdbSession) -> None:
    session.receive(b"#00")  # ends whatever was open
    run_all(session)
    if not session.ended:
        session.receive(packet(b"?"))
        assert replies(session.take_output())[-1][:1] in (b"T", b"W")


def test_random_packets():
    rng = random.Random(3)
    session = fresh(rng)
    for n in range(10_000):
        session.receive(random_packet(rng))
        run_all(session)
        if session.ended or n % 50 == 0:
            stands_and_answers(session)
            target = session._context.target
            session.close()
            assert not target.points
            session = fresh(rng)


def test_random_bytes():
    rng = random.Random(4)
    for _ in range(400):
        session = fresh(rng)
        for _ in range(25):
            choice = rng.random()
            if choice < 0.4:
                data = rng.randbytes(rng.randrange(60))
            elif choice < 0.8:
                data = bytes(rng.choice(b"$#}*+-\x03?cs0123,;:") for _ in range(rng.randrange(60)))
            else:
                data = random_packet(rng)[: rng.randrange(1, 40)]
            session.receive(data)
            run_all(session)
        stands_and_answers(session)


def test_the_fuzz_reaches_every_command():
    assert len(NAMES) == len(set(NAMES)) and {command.name for command in QUERIES} < set(NAMES)


class Wire:
    """A transport whose client's bytes the test puts in."""

    def __init__(self):
        self.connections, self.connected, self.incoming, self.sent, self.hung_up = 0, False, b"", b"", 0

    def come(self, data: bytes) -> None:
        self.connections, self.connected, self.incoming, self.sent = self.connections + 1, True, data, b""

    def take(self) -> bytes:
        data, self.incoming = self.incoming, b""
        return data

    def send(self, data: bytes) -> None:
        self.sent += data

    def hang_up(self) -> None:
        self.connected, self.hung_up = False, self.hung_up + 1


def test_a_client_may_leave_at_any_byte():
    wire, target = Wire(), FakeTarget()
    server = GdbServer(target, wire)
    for end in range(len(TRANSCRIPT) + 1):
        target.at = 0
        wire.come(TRANSCRIPT[:end])
        assert server.serve() == (end < len(TRANSCRIPT))
        wire.connected = False
        assert not server.serve() and not target.points
        assert server.left == ("detach" if end == len(TRANSCRIPT) else "gone") and wire.hung_up == end + 1
    wire.come(packet(b"?"))
    assert server.serve() and replies(wire.sent) == [b"T05thread:01;"] and server.left == ""


def test_pieces_make_no_difference():
    whole = None
    for size in (len(TRANSCRIPT), 7, 1):
        session = GdbSession(FakeTarget())
        out = b""
        for at in range(0, len(TRANSCRIPT), size):
            session.receive(TRANSCRIPT[at : at + size])
            if size == 1 or at + size >= len(TRANSCRIPT):
                out += run_all(session)
        kinds = [reply[:3] for reply in replies(out)]
        # What comes in one piece with a resumption interrupts it; what follows is the same.
        whole = whole or kinds
        assert len(kinds) == len(whole) and session.ended == "detach"


def test_last_words_count():
    wire, target = Wire(), FakeTarget(endless=True)
    server = GdbServer(target, wire)
    wire.come(packet(b"k"))
    wire.connected = False  # gone before anybody looked
    assert not server.serve() and server.left == "kill"


@pytest.mark.parametrize("last", [b"", b"\x03"])
def test_a_client_that_leaves_while_it_runs(last):
    wire, target = Wire(), FakeTarget(endless=True)
    server = GdbServer(target, wire)
    wire.come(packet(b"c"))
    border = target._border

    def leave(*arguments):
        wire.incoming, wire.connected = last, False
        return border(*arguments)

    target._border = leave
    assert not server.serve() and server.left == "gone"
