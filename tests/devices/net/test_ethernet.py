"""Ethernet's arithmetic beside plain loops that do what the standards' texts say."""

import random

import pytest

from playhead.base.internet_checksum import checksum_sum, internet_checksum
from playhead.devices.net.ethernet import frame_check, hash_bits, padded, tagged, untagged


def words_added(data):
    """RFC 1071, word by word."""
    total = 0
    for at in range(0, len(data), 2):
        total += int.from_bytes(data[at : at + 2].ljust(2, b"\0"), "big")
        total = (total & 0xFFFF) + (total >> 16)
    return total


def crc_by_bits(data):
    """802.3's generator, the most significant bit of the register first."""
    register = 0xFFFFFFFF
    for byte in data:
        for bit in range(8):
            feedback = register >> 31 ^ byte >> bit & 1
            register = register << 1 & 0xFFFFFFFF ^ (0x04C11DB7 if feedback else 0)
    return register


def test_checksum_is_the_sum_of_words():
    chance = random.Random(1)
    for length in (0, 1, 2, 3, 20, 59, 1460, 1461, 65535):
        data = chance.randbytes(length)
        assert checksum_sum(data) == words_added(data)
        assert internet_checksum(data) == 0xFFFF - words_added(data)


ZEROS = [bytes(20), b"\xff\xff", b"\xff\xfe\x00\x01", b"\x00\x01\xff\xfe\x00", b"\0\0\xff\xff"]


@pytest.mark.parametrize("data", ZEROS)
def test_both_zeros_of_ones_complement(data):
    assert checksum_sum(data) == words_added(data)


def test_a_header_of_rfc_1071_kind():
    header = bytes.fromhex("4500003044224000800600008c7c19acae241e2b")
    assert internet_checksum(header) == 0x442E


def test_hash_is_the_head_of_the_crc():
    chance = random.Random(2)
    for _ in range(50):
        address = chance.randbytes(6)
        for count in (6, 9, 32):
            assert hash_bits(address, count) == crc_by_bits(address) >> 32 - count


def test_frame_check_leaves_the_known_remainder():
    frame = random.Random(3).randbytes(100)
    assert crc_by_bits(frame + frame_check(frame)) == 0xC704DD7B


def test_padding_and_tags():
    assert padded(b"\x01" * 42) == b"\x01" * 42 + bytes(18)
    assert padded(b"") == bytes(60) and padded(b"a" * 60) == b"a" * 60 and len(padded(b"a" * 61)) == 61
    frame = bytes(range(60))
    assert tagged(frame, b"tag!") == frame[:12] + b"tag!" + frame[12:] and untagged(tagged(frame, b"tag!")) == frame
