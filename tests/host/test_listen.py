"""The TCP port: specs, one client at a time, and clients that leave, flood or do not read."""

import re
import socket
import time

import pytest

from playhead.base.errors import HostError, UsageError
from playhead.host.chardev import sockets
from playhead.host.chardev.device import OUTBOX
from playhead.host.listen import TcpListener, parse_spec
from playhead.host.watch import Watcher

PATIENCE_S = 240


@pytest.fixture
def port():
    """A listener with its watcher at work."""
    listener, watcher = TcpListener("tcp::0"), Watcher()
    watcher.sources = [listener]
    listener.poke = watcher.poke
    watcher.start(lambda: None)
    yield listener
    watcher.stop()
    listener.close()


def connect(listener: TcpListener) -> socket.socket:
    return socket.create_connection(("127.0.0.1", listener.port), timeout=PATIENCE_S)


def wait_for(truth) -> None:
    end = time.monotonic() + PATIENCE_S
    while not truth():
        assert time.monotonic() < end
        time.sleep(0.002)


def taken(listener: TcpListener, size: int) -> bytes:
    data = b""

    def enough() -> bool:
        nonlocal data
        data += listener.take()
        return len(data) >= size

    wait_for(enough)
    return data


def received(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := client.recv(1 << 16)):
        data += more
    return data


def test_specs():
    assert parse_spec("1234") == parse_spec("tcp::1234") == ("127.0.0.1", 1234)
    assert parse_spec("tcp:localhost:0") == ("localhost", 0) and parse_spec("tcp:[::1]:1") == ("::1", 1)
    for spec in ("", "tcp", "tcp:", "tcp::", "tcp::x", "tcp:1234", "tcp::65536", "udp::1", ":1234", "-1", "1,server"):
        with pytest.raises(UsageError, match="cannot listen at"):
            parse_spec(spec)


def test_what_cannot_be_had():
    listener = TcpListener("tcp::0")
    with pytest.raises(HostError, match=rf"cannot listen at 127.0.0.1:{listener.port}: Address already in use;") as e:
        TcpListener(str(listener.port), "-gdb")
    assert "\n" not in str(e.value)
    way_out = re.search(r"; -gdb (tcp::(\d+)) would do$", str(e.value))
    assert way_out and int(way_out[2]) > listener.port
    TcpListener(way_out[1]).close()
    listener.close()
    with pytest.raises(HostError, match=r"cannot listen at 192.0.2.1:0"):
        TcpListener("tcp:192.0.2.1:0")
    with pytest.raises(HostError):
        TcpListener(f"tcp:{'x' * 300}:0")


def test_to_and_fro(port):
    assert not port.connected and port.connections == 0
    with connect(port) as client:
        client.sendall(b"question")
        assert taken(port, 8) == b"question" and port.connected and port.connections == 1
        port.send(b"answer")
        assert received(client, 6) == b"answer"
    wait_for(lambda: not port.connected)
    port.send(b"nobody hears this")


def test_the_second_waits_for_the_first(port):
    first, second = connect(port), connect(port)
    first.sendall(b"1")
    second.sendall(b"2")
    assert taken(port, 1) == b"1"
    first.close()
    wait_for(lambda: not port.connected)
    time.sleep(0.02)
    assert port.connections == 1 and port.take() == b""  # not before the first has been seen to be gone
    port.hang_up()
    assert taken(port, 1) == b"2" and port.connections == 2
    port.send(b"hello")
    assert received(second, 5) == b"hello"
    port.hang_up()
    assert received(second, 1) == b""
    second.close()
    connect(port).close()
    wait_for(lambda: port.connections == 3)


def test_last_words_are_kept_both_ways(port):
    with connect(port) as client:
        client.sendall(b"bye")
        client.shutdown(socket.SHUT_WR)
        wait_for(lambda: port.connections == 1 and not port.connected)
        assert port.take() == b"bye"
        port.send(b"bye yourself")
        port.hang_up()
        assert received(client, 100) == b"bye yourself"


def test_a_reset_is_survived(port):
    client = connect(port)
    client.sendall(b"x")
    assert taken(port, 1) == b"x"
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    wait_for(lambda: not port.connected)
    port.send(b"x" * 100_000)
    port.hang_up()
    with connect(port):
        wait_for(lambda: port.connections == 2 and port.connected)


def test_a_flood_waits(port):
    with connect(port) as client:
        client.setblocking(False)
        sent = 0
        with pytest.raises(BlockingIOError):
            while sent < 100 << 20:
                sent += client.send(bytes(1 << 16))
                time.sleep(0.001)
        assert len(port._in) <= sockets.INBOX + sockets.CHUNK
        assert len(taken(port, sent)) == sent  # and nothing is lost


def test_a_client_that_reads_slowly_gets_all_of_it(port):
    with connect(port) as client:
        wait_for(lambda: port.connected)
        data, got = bytes(range(256)) * 20_000, b""
        for at in range(0, len(data), 512_000):
            while len(port._outbox) > OUTBOX // 2:
                got += client.recv(1 << 16)
            port.send(data[at : at + 512_000])
        assert got + received(client, len(data) - len(got)) == data


def test_a_client_that_does_not_read_is_let_go(port):
    with connect(port):
        wait_for(lambda: port.connected)
        for _ in range(20_000):  # more than any kernel keeps
            if not port.connected:
                break
            port.send(bytes(1 << 16))
        assert not port.connected and not port._outbox
