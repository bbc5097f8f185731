"""Debian's drivers for our network cards with a user-mode network: recorded, and replayed on a host without a network.

What the guest has fetched is compared by checksums on both sides; the clients of its servers are the real ones.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import networked
import pytest
from networked import CARDS, TOGETHER, Guest, content, replays_alone, sha256, site, user

from playhead.cli.recorded_machine import timeline
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.timeline.timeline import Timeline
from tests.free_ports import free_port
from tests.impaired_net import Faults
from tools.fuzz import replay as fuzz_replay

pytestmark = [pytest.mark.guest, pytest.mark.slow]
SHORT, WHOLE = 2_000_000, 50_000_000
RECEIVES = {"8139cp": "cp_rx_poll", "8139too": "rtl8139_poll", "e1000": "e1000_clean_rx_irq"}  # each driver's routine
LEASE = "lease of 10.0.2.15/24 from 10.0.2.2, router 10.0.2.2, dns 10.0.2.3, for 86400 s"


def program(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        text = f"{name} is not installed (Debian's package {package})"
        pytest.fail(text) if networked.os.environ.get("CI") == "true" else pytest.skip(text)
    return found


def fetch(port: int, size: int) -> str:
    return f"wget -q -O - http://10.0.2.2:{port}/bytes/{size} | sha256sum"


def routine(driver: str) -> str:
    return f"grep -w {RECEIVES[driver]} /proc/kallsyms"


@pytest.mark.parametrize("driver", CARDS)
@pytest.mark.parametrize("size", [SHORT, pytest.param(WHOLE, marks=pytest.mark.long)], ids=["short", "whole"])
def test_a_lease_a_file_and_many_connections(driver: str, size: int, tmp_path: Path) -> None:
    """With the e1000 200 at once, of which the server answers none before all have asked; with others in long runs."""
    many = driver == "e1000" or size == WHOLE
    with site() as server:
        run = f"{routine(driver)}; {fetch(server.server_port, size)}; ping -c 2 10.0.2.2"
        if many:
            asks = f"wget -q -O /tmp/got$n http://10.0.2.2:{server.server_port}/together"
            run += f"; n=0; while [ $n -lt {TOGETHER} ]; do n=$((n+1)); {asks} & done; wait; cat /tmp/got* | uniq -c"
        words = f'DRIVER={driver} RUN="{run}"'
        with Guest(tmp_path / "net.ph", words, *user(CARDS[driver])) as guest:
            said = guest.end()
    assert f"eth0: {LEASE}" in said and sha256(content(size)) in said, said[-2000:]
    assert "2 packets transmitted, 2 packets received" in said
    assert not many or f" {TOGETHER} all are here\n" in said, said[-2000:]
    assert sum(len(packet.data) for _, packet in networked.packets(guest.path)) > size
    replays_alone(guest)
    if size == SHORT:
        goes_backwards(guest.path, int(re.findall(rf"^([0-9a-f]+) t {RECEIVES[driver]}", said, re.MULTILINE)[0], 16))


def goes_backwards(path: Path, receives: int) -> None:
    """Seek between packets, and go backwards over them: every way leads to the same machine."""
    came = [moment for moment, _ in networked.packets(path)]
    chance = random.Random(1)
    middle = chance.sample(came[len(came) // 4 :], 3)
    with Reader(str(path)) as reader, timeline(reader) as (line, _):
        roots = {}
        for moment in sorted(middle):
            line.seek(moment)
            roots[moment] = line.player.digest().root
        for moment in (middle[1], middle[0], middle[2]):
            line.seek(Moment(moment.icount + chance.randrange(1, 3000)))
            line.seek(moment)
            assert line.player.digest().root == roots[moment]
        line.seek(min(middle))
        line.watch([receives], [])
        there = hits(line, 4)
        end = line.moment
        assert there and there[-1] == end
        back = []
        while len(back) < len(there) - 1 and line.reverse_cont().reason == "break":
            back.append(line.moment)
        assert back == there[-2::-1]


def hits(line: Timeline, count: int) -> list[Moment]:
    """Where a breakpoint is met, going forwards."""
    found = []
    while len(found) < count and line.cont().reason == "break":
        found.append(line.moment)
    return found


def ssh(folder: Path, port: int, *words: str, typed: bytes = b"") -> bytes:
    options = ("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null")
    command = [program("ssh", "openssh-client"), "-F", "none", "-i", str(folder / "key"), "-p", str(port),
               *(word for option in options for word in ("-o", option)), *words]  # fmt: skip
    done = subprocess.run(command, input=typed, capture_output=True, timeout=networked.LIMIT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("seconds", [3, pytest.param(30, marks=pytest.mark.long)])
def test_an_ssh_session_and_wrk_under_load(seconds: int, tmp_path: Path) -> None:
    """Two forwarded ports: OpenSSH's client logs in at dropbear, and wrk asks busybox's server, while both of the
    host's cores are busy."""
    program("wrk", "wrk")
    keygen = [program("ssh-keygen", "openssh-client"), "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")]
    subprocess.run(keygen, check=True)
    key = " ".join((tmp_path / "key.pub").read_text().split()[:2])
    shell, http = free_port(), free_port()
    forwards = f",hostfwd=tcp:127.0.0.1:{shell}-:22,hostfwd=tcp:127.0.0.1:{http}-10.0.2.15:80"
    sent = content(300_000)
    with Guest(tmp_path / "net.ph", f'HTTPD=yes KEY="{key}"', *user("e1000", forwards)) as guest, \
            fuzz_replay.busy((0.0, 0.0)):  # fmt: skip
        guest.wait_for("GUEST-UP")
        assert b"Debian 6.1" in ssh(tmp_path, shell, "root@127.0.0.1", "uname", "-a")
        assert sha256(sent).encode() in ssh(tmp_path, shell, "root@127.0.0.1", "tee /tmp/f | sha256sum", typed=sent)
        assert ssh(tmp_path, shell, "root@127.0.0.1", "cat /tmp/f") == sent
        typed = b"tty\nstty size\necho typed $((6*7))\nexit\n"
        there = ssh(tmp_path, shell, "-tt", "root@127.0.0.1", typed=typed)
        assert b"/dev/pts/0" in there and b"typed 42" in there, there
        said = subprocess.run(["wrk", "-t1", "-c8", "--timeout", "60s", "-d", str(seconds), f"http://127.0.0.1:{http}/small"],
                              capture_output=True, text=True, timeout=networked.LIMIT_S).stdout  # fmt: skip
        assert int(re.findall(r"(\d+) requests in", said)[0]) > seconds and "errors" not in said, said
        leave = "(echo; echo GUEST-DONE) > /dev/ttyS0; (sleep 1; poweroff -f) > /dev/null 2>&1 &"
        ssh(tmp_path, shell, "root@127.0.0.1", leave)
        guest.end()
    replays_alone(guest)


