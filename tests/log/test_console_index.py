"""The index of what a guest printed: what goes in comes out, texts are found across rows, nothing odd gets through."""

import random

import pytest

from playhead.base.errors import FormatError
from playhead.log.console import DEBUGCON, ROW, pack_moments, unpack_moments
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.log.verify import verify
from playhead.log.writer import Writer

META = {"config": {"ram_bytes": 1}, "session": {}, "parts": ["cpu"], "digest_period": 1000}


def some_moments(rng: random.Random, count: int) -> list[Moment]:
    out, at = [], Moment(rng.randrange(1 << rng.randrange(1, 60)), rng.choice((0, 0, 3, 1 << 40)))
    for _ in range(count):
        out.append(at)
        match rng.randrange(4):
            case 0:
                at = Moment(at.icount, at.seq + rng.choice((0, 1, 9)))
            case 1:
                at = Moment(at.icount + 1 + rng.randrange(1 << rng.randrange(1, 55)), rng.choice((0, 1, 1 << 33)))
            case _:
                at = Moment(at.icount + rng.randrange(1, 200))
    return out


@pytest.mark.parametrize("seed", range(20))
def test_moments_come_out_as_they_went_in(seed):
    rng = random.Random(seed)
    moments = some_moments(rng, rng.choice((1, 2, 5, 3000)))
    assert unpack_moments(moments[0], len(moments), pack_moments(moments)) == moments


def test_a_steady_pace_costs_a_byte_a_byte():
    assert len(pack_moments([Moment(1000 + 40 * n) for n in range(1000)])) == 999


@pytest.mark.parametrize("data", [b"\x80", b"\x02", b"\x02\x02\x02", b"\x01\x00", b"\x01", b"\xff" * 30 + b"\x01",
                                  b"\xfe" + b"\xff" * 8 + b"\x01\x02"])  # fmt: skip
def test_what_are_no_three_moments(data):
    with pytest.raises(FormatError):
        unpack_moments(Moment(1 << 60, 5), 3, data)


def written(path, rng, texts: dict[int, bytes], most: int = 12) -> dict[int, list[Moment]]:
    """A recording with these texts, cut into batches at random; the moment of each byte."""
    at, left, moments = Moment(0), dict(texts), {port: [] for port in texts}
    with Writer(str(path), True) as writer:
        writer.begin(META)
        while any(left.values()):
            for port in rng.sample(sorted(left), len(left)):
                text, left[port] = (left[port][: (n := rng.randrange(most))], left[port][n:])
                some = []
                for _ in text:
                    at = Moment(at.icount + rng.randrange(1, 90), 0)
                    some.append(at)
                moments[port] += some
                writer.printed(port, text, some)
            writer.flush(at, at.icount * 8, 0)
    return moments


TEXT = "one two \u00e9\u00e4\u20ac three\r\none two two three \U0001f600 end\r\n".encode() * 3


@pytest.mark.parametrize("seed", range(4))
def test_texts_are_found_wherever_they_were_cut(tmp_path, seed):
    """Text that spans rows, that is there several times, in UTF-8, at the very end; by port."""
    rng = random.Random(seed)
    texts = {0: TEXT, 1: TEXT[::-1] + b"only here", DEBUGCON: b"debug " + TEXT}
    moments = written(tmp_path / "r.ph", rng, texts, (4, 12, 30, 100)[seed])
    with Reader(str(tmp_path / "r.ph")) as reader:
        verdict = verify(reader)
        assert not verdict.faults and verdict.console == sum(map(len, texts.values()))
        for port, text in texts.items():
            printed = [one for one in reader.console.each() if one.port == port]
            assert b"".join(one.text for one in printed) == text
            assert [at for one in printed for at in one.moments] == moments[port]
            for _ in range(20):
                first = rng.randrange(len(text))
                wanted = text[first : first + rng.randrange(1, 30)]
                assert reader.console.find(wanted, port) == moments[port][text.find(wanted) + len(wanted) - 1]
                anywhere = [moments[p][texts[p].find(wanted) + len(wanted) - 1] for p in (0, 1) if wanted in texts[p]]
                assert reader.console.find(wanted) == min(anywhere, default=None)
        assert reader.console.find(b"no such text") is None and reader.console.find(b"only here", 0) is None
        assert reader.console.find(b"debug") is None and reader.console.find(b"debug", DEBUGCON) is not None
        cut = moments[0][len(TEXT) // 2]
        some = [one for one in reader.console.each(cut, moments[0][-3]) if one.port == 0]
        assert b"".join(one.text for one in some) == TEXT[len(TEXT) // 2 + 1 : -2]


def test_much_output_between_two_flushes(tmp_path):
    text = b"".join(b"line %d\n" % n for n in range(16_000))
    moments = written(tmp_path / "r.ph", random.Random(1), {0: text}, 4 * ROW)
    with Reader(str(tmp_path / "r.ph")) as reader:
        assert b"".join(one.text for one in reader.console.each()) == text and not verify(reader).faults
        assert reader.console.find(b"line 15999\n") == moments[0][-1]


def test_sixty_thousand_bytes_cost_little(tmp_path):
    """As a kernel prints: a line now and then, bytes at a steady pace; a batch for every quarter of a second."""
    rng, at, text = random.Random(3), 0, bytearray()
    with Writer(str(tmp_path / "r.ph")) as writer:
        writer.begin(META)
        while len(text) < 60_000:
            for _ in range(rng.randrange(1, 60)):
                line = b"[%12.6f] %s: %s\r\n" % (at / 1e8, rng.choice((b"pci", b"ata1", b"smp", b"random")),
                                                 rng.choice((b"registered", b"ready")))  # fmt: skip
                moments = [Moment(at + 1000 + 137 * n + (5 if n % 40 == 39 else 0)) for n in range(len(line))]
                writer.printed(0, line, moments)
                at, text = moments[-1].icount, text + line
            writer.flush(Moment(at), at * 8, 0)
            at += 30_000_000
        size = writer.path
    with Reader(size) as reader:
        assert reader.sizes()["console"] < 30_000
