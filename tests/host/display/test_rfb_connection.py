"""One client's connection without a socket: handshakes, what is told when, updates of what has changed, bad data."""

import os
import struct

import numpy as np
import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from playhead.host.display.rfb import des, security, wire
from playhead.host.display.rfb.connection import MOST_REPLIES, VERSION, Connection, Stage
from playhead.host.display.rfb.messages import Key, Pointer
from playhead.host.display.rfb.wire import RfbError
from tests import rfb_client as client
from tests.rfb_client import Decoder, photograph, text_screen

CHALLENGE = bytes(range(16))
SCREEN = text_screen(200, 100)


def taken(connection: Connection) -> bytes:
    data = bytes(connection.out)
    connection.sent(len(data))
    return data


def connected(*encodings: int, frame=SCREEN, lossy=False) -> tuple[Connection, Decoder]:
    """A client of version 3.8 that has been told the screen's size."""
    connection = Connection("Playhead", lossy=lossy)
    connection.feed(VERSION + b"\1" + b"\1")
    connection.admit()
    taken(connection)
    connection.update(frame)
    height, width = frame.shape
    assert taken(connection)[:4] == struct.pack(">HH", width, height)
    if encodings:
        connection.feed(client.set_encodings(*encodings))
    return connection, Decoder(width, height)


def updated(connection: Connection, decoder: Decoder, frame) -> list[list[tuple]]:
    """The updates that the client gets of this picture."""
    decoder.updates = []
    connection.update(frame)
    decoder.receive(taken(connection))
    return decoder.updates


def everything(frame) -> bytes:
    return client.request(False, 0, 0, frame.shape[1], frame.shape[0])


def changes(frame) -> bytes:
    return client.request(True, 0, 0, frame.shape[1], frame.shape[0])


# handshakes

@pytest.mark.parametrize("version, said", [
    (b"RFB 003.003\n", b"\0\0\0\1"), (b"RFB 003.005\n", b"\0\0\0\1"), (b"RFB 003.007\n", b"\1\1"),
    (b"RFB 003.008\n", b"\1\1"),
])  # fmt: skip
@pytest.mark.parametrize("piece", [1, 100])
def test_handshake_without_a_password(version, said, piece):
    connection = Connection("Playhead (x)")
    assert taken(connection) == b"RFB 003.008\n"
    answer = version + (b"\1" if len(said) == 2 else b"") + b"\0"
    for n in range(0, len(answer), piece):
        connection.feed(answer[n : n + piece])
    assert taken(connection) == said + (bytes(4) if version == VERSION else b"")
    assert connection.stage is Stage.ADMISSION and not connection.shared and not connection.reading
    connection.admit()
    assert connection.wants
    connection.update(np.zeros((480, 640), np.uint32))
    init = bytes.fromhex("028001e0 20180001 00ff00ff00ff 100800 000000") + (12).to_bytes(4, "big") + b"Playhead (x)"
    assert taken(connection) == init  # QEMU's but for the name
    assert connection.stage is Stage.CONNECTED and not connection.wants


@pytest.mark.parametrize("version", [b"003.003", b"003.007", b"003.008"])
@pytest.mark.parametrize("right", [True, False])
def test_handshake_with_a_password(version, right):
    connection = Connection("Playhead", lambda: "secret99more", CHALLENGE)
    connection.feed(b"RFB " + version + b"\n" + (b"" if version == b"003.003" else b"\2"))
    assert taken(connection) == VERSION + (b"\0\0\0\2" if version == b"003.003" else b"\1\2") + CHALLENGE
    key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in b"secret99")
    packer = Cipher(TripleDES(key * 3), modes.ECB()).encryptor()
    connection.feed(packer.update(CHALLENGE if right else CHALLENGE[::-1]))
    if right:
        assert taken(connection) == bytes(4)
        connection.feed(b"\1")
        assert connection.stage is Stage.ADMISSION and connection.shared
    else:
        reason = b"\0\0\0\x15Authentication failed" if version == b"003.008" else b""
        assert taken(connection) == b"\0\0\0\1" + reason
        assert connection.stage is Stage.OVER and connection.failure == "it gave a wrong password"
        connection.feed(b"\1" * 100)
        assert not connection.out


