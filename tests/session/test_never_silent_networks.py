"""Never a silent success, for networks: a packet or cable that is not the recorded one is refused, or the first
mismatch is reported, wherever the guest could tell. (As test_never_silent.py, which has the other inputs.)
"""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from planted import drop, entries, place
from test_never_silent import Damage, add, devices, edit, events, other_byte, replayed, rewrite

from playhead.cli import main
from playhead.host.net.end import FRAME_MAX
from playhead.log.events import Entry, LinkChanged, NetPacket
from playhead.log.moment import Moment
from tests.shared import once
from tools.fuzz.net_board import config
from tools.fuzz.net_receiving import Calm


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return once(tmp_path_factory, "network.ph", lambda path: Calm(path) and None)


def data(how: Callable[[bytearray], bytes]) -> Callable[[object], None]:
    return lambda event: setattr(event, "data", bytearray(how(event.data)))


def later(by: int) -> Callable[[list[Entry]], list[Entry]]:
    """The last packet of a moment comes so many instructions later."""

    def change(found: list[Entry]) -> list[Entry]:
        where = [i for i, (one, next) in enumerate(pairwise(found))
                 if isinstance(one.event, NetPacket) and next.moment.icount > one.moment.icount + by]  # fmt: skip
        i = where[3]
        found[i] = found[i]._replace(moment=Moment(found[i].moment.icount + by, 0))
        return found

    return change


def earlier(kind: type, n: int) -> Callable[[list[Entry]], list[Entry]]:
    """All that enters at the moment of an event comes an instruction earlier."""

    def change(found: list[Entry]) -> list[Entry]:
        moment = found[place(found, kind, n)].moment
        return [e._replace(moment=Moment(moment.icount - 1, 0)) if e.moment == moment else e for e in found]

    return change


def doubled(found: list[Entry]) -> list[Entry]:
    i = place(found, NetPacket, 5)
    return [*found[: i + 1], *found[i:]]


def exchanged(found: list[Entry]) -> list[Entry]:
    """Two packets of one moment, or of two."""
    i, j = place(found, NetPacket, 5), place(found, NetPacket, 6)
    first, second = found[i], found[j]
    found[i], found[j] = first._replace(event=second.event), second._replace(event=first.event)
    return found


def put_in(found: list[Entry]) -> list[Entry]:
    """A packet that never came, at the moment of another one."""
    i = place(found, NetPacket, 7)
    event = NetPacket(net=0, flags=0, data=bytearray(found[i].event.data[::-1]))
    return [*found[:i], found[i]._replace(event=event), *found[i:]]


def first_of_all(found: list[Entry]) -> list[Entry]:
    """Before the guest has switched its receiver on, which drops it."""
    i = place(found, NetPacket, 5)
    return [found[i]._replace(moment=found[i].moment._replace(icount=10, seq=0)), *found[:i], *found[i + 1 :]]


def without_netdev(path: Path) -> None:
    def change(listed: dict) -> dict:
        cards = [{k: v for k, v in item.items() if k != "netdev"} for item in listed["devices"]]
        return {**listed, "devices": cards, "outside": [end for end in listed["outside"] if end["type"] != "netdev"]}

    rewrite(path, config=change)


def second_netdev(path: Path) -> None:
    two = config("e1000", cards=2).to_json()
    rewrite(path, config=lambda plain: {**plain, "devices": two["devices"], "outside": two["outside"]})


