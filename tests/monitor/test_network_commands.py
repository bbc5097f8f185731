"""The network at the monitors: as QEMU shows it, cables that are plugged in or out, ports that lead to the guest."""

from __future__ import annotations

import json
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from qemu_monitor import QEMU, needs_qemu
from talking import Running

from playhead.cli import main
from playhead.host.net import default_user
from playhead.log.events import Event, LinkChanged
from playhead.log.reader import Reader
from tools import guest

FACE = [sys.executable, "-m", "playhead.cli.system_i386"]
NICE = "-device e1000,netdev=n,id=nic0,romfile="


def asked(program: list[str], words: str, *lines: str) -> list[str]:
    """What the monitor on standard input answers to each line, machine paused."""
    command = [*program, "-display", "none", "-serial", "null", "-monitor", "stdio", "-S", "-m", "16",
               *shlex.split(words)]  # fmt: skip
    done = subprocess.run(command, input="\n".join([*lines, "quit", ""]), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    text = re.sub("\x1b\\[[KD]", "", done.stdout)
    return [said.partition("\n")[2].strip("\n") for said in text.split("(qemu) ")[1 : len(lines) + 1]]


@needs_qemu
@pytest.mark.parametrize("words", [
    "", "-nodefaults -nic none", "-nic user,model=rtl8139", "-net nic -net user", "-net user -net nic,model=rtl8139",
    "-net nic", "-net user", "-netdev user,id=n", f"-netdev user,id=n,restrict=on,net=192.168.5.0/24 {NICE}",
    f"-netdev user,id=n {NICE} -device rtl8139 -device rtl8139,mac=52:54:00:00:AB:01 "
    "-object filter-replay,id=r,netdev=n -object filter-dump,id=d,netdev=n,file=/dev/null,maxlen=99",
    "-netdev socket,id=n,udp=127.0.0.1:9,localaddr=127.0.0.1:0 -device rtl8139,netdev=n",
])  # fmt: skip
def test_info_network_is_as_qemus(words: str) -> None:
    """But for the name of a netdev that has none, which is another one each time in QEMU."""
    qemu, ours = (asked(program, words, "info network")[0] for program in ([QEMU], FACE))
    assert re.sub(r"#net\d+", "net0", qemu) == ours


def recorded(path: Path) -> list[Event]:
    with Reader(str(path)) as reader:
        return [entry.event for entry in reader.entries()]


def test_a_cable_is_an_input(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Of a card or of its netdev; in a recording and its replay, where nobody pulls at it."""
    path = tmp_path / "r.ph"
    words = f"-icount shift=7,rr=record,rrfile={path} -bios {guest.image('demo')} -netdev user,id=n {NICE}"
    lines = ("set_link nic0 off", "set_link n on", "set_link nosuch on", "set_link n maybe", "quit")
    said = asked(FACE, words, *lines)
    assert said[:4] == ["", "", "Error: Device 'nosuch' not found",
                        "Expected 'on' or 'off'\nTry \"help set_link\" for more information"]  # fmt: skip
    links = [(event.card, event.up) for event in recorded(path) if isinstance(event, LinkChanged)]
    assert links == [(0, False), (0, True)]
    assert main(["replay", str(path), "--quiet"]) == 0
    said = asked(FACE, f"-icount rr=replay,rrfile={path}", "info network", "set_link n off", "hostfwd_add tcp::1-:1",
                 "announce_self", "netdev_add user,id=z", "info usernet")  # fmt: skip
    assert said[0] == "nic0: index=0,type=nic,model=e1000,macaddr=52:54:00:12:34:56\n \\ n: index=0,type=user"
    assert said[1].startswith("Error: a replay cannot be changed") and said[5] == ""
    assert all(one.startswith("Error: a replay is connected to no network") for one in said[2:4])
    assert "fixed when it starts" in said[4]


def test_a_cable_at_the_hub(tmp_path: Path) -> None:
    path = tmp_path / "r.ph"
    words = f"-icount shift=7,rr=record,rrfile={path} -bios {guest.image('demo')} -net nic -net user"
    said = asked(FACE, words, "set_link hub0port0 off", "set_link hub0port1 on", "set_link hub0port2 on", "quit")
    assert said[:3] == ["", "", "Error: Device 'hub0port2' not found"]
    assert [event.up for event in recorded(path) if isinstance(event, LinkChanged)] == [False, True]


def test_ports_that_lead_to_the_guest() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        lines = ("hostfwd_add tcp:127.0.0.1:0-:22", "info usernet", f"hostfwd_add n tcp:127.0.0.1:{port}-:22",
                 "hostfwd_add nosuch tcp::1-:1", "hostfwd_add nic0 tcp::1-:1", "hostfwd_add n nonsense",
                 "hostfwd_remove n nonsense", f"hostfwd_remove tcp::{port}", "hostfwd_add", "info status")  # fmt: skip
        said = asked(FACE, f"-netdev user,id=n {NICE}", *lines)
    assert said[0] == ""
    rows = said[1].splitlines()
    assert rows[0] == "Hub -1 (n):" and rows[1].split()[:2] == ["Protocol[State]", "FD"] and len(rows) == 3
    assert re.match(r"  TCP\[HOST_FORWARD] +\d+ +127\.0\.0\.1 +\d+ +10\.0\.2\.15 +22", rows[2])
    for text, why in zip(said[2:9], (
        "Could not set up host forwarding rule", "unrecognized netdev id 'nosuch'", "invalid device specified: 'nic0'",
        "Invalid host forwarding rule 'nonsense'", "'nonsense' should be", f"tcp:127.0.0.1:{port}: not found",
        "hostfwd_add",
    ), strict=True):  # fmt: skip
        assert why in text, text
    assert said[9] == "VM status: paused (prelaunch)"  # none of it has cost the session


def test_announce_self_reaches_the_network(tmp_path: Path) -> None:
    """The frame that says where the machine is, on the wire of two cards, or of one."""
    paths = [str(tmp_path / name) for name in ("a", "b")]
    wires = []
    for path in paths:
        wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        wire.bind(path)
        wire.settimeout(20)
        wires.append(wire)
    words = " ".join(
        f"-netdev dgram,id=n{n},local.type=unix,local.path={path}.in,remote.type=unix,remote.path={path} "
        f"-device e1000,netdev=n{n},romfile=" for n, path in enumerate(paths)
    )  # fmt: skip
    assert asked(FACE, words, "announce_self", "announce_self e1000.1") == ["", ""]
    frames = [wires[0].recv(100), wires[1].recv(100), wires[1].recv(100)]
    for wire in wires:
        wire.close()
    own = [bytes.fromhex(f"5254001234{last}") for last in ("56", "57", "57")]
    for frame, mac in zip(frames, own, strict=True):
        assert (len(frame), frame[:14], frame[22:28]) == (60, b"\xff" * 6 + mac + b"\x80\x35", mac)


def test_qmp_has_the_same(tmp_path: Path) -> None:
    """A cable, as an input while the machine runs; what a card's filter is asked."""
    path = tmp_path / "r.ph"
    words = f"-bios {guest.image('demo')} -m 16 -serial null -netdev user,id=n {NICE} -qmp stdio"
    requests = [{"execute": "qmp_capabilities"}, {"execute": "set_link", "arguments": {"name": "n", "up": False}},
                {"execute": "query-rx-filter", "arguments": {"name": "nic0"}}, {"execute": "query-rx-filter"},
                {"execute": "set_link", "arguments": {"name": "x", "up": False}}, {"execute": "quit"}]  # fmt: skip
    with Running("record", "-o", str(path), *shlex.split(words), stdin=subprocess.PIPE) as running:
        out, err = running.process.communicate("\n".join(map(json.dumps, requests)).encode(), timeout=300)
    answers = [one for line in out.splitlines() if "event" not in (one := json.loads(line))][1:]
    assert [one.get("return", one.get("error", {}).get("desc")) for one in answers[:5]] == [
        {}, {}, "net client(nic0) doesn't support rx-filter querying", [], "Device 'x' not found",
    ], err  # fmt: skip
    assert LinkChanged(card=0, up=False) in recorded(path)
    assert main(["replay", str(path), "--quiet"]) == 0


def test_without_libslirp_the_default_card_has_its_cable_unplugged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from playhead.cli import system_i386

    monkeypatch.setattr(default_user, "available", lambda: False)
    path = tmp_path / "r.ph"
    words = ["-icount", f"shift=7,rr=record,rrfile={path}", "-bios", str(guest.image("smc")), "-serial", "null"]
    assert system_i386.main(words) == 0
    err = capfd.readouterr().err
    assert "without libslirp (Debian's package libslirp0)" in err and "cable unplugged" in err
    assert recorded(path).count(LinkChanged(card=0, up=False)) == 1
    assert main(["replay", str(path), "--quiet"]) == 0


def test_the_default_network_costs_no_process_until_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    from playhead.cli import system_i386

    def started(self: object) -> None:
        raise AssertionError("a process for a network that the guest does not use")

    monkeypatch.setattr(default_user.UserNet, "_start", started)
    words = ["-icount", "shift=7", "-bios", str(guest.image("halt")), "-serial", "null", "-m", "16"]
    assert system_i386.main(words) == 0  # it halts for good, and nothing can wake it
