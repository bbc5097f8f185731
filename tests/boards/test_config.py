"""The machine description: what is refused, and that a recording gets back what it stored."""

import dataclasses
import json

import pytest

from playhead.base.errors import FormatError, UsageError
from playhead.boards.config import PcConfig

GOOD = PcConfig(kernel=b"k", initrd=b"i", append="a b", serial=("stdio", "null"), debugcon=0x402, debug_exit=0x501)


def test_json_round_trip():
    text = json.dumps(GOOD.to_json())
    assert "a b" in text and len(GOOD.blobs()) == 2
    assert PcConfig.from_json(json.loads(text), GOOD.blobs().__getitem__) == GOOD


@pytest.mark.parametrize("change,message", [
    ({"ram_bytes": 0}, "0 MiB of memory"),
    ({"ram_bytes": 0xE0001000}, "1 to 3584 MiB"),
    ({"ram_bytes": (1 << 20) + 1}, "MiB"),
    ({"kernel": None, "initrd": None, "append": ""}, "nothing to start"),
    ({"bios": bytes(0x10000)}, "cannot be combined"),
    ({"kernel": None}, "need a kernel"),
    ({"kernel": None, "initrd": None, "append": "", "bios": b"x"}, "multiple of 64 KiB"),
    ({"serial": ("null",) * 5}, "at most 4"),
    ({"rtc_clock": "rt"}, "one of host, vm"),
    ({"rtc_base": "yesterday"}, "utc or a date"),
    ({"rtc_base": "2026-02-29T00:00:00"}, "utc or a date"),
    ({"rtc_base": "2026-13-01T00:00:00"}, "utc or a date"),
    ({"rtc_base": "2026-01-01T24:00:00"}, "utc or a date"),
    ({"debugcon": 0x10000}, "iobase 0x10000"),
    ({"debug_exit": 0xFFFF}, "iobase 0xffff"),
])  # fmt: skip
def test_refusals(change, message):
    with pytest.raises(UsageError, match=message):
        dataclasses.replace(GOOD, **change).check()


def test_rtc_start():
    assert GOOD.rtc_start_s() is None
    assert dataclasses.replace(GOOD, rtc_clock="vm").rtc_start_s() == 946_684_800
    assert dataclasses.replace(GOOD, rtc_base="2024-02-29T12:34:56").rtc_start_s() == 1_709_210_096


@pytest.mark.parametrize("change", [
    {"ram_bytes": "128"}, {"ram_bytes": True}, {"ram_bytes": -1}, {"append": 7}, {"kernel": 5}, {"colour": "red"},
    {"serial": "null"}, {"debugcon": "x"}, {"bios": "k"},
])  # fmt: skip
def test_untrusted_descriptions(change):
    plain = GOOD.to_json() | change
    with pytest.raises((FormatError, KeyError)):
        PcConfig.from_json(plain, GOOD.blobs().__getitem__)