def test_nobody_logs_in_while_no_password_is_valid():
    connection = Connection("Playhead", lambda: None, CHALLENGE)
    connection.feed(VERSION + b"\2" + security.answer("", CHALLENGE))
    assert connection.failure == "no password is valid now"


def test_the_security_type_has_to_be_one_that_was_offered():
    for password, choice in ((None, 2), (None, 19), (lambda: "x", 1), (lambda: "x", 0)):
        connection = Connection("Playhead", password, CHALLENGE)
        connection.feed(VERSION + bytes([choice]))
        assert connection.stage is Stage.OVER and "was not offered" in connection.failure
        assert taken(connection).endswith(b"Authentication failed")


@pytest.mark.parametrize("said", [b"GET / HTTP/1", b"RFB 3.8\n    ", b"RFB 003-008\n", bytes(12), b"RFB 003.008\r"])
def test_what_is_no_rfb(said):
    with pytest.raises(RfbError, match="it does not speak RFB"):
        Connection("Playhead").feed(said)


@pytest.mark.parametrize("said", [b"RFB 004.001\n", b"RFB 003.889\n", b"RFB 002.000\n"])
def test_versions_that_are_not_spoken(said):
    connection = Connection("Playhead")
    connection.feed(said)
    assert connection.stage is Stage.OVER and "there is 3.3, 3.7, 3.8" in connection.failure
    assert taken(connection)[12:].startswith(bytes(4) + b"\0\0\0\x29only RFB")


def test_des_is_des():
    for n in range(100):
        key, block = os.urandom(8), os.urandom(8)
        expected = Cipher(TripleDES(key * 3), modes.ECB()).encryptor().update(block)
        assert des.encrypt(key, block) == expected, (n, key, block)


# what is told unasked

def test_pseudo_encodings_are_answered_at_once_in_an_update_each():
    """As QEMU 7.2 does, in its order."""
    connection, decoder = connected()
    connection.light(6)
    connection.feed(client.set_encodings(0, -223, -308, -258, -261, -257, -239, -314, -307, -312, -313, -224, -305))
    decoder.receive(taken(connection))
    assert [[head[4] for head in update] for update in decoder.updates] == [[-258], [-257], [-261]]
    assert decoder.events == [(-258, 0, 0, 200, 100), (-257, 0, 0, 200, 100), ("leds", 6),
                              ("end of continuous updates",), ("fence", 1 << 31 | 1, b"offer")]  # fmt: skip
    decoder.events = []
    connection.feed(everything(SCREEN))
    updates = updated(connection, decoder, SCREEN)
    assert updates == [[(0, 0, 200, 100, -308)], [(0, 0, 200, 100, 0)]]
    assert decoder.events == [("screens", 0, 0, 200, 100, [(0, 0, 0, 200, 100, 0)])]
    assert np.array_equal(decoder.frame, SCREEN)


def test_lights_are_told_when_they_change():
    connection, decoder = connected(-261)
    assert not taken(connection)  # nobody knows them
    for leds in (1, 1, 4):
        connection.light(leds)
    decoder.receive(taken(connection))
    assert decoder.events == [("leds", 1), ("leds", 4)] and connection.tells_locks
    connection, _ = connected(0)
    connection.light(7)
    assert not taken(connection) and not connection.tells_locks


def test_a_title_is_told_with_the_next_picture():
    connection, decoder = connected(-307, 0)
    connection.title("Playhead: at 3 s")
    assert not taken(connection)
    connection.feed(changes(SCREEN))
    updates = updated(connection, decoder, SCREEN)
    assert [[head[4] for head in update] for update in updates] == [[-307], [0]]
    assert decoder.events == [("name", "Playhead: at 3 s")]
    connection.feed(changes(SCREEN))
    assert updated(connection, decoder, SCREEN) == []


def test_a_client_may_not_resize_the_screen():
    connection, decoder = connected(-308)
    connection.feed(struct.pack(">BxHHBx", 251, 1024, 768, 1) + bytes(16))
    decoder.receive(taken(connection))
    assert decoder.events == [("screens", 1, 1, 200, 100, [(0, 0, 0, 200, 100, 0)])]


# pictures

def test_nothing_is_sent_that_has_not_been_asked_for():
    connection, _ = connected(0)
    assert not connection.wants
    connection.update(SCREEN)
    assert not connection.out


