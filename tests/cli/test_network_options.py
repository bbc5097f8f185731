"""Networks on the command line: -netdev, -nic, -net, -object filter-*, and the card that there is by default."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from playhead.base.errors import PlayheadError, UnsupportedError, UsageError
from playhead.boards.config import PcConfig
from playhead.cli import network_filters, system_i386
from playhead.cli.assemble import make_config
from playhead.cli.drives import open_drives, placed
from playhead.cli.machine_options import MACHINE_OPTIONS
from playhead.cli.netdev_options import KINDS, NOT_HERE
from playhead.cli.network import Network, network, takes_default
from playhead.cli.options import Listed, parse_arguments
from playhead.log.events import LinkChanged, NetPacket
from playhead.log.reader import Reader
from tools import guest

NIC = "-netdev user,id=a -device rtl8139,netdev=a"


def parsed(line: str) -> dict[str, Any]:
    return parse_arguments("run", MACHINE_OPTIONS, line.split())


def made(line: str) -> Network:
    return network(parsed(line))


def described(line: str) -> PcConfig:
    values = parsed(f"{line} -bios {guest.image('halt')} -m 16 -serial null")
    network_filters.check(values)
    with open_drives(placed(values)) as drives:
        return make_config(values, drives)


def cards(line: str) -> list[tuple[Any, ...]]:
    """(model, id, address, netdev) of each network card of the machine."""
    config = described(line)
    found = [(entry, config.values(entry)) for entry in config.all_of("rtl8139", "e1000")]
    return [(entry.driver, entry.id, values["mac"][-2:], values["netdev"]) for entry, values in found]


@pytest.mark.parametrize("line, there", [
    ("", []), ("-nic none", []), ("-net none", []), ("-netdev user,id=a", []),
    (NIC, [("rtl8139", "rtl8139.0", "56", "a")]),
    ("-device rtl8139,netdev=a -netdev user,id=a", [("rtl8139", "rtl8139.0", "56", "a")]),
    ("-nic user", [("e1000", "e1000.0", "56", "net0")]),
    ("-nic user,model=rtl8139,mac=52:54:00:AA:bb:Cc", [("rtl8139", "rtl8139.0", "cc", "net0")]),
    ("-nic model=rtl8139", [("rtl8139", "rtl8139.0", "56", "net0")]),
    ("-nic user,id=mine", [("e1000", "e1000.0", "56", "mine")]),
    ("-nic user -netdev user,id=net0", [("e1000", "e1000.0", "56", "net1")]),
    ("-nic user -net nic -net user,id=net0", [
        ("e1000", "e1000.0", "56", "net1"), ("e1000", "e1000.1", "57", "net0")]),
    ("-nic none -nic user", [("e1000", "e1000.0", "56", "net0")]),
    ("-net nic -net user", [("e1000", "e1000.0", "56", "net0")]),
    ("-net user,id=u -net nic,model=rtl8139,macaddr=52-54-00-00-00-09", [("rtl8139", "rtl8139.0", "09", "u")]),
    ("-net nic", [("e1000", "e1000.0", "56", None)]), ("-net user", []),
    ("-net nic,netdev=a -netdev user,id=a", [("e1000", "e1000.0", "56", "a")]),
    ("-device rtl8139", [("rtl8139", "rtl8139.0", "56", None)]),
    ("-device e1000,netdev=n -nic user,model=e1000 -device e1000,id=x,netdev=a -netdev user,id=a -netdev user,id=n",
     [("e1000", "e1000.0", "56", "net0"), ("e1000", "e1000.1", "57", "n"), ("e1000", "x", "58", "a")]),
])  # fmt: skip
def test_the_cards_of_a_machine(line: str, there: list[tuple[Any, ...]]) -> None:
    assert cards(line) == there


def test_netdevs_are_numbered_as_they_are_made() -> None:
    """-netdev, then -nic, then -net; what no card uses is neither described nor opened."""
    line = "-net nic -nic user,id=b -net user,id=c -netdev user,id=idle -netdev socket,id=a,listen=127.0.0.1:1 "
    config = described(line + "-device e1000,netdev=a")
    assert [(end.id, end.facts["backend"]) for end in config.outside if end.type == "netdev"] == [
        ("a", "socket"), ("b", "user"), ("c", "user"),
    ]  # fmt: skip
    found = made(line + "-device e1000,netdev=a")
    assert [one.id for one in found.idle] == ["idle"] and found.hub == (1, "c")
    assert list(found.notices) == ["netdev idle has no peer: no network card uses it"]


@pytest.mark.parametrize("line, told", [
    ("-net nic", "hub 0 is not connected to host network"), ("-net user", "hub 0 with no nics"),
    ("-netdev user,id=a", "netdev a has no peer"), ("-nic none -device rtl8139", "nic rtl8139 has no peer"),
])  # fmt: skip
def test_what_is_connected_to_nothing_is_told(line: str, told: str) -> None:
    (notice,) = made(line).notices
    assert notice.startswith(told)


def test_a_card_goes_where_addr_says() -> None:
    (card,) = described("-net nic,addr=7 -net user").all_of("e1000")
    assert card.values["addr"] == "07.0"


@pytest.mark.parametrize("line, more", [
    ("user,id=a,restrict=on,hostfwd=tcp::2222-:22,hostfwd=udp::53-:53", {
        "type": "user", "id": "a", "restrict": True, "hostfwd": [{"str": "tcp::2222-:22"}, {"str": "udp::53-:53"}]}),
    ("user,id=a,restrict", {"type": "user", "id": "a", "restrict": True}),
    ("user,id=a,noipv6", {"type": "user", "id": "a", "ipv6": False}),
    ("stream,id=a,server=on,addr.type=unix,addr.path=x", {
        "type": "stream", "id": "a", "server": True, "addr": {"type": "unix", "path": "x"}}),
])  # fmt: skip
def test_json_says_the_same(line: str, more: dict[str, Any]) -> None:
    (one,), (other,) = (parse_arguments("run", MACHINE_OPTIONS, ["-netdev", text])["netdevs"]
                        for text in (line, json.dumps(more)))  # fmt: skip
    assert one._replace(said="") == other._replace(said="")


@pytest.mark.parametrize("line, message", [
    ("-netdev user", "-netdev user: it needs an id="), ("-netdev id=n", "-netdev id=n: type= is missing"),
    ("-netdev usr,id=n", "unknown type 'usr'; did you mean 'user'?"), ("-netdev nic,id=n", "unknown type 'nic'"),
    ("-netdev user,id=1n", "id=1n: an id begins with a letter"), ("-netdev user,id=n,nosuch=1", "unknown key 'nosuch'"),
    ("-netdev user,id=n,listen=:1", "unknown key 'listen'"), ("-netdev socket,id=n,net=1", "unknown key 'net'"),
    ("-netdev user,id=n,net=x", "net=x: "), ("-netdev user,id=n,smb=x", "smb=x: it is not supported"),
    ("-netdev user,id=n,ipv4=off,ipv6=off", "leaves no network"),
    ("-netdev user,id=n -netdev socket,id=n,listen=:1", "-netdev socket,id=n,listen=:1: two netdevs have the id 'n'"),
    ("-netdev user,id=n -nic user,id=n", "-nic user,id=n: two netdevs have the id 'n'"),
    ('-netdev {"type":"user"}', "it needs an id="), ('-netdev {"type":"user","id":5}', "id is a text"),
    ('-netdev {"type":"user","id":"n","net":[{}]}', "net cannot be"), ("-netdev {}", "type= is missing"),
    ("-netdev {", "no JSON"),
    ("-netdev user,id=n,guestfwd=tcp::80-chardev:c", "there is no -chardev with the id 'c'"),
    ("-nic nosuch", "unknown type 'nosuch'"), ("-nic nic", "unknown type 'nic'; there is none, user"),
    ("-nic user,model=nosuch", "-nic user,model=nosuch: model=nosuch: unknown network card"),
    ("-nic user,model=rtl8193", "did you mean 'rtl8139'?"),
    ("-nic user,model=ne2k_pci", "this version has no such network card; there is rtl8139, e1000"),
    ("-nic user,model=virtio", "this version has no such network card"), ("-nic user,mac=x", "cannot be 'x'"),
    ("-nic user,mac=01:00:5e:00:00:01", "the address of a group"),
    ("-net nic,macaddr=ff:ff:ff:ff:ff:ff", "the address of a group"),
    ("-nic user,macaddr=52:54:00:12:34:56", "unknown key 'macaddr'"), ("-nic user,addr=5", "unknown key 'addr'"),
    ("-nic user,netdev=x", "unknown key 'netdev'"), ("-nic tap", "netdevs of the type 'tap' are not supported"),
    ("-net nic,name=x", "unknown key 'name' for nic"), ("-net nosuch", "unknown type 'nosuch'"),
    ("-net model=e1000", "type= is missing; there is nic, none, user"), ("-net nic,macaddr=zz", "cannot be 'zz'"),
    ("-net nic,vectors=x", "'x' is not a number"),
    ("-net nic,addr=99", "cannot be '99'"), ("-net nic,netdev=x", "-net nic,netdev=x: property 'e1000.netdev': there"),
    ("-net nic -net nic -net user", "-net user: a hub with more than two ports is not supported"),
    ("-net nic -net nic", "a hub that joins two network cards is not supported"),
    ("-net user -net user", "a hub that joins two netdevs is not supported"),
    ("-device rtl8139,netdev=x", "-device rtl8139,netdev=x: property 'rtl8139.netdev': there is no netdev 'x'"),
    (f"{NIC} -device e1000,netdev=a", "-device e1000,netdev=a: property 'e1000.netdev': 'a' is used already"),
    ("-device rtl8139,mac=zz", "property 'rtl8139.mac' cannot be 'zz'"),
    ("-device ne2k_pci", "its network cards are rtl8139 and e1000"),
    ("-object filter-replay,id=r", "netdev= is missing"), ("-object filter-replay,netdev=a", "id= is missing"),
    ("-object filter-replay,id=r,netdev=n", "there is no netdev 'n' (there is none); -netdev TYPE,id=n makes it"),
    (f"{NIC} -object filter-replay,id=r,netdev=b", "there is no netdev 'b' (there is a)"),
    (f"{NIC} -object filter-replay,id=r,netdev=a -object filter-replay,id=s,netdev=a", "netdev 'a' has a filter-"),
    (f"{NIC} -object filter-replay,id=r,netdev=a -object filter-dump,id=r,netdev=a,file=x", "has the id 'r'"),
    (f"{NIC} -object filter-replay,id=r,netdev=a,status=off", "all packets of a netdev are recorded"),
    (f"{NIC} -object filter-replay,id=r,netdev=a,queue=rx", "all packets of a netdev are recorded"),
    (f"{NIC} -object filter-replay,id=r,netdev=a,nosuch=1", "unknown key 'nosuch'"),
    (f"{NIC} -object filter-dump,id=r,netdev=a", "file= is missing"),
    (f"{NIC} -object filter-dump,id=r,netdev=a,file=x,maxlen=0", "maxlen=0: 0 is not in 1.."),
    (f"{NIC} -object filter-dump,id=r,netdev=a,file=x,queue=up", "'up' is not one of all, rx, tx"),
    *((f"-object {name},id=f,netdev=a", "filter-replay and filter-dump") for name in (
        "filter-buffer", "filter-mirror", "filter-redirector", "filter-rewriter")),
    ("-object colo-compare,id=c", "objects 'colo-compare' are not supported"),
])  # fmt: skip
def test_mistakes(line: str, message: str) -> None:
    with pytest.raises(PlayheadError) as raised:
        described(line)
    text = str(raised.value)
    assert message in text and "\n" not in text and raised.value.status == 2 and text.startswith("-")


@pytest.mark.parametrize("kind", sorted(NOT_HERE))
def test_other_netdevs_of_qemus_are_refused_by_name(kind: str) -> None:
    with pytest.raises(UnsupportedError, match=f"'{kind}' are not supported: .*there|it is called"):
        parsed(f"-netdev {kind},id=n")


@pytest.mark.parametrize("line, words", [
    ("-netdev help", ("Available netdev backend types:", *KINDS)),
    ("-nic model=help", ("Supported NIC models:", "rtl8139", "e1000")),
    ("-nic user,model=help", ("Supported NIC models:",)), ("-net nic,model=help", ("Supported NIC models:",)),
    ("-netdev user,help", ("hostfwd=", "restrict=on|off")), ("-netdev stream,help", ("addr.path=FILE",)),
    ("-object help", ("filter-replay", "filter-dump")), ("-object filter-dump,help", ("file=", "maxlen=")),
    ("-nic user,help", ("hostfwd=", "model=", "mac=")), ("-net nic,help", ("macaddr=", "netdev=")),
    ("-net socket,help", ("listen=",)), ("-netdev stream,help", ("addr.to=", "reconnect=", "addr.keep-alive=")),
])  # fmt: skip
def test_lists(line: str, words: tuple[str, ...]) -> None:
    with pytest.raises(Listed) as listed:
        parsed(line)
    assert all(word in str(listed.value) for word in words)


@pytest.mark.parametrize("line, there", [
    ("", True), ("-device rtl8139", True), ("-M pc-4", True), ("-M pc-3", False), ("-M pc-2", False),
    ("-nodefaults", False), ("-net none", False), ("-nic none", False), ("-netdev user,id=a", False),
    (NIC, False), ("-nic user", False), ("-net nic", False),
])  # fmt: skip
def test_when_there_is_a_card_by_default(line: str, there: bool) -> None:
    """QEMU's rule; on its face only."""
    values = parse_arguments("", system_i386.OPTIONS, line.split(), system_i386.OPERANDS)
    assert takes_default(values) == there
    if there and not line:
        found = network({**values, "default_nic": True})
        assert found.by_default and [card.model for card in found.cards] == ["e1000"] and found.hub == (0, "net0")
        assert not network(values).cards