def test_two_machines_on_a_wire(tmp_path: Path) -> None:
    """One listens, one connects: they ping, one copies a file to the other, and each replays without the other.

    The second is started when the first listens: who is refused stays unconnected, here as in QEMU.
    """
    port = free_port()

    def wired(card: str, way: str, last: int) -> tuple[str, ...]:
        card = f"{card},netdev=n0,mac=52:54:00:00:00:0{last}"
        return "-netdev", f"socket,id=n0,{way}=127.0.0.1:{port}", "-device", card

    takes = "nc -l -p 5000 > /tmp/file; sha256sum < /tmp/file; sleep 1"
    sends = "until ping -c 1 -W 1 10.1.0.1 > /dev/null; do :; done; ping -c 3 10.1.0.1; head -c 1000000 /dev/urandom " \
            "> /tmp/file; sha256sum < /tmp/file; until nc 10.1.0.1 5000 < /tmp/file; do :; done"  # fmt: skip
    words = [f'IP=10.1.0.{n}/24 RUN="{run}"' for n, run in enumerate((takes, sends), 1)]
    with Guest(tmp_path / "a.ph", words[0], *wired("rtl8139", "listen", 1)) as first:
        first.wait_until_it_runs()
        with Guest(tmp_path / "b.ph", words[1], *wired("e1000", "connect", 2)) as second:
            said = networked.end_all(second, first)
    sums = [re.findall(r"^[0-9a-f]{64}", text, re.MULTILINE) for text in said]
    assert sums[0] == sums[1] and len(sums[0]) == 1, said
    assert "3 packets transmitted, 3 packets received, 0% packet loss" in said[0]
    replays_alone(first)
    replays_alone(second)


@pytest.mark.parametrize("driver", ["8139cp", pytest.param("8139too", marks=pytest.mark.long),
                                    pytest.param("e1000", marks=pytest.mark.long)])  # fmt: skip
def test_a_bad_network(driver: str, tmp_path: Path) -> None:
    """Frames are lost, doubled, overtaken, cut short and changed in both directions: TCP gets the file through."""
    faults = Faults(seed=3, loss=1, double=2, swap=2, cut=1, flip=1, skip=8)
    front = [sys.executable, "-m", "tests.impaired_net", ",".join(f"{k}={v}" for k, v in faults._asdict().items()),
             "playhead"]  # fmt: skip
    size = 500_000
    with site() as server:
        words = f'DRIVER={driver} RUN="{fetch(server.server_port, size)}"'
        with Guest(tmp_path / "net.ph", words, *user(CARDS[driver]), front=front) as guest:
            said = guest.end()
    assert sha256(content(size)) in said, said[-2000:]
    told = dict(re.findall(r"^impaired net0 (in|out): (.*)", guest.errors.decode(), re.MULTILINE))
    assert all(f"{fault}=" in told["in"] for fault in ("loss", "double", "swap", "cut", "flip")), told
    assert "loss=" in told["out"], told
    replays_alone(guest)
