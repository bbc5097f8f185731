"""What the guest's process and its helper say to each other: requests one way, replies the other, each with its length.

Both sides check what they read: a helper that says anything else is ended, and a request of another form ends it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

REQUESTS_FD, REPLIES_FD, COUNTER_FD = 0, 1, 3  # in the helper
COUNTER = struct.Struct("=Q")  # in memory that both share: frames that the helper has begun to send
LENGTH = struct.Struct("<I")
MOST_FRAME = 32 << 20
MOST_UNITS = 50  # in a request
_REQUEST = struct.Struct("<I?HI")  # number, one by one, units, keys that were used
_ASKED = struct.Struct("<QI")  # key, bytes of the unit
_REPLY = struct.Struct("<IHH?")  # number, first unit of the request, units, the helper ends now
_ANSWER = struct.Struct("<BI")  # status, bytes of code
DONE, NO_CODE, FAILED = range(3)  # status: here is the code; there can be none; it did not work, this time


class Malformed(Exception):
    """The other side says what it never says."""


class Request(NamedTuple):
    """Units to compile, with their keys; `apart`: each one by itself, with a reply of its own. `used`: keys that were
    found on the disk since the last request."""

    number: int
    apart: bool
    units: Sequence[tuple[int, bytes]]
    used: Sequence[int] = ()


class Reply(NamedTuple):
    """Answers (status, code) for units of a request from `first` on. `last`: the helper has grown too big, and ends.
    The first reply, READY, says that it has started well."""

    number: int
    first: int
    answers: Sequence[tuple[int, bytes]]
    last: bool = False


READY = Reply(0, 0, [])


def pack_request(request: Request) -> bytes:
    parts = [_REQUEST.pack(request.number, request.apart, len(request.units), len(request.used))]
    parts.append(struct.pack(f"<{len(request.used)}Q", *request.used))
    for key, unit in request.units:
        parts += _ASKED.pack(key, len(unit)), unit
    return _framed(parts)


def pack_reply(reply: Reply) -> bytes:
    parts = [_REPLY.pack(reply.number, reply.first, len(reply.answers), reply.last)]
    for status, code in reply.answers:
        parts += _ANSWER.pack(status, len(code)), code
    return _framed(parts)


def _framed(parts: list[bytes]) -> bytes:
    body = b"".join(parts)
    assert len(body) <= MOST_FRAME
    return LENGTH.pack(len(body)) + body


def frames(data: bytearray) -> list[bytes]:
    """Take whole frames from the front of what was read."""
    found, at = [], 0
    while at + LENGTH.size <= len(data):
        (size,) = LENGTH.unpack_from(data, at)
        if size > MOST_FRAME:
            raise Malformed(f"a frame of {size} bytes")
        if at + LENGTH.size + size > len(data):
            break
        at += LENGTH.size
        found.append(bytes(data[at : at + size]))
        at += size
    del data[:at]
    return found


def unpack_request(body: bytes) -> Request:
    try:
        number, apart, count, used = _REQUEST.unpack_from(body)
        keys = struct.unpack_from(f"<{used}Q", body, _REQUEST.size)
        units, at = [], _REQUEST.size + 8 * used
        for _ in range(count):
            key, size = _ASKED.unpack_from(body, at)
            at += _ASKED.size
            units.append((key, body[at : at + size]))
            at += size
    except struct.error as e:
        raise Malformed(str(e)) from None
    if at != len(body) or count > MOST_UNITS:
        raise Malformed("a request of another length")
    return Request(number, apart, units, keys)


def unpack_reply(body: bytes) -> Reply:
    try:
        number, first, count, last = _REPLY.unpack_from(body)
        answers, at = [], _REPLY.size
        for _ in range(count):
            status, size = _ANSWER.unpack_from(body, at)
            at += _ANSWER.size
            answers.append((status, body[at : at + size]))
            at += size
            if status > FAILED or (status == DONE) != bool(size):
                raise Malformed(f"status {status} with {size} bytes of code")
    except struct.error as e:
        raise Malformed(str(e)) from None
    if at != len(body):
        raise Malformed("a reply of another length")
    return Reply(number, first, answers, last)