def test_only_what_has_changed_is_sent():
    connection, decoder = connected(0)
    connection.feed(changes(SCREEN))
    assert updated(connection, decoder, SCREEN) == [[(0, 0, 200, 100, 0)]]  # it had nothing
    connection.feed(changes(SCREEN))
    assert updated(connection, decoder, SCREEN.copy()) == [] and connection.wants
    now = SCREEN.copy()
    now[40, 70] ^= 1
    now[99, 199] ^= 1
    assert updated(connection, decoder, now) == [[(64, 32, 16, 16, 0), (192, 96, 8, 4, 0)]]
    assert np.array_equal(decoder.frame, now) and not connection.wants
    connection.feed(everything(SCREEN))
    assert updated(connection, decoder, now) == [[(0, 0, 200, 100, 0)]]


def test_parts_of_the_screen():
    """What lies outside of what was asked for is due later."""
    connection, decoder = connected(5)
    connection.feed(client.request(True, 10, 20, 30, 40))
    updates = updated(connection, decoder, SCREEN)
    assert sum(width * height for _, _, width, height, _ in updates[0]) == 30 * 40
    assert np.array_equal(decoder.frame[20:60, 10:40], SCREEN[20:60, 10:40]) and not decoder.frame[60:].any()
    connection.feed(client.request(True, 10, 20, 30, 40))
    assert updated(connection, decoder, SCREEN) == []
    connection.feed(client.request(False, 0, 0, 5, 5))  # and the request before this one goes on
    assert {head[4] for head in updated(connection, decoder, SCREEN)[0]} == {5}
    assert np.array_equal(decoder.frame[:60, :40], SCREEN[:60, :40]) and not decoder.frame[60:].any()
    connection.feed(changes(SCREEN))
    updated(connection, decoder, SCREEN)
    assert np.array_equal(decoder.frame, SCREEN)
    connection.feed(client.request(False, 5000, 0, 5, 5) + client.request(True, 0, 100, 200, 1))
    assert not connection.wants


@pytest.mark.parametrize("encodings", [(0,), (5,), (6, -250), (7, -247), (7, -256), (16, 2, 5), ()])
def test_a_screen_that_changes_is_always_what_the_client_has(encodings):
    made = np.random.default_rng(len(encodings))
    connection, decoder = connected(*encodings)
    frame = SCREEN
    for n in range(20):
        frame = frame.copy()
        x, y, width, height = made.integers(0, 100, 4)
        other = text_screen(200, 100, n) if n % 2 else photograph(200, 100, n)
        frame[y : y + height, x : x + width] = other[y : y + height, x : x + width]
        connection.feed(changes(SCREEN))
        updated(connection, decoder, frame)
        assert np.array_equal(decoder.frame, frame), n
    assert len({head[4] for update in decoder.updates for head in update} - {0, 5, 6, 7}) == 0


def test_the_pixel_format_may_change_at_any_time():
    connection, decoder = connected(6)
    for format in ((16, 16, 0, 1, 31, 63, 31, 11, 5, 0), (8, 8, 0, 1, 7, 7, 3, 0, 3, 6), client.NATIVE):
        connection.feed(client.set_pixel_format(format) + everything(SCREEN))
        decoder.format = format
        updated(connection, decoder, SCREEN)
        assert np.array_equal(decoder.frame, client.in_format(SCREEN, format))


@pytest.mark.parametrize("size", [-223, -308])
def test_another_size_is_told_in_an_update_of_its_own(size):
    connection, decoder = connected(0, size)
    connection.feed(everything(SCREEN))
    updated(connection, decoder, SCREEN)
    decoder.events = []
    connection.feed(changes(SCREEN))
    larger = text_screen(300, 150)
    assert updated(connection, decoder, larger) == [[(0, 0, 300, 150, size)], [(0, 0, 300, 150, 0)]]
    assert decoder.events[0][0] == ("size" if size == -223 else "screens")
    assert np.array_equal(decoder.frame, larger)


