"""Character devices: the words for them, sockets as server and client, telnet, links, and what happens to files."""

import os
import socket
import stat
import subprocess
import threading
import time

import pytest

from playhead.base.errors import HostError, PlayheadError, UnsupportedError, UsageError
from playhead.host.chardev.backends import Backends
from playhead.host.chardev.device import OUTBOX
from playhead.host.chardev.sockets import SocketDevice
from playhead.host.chardev.spec import Spec, gdb, parse, parse_chardev
from playhead.host.chardev.telnet import DO, DONT, IAC, OFFERS, SB, SE, WILL, WONT, Telnet
from playhead.host.host import Host
from playhead.host.terminal import StatusLine
from playhead.host.watch import Watcher

PATIENCE_S = 240


def wait_for(truth):
    end = time.monotonic() + PATIENCE_S
    while not truth():
        assert time.monotonic() < end
        time.sleep(0.002)


class Watched:
    """A device with a watcher at work."""

    def __init__(self, text, held=False):
        spec = parse(text) if ":" in text else parse_chardev(text)
        self.device, self.watcher, self.said = SocketDevice("serial0", spec), Watcher(), []
        self.device.held = held
        self.watcher.sources = [self.device]
        self.device.poke, self.device.message = self.watcher.poke, self.said.append

    def __enter__(self):
        self.device.open()
        self.watcher.start(lambda: None)
        return self.device

    def __exit__(self, *exc):
        self.watcher.stop()
        self.device.close()

    def client(self):
        spec = self.device.spec
        client = socket.socket(socket.AF_UNIX if spec.path else socket.AF_INET)
        client.settimeout(PATIENCE_S)
        client.connect(spec.path or ("127.0.0.1", spec.port))
        return client


def received(client, size):
    data = b""
    while len(data) < size and (more := client.recv(1 << 16)):
        data += more
    return data


# words


@pytest.mark.parametrize(("text", "spec"), [
    ("null", Spec("null")),
    ("pty:/a,b", Spec("pty", path="/a,b")),
    ("file:a,append=on", Spec("file", path="a,append=on")),
    ("mon:stdio", Spec("stdio", mux=True, monitor=True, signal=False)),
    ("mon:pty", Spec("pty", mux=True, monitor=True)),
    ("chardev:x", Spec("chardev", id="x")),
    ("tcp:[::1]:0,server,nowait", Spec("socket", host="::1", server=True)),
    ("tcp::7,server", Spec("socket", port=7, server=True, wait=True)),
    ("telnet:h:7,server=on,wait=off,nodelay", Spec("socket", host="h", port=7, server=True, telnet=True, nodelay=True)),
    ("tcp:h:7,reconnect=5,ipv6=off", Spec("socket", host="h", port=7, reconnect_s=5, family="ipv4")),
    ("unix:/a,server=off,telnet", Spec("socket", path="/a", telnet=True)),
])  # fmt: skip
def test_words(text, spec):
    assert parse(text) == spec


@pytest.mark.parametrize(("text", "spec"), [
    ("stdio,id=a,mux=on,signal=off", Spec("stdio", id="a", mux=True, signal=False)),
    ("file,id=a,path=x,,y,append=on,input-path=z", Spec("file", id="a", path="x,y", append=True, input_path="z")),
    ("socket,id=a,path=/s,server,nowait", Spec("socket", id="a", path="/s", server=True)),
    ("socket,id=a,port=7,to=9,server=on,ipv6=on", Spec("socket", id="a", port=7, to=9, server=True, wait=True,
                                                       family="ipv6")),
    ("pty,id=a,path=/l", Spec("pty", id="a", path="/l")),
    ("backend=null,id=a,mux", Spec("null", id="a", mux=True)),
])  # fmt: skip
def test_words_of_chardev(text, spec):
    assert parse_chardev(text) == spec


