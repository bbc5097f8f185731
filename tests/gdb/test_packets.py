"""Framing: what is sent arrives, in whatever pieces; what is damaged is never taken for something else."""

import random

import pytest
from gdb_client import packet
from hypothesis import given
from hypothesis import strategies as st

from playhead.gdb.packets import PACKET_SIZE, Decoder, Mark, Packet, escape, frame

ANY = st.binary(max_size=300)
PIECES = st.lists(st.integers(1, 40), max_size=30)


def fed(data: bytes, pieces=()) -> list:
    decoder, arrived, at = Decoder(), [], 0
    for size in pieces:
        arrived += decoder.feed(data[at : at + size])
        at += size
    return arrived + decoder.feed(data[at:])


@given(st.lists(ANY, max_size=5), PIECES)
def test_packets_arrive_in_any_pieces(contents, pieces):
    stream = b"".join(frame(escape(data)) for data in contents)
    assert fed(stream, pieces) == [Packet(data) for data in contents]


@given(ANY, PIECES)
def test_pieces_make_no_difference(stream, pieces):
    assert fed(stream, pieces) == fed(stream)


@given(ANY, st.integers(0, 10_000), st.integers(1, 255))
def test_one_wrong_byte_is_never_a_different_packet(data, at, change):
    stream = bytearray(frame(escape(data)))
    stream[at % len(stream)] ^= change
    # Noise, half a packet, or a packet that begins later; the checksum is but 8 bits, so equality is all there is.
    for arrival in fed(bytes(stream) + b"$#00"):
        assert arrival in (Packet(b""), Packet(data), *Mark) or len(arrival.data) < len(data)


SCRAPS = st.sampled_from([b"+", b"-", b"\x03", b"$", b"#", b"}", b"*", b"$?#3f", b"a", b"\x00", b"4"])


@given(st.lists(SCRAPS, max_size=60))
def test_no_stream_breaks_it(parts):
    decoder = Decoder()
    decoder.feed(b"".join(parts))
    decoder.feed(b"#00#00")  # ends whatever was open
    assert decoder.feed(packet(b"?"))[-1] == Packet(b"?")


def test_between_packets():
    assert fed(b"junk+\x03-$?#3f\x03") == [Mark.ACK, Mark.INTERRUPT, Mark.NAK, Packet(b"?"), Mark.INTERRUPT]
    assert fed(packet(b"X\x03+")) == [Packet(b"X\x03+")]  # inside a packet these mean nothing


@pytest.mark.parametrize(
    "stream", [b"$?#00", b"$?#zz", b"$?#3 ", b"$?# 3", b"$?#+3", b"$?#3$?#3f", packet(b"x}"), packet(b"*!"),
               packet(b"a*"), packet(b"a*\x1e")], ids=repr
)  # fmt: skip
def test_damage(stream):
    arrived = fed(stream + b"$?#3f")
    assert arrived[0] is Mark.BAD and arrived[-1] == Packet(b"?")


def test_a_packet_that_was_cut_off_is_forgotten():
    assert fed(b"$m1000,$?#3f") == [Packet(b"?")]


def test_runs():
    assert fed(packet(b"0* 1")) == [Packet(b"00001")]
    assert fed(packet(b"ab*~")) == [Packet(b"a" + b"b" * 98)]
    assert fed(packet(b"a*~" + b"*~" * 300)) == [Mark.BAD]  # would expand beyond all bounds


def test_length_is_bounded():
    longest = b"x" * PACKET_SIZE
    assert fed(packet(longest)) == [Packet(longest)]
    assert fed(packet(longest + b"x") + b"$?#3f") == [Mark.BAD, Packet(b"?")]
    decoder = Decoder()
    assert decoder.feed(b"$") == []
    for _ in range(100):
        assert decoder.feed(b"y" * 10_000) == []
    assert len(decoder._body) <= PACKET_SIZE
    assert decoder.feed(b"#00$?#3f") == [Mark.BAD, Packet(b"?")]


def test_random_streams():
    rng = random.Random(1)
    decoder = Decoder()
    for _ in range(300):
        decoder.feed(rng.randbytes(rng.randrange(400)))
        decoder.feed(b"".join(rng.choice([b"$", b"#", b"}", b"*", b"00", b"x"]) for _ in range(30)))
