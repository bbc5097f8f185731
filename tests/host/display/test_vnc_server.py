"""The VNC server with sockets: clients that come, share, type, go, and such as mean no good."""

import errno
import os
import socket
import struct
import time

import numpy as np
import pytest

from playhead.base.errors import HostError
from playhead.host.display import vnc, vnc_client
from playhead.host.display.rfb import security
from playhead.host.display.vnc import VncEnd
from playhead.host.display.vnc_options import VncOptions
from playhead.log.input_events import button, key, moved, numbered_key
from tests import rfb_client as client
from tests.fed_display import PATIENCE_S, FedVnc, until
from tests.rfb_client import Decoder, Incomplete, text_screen

SCREEN = text_screen(320, 200)


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A server at a Unix socket, with these options. It waits for its pictures, however busy this machine is."""
    monkeypatch.setattr(vnc, "PATIENCE_S", PATIENCE_S)
    made = []

    def make(**options) -> FedVnc:
        fed = FedVnc(VncOptions(path=str(tmp_path / f"vnc{len(made)}"), **options), SCREEN)
        made.append(fed.__enter__())
        return fed

    yield make
    for fed in made:
        fed.__exit__()


class Client:
    """Blocking, with a limit."""

    def __init__(self, fed: FedVnc, *, password: str | None = None, shared: bool = True, connect: bool = True):
        path = fed.end.options.path
        self.socket = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(path or ("127.0.0.1", fed.port))
        if not connect:
            return
        assert self.read(12) == b"RFB 003.008\n"
        self.send(b"RFB 003.008\n")
        assert self.read(2) == bytes([1, 1 if password is None else 2])
        self.send(b"\1" if password is None else b"\2")
        if password is not None:
            self.send(security.answer(password, self.read(16)))
        self.result = int.from_bytes(self.read(4), "big")
        if self.result:
            return
        self.send(bytes([shared]))
        width, height = struct.unpack(">HH", self.read(4))
        self.name = self.read(20)[20:] + self.read(int.from_bytes(self._tail, "big"))
        self.decoder = Decoder(width, height)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        self._tail = data[-4:]
        return data

    def receive(self) -> None:
        """What comes up to the end of a message, and more if it comes along."""
        data = b""
        while True:
            more = self.socket.recv(1 << 16)
            if not more:
                raise EOFError
            data += more
            kept = self.decoder._zlib.copy(), [one.copy() for one in self.decoder._tight]
            events, updates = list(self.decoder.events), list(self.decoder.updates)
            try:
                self.decoder.receive(data)
                return
            except Incomplete:
                self.decoder._zlib, self.decoder._tight = kept
                self.decoder.events, self.decoder.updates = events, updates

    def picture(self, incremental: bool = False) -> np.ndarray:
        height, width = self.decoder.frame.shape
        self.send(client.request(incremental, 0, 0, width, height))
        self.receive()
        return self.decoder.frame

    @property
    def gone(self) -> bool:
        """Whether the server has let go of it, after whatever it has said."""
        try:
            while self.socket.recv(1 << 16):
                pass
        except ConnectionError:
            pass
        return True

    def close(self) -> None:
        self.socket.close()


def happened(fed: FedVnc) -> list[str]:
    return [name for name, _ in fed.end.happenings]


def test_a_client_sees_the_screen_and_what_changes_on_it(served):
    fed = served()
    one = Client(fed)
    assert one.name == b"Playhead"
    assert np.array_equal(one.picture(), SCREEN)
    fed.frame = SCREEN ^ 0x10
    assert np.array_equal(one.picture(incremental=True), fed.frame)
    until(lambda: fed.end.clients())
    assert happened(fed) == ["VNC_CONNECTED", "VNC_INITIALIZED"]
    one.close()
    until(lambda: not fed.end.clients())
    assert happened(fed)[2:] == ["VNC_DISCONNECTED"]
    unix = {"family": "unix", "host": "", "websocket": False}
    assert fed.end.happenings[0][1] == {"server": {**unix, "service": fed.end.options.path, "auth": "none"},
                                        "client": {**unix, "service": ""}}  # fmt: skip
    assert fed.messages == []


def test_no_picture_is_made_while_nobody_looks(served):
    fed = served()
    time.sleep(0.3)
    assert fed.shown == 0 and not fed.end.wanted
    one = Client(fed)
    one.picture()
    time.sleep(0.2)
    assert fed.shown == 2  # one for its size


def test_a_picture_is_never_older_than_its_request(served):
    fed = served()
    one = Client(fed)
    for n in range(10):
        fed.frame = SCREEN ^ n
        assert np.array_equal(one.picture(), fed.frame)


def test_several_clients_each_get_theirs(served):
    fed = served()
    clients = [Client(fed) for _ in range(4)]
    for n, encoding in enumerate((0, 5, 6, 7)):
        clients[n].send(client.set_encodings(encoding))
    for n in range(3):
        fed.frame = SCREEN ^ n
        for one in clients:
            assert np.array_equal(one.picture(), fed.frame)
    assert len(fed.end.clients()) == 4


def test_keys_are_input_and_are_let_go_with_the_client(served):
    fed = served()
    one = Client(fed)
    one.send(client.key(True, 0xFFE1) + client.key(True, ord("A")) + client.key(False, ord("A")))
    one.send(client.extended_key(True, 0x42, 0x30) + client.key(True, 0x1234_5678) + client.key(False, ord("z")))
    one.send(client.pointer(1, 10, 10))
    pressed = [[key("shift", True)], [key("a", True)], [key("a", False)], [numbered_key(0x30, True)],
               [button("left", True)]]  # fmt: skip
    until(lambda: len(fed.pressed) >= len(pressed))
    assert fed.pressed == pressed
    one.close()
    until(lambda: len(fed.pressed) >= len(pressed) + 3)
    assert fed.pressed[5:] == [[numbered_key(0x30, False)], [key("shift", False)], [button("left", False)]]


def test_pointer(served):
    fed = served()
    one = Client(fed)
    one.send(client.pointer(0, 100, 50) + client.pointer(0, 103, 45) + client.pointer(5, 103, 50))
    one.send(client.pointer(0, 103, 50) + client.pointer(8, 103, 50) + client.pointer(0, 103, 50))
    expected = [moved(3, -5), [*moved(0, 5), button("left", True), button("right", True)],
                [button("left", False), button("right", False)], [button("wheel-up", True)],
                [button("wheel-up", False)]]  # fmt: skip
    until(lambda: len(fed.pressed) >= len(expected))
    assert fed.pressed == expected
    one.send(client.set_encodings(-257) + client.pointer(0, 0x7FFF, 0x7FFF) + client.pointer(0, 0x7FFF - 4, 0x8009))
    until(lambda: len(fed.pressed) > len(expected))
    assert fed.pressed[5:] == [moved(-4, 10)]


@pytest.mark.parametrize("sync", [True, False])
def test_locks_are_pressed_where_a_letter_needs_them(served, sync):
    """QEMU's lock-key-sync."""
    fed = served(lock_key_sync=sync)
    one = Client(fed)
    one.send(client.key(True, ord("H")) + client.key(False, ord("H")) + client.key(True, ord("i")))
    one.send(client.key(True, 0xFFB1))
    lock = [[key("caps_lock", True)], [key("caps_lock", False)]] if sync else []
    num = [[key("num_lock", True)], [key("num_lock", False)]] if sync else []
    expected = [*lock, [key("h", True)], [key("h", False)], *lock, [key("i", True)], *num, [key("kp_1", True)]]
    until(lambda: len(fed.pressed) >= len(expected))
    assert fed.pressed == expected


