"""Whatever comes to a netdev's end from outside: what is a frame arrives, what is none ends a connection with one line
at most, and the machine never hears of the rest. From a seed, which a failure names.
"""

import random
import socket
import struct
import time

import pytest

from playhead.host.net import slirp_child
from playhead.host.net.end import FRAME_MAX, INBOX
from playhead.host.net.user import available
from tests.host.net.ends import Open, hung_up, wait_for
from tests.host.net.guest_stack import Guest
from tools.fuzz.net_cards import frame

LOOPBACK = "127.0.0.1"
NO_LENGTHS = (0, FRAME_MAX + 1, 1 << 24, 1 << 31, (1 << 32) - 1)


def listening():
    return Open(f"socket,listen={LOOPBACK}:0")


def joined(there):
    host, port = there.end.listens_at.rpartition(":")[0::2]
    return socket.create_connection((host.removeprefix("tcp:"), int(port)))


def send_in_pieces(peer, stream, may_hang_up_at, chance):
    """The other side may hang up when it has that many bytes, and at no time before."""
    sent = 0
    while sent < len(stream):
        size = chance.choice((1, 3, 5, 1000, 1 << 20))
        try:
            peer.sendall(stream[sent : sent + size])
        except (BrokenPipeError, ConnectionResetError):
            assert sent + size > may_hang_up_at
            return
        sent += size


@pytest.mark.parametrize("seed", range(8))
def test_a_stream_of_anything(seed):
    """Peers come one after the other; each sends frames, then what is none, or goes in the middle of one."""
    chance = random.Random(seed)
    with listening() as there:
        for peers in range(1, 6):
            frames = [frame(chance, chance.choice((1, 14, 60, 1514, FRAME_MAX))) for _ in range(chance.randrange(20))]
            bad = chance.choice((*NO_LENGTHS, None))
            end = frame(chance, 99) if bad is None else struct.pack(">I", bad) + chance.randbytes(300)
            stream = b"".join(struct.pack(">I", len(one)) + one for one in frames)
            stream += struct.pack(">I", 100) + end if bad is None else end
            may_hang_up_at = len(stream) if bad is None else len(stream) - 300
            with joined(there) as peer:
                send_in_pieces(peer, stream, may_hang_up_at, chance)
                assert there.take(len(frames)) == frames, seed
                if bad is not None:
                    assert hung_up(peer), (seed, bad)
            wait_for(lambda: not there.end.connected)
            assert not there.end.waiting and len(there.said) <= peers
        assert all("a length of" in line and "\n" not in line for line in there.said)


def test_what_is_no_frame_behind_a_full_inbox():
    """It is found when there is room again, though the peer says nothing more."""
    with listening() as there, joined(there) as peer:
        peer.sendall(struct.pack(">I4s", 4, b"abcd") * (INBOX + 5) + bytes(4))
        assert there.take(INBOX + 5) == [b"abcd"] * (INBOX + 5)
        assert hung_up(peer)
        wait_for(lambda: there.said)
        assert "a length of 0 bytes" in there.said[0]


def test_datagrams_of_any_length():
    chance = random.Random(5)
    with Open(f"dgram,local.type=inet,local.host={LOOPBACK},local.port=0,remote.type=inet,remote.host={LOOPBACK},"
              "remote.port=9") as there, socket.socket(type=socket.SOCK_DGRAM) as peer:  # fmt: skip
        for size in (0, 1, 13, 60, 1514, 9000, 65507, 0, 60):
            data = chance.randbytes(size)
            peer.sendto(data, there.end.local)
            if size:
                assert there.take(1) == [data]
        for size in (0, 1, 14, 65507, 65508, FRAME_MAX):  # the last two are too long for UDP
            there.send(bytes(size))
        wait_for(lambda: there.end.lost >= 2)
        assert not there.end.waiting and not there.said


@pytest.mark.skipif(not available(), reason="libslirp0 is not installed")
@pytest.mark.parametrize("seed", range(3))
def test_a_guest_that_sends_anything_to_a_user_network(seed):
    """The process may end, which is told once; nothing else may happen here. (Restricted: nothing is to go out.)"""
    chance = random.Random(seed)
    with Guest("restrict=on") as guest:
        assert guest.arp("10.0.2.2")
        for n in range(300):
            guest.end.send(frame(chance))
            if n % 10 == 0:
                guest.pass_time(100_000_000)
            while guest.end.waiting:
                assert len(guest.end.take()) <= FRAME_MAX
        assert guest.said or guest.arp("10.0.2.2")
        assert len(guest.said) <= 1


GARBAGE = """
import os, random
from playhead.host.net.slirp_wire import DONE, LINK_FD, REPLY, message
os.write(LINK_FD, message(REPLY, DONE + "0"))
chance = random.Random({seed})
for _ in range(200):
    word = chance.choice((chance.getrandbits(32), chance.choice((0, 1, 2, 3, 9)) << 24 | chance.randrange(3000)))
    os.write(LINK_FD, word.to_bytes(4, "little") + chance.randbytes(word & 0xFFF))
"""


@pytest.mark.skipif(not available(), reason="libslirp0 is not installed")
@pytest.mark.parametrize("seed", range(3))
def test_a_process_of_a_user_network_that_talks_nonsense(seed, monkeypatch):
    monkeypatch.setattr(slirp_child, "PROGRAM", "import sys; sys.path.append(sys.argv[1])" + GARBAGE.format(seed=seed))
    with Guest() as guest:
        end = time.monotonic() + 60
        while not guest.said and time.monotonic() < end:
            while guest.end.waiting:
                assert len(guest.end.take()) <= FRAME_MAX
            time.sleep(0.001)
        assert len(guest.said) == 1 and "its process has ended" in guest.said[0]