@pytest.mark.parametrize(("text", "message"), [
    ("", "unknown character device"), ("tpc:h:1", "unknown"), ("file:", "unknown"), ("chardev:", "unknown"),
    ("tcp:", "no address"), ("tcp:h:70000", "no address"), ("unix:", "no path"), ("mon:none", "cannot share"),
    ("mon:chardev:a", "-mon chardev=ID"), ("tcp::1,wait=off", "server=on"), ("tcp::1,server,reconnect=1", "client"),
    ("tcp::1,sever", "unknown key 'sever'"), ("tcp::1,server=maybe", "'maybe' is not on or off"),
    ("tcp::1,reconnect", "unknown key"), ("tcp::1,reconnect=-1", "not a number"), ("tcp::1,to=9", "to="),
    ("udp::1", "'udp' is not supported; instead"), ("/dev/ttyS0", "'tty'"),
    ("msmouse", "'msmouse'"), ("tcp::1,websocket=on,server", "websocket=on is not"), ("unix:/a,abstract=on", "rights"),
    ("tcp::1,ipv4=off,ipv6=off", "no address to use"),
])  # fmt: skip
def test_wrong_words(text, message):
    with pytest.raises((UsageError, UnsupportedError)) as e:
        parse(text)
    assert message in str(e.value) and "\n" not in str(e.value)


@pytest.mark.parametrize(("text", "message"), [
    ("null", "needs an id="), ("nul,id=a", "did you mean 'null'"), ("ringbuf,id=a", "instead: file"),
    ("file,id=a", "needs path="), ("socket,id=a", "needs path=PATH, or host"), ("socket,id=a,host=h", "needs a port"),
    ("socket,id=a,path=x,host=h,port=1", "or host"), ("null,id=a,path=x", "unknown key 'path=x'"),
    ("pty,id=a,logfile=x", "playhead console"), ("stdio,id=a,signal=2", "not on or off"),
])  # fmt: skip
def test_wrong_words_of_chardev(text, message):
    with pytest.raises((UsageError, UnsupportedError)) as e:
        parse_chardev(text)
    assert message in str(e.value) and "\n" not in str(e.value)


def test_where_gdb_comes():
    assert gdb("1234") == gdb("tcp::1234") == gdb("tcp::1234,server,nowait") == Spec("socket", port=1234, server=True)
    assert gdb("unix:/a,server=on,wait=off") == Spec("socket", path="/a", server=True)
    assert gdb("none").backend == "none"


# one device for one, or a mux


def backends(*texts, **more):
    return Backends([parse_chardev(text) for text in texts], StatusLine(), **more)


def test_who_uses_what():
    known = backends("null,id=a", "null,id=m,mux=on")
    known.front("chardev:a", "serial0")
    with pytest.raises(UsageError, match="-chardev a is in use by serial0; with mux=on several can share it"):
        known.front("chardev:a", "monitor")
    assert known.front("chardev:m", "serial1") is not known.front("chardev:m", "serial2")
    with pytest.raises(UsageError, match="no -chardev with the id 'b'"):
        known.front("chardev:b", "serial3")
    with pytest.raises(UsageError, match="two character devices have the id 'a'"):
        backends("null,id=a", "pty,id=a")
    with pytest.raises(UsageError, match="serial0 and serial1 are connected to it"):
        Host(["stdio", "mon:stdio"])
    with pytest.raises(UsageError, match="stdio can serve one only"):
        Host(["stdio", "chardev:s"], chardevs=[parse_chardev("stdio,id=s,signal=off")])
    Host(["stdio"], "stdio").close()  # what only prints takes no keys away


# files


def test_a_file_that_is_continued_and_one_that_is_read(tmp_path):
    (tmp_path / "out").write_bytes(b"before ")
    (tmp_path / "in").write_bytes(b"typed")
    text = f"file,id=a,path={tmp_path / 'out'},append=on,input-path={tmp_path / 'in'}"
    with Host(["chardev:a"], chardevs=[parse_chardev(text)]) as host:
        host.start(lambda: None)
        port = host.serial[0]
        wait_for(lambda: port.waiting and not port.live)
        assert port.take(100) == b"typed"
        port.write(b"after")
    assert (tmp_path / "out").read_bytes() == b"before after"
    replayed = backends(text, reads=False).front("chardev:a", "serial0")
    assert not replayed.live
    with pytest.raises(HostError, match="cannot read a from"):
        backends(f"file,id=a,path={tmp_path / 'new'},input-path={tmp_path / 'nothing'}")
    assert not (tmp_path / "new").exists()