DIFFER = "digests differ in"
TABLE: dict[str, tuple[Damage, int, str]] = {
    # packets
    "another byte": (edit(NetPacket, 3, other_byte), 1, DIFFER),
    "a byte fewer": (edit(NetPacket, 3, data(lambda d: d[:-1])), 1, DIFFER),
    "a byte more": (edit(NetPacket, 3, data(lambda d: d + b"\1")), 1, DIFFER),
    "half of it": (edit(NetPacket, 3, data(lambda d: d[: len(d) // 2])), 1, DIFFER),
    "nothing of it": (edit(NetPacket, 3, data(lambda d: b"")), 1, DIFFER),
    "the longest": (edit(NetPacket, 3, data(lambda d: d.ljust(FRAME_MAX, b"\0"))), 1, DIFFER),
    "longer than any": (edit(NetPacket, 3, data(lambda d: d.ljust(FRAME_MAX + 1, b"\0"))), 1,
                        "has a packet of 69633 bytes, and the longest have 69632"),
    "of another netdev": (edit(NetPacket, 0, add("net", 1)), 1, "a packet for netdev 1, and the machine has no such"),
    "of a far netdev": (edit(NetPacket, 0, add("net", 255)), 1, "a packet for netdev 255, and the machine has no such"),
    "flags": (edit(NetPacket, 0, add("flags", 1)), 1, "has a packet with flags 0x1, and none is known here"),
    "all flags": (edit(NetPacket, 0, add("flags", 0xFFFFFFFF)), 1, "has a packet with flags 0xffffffff"),
    "later": (events(later(45)), 1, "diverged"),
    "an instruction earlier": (events(earlier(NetPacket, 8)), 1, "diverged at"),
    "before what it followed": (edit(NetPacket, 3, lambda e: None, -1), 2, "is damaged: event"),
    "before the receiver is on": (events(first_of_all), 1, DIFFER),
    "lost": (events(drop(NetPacket, 3)), 1, DIFFER),
    "doubled": (events(doubled), 1, DIFFER),
    "exchanged with the next": (events(exchanged), 1, DIFFER),
    "put in": (events(put_in), 1, DIFFER),
    # cables
    "a cable that stays": (edit(LinkChanged, 0, lambda e: setattr(e, "up", True)), 1, "diverged"),
    "a cable of no card": (edit(LinkChanged, 0, add("card", 1)), 1, "link of network card 1, and the machine has 1"),
    "a cable, an instruction earlier": (events(earlier(LinkChanged, 1)), 1, "diverged"),
    "a cable lost": (events(drop(LinkChanged, 1)), 1, DIFFER),
    # the machine
    "no netdev": (without_netdev, 1, "a packet for netdev 0, and the machine has no such netdev"),
    "a second card": (second_netdev, 1, "has other parts than the recording's: nic1"),
    "another address": (devices(lambda d: d[-1].update(mac="52:54:00:12:34:57")), 1, "differ in nic0"),
    "another card": (devices(lambda d: d[-1].update(driver="rtl8139")), 1, "digests differ in clock, nic0"),
    "a card elsewhere": (devices(lambda d: d[-1].update(addr="05.0")), 1, "diverged"),
}  # fmt: skip


@pytest.mark.parametrize("row", TABLE)
def test_is_told(row: str, recording: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    damage, status, message = TABLE[row]
    path = tmp_path / "r.ph"
    shutil.copyfile(recording, path)
    damage(path)
    capfd.readouterr()
    found = main(["replay", str(path), "--no-diagnose", "-serial", "null"])
    said = capfd.readouterr().err
    assert found == status and message in said, said
    assert all(line.startswith("playhead: ") for line in said.splitlines())
    assert status == 2 or "has other parts" in said or re.search(r"diverged.* \d+|before the first instruction", said)


def test_the_recording_itself_replays(recording: Path) -> None:
    found = [e.event for e in entries(recording) if isinstance(e.event, NetPacket | LinkChanged)]
    assert len(found) > 60 and sum(isinstance(e, LinkChanged) for e in found) == 2
    assert replayed(recording)[0] == 0
    assert replayed(recording, "--engine", "reference", "--split-seed", "3")[0] == 0


@pytest.mark.parametrize("seed", range(2))
def test_a_divergence_with_packets_is_diagnosed(seed: int, recording: Path, tmp_path: Path) -> None:
    """Which packet, and what it did: the diagnosis names the moment at which the two machines part."""
    path = tmp_path / "r.ph"
    shutil.copyfile(recording, path)
    n = random.Random(seed).randrange(3, 15)
    edit(NetPacket, n, other_byte)(path)
    moment = [e.moment for e in entries(path) if isinstance(e.event, NetPacket)][n]
    found, said = replayed(path)
    assert found == 1 and "playhead: diagnosis: " in said and str(moment) in said, (moment, said)
