"""`-netdev socket`, `stream` and `dgram`: what peers do wrong, back-pressure, who may come, what mistakes are told."""

import os
import socket
import stat
import struct
import threading
import time

import pytest

from playhead.base.errors import HostError, UnsupportedError, UsageError
from playhead.host.net.end import FRAME_MAX, INBOX
from playhead.host.net.stream import BACKLOG
from tests.free_ports import free_ports
from tests.host.net.ends import PATIENCE_S, Open, hung_up, options, wait_for

FRAME = bytes(range(60))


def packed(*frames):
    return b"".join(struct.pack(">I", len(frame)) + frame for frame in frames)


def client(ours):
    peer = socket.create_connection(("127.0.0.1", ours.end._connection.spec.port), timeout=PATIENCE_S)
    wait_for(lambda: ours.end.connected)
    return peer


def received(peer, size):
    data = b""
    while len(data) < size and (more := peer.recv(size - len(data))):
        data += more
    return data


def test_frames_are_found_however_they_are_cut():
    with Open("socket,listen=:0") as ours, client(ours) as peer:
        for byte in packed(FRAME, b"a", FRAME * 20):
            peer.send(bytes((byte,)))
        assert ours.take(3) == [FRAME, b"a", FRAME * 20]
        ours.send(FRAME, b"b")
        assert received(peer, 69) == packed(FRAME, b"b")


@pytest.mark.parametrize("length", [0, FRAME_MAX + 1, 0x7FFFFFFF, 0xFFFFFFFF, int.from_bytes(b"GET ")])
def test_a_length_that_no_frame_has_ends_the_connection_and_not_the_machine(length):
    with Open("socket,listen=:0") as ours:
        with client(ours) as peer:
            peer.send(packed(FRAME) + struct.pack(">I", length) + b"rest" * 9)
            assert ours.take(1) == [FRAME]
            assert hung_up(peer)
        assert not ours.end.connected
        said = f"a length of {length} bytes, and a frame has 1 to {FRAME_MAX}: the connection is closed"
        assert ours.said == [f"net1: its peer sent {said}"]
        with client(ours) as peer:  # the next one may come, and begins anew
            peer.send(packed(FRAME))
            assert ours.take(1) == [FRAME]


def test_a_bad_length_behind_more_frames_than_there_is_room_for():
    frames = [b"%d" % n for n in range(2 * INBOX)]
    with Open("socket,listen=:0") as ours, client(ours) as peer:
        peer.send(packed(*frames) + bytes(4))
        wait_for(lambda: ours.end.room == 0)
        assert ours.said == []
        assert ours.take(len(frames)) == frames
        wait_for(lambda: ours.said)
        assert hung_up(peer) and not ours.end.connected


@pytest.mark.parametrize("end", [b"", bytes(4)], ids=["", "bad length"])
def test_a_peer_that_goes_behind_more_frames_than_there_is_room_for(end, tmp_path):
    """None is lost, though the guest sends something meanwhile, and the next peer does not suffer for its end."""
    frames = [b"%d" % n for n in range(2 * INBOX)]
    with Open(f"stream,server=on,addr.type=unix,addr.path={tmp_path}/s") as ours:
        for _ in range(2):
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(f"{tmp_path}/s")
                peer.sendall(packed(*frames) + end)
            wait_for(lambda: ours.end.room == 0)
            ours.send(FRAME, FRAME)
            assert ours.take(len(frames)) == frames
            wait_for(lambda: not ours.end.connected)
        if end:  # a write may notice first that the peer is gone; what it had sent is read behind that
            wait_for(lambda: len(ours.said) == 2)
    assert end or not ours.said, ours.said


def test_a_frame_that_is_cut_off_is_no_part_of_the_next_connection():
    with Open("socket,listen=:0") as ours:
        with client(ours) as peer:
            peer.send(packed(FRAME)[:20])
        wait_for(lambda: not ours.end.connected)
        with client(ours) as peer:
            peer.send(packed(b"next"))
            assert ours.take(1) == [b"next"]


def test_a_frame_goes_out_while_the_guest_runs_on():
    """Nobody calls `flush`."""
    with Open("socket,listen=:0") as ours, client(ours) as peer:
        for n in range(3):
            ours.end.send(b"%d" % n)
            assert received(peer, 5) == packed(b"%d" % n)


def test_one_peer_at_a_time():
    with Open("socket,listen=:0") as ours, client(ours) as first:
        second = socket.create_connection(first.getpeername(), timeout=PATIENCE_S)
        second.send(packed(b"second"))
        first.send(packed(b"first"))
        assert ours.take(1) == [b"first"]
        time.sleep(0.05)
        assert not ours.end.waiting
        first.close()
        assert ours.take(1) == [b"second"]
        second.close()