def test_a_pipe(tmp_path):
    for name in ("p.in", "p.out"):
        os.mkfifo(tmp_path / name)
    device = backends().front(f"pipe:{tmp_path / 'p'}", "serial0")
    device.write(b"x" * 100_000)
    device.flush()
    assert not device.crowded  # 64 KiB of it are in the pipe
    device.write(b"x" * OUTBOX)
    assert device.crowded
    out = os.open(tmp_path / "p.out", os.O_RDONLY | os.O_NONBLOCK)
    got = 0
    while device.crowded or device._out:
        got += len(os.read(out, 1 << 16))
        device.flush()
    assert not device.crowded
    into = os.open(tmp_path / "p.in", os.O_WRONLY)
    os.write(into, b"typed")
    device.ready(device.watched()[1])
    assert device.take(9) == b"typed"
    os.close(into)
    os.close(out)
    device.close()
    with pytest.raises(HostError, match="No such file"):
        backends().front(f"pipe:{tmp_path / 'q'}", "serial0")
    (tmp_path / "q").touch()
    with pytest.raises(HostError, match="is no FIFO"):
        backends().front(f"pipe:{tmp_path / 'q'}", "serial0")


def test_a_link_to_a_pty(tmp_path):
    link, said = tmp_path / "link", []
    device = backends().front(f"pty:{link}", "serial0")
    device.message = said.append
    device.open()
    assert os.readlink(link) == device.name and said == [f"serial0 is {device.name}, as {link}"]
    assert stat.S_IMODE(os.stat(device.name).st_mode) == 0o600
    with pytest.raises(HostError, match="cannot make the link"):
        backends().front(f"pty:{link}", "serial1")
    device.close()
    assert not os.path.lexists(link)
    device = backends().front(f"pty:{link}", "serial0")
    link.unlink()
    link.symlink_to("elsewhere")
    device.close()
    assert os.readlink(link) == "elsewhere"


# sockets


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_a_unix_socket_is_its_owners(tmp_path, umask):
    path, before = tmp_path / "s", os.umask(umask)
    try:
        device = SocketDevice("serial0", parse(f"unix:{path},server,nowait"))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 & ~umask
    device.close()
    assert not path.exists()


def test_what_is_replaced_and_removed(tmp_path):
    path = tmp_path / "s"
    text = f"unix:{path},server,nowait"
    first = SocketDevice("serial0", parse(text))
    with pytest.raises(HostError, match="a program listens there"):
        SocketDevice("serial0", parse(text))
    first._listening.close()  # as if it had been killed
    second = SocketDevice("serial0", parse(text))
    first.close()
    assert path.exists()  # it is the second's
    second.close()
    path.write_bytes(b"precious")
    with pytest.raises(HostError, match="no socket"):
        SocketDevice("serial0", parse(text))
    assert path.read_bytes() == b"precious"
    path.unlink()
    third = SocketDevice("serial0", parse(text))
    path.unlink()
    path.write_bytes(b"precious")
    third.close()
    assert path.read_bytes() == b"precious"
    for name in (tmp_path / "none" / "s", tmp_path / ("x" * 200)):
        with pytest.raises(HostError, match="cannot listen at unix:") as e:
            SocketDevice("serial0", parse(f"unix:{name},server"))
        assert "\n" not in str(e.value)