def test_the_keyboards_lights_say_which_locks_are_on(served):
    fed = served()
    fed.end.leds(6)
    one = Client(fed)
    one.send(client.set_encodings(-261))
    one.receive()
    assert one.decoder.events == [("leds", 6)]
    two = Client(fed)
    two.send(client.key(True, ord("A")) + client.key(True, ord("b")))
    until(lambda: len(fed.pressed) >= 4)
    assert fed.pressed == [[key("a", True)], [key("caps_lock", True)], [key("caps_lock", False)], [key("b", True)]]
    one.send(client.key(True, ord("x")))  # it keeps its locks itself
    until(lambda: len(fed.pressed) >= 5)
    assert fed.pressed[4:] == [[key("x", True)]]


def test_a_caption_is_the_windows_title(served):
    fed = served()
    fed.caption = "at 3 s"
    one = Client(fed)
    one.send(client.set_encodings(-307))
    one.picture()
    time.sleep(vnc.TITLE_S)
    fed.frame = SCREEN ^ 1
    one.picture()
    assert one.decoder.events == [("name", "Playhead: at 3 s")]


# passwords

def test_a_password(served):
    fed = served(password=True)
    assert "nobody can log in" in fed.messages[1] and "protects little" in fed.messages[0]
    assert Client(fed, password="").result == 1
    assert fed.end.set_password("secret")
    assert Client(fed, password="wrong").result == 1
    one = Client(fed, password="secret")
    assert one.result == 0 and np.array_equal(one.picture(), SCREEN)
    fed.end.expire_password(time.time() - 1)
    assert Client(fed, password="secret").result == 1
    assert np.array_equal(one.picture(), SCREEN)  # it is in already
    fed.end.expire_password(time.time() + 1000)
    assert Client(fed, password="secret").result == 0
    fed.end.expire_password(None)
    assert Client(fed, password="secret").result == 0
    until(lambda: len(fed.messages) >= 5)
    assert fed.messages[2].endswith("is disconnected: no password is valid now")
    assert fed.messages[3].endswith("is disconnected: it gave a wrong password")
    assert fed.end.facts()["auth"] == "vnc"