def record(path: Path, capfd: pytest.CaptureFixture[str], *words: str) -> str:
    from playhead.cli import main

    assert main(["record", "-o", str(path), "-bios", str(guest.image("smc")), "-m", "16", "-serial", "null",
                 *words]) == 0  # fmt: skip
    return capfd.readouterr().err


def test_a_recording_says_what_filter_replay_does(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pair = "-netdev dgram,id={0},local.type=unix,local.path={1}/{0},remote.type=unix,remote.path={1}/x"
    words = [*pair.format("a", tmp_path).split(), "-device", "e1000,netdev=a"]
    filtered = ["-object", "filter-replay,id=r,netdev=a"]
    told = "netdev a is recorded, as with -object filter-replay,id=ID,netdev=a"
    assert told in record(tmp_path / "r.ph", capfd, *words)
    assert "filter-replay" not in record(tmp_path / "s.ph", capfd, *words, *filtered)
    with Reader(str(tmp_path / "s.ph")) as reader:
        assert reader.ended()
        assert {"type": "netdev", "id": "a", "backend": "dgram"} in reader.meta["config"]["outside"]
        assert not [e for e in reader.entries() if isinstance(e.event, (NetPacket, LinkChanged))]


def test_usage_errors_are_told_from_what_is_not_supported() -> None:
    with pytest.raises(UsageError):
        parsed("-netdev nosuch,id=n")