def test_a_guest_that_does_not_read_makes_its_peer_wait():
    frames = [b"%06d" % n * 100 for n in range(20 * INBOX)] + [b"%d" % n for n in range(6 * INBOX)]
    with Open("socket,listen=:0") as ours, client(ours) as peer:
        sender = threading.Thread(target=peer.sendall, args=(packed(*frames),))
        sender.start()
        wait_for(lambda: ours.end.room == 0)
        time.sleep(0.05)
        assert sender.is_alive() and len(ours.end._inbox) == INBOX
        assert ours.take(len(frames)) == frames
        sender.join()
        assert ours.end.lost == 0


def test_a_peer_that_does_not_read_misses_frames_and_the_machine_does_not_wait():
    with Open("socket,listen=:0") as ours, client(ours):
        for _ in range(2000):  # more than any kernel keeps
            if ours.end.lost:
                break
            ours.send(*[bytes(60_000)] * 20)
        assert ours.end.lost > 0 and not ours.end.crowded
        assert ours.end._connection.backlog < BACKLOG + 70_000


def test_a_client_that_finds_nobody_says_so_once_and_the_machine_goes_on():
    (port,) = free_ports(1)
    with Open(f"socket,connect=127.0.0.1:{port}") as ours:
        wait_for(lambda: ours.said)
        assert f"net1: cannot connect to tcp:127.0.0.1:{port}: Connection refused; it stays unconnected" in ours.said[0]
        assert not ours.end.live
        ours.send(FRAME)
    assert len(ours.said) == 1


def test_a_client_with_reconnect_comes_back():
    (port,) = free_ports(1)
    with Open(f"stream,reconnect=1,addr.type=inet,addr.host=127.0.0.1,addr.port={port}") as ours:
        wait_for(lambda: ours.said)
        for text in (b"one", b"two"):
            with socket.create_server(("127.0.0.1", port)) as server:
                peer, _ = server.accept()
            with peer:  # nobody listens any more when it goes
                peer.send(packed(text))
                assert ours.take(1) == [text]
            wait_for(lambda: not ours.end.connected)
    assert sum("connected to" in text for text in ours.said) == 2


def test_without_a_host_only_this_machine_may_come_and_elsewhere_is_said():
    with Open("socket,listen=:0") as ours:
        assert ours.end._connection._listening.getsockname()[0] == "127.0.0.1" and ours.said == []
    with Open("stream,server=on,addr.type=inet,addr.host=0.0.0.0,addr.port=0") as ours:
        assert "open to the network" in ours.said[0]
    with Open("socket,udp=:9,localaddr=:0") as ours:
        assert ours.end.local[0] == "127.0.0.1" and ours.said == []
    with Open("socket,udp=127.0.0.1:9,localaddr=0.0.0.0:0") as ours:
        assert "open to the network at udp:0.0.0.0:" in ours.said[0]
    with Open("socket,mcast=230.0.0.8:0,localaddr=127.0.0.1") as ours:
        assert ours.said == []


@pytest.mark.parametrize("kind", ["stream,server=on,addr.type=unix,addr.path={}",
                                  "dgram,local.type=unix,local.path={},remote.type=unix,remote.path={}2"])  # fmt: skip
def test_unix_sockets_are_the_owners_and_go_when_they_are_done_with(kind, tmp_path):
    path = tmp_path / "s"
    with Open(kind.format(path, path)):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        with pytest.raises(HostError, match="a program listens there"):
            Open(kind.format(path, path))
    assert not path.exists()
    path.write_text("mine")
    with pytest.raises(HostError, match="is no socket"):
        Open(kind.format(path, path))
    assert path.read_text() == "mine"
    path.unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM if "dgram" in kind else socket.SOCK_STREAM) as stale:
        stale.bind(str(path))
    with Open(kind.format(path, path)):
        assert path.exists()


def test_datagrams_for_a_reader_that_is_behind_or_not_there(tmp_path):
    with Open(f"dgram,local.type=unix,local.path={tmp_path}/a,remote.type=unix,remote.path={tmp_path}/b") as ours:
        ours.send(FRAME)  # to nobody
        assert ours.end.lost == 1
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
            peer.bind(f"{tmp_path}/b")
            peer.settimeout(PATIENCE_S)
            frames = [b"%d" % n for n in range(200)]
            ours.send(*frames)  # more than the kernel keeps
            for frame in frames:
                assert peer.recv(100) == frame
                ours.end.flush()
            peer.sendto(b"", f"{tmp_path}/a")  # is no frame
            peer.sendto(FRAME, f"{tmp_path}/a")
            assert ours.take(1) == [FRAME]