@pytest.mark.parametrize("kind", ["tcp::0,server,nowait", "unix:{}/s,server,nowait"])
def test_clients_come_and_go(tmp_path, kind):
    watched = Watched(kind.format(tmp_path))
    with watched as device:
        assert device.live
        device.write(b"nobody hears this")
        device.flush()
        with watched.client() as client:
            client.sendall(b"one ")
            wait_for(lambda: device.connected)
            device.write(b"hello")
            device.flush()
            assert received(client, 5) == b"hello"
        wait_for(lambda: not device.connected)
        with watched.client() as client:
            client.sendall(b"two")
            wait_for(lambda: len(device._in) == 7)
            assert device.take(5) == b"one t" and device.waiting and device.take() == b"wo"  # the first's stays
            device.write(b"again")
            device.flush()
            assert received(client, 5) == b"again"
    assert watched.said == []


@pytest.mark.parametrize("kind", ["tcp::0,server,nowait", "unix:{}/s,server,nowait"])
def test_what_a_client_sent_is_not_lost_when_it_takes_nothing_more(tmp_path, kind):
    """It has gone, which a write notices before a read does. (No watcher: the order is the test's.)"""
    watched = Watched(kind.format(tmp_path))
    device = watched.device
    client = watched.client()
    device.ready(device.watched()[1])
    client.sendall(b"typed")
    client.close()
    while not device._broken:
        device.write(b"printed")
        device.flush()
    assert not device.crowded
    device.ready(device.watched()[1])
    assert device.take() == b"typed"
    device.ready(device.watched()[1])
    assert not device.connected
    with watched.client():
        device.ready(device.watched()[1])
        assert device.connected
    device.close()


def test_the_machine_waits_for_a_client_that_does_not_read():
    watched = Watched("tcp::0,server,nowait")
    with watched as device, watched.client() as client:
        wait_for(lambda: device.connected)
        sent = 0
        while not device.crowded:
            device.write(bytes(50_000))
            device.flush()
            sent += 50_000
        assert len(device._outbox) < 2 * OUTBOX
        got = 0
        while device.crowded:
            got += len(client.recv(1 << 16))
        thread = threading.Thread(target=device.flush)
        thread.start()
        assert got + len(received(client, sent - got)) == sent
        thread.join()
        while not device.crowded:
            device.write(bytes(50_000))
            device.flush()
        client.close()
        wait_for(lambda: not device.crowded)  # nor does it wait for one that has gone


def test_a_client_needs_a_server_and_may_try_again(tmp_path):
    path = tmp_path / "s"
    device = SocketDevice("serial0", parse(f"unix:{path}"))
    with pytest.raises(HostError, match=r"serial0: cannot connect to unix:.*: No such file"):
        device.open()
    with pytest.raises(HostError, match=r"cannot connect to tcp:127\.0\.0\.1:1: Connection refused"):
        SocketDevice("serial0", parse("tcp::1")).open()
    watched = Watched(f"unix:{path},reconnect=1")
    watched.device.open()
    watched.device.spec = watched.device.spec._replace(reconnect_s=0.05)
    with watched as device:
        for _ in range(2):
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(str(path))
                server.listen()
                server.settimeout(PATIENCE_S)
                client, _ = server.accept()
            path.unlink()  # nobody listens any more when the client goes
            with client:
                client.settimeout(PATIENCE_S)
                client.sendall(b"x")
                wait_for(lambda: device.take() == b"x")
                device.write(b"y")
                device.flush()
                assert received(client, 1) == b"y"
            wait_for(lambda: not device.connected)
    told = [text.split(": ", 1)[1] for text in watched.said]
    assert [text.partition(" ")[0] for text in told] == ["cannot", "connected", f"unix:{path}", "connected",
                                                        f"unix:{path}"], told  # fmt: skip


def test_a_server_waits_for_its_client_before_the_machine_starts():
    host = Host(["tcp::0,server"])
    said = []
    host.message = lambda *lines: said.extend(lines)

    def come():
        wait_for(lambda: said)
        port = int(said[0].rpartition(":")[2])
        socket.create_connection(("127.0.0.1", port)).sendall(b"here")

    thread = threading.Thread(target=come)
    thread.start()
    with host:
        assert host.serial[0].connected
        assert said == [f"serial0: waiting for a client at {host.serial[0].address}"]
        thread.join()