def test_a_password_is_of_no_use_without_the_option(served):
    assert not served().end.set_password("secret")


# sharing

def test_a_client_may_have_the_screen_for_itself(served):
    fed = served()
    one, two = Client(fed), Client(fed)
    alone = Client(fed, shared=False)
    assert one.gone and two.gone and np.array_equal(alone.picture(), SCREEN)
    with pytest.raises(EOFError):
        Client(fed)
    assert np.array_equal(alone.picture(), SCREEN)
    alone.close()
    until(lambda: not fed.end.clients())
    assert np.array_equal(Client(fed).picture(), SCREEN)


def test_force_shared_refuses_such_a_client(served):
    fed = served(share="force-shared")
    one = Client(fed)
    with pytest.raises(EOFError):
        Client(fed, shared=False)
    assert np.array_equal(one.picture(), SCREEN)


def test_ignore_does_not_look_at_it(served):
    fed = served(share="ignore")
    clients = [Client(fed, shared=False), Client(fed, shared=False), Client(fed)]
    assert all(np.array_equal(one.picture(), SCREEN) for one in clients)


# clients that mean no good

@pytest.mark.parametrize("said", [
    b"GET / HTTP/1.1\r\n\r\n", b"RFB 003.008\n\x09", b"RFB 003.008\n\1\1\x63", b"RFB 003.008\n\1\1\2\0\xff\xff",
    b"RFB 003.008\n\1\1\6\0\0\0\x7f\xff\xff\xff", os.urandom(3000), b"RFB 009.009\n", b"\xff" * 100_000,
])  # fmt: skip
def test_bad_clients_are_disconnected_with_one_message(served, said):
    fed = served()
    good, bad = Client(fed), Client(fed, connect=False)
    try:
        bad.send(said)
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert bad.gone
    until(lambda: fed.messages)
    assert np.array_equal(good.picture(), SCREEN)
    assert len(fed.messages) == 1 and fed.messages[0].startswith("VNC: the client at its Unix socket is disconnected: ")


@pytest.mark.parametrize("said", [b"nonsense here", b"RFB 009.%03d\n"])
def test_the_same_mistake_again_and_again_is_told_three_times(served, said):
    """Numbers in it do not make it another one."""
    fed = served()
    for n in range(10):
        bad = Client(fed, connect=False)
        bad.send(said % n if b"%" in said else said)
        assert bad.gone
    assert len(fed.messages) == vnc.MOST_TOLD and fed.messages[-1].endswith("(more of these are not told)")


def test_half_open_connections_end(served, monkeypatch):
    fed = served()
    one = Client(fed)
    monkeypatch.setattr(vnc_client, "HANDSHAKE_S", 0.3)
    silent = [Client(fed, connect=False) for _ in range(3)]
    assert all(other.gone for other in silent)
    assert "has not come to its first picture within 0.3 s" in fed.messages[0]
    fed.end._clients[0]._deadline = 0.0
    time.sleep(2 * vnc.LOOK_S)
    assert np.array_equal(one.picture(), SCREEN)  # it may take as long as it likes


def test_connections_says_how_many_may_be_connecting(served):
    fed = served(connections=3)
    good = Client(fed)
    silent = [Client(fed, connect=False) for _ in range(8)]
    assert all(one.gone for one in silent[:5])
    assert np.array_equal(good.picture(), SCREEN) and len(fed.end.clients()) == 4