def test_a_client_that_knows_no_sizes_gets_what_fits():
    connection, decoder = connected(0)
    for frame in (SCREEN, text_screen(300, 150), text_screen(100, 60)):
        connection.feed(changes(SCREEN))
        updated(connection, decoder, frame)
        expected = np.zeros((100, 200), np.uint32)
        part = frame[:100, :200]
        expected[: part.shape[0], : part.shape[1]] = part
        assert np.array_equal(decoder.frame, expected)


def test_jpeg_only_if_it_is_allowed_and_sharp_in_the_end():
    frame = photograph(200, 100)
    connection, decoder = connected(7, -32, frame=frame)
    connection.feed(everything(frame))
    updated(connection, decoder, frame)
    assert decoder.events == [] and np.array_equal(decoder.frame, frame)
    connection, decoder = connected(7, -32, frame=frame, lossy=True)
    connection.feed(everything(frame))
    updated(connection, decoder, frame)
    assert decoder.events[0][0] == "jpeg" and not np.array_equal(decoder.frame, frame)
    connection.feed(changes(frame))
    updated(connection, decoder, frame)
    assert len(decoder.events) == 1 and np.array_equal(decoder.frame, frame)
    connection.feed(changes(frame))
    assert updated(connection, decoder, frame) == []


def test_a_client_that_does_not_read_gets_no_second_picture():
    connection, decoder = connected(0)
    connection.feed(everything(SCREEN))
    connection.update(SCREEN)
    size = len(connection.out)
    for n in range(10):
        connection.feed(everything(SCREEN))
        assert not connection.wants
        connection.update(SCREEN ^ n)
    assert len(connection.out) == size
    decoder.receive(taken(connection))
    assert connection.wants and len(updated(connection, decoder, SCREEN ^ 5)) == 1
    assert np.array_equal(decoder.frame, SCREEN ^ 5)


def test_continuous_updates_come_without_requests_until_they_end():
    connection, decoder = connected(0, -313)
    taken(connection)
    connection.feed(client.continuous(True, 0, 0, 200, 100))
    for n in range(5):
        assert len(updated(connection, decoder, SCREEN ^ n)) == 1 and np.array_equal(decoder.frame, SCREEN ^ n)
    assert updated(connection, decoder, SCREEN ^ 4) == []
    connection.feed(client.continuous(False, 0, 0, 0, 0))
    decoder.receive(taken(connection))
    assert decoder.events == [("end of continuous updates",)] and not connection.wants


def test_continuous_updates_wait_for_fences():
    """So that a client with a slow line has two updates under way, not a line full."""
    connection, decoder = connected(0, -313, -312)
    taken(connection)
    connection.feed(client.continuous(True, 0, 0, 200, 100))
    for n in range(5):
        updated(connection, decoder, SCREEN ^ n)
    assert np.array_equal(decoder.frame, SCREEN ^ 1) and not connection.wants
    assert decoder.events == [("fence", 1 << 31 | 1, b"update")] * 2
    connection.feed(client.fence(1, b"update"))
    updated(connection, decoder, SCREEN ^ 9)
    assert np.array_equal(decoder.frame, SCREEN ^ 9)


def test_fences_are_answered():
    connection, decoder = connected(-312)
    taken(connection)
    for flags, data in ((1 << 31 | 3, b"abc"), (1 << 31 | 0x7000_0000, b""), (1, b"z")):
        connection.feed(client.fence(flags, data))
    decoder.receive(taken(connection))
    assert decoder.events == [("fence", 3, b"abc"), ("fence", 0, b"")]


def test_a_fence_before_another_pixel_format_is_answered_behind_it():
    connection, decoder = connected(0, -312)
    taken(connection)
    connection.feed(client.fence(1 << 31 | 4, b"format"))
    assert not connection.out
    connection.feed(client.set_pixel_format((8, 8, 0, 1, 7, 7, 3, 0, 3, 6)))
    decoder.receive(taken(connection))
    assert decoder.events == [("fence", 4, b"format")]


# what clients send

def test_keys_and_pointer():
    connection, _ = connected(-258, -257)
    connection.feed(client.key(True, 0xFF0D) + client.extended_key(False, 0x61, 0x1E) + client.pointer(5, 700, 2))
    assert connection.typed == [Key(True, 0xFF0D), Key(False, 0x61, 0x1E), Pointer(5, 700, 2)]
    assert connection.relative and not connected(0)[0].relative