def test_two_machines_in_a_group_hear_each_other_and_not_themselves():
    (port,) = free_ports(1)
    words = f"socket,mcast=230.0.0.7:{port},localaddr=127.0.0.1"
    with Open(words) as one, Open(words) as other, Open(words) as third:
        one.send(FRAME)
        assert other.take(1) == third.take(1) == [FRAME]
        other.send(b"answer")
        assert one.take(1) == [b"answer"]
        assert not other.end.waiting


def test_a_socket_that_was_handed_over():
    mine, theirs = socket.socketpair()
    with Open(f"socket,fd={mine.fileno()}") as ours:
        theirs.send(packed(FRAME))
        assert ours.take(1) == [FRAME]
        ours.send(b"back")
        assert received(theirs, 8) == packed(b"back")
    with socket.create_server(("127.0.0.1", 0)) as server:
        with Open(f"stream,server=on,addr.type=fd,addr.str={server.fileno()}") as ours:
            with socket.create_connection(server.getsockname(), timeout=PATIENCE_S) as peer:
                peer.send(packed(FRAME))
                assert ours.take(1) == [FRAME]
        with pytest.raises(HostError, match="add server=on"):
            Open(f"socket,fd={server.fileno()}")
    with socket.socket(type=socket.SOCK_DGRAM) as datagrams, pytest.raises(HostError, match="no stream socket"):
        Open(f"socket,fd={datagrams.fileno()}")
    with pytest.raises(HostError, match="Bad file descriptor"):
        Open("socket,fd=999")


def test_ipv6():
    inet = "addr.type=inet,addr.host=::1"
    with Open(f"stream,server=on,{inet},addr.port=0") as server:
        port = server.end._connection.spec.port
        with Open(f"stream,{inet},addr.port={port},addr.keep-alive=on") as peer:
            wait_for(lambda: server.end.connected and peer.end.connected)
            assert peer.end.where == f"tcp:[::1]:{port}" and server.said == []
            assert peer.end._connection._client.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            peer.send(FRAME)
            assert server.take(1) == [FRAME]
    one, two = free_ports(2)
    udp = "dgram,local.type=inet,local.host=::1,local.port={},remote.type=inet,remote.host=::1,remote.port={}"
    with Open(udp.format(one, two)) as here, Open(udp.format(two, one)) as there:
        here.send(FRAME)
        assert there.take(1) == [FRAME]


def test_what_info_network_shows(tmp_path):
    a, b = free_ports(2)
    shown = {
        f"socket,udp=127.0.0.1:{a},localaddr=:{b}": f"socket: udp=127.0.0.1:{a}",
        f"socket,mcast=230.0.0.1:{a},localaddr=127.0.0.1": f"socket: mcast=230.0.0.1:{a}",
        f"dgram,local.type=inet,local.host=127.0.0.1,local.port={a},remote.type=inet,remote.host=127.0.0.1,"
        f"remote.port={b}": f"udp=127.0.0.1:{a}/127.0.0.1:{b}",
        f"dgram,local.type=unix,local.path={tmp_path}/a,remote.type=unix,remote.path=b": f"udp={tmp_path}/a:b",
        f"stream,server=on,addr.type=unix,addr.path={tmp_path}/c": "",
    }
    for words, where in shown.items():
        with Open(words) as ours:
            assert ours.end.where == where
    with Open("socket,listen=:0") as ours, client(ours) as peer:
        assert ours.end.where == f"socket: connection from 127.0.0.1:{peer.getsockname()[1]}"


def test_monitors_hear_of_connections_as_from_qemu(tmp_path):
    def told(ours, count):
        wait_for(lambda: len(ours.end.happenings) == count)
        return [ours.end.happenings.popleft() for _ in range(count)]

    gone = ("NETDEV_STREAM_DISCONNECTED", {"netdev-id": "net1"})
    with Open(f"stream,server=on,addr.type=unix,addr.path={tmp_path}/s") as ours:
        for _ in range(2):
            with Open(f"stream,addr.type=unix,addr.path={tmp_path}/s") as peer:
                wait_for(lambda: ours.end.connected)
                address = {"type": "unix", "path": f"{tmp_path}/s"}
                connected = ("NETDEV_STREAM_CONNECTED", {"netdev-id": "net1", "addr": address})
                assert told(ours, 1) == told(peer, 1) == [connected]
            wait_for(lambda: not ours.end.connected)
            assert told(ours, 1) == [gone]
    with Open("stream,server=on,addr.type=inet,addr.host=127.0.0.1,addr.port=0") as ours, client(ours) as peer:
        address = {"type": "inet", "host": "127.0.0.1", "port": str(peer.getsockname()[1]), "ipv4": True}
        assert told(ours, 1) == [("NETDEV_STREAM_CONNECTED", {"netdev-id": "net1", "addr": address})]
    with Open("socket,listen=:0") as ours, client(ours):
        time.sleep(0.05)
        assert not ours.end.happenings