def test_there_is_a_limit_of_clients(served, monkeypatch):
    monkeypatch.setattr(vnc, "MOST_CLIENTS", 3)
    fed = served()
    clients = [Client(fed) for _ in range(3)]
    with pytest.raises((EOFError, ConnectionResetError)):
        Client(fed)
    assert all(np.array_equal(one.picture(), SCREEN) for one in clients)
    until(lambda: fed.messages)
    assert fed.messages == ["VNC: a client is turned away: there are 3 already"]


def test_without_a_descriptor_for_it_a_client_waits(served, monkeypatch):
    """And the server does not turn in circles meanwhile."""
    fed, tries = served(), []
    accept = socket.socket.accept

    def refused(listening):
        tries.append(time.monotonic())
        if len(tries) < 4:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return accept(listening)

    good = Client(fed)
    monkeypatch.setattr(socket.socket, "accept", refused)
    late = Client(fed)
    assert np.array_equal(late.picture(), SCREEN) and np.array_equal(good.picture(), SCREEN)
    assert len(tries) == 4 and tries[3] - tries[0] >= 3 * vnc.LOOK_S
    assert fed.messages[0] == "VNC: a client cannot be let in: Too many open files"


def test_a_slow_reader_gets_fewer_pictures_and_costs_no_memory(served):
    fed = served()
    fed.frame = np.zeros((1200, 1920), np.uint32)
    slow, good = Client(fed), Client(fed)
    height, width = fed.frame.shape
    for _ in range(200):
        slow.send(client.request(False, 0, 0, width, height))
    for n in range(5):
        fed.frame = np.full((1200, 1920), n, np.uint32)
        assert np.array_equal(good.picture(), fed.frame)
    (held,) = [one.connection for one in fed.end._clients if one.connection.out]
    assert len(held.out) <= 1920 * 1200 * 4 + 100
    slow.receive()
    assert np.array_equal(slow.decoder.frame, np.zeros((1200, 1920)))


def test_floods_of_input_end_in_a_full_queue(served):
    fed = served()
    one = Client(fed)
    fed.stop_taking()
    one.send(client.key(True, 0x62))
    for _ in range(50):
        one.send(client.key(True, 0x61) * 200 + client.pointer(1, 5, 5) * 200 + client.pointer(0, 9, 9) * 200)
    one.send(client.key(False, 0x62) + client.set_encodings(-258))
    one.receive()  # it has read all of it
    assert vnc.MOST_GROUPS <= len(fed.end.pressed) <= vnc.MOST_GROUPS + 3
    assert fed.end.pressed[0] == [key("b", True)] and fed.end.pressed[-1] == [key("b", False)]


def test_a_client_comes_in_even_if_no_picture_can_be_drawn(served, monkeypatch):
    monkeypatch.setattr(vnc, "PATIENCE_S", 0.2)
    fed = served()
    fed.stop_taking()
    one = Client(fed)
    assert one.decoder.frame.shape == vnc.NO_PICTURE and not one.picture().any()


# addresses

def test_a_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(HostError) as error:
            VncEnd(VncOptions(port=port, said="-vnc :7"), lambda keysym: None)
    assert str(error.value) == (f"-vnc :7: cannot listen at 127.0.0.1:{port}: Address already in use; another display, "
                                "or to=N, which tries those up to N, would do")  # fmt: skip


def test_the_next_port_is_tried_with_to():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with FedVnc(VncOptions(port=port, to=port + 20), SCREEN, "guest") as fed:
            assert port < fed.port <= port + 20
            assert fed.messages == [f"VNC is at 127.0.0.1:{fed.port} (display {fed.port - 5900})"]
            one = Client(fed)
            assert one.name == b"Playhead (guest)" and np.array_equal(one.picture(), SCREEN)
            (facts,) = fed.end.clients()
            host, number = one.socket.getsockname()
            assert facts == {"family": "ipv4", "host": host, "service": str(number), "websocket": False}


def test_it_listens_to_this_machine_only_unless_told_otherwise():
    with FedVnc(VncOptions(port=0), SCREEN) as fed:
        assert fed.end.facts()["host"] == "127.0.0.1" and fed.messages == []
    with FedVnc(VncOptions(host="0.0.0.0", port=0), SCREEN) as fed:
        assert fed.messages == [f"VNC is open to the network at {fed.end.address}, without a password"]


def test_a_unix_socket_goes_with_the_server(tmp_path):
    path = tmp_path / "vnc"
    with FedVnc(VncOptions(path=str(path)), SCREEN):
        assert path.is_socket() and path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()