@pytest.mark.parametrize("length", [5, -5, 100_000])
def test_a_clipboard_is_skipped(length):
    connection, _ = connected()
    data = struct.pack(">Bxxxi", 6, length) + b"\x04" * abs(length) + client.key(True, 0x61)
    for n in range(0, len(data), 1000):
        connection.feed(data[n : n + 1000])
    assert connection.typed == [Key(True, 0x61)]


@pytest.mark.parametrize("data, why", [
    (b"\x63", "a message of type 99"), (b"\xfa\0\1\2", "type 250"),
    (b"\xff\1\0\0" + bytes(8), "QEMU's message of type 1"),
    (b"\2\0\xff\xff", "65535 encodings"), (b"\6\0\0\0\x7f\xff\xff\xff", "2147483647 bytes"),
    (b"\6\0\0\0\x80\0\0\0", "2147483648 bytes"), (client.continuous(True, 0, 0, 1, 1), "continuous updates"),
    (client.fence(0, b""), "it sent a fence, which"), (b"\xf8" + bytes(7) + b"\xff", "fence of 255 bytes"),
    (struct.pack(">BxHHBx", 251, 9, 9, 255), "255 screens"),
    (client.set_pixel_format((24, 24, 0, 1, 1, 1, 1, 0, 0, 0)), "pixels of 24 bits"),
])  # fmt: skip
def test_what_costs_a_client_its_connection(data, why):
    connection, _ = connected(0)
    with pytest.raises(RfbError, match=why):
        connection.feed(data)


def test_a_flood_of_questions_is_not_read_before_the_answers_are():
    connection, _ = connected(0, -312)
    taken(connection)
    question = client.fence(1 << 31, bytes(64)) * 100
    for _ in range(1000):
        if not connection.reading:
            break
        connection.feed(question)
    assert not connection.reading and MOST_REPLIES < len(connection.out) < MOST_REPLIES + 2 * len(question)
    taken(connection)
    assert connection.reading


@pytest.mark.parametrize("seed", range(30))
def test_whatever_a_client_asks_for_it_has_the_screen_in_the_end(seed):
    """Encodings, formats, parts of the screen, sizes, continuous updates and pauses in reading, by chance."""
    made = np.random.default_rng(seed)
    sizes = [(200, 100), (16, 16), (233, 77), (320, 240)]
    connection, decoder = connected(made.choice(wire.ENCODINGS), -223, -313, frame=SCREEN)
    formats = [client.NATIVE, (16, 16, 1, 1, 31, 63, 31, 11, 5, 0), (8, 8, 0, 1, 7, 7, 3, 0, 3, 6)]
    frame = SCREEN
    for _ in range(30):
        height, width = decoder.frame.shape
        choice = made.integers(0, 7)
        if choice == 0:
            known = [*made.permutation(wire.ENCODINGS)[: made.integers(0, 4)], -223, -313, -256 + made.integers(0, 10)]
            connection.feed(client.set_encodings(*map(int, known)))
        elif choice == 1:
            decoder.receive(taken(connection))
            decoder.format = formats[made.integers(0, 3)]
            connection.feed(client.set_pixel_format(decoder.format) + everything(decoder.frame))
        elif choice == 2:
            frame = (text_screen if made.integers(0, 2) else photograph)(*sizes[made.integers(0, 4)], int(seed))
        elif choice == 3:
            connection.feed(client.continuous(bool(made.integers(0, 2)), 0, 0, width, height))
        else:
            x, y = made.integers(0, width), made.integers(0, height)
            connection.feed(client.request(bool(made.integers(0, 2)), x, y, *made.integers(1, 200, 2)))
        if made.integers(0, 2):
            frame = frame.copy()
            frame[made.integers(0, frame.shape[0]) :, made.integers(0, frame.shape[1]) :] ^= int(made.integers(0, 255))
        connection.update(frame)
        if made.integers(0, 3):
            decoder.receive(taken(connection))
    for _ in range(3):  # what was under way, another size, the rest
        decoder.receive(taken(connection))
        connection.feed(client.request(True, 0, 0, *decoder.frame.shape[::-1]))
        connection.update(frame)
    decoder.receive(taken(connection))
    assert np.array_equal(decoder.frame, client.in_format(frame, decoder.format))