def test_an_open_port_is_said_to_be_open():
    for text, told in (("tcp:0.0.0.0:0", True), ("tcp:127.0.0.1:0", False), ("tcp::0", False)):
        watched = Watched(f"{text},server,nowait")
        with watched as device:
            assert device.spec.host != "" and bool(watched.said) == told
    with Host() as host:
        pass
    assert not host.crowded


def test_the_next_port_that_is_free():
    first = SocketDevice("a", parse("tcp::0,server,nowait"))
    port = first.spec.port
    second = SocketDevice("b", parse(f"tcp::{port},server,nowait,to={port + 50}"))
    assert port < second.spec.port <= port + 50
    with pytest.raises(HostError, match=f"cannot listen at 127.0.0.1:{port}: Address already in use"):
        SocketDevice("c", parse(f"tcp::{port},server"))
    first.close()
    second.close()


# telnet


def test_negotiation_is_answered_and_never_data():
    telnet = Telnet(server=True)
    sent = bytes((0x61, IAC, DO, 1, IAC, WILL, 31, IAC, DO, 99, 0x62, IAC, IAC, IAC, SB, 31, 0, 80, IAC, IAC, 9, IAC,
                  SE, 0x63, IAC, 0xF1, 0x64))  # fmt: skip
    for cut in range(len(sent)):
        telnet = Telnet(server=True)
        data, answer = (a + b for a, b in zip(telnet.feed(sent[:cut]), telnet.feed(sent[cut:]), strict=True))
        assert data == b"ab\xffcd" and answer == bytes((IAC, DONT, 31, IAC, WONT, 99))
    assert telnet.feed(b"\r\0x\r\ny\0") == (b"\rx\r\ny\0", b"")
    telnet.feed(bytes((IAC, WILL, 0)))
    assert telnet.feed(b"\r\0") == (b"\r\0", b"")
    assert Telnet.escaped(b"a\xffb") == b"a\xff\xffb"
    assert Telnet(server=False).feed(bytes((IAC, WILL, 1, IAC, DO, 0))) == (b"", bytes((IAC, DO, 1, IAC, WONT, 0)))


def test_debians_telnet(tmp_path):
    """The client of inetutils or netkit, if it is there."""
    watched = Watched("telnet:127.0.0.1:0,server,nowait")
    with watched as device:
        command = ["telnet", "127.0.0.1", str(device.spec.port)]
        try:
            client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        except FileNotFoundError:
            pytest.skip("there is no telnet")
        with client:
            wait_for(lambda: device.connected)
            device.write(b"login: \xff!")
            device.flush()
            seen = b""
            while b"\xff!" not in seen:
                seen += os.read(client.stdout.fileno(), 4096)
            client.stdin.write(b"root\n")
            client.stdin.flush()
            wait_for(lambda: len(device._in) >= 5)
            assert device.take().replace(b"\r", b"").rstrip(b"\n\0") == b"root" and b"login: " in seen
            device.hang_up()
            assert client.wait(PATIENCE_S) is not None


def test_a_flood_of_proposals_is_bounded():
    watched = Watched("telnet:127.0.0.1:0,server,nowait")
    with watched as device, watched.client() as client:
        assert received(client, len(OFFERS)) == OFFERS
        client.setblocking(False)
        flood, sent = bytes((IAC, DO, 99)) * 10_000, 0
        end = time.monotonic() + 1
        while time.monotonic() < end:
            try:
                sent += client.send(flood[sent % 3 :])
            except BlockingIOError:
                time.sleep(0.001)
        assert len(device._outbox) < 1 << 20 and not device.crowded and not device.waiting


def test_bad_names_are_one_line():
    for text in ("tcp:no.such.host.invalid:1", "tcp:" + "x" * 300 + ":1,server", "unix:a\0b,server", "unix:a\0b"):
        with pytest.raises(PlayheadError) as e:
            SocketDevice("serial0", parse(text)).open()
        assert "\n" not in str(e.value) and e.value.status == 2