WRONG = {
    "socket": "exactly one of listen=, connect=, mcast=, udp= or fd= is needed",
    "socket,listen=:1,connect=:2": "exactly one of",
    "socket,listen=:1,localaddr=127.0.0.1": "localaddr= is for mcast= and udp= only",
    "socket,udp=127.0.0.1:1": "udp= needs localaddr=HOST:PORT",
    "socket,connect=host": "connect=host: no ':' between host and port",
    "socket,connect=host:99999": "'99999' is no port, a number from 0 to 65535",
    "socket,connect=host:-1": "'-1' is no port",
    "socket,mcast=10.0.0.1:5": "'10.0.0.1' is no multicast address",
    "socket,mcast=230.0.0.1:5,localaddr=x": "localaddr=x is no IPv4 address",
    "socket,fd=abc": "fd=abc is no file descriptor",
    "socket,lisen=:1": "unknown key 'lisen'",
    "stream": "addr.type= is missing",
    "stream,addr=x": "addr= has keys of its own",
    "stream,addr.type=inat": "addr.type=inat is not one of inet, unix, fd; did you mean 'inet'?",
    "stream,addr.type=inet,addr.port=1": "addr.host= is missing",
    "stream,addr.type=inet,addr.host=a": "addr.port= is missing",
    "stream,addr.type=inet,addr.host=a,addr.port=x": "addr.port=x is not a number from 0 to 65535",
    "stream,addr.type=inet,addr.host=a,addr.port=1,addr.ipv4=off,addr.ipv6=off": "leaves no address to use",
    "stream,addr.type=inet,addr.host=a,addr.port=1,addr.numeric=on": "should be an address in numbers",
    "stream,addr.type=inet,addr.host=a,addr.port=1,addr.to=9": "addr.to= is the last port that a server tries",
    "stream,addr.type=unix,addr.path=": "is no file name",
    "stream,addr.type=unix,addr.path=a,addr.host=b": "unknown key 'addr.host'",
    "stream,addr.type=unix,addr.path=a,server=perhaps": "server=perhaps is not one of on, off",
    "stream,addr.type=unix,addr.path=a,server=on,reconnect=3": "reconnect= is for a client",
    "stream,addr.type=fd,addr.str=x": "addr.str=x is no file descriptor",
    "dgram": "local.type= is missing",
    "dgram,remote.type=inet,remote.host=127.0.0.1,remote.port=1": "local.type= is missing",
    "dgram,local.type=unix,local.path=a": "remote.type= is missing",
    "dgram,local.type=unix,local.path=a,remote.type=inet,remote.host=a,remote.port=1": "should be the same",
}
UNSUPPORTED = {
    "stream,addr.type=vsock,addr.cid=1,addr.port=2": "addr.type=vsock is not supported",
    "stream,addr.type=unix,addr.path=a,addr.abstract=on": "addr.abstract= is not supported",
    "stream,addr.type=inet,addr.host=a,addr.port=1,addr.mptcp=on": "addr.mptcp= is not supported",
    "dgram,local.type=fd,local.str=3,remote.type=fd,remote.str=4": "local.type=fd is not supported",
}


@pytest.mark.parametrize("text", [*WRONG, *UNSUPPORTED])
def test_each_mistake_is_one_line(text):
    kind, expected = (UsageError, WRONG[text]) if text in WRONG else (UnsupportedError, UNSUPPORTED[text])
    with pytest.raises(kind) as raised:
        options(text)
    assert expected in str(raised.value) and "\n" not in str(raised.value)


def test_json_says_the_same_as_words():
    words = options("stream,server=on,addr.type=inet,addr.host=::1,addr.port=5,addr.ipv6=on,addr.keep-alive=on")
    assert words[1].address.family == "ipv6"
    address = '{"type":"inet","host":"::1","port":"5","ipv6":true,"keep-alive":true}'
    assert options('{"type":"stream","server":true,"addr":' + address + "}") == words


def test_what_cannot_be_opened_is_told():
    with socket.create_server(("127.0.0.1", 0)) as server:
        with pytest.raises(HostError, match=r"cannot listen at 127.0.0.1:.*: Address already in use"):
            Open(f"socket,listen=:{server.getsockname()[1]}")
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(HostError, match=r"cannot receive at udp:127.0.0.1:.*: Address already in use"):
            Open(f"socket,udp=127.0.0.1:9,localaddr=127.0.0.1:{taken.getsockname()[1]}")
    with pytest.raises(HostError, match=r"no-such-host.invalid"):
        Open("socket,connect=no-such-host.invalid:1")
    with pytest.raises(HostError, match=r"cannot join the group 230.0.0.1:9 at 192.0.2.77"):
        Open("socket,mcast=230.0.0.1:9,localaddr=192.0.2.77")
