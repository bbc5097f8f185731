"""What a client sends, in pieces of any size, good and hostile."""

import json
import random

import pytest

from playhead.qmp.json_stream import DEEPEST, LONGEST, Broken, JsonStream

GOOD = b"".join((
    b'{"execute": "a", "arguments": {"x": [1, -2, 3.5e3, true, null, "}\\"]{\'", ""]}}  ',
    b'{"id": "\xc3\xa9\\u00e9"}\r\n\n{\'execute\': \'it\\\'s "so"\'}[1]5 "x"\n[\n[]\n,\n{}]\ntrue ',
    b"18446744073709551615 ",
))  # fmt: skip
VALUES = [
    {"execute": "a", "arguments": {"x": [1, -2, 3500.0, True, None, "}\"]{'", ""]}}, {"id": "éé"},
    {"execute": "it's \"so\""}, [1], 5, "x", [[], {}], True, (1 << 64) - 1,
]  # fmt: skip


def fed(*pieces):
    stream = JsonStream()
    return [value for piece in pieces for value in stream.feed(piece)]


def said(*pieces):
    """Errors as texts, values as they are."""
    return [str(one) if isinstance(one, Broken) else one for one in fed(*pieces)]


def test_values_come_whole_however_they_are_cut():
    assert fed(GOOD) == VALUES
    assert fed(*(GOOD[n : n + 1] for n in range(len(GOOD)))) == VALUES
    rng = random.Random(1)
    for _ in range(300):
        cuts = sorted(rng.randrange(len(GOOD)) for _ in range(rng.randrange(1, 6)))
        assert fed(*(GOOD[a:b] for a, b in zip([0, *cuts], [*cuts, len(GOOD)], strict=True))) == VALUES


@pytest.mark.parametrize("bad, why", [
    (b"nonsense\n", "Expecting value"), (b"}\n", "closes nothing"), (b'{"a": 1, "a": 2}\n', "duplicate key"),
    (b'{"a": NaN}\n', "NaN"), (b'{"a": -Infinity}\n', "Infinity"), (b'{"a": 1e999}\n', "out of range"),
    (b'{"a": ' + b"9" * 5000 + b"}\n", "out of range"), (b'"\xff\xfe"\n', "not UTF-8"), (b'"\\ud800"\n', "surrogate"),
    (b'"a\nb"\n', "a string without an end"), (b'"\\u0000"\n', "\\u0000"), (b'{"a" 1}\n', "delimiter"),
    (b"{]\n", "Expecting"), (b'"\\q"\n', "escape"), (b"\x00\n", "Expecting value"), (b'{"\xf0\x9f": 1}\n', "not UTF-8"),
])  # fmt: skip
def test_an_error_costs_its_line_only(bad, why):
    for data in (fed(bad + b"[7]\n"), fed(*(bytes([byte]) for byte in bad), b"[7]\n")):
        assert data[-1] == [7] and data[:-1] and all(isinstance(one, Broken) and not one.fatal for one in data[:-1])
        assert why in str(data[0])


def test_numbers_are_what_a_machine_holds():
    assert fed(b"123456789012345678901234567890 ") == [1.2345678901234568e29]
    assert fed(b"-9223372036854775808 -9223372036854775809 ") == [-(1 << 63), -9.223372036854775809e18]


@pytest.mark.parametrize("flood", [
    b"[" * (DEEPEST + 1), b'{"a":' * (DEEPEST + 1), b'"' + b"x" * (LONGEST + 1), b"9" * (LONGEST + 1),
    b"[" + b"1," * LONGEST, b'["' + b"x" * LONGEST + b'"]', b"{'" + b"x" * (LONGEST + 1),
])  # fmt: skip
def test_too_much_is_the_end(flood):
    assert [type(one) for one in fed(flood)] == [Broken] and fed(flood)[0].fatal
    pieces = [flood[n : n + 100_000] for n in range(0, len(flood), 100_000)]
    assert fed(*pieces)[0].fatal


def test_just_as_much_as_may_be():
    nested = b"[" * DEEPEST + b"]" * DEEPEST
    assert json.dumps(fed(nested)[0]).encode() == nested
    assert len(fed(b'"' + b"x" * (LONGEST - 2) + b'"')[0]) == LONGEST - 2


def test_noise_gives_errors_and_no_exception():
    rng = random.Random(2)
    alphabet = [bytes([byte]) for byte in range(256)]
    alphabet += [b"{", b"}", b"[", b"]", b'"', b"'", b"\\", b"\n", b'"a":', b","] * 20
    for _ in range(400):
        data = b"".join(rng.choices(alphabet, k=80))
        assert said(data) == said(*(bytes([byte]) for byte in data))
