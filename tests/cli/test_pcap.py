"""`playhead pcap`: both directions, at their moments, with both times; parts; what it refuses; real readers."""

import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise

import pytest

from playhead.cli import main
from playhead.log.events import NetPacket
from playhead.log.reader import Reader
from tests.cli import pcapng_file
from tests.shared import once

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "session"))
import echo_guest
import planted

COUNT = 24
FRAMES = echo_guest.frames(COUNT)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return once(tmp_path_factory, "echo.ph", lambda path: echo_guest.record(path, COUNT))


def captured(recording, folder, *words):
    path = folder / "out.pcapng"
    assert main(["pcap", str(recording), "-o", str(path), "--quiet", "--force", *words]) == 0
    return pcapng_file.read(path.read_bytes())


def test_all_of_it(recording, tmp_path):
    section, interfaces, packets = captured(recording, tmp_path)
    assert section[4].startswith(b"playhead ")
    assert interfaces == [
        {2: b"lan", 3: b"rtl8139 52:54:00:12:34:56 (socket)", 6: bytes.fromhex("525400123456"), 9: b"\x09"}
    ]
    assert [p.frame for p in packets if not p.out] == FRAMES
    assert [p.frame for p in packets if p.out] == [echo_guest.HELLO, *FRAMES]
    assert all(a.time_ns <= b.time_ns for a, b in pairwise(packets))
    with Reader(str(recording)) as reader:
        events = [(e.moment, e.event) for e in reader.entries() if isinstance(e.event, NetPacket)]
    for (moment, event), packet in zip(events, (p for p in packets if not p.out), strict=True):
        assert packet.time_ns == echo_guest.CREATED_NS + moment.icount * 8  # nothing has halted: -icount shift=3
        assert packet.comment.startswith(f"moment {moment}, host time 2026-11-28T05:02:03.0")
        assert packet.comment.endswith(f"{event.host_ns % 10**9:09d}Z")
    assert all("host time about 2026-11-28T05:0" in p.comment for p in packets if p.out)


def test_the_hosts_time(recording, tmp_path):
    packets = captured(recording, tmp_path, "--time", "host")[2]
    with Reader(str(recording)) as reader:
        times = [e.event.host_ns for e in reader.entries() if isinstance(e.event, NetPacket)]
    assert [p.time_ns for p in packets if not p.out] == times
    assert all("time estimated" in p.comment for p in packets if p.out)
    assert all(re.match(r"moment [0-9+]+, virtual time [0-9]+ ns", p.comment) for p in packets)


def test_the_guests_own_date_as_qemu(tmp_path):
    echo_guest.record(tmp_path / "r.ph", 1, rtc_base="2020-01-01T00:00:00")
    packets = captured(tmp_path / "r.ph", tmp_path)[2]
    assert packets[0].time_ns // 10**9 == 1_577_836_800
    assert "host time about 2026-11-28" in packets[0].comment


def test_parts_put_together_are_the_whole(recording, tmp_path):
    whole = captured(recording, tmp_path)[2]
    middle = re.match(r"moment ([0-9+]+),", whole[len(whole) // 2].comment)[1]
    first, rest = (captured(recording, tmp_path, *words)[2] for words in (("--to", middle), ("--from", middle)))
    same = [[p[:4] for p in packets] for packets in (whole, first, rest)]
    assert same[0] == same[1] + same[2] and first and rest
    assert captured(recording, tmp_path, "--from", "2%", "--to", "3%")[2] == []


def test_standard_output_and_the_summary(recording, tmp_path, capfdbinary):
    assert main(["pcap", str(recording), "-o", "-"]) == 0
    out, said = capfdbinary.readouterr()
    assert len(pcapng_file.read(out)[2]) == 2 * COUNT + 1
    assert b"24 packets in and 25 out, on standard output" in said


def test_a_recording_that_was_cut_off_gives_what_there_is(recording, tmp_path, capsys):
    import sqlite3

    cut = tmp_path / "cut.ph"
    shutil.copy(recording, cut)
    with sqlite3.connect(cut) as db:
        db.execute("DELETE FROM batch WHERE id = (SELECT max(id) FROM batch)")
        db.execute("DELETE FROM event WHERE id > (SELECT max(last_event) FROM batch)")
        db.execute("DELETE FROM packet WHERE id > (SELECT max(last_event) FROM batch)")
    assert main(["pcap", str(cut), "-o", str(tmp_path / "out.pcapng")]) == 0
    assert "it was cut off" in capsys.readouterr().err
    pcapng_file.read((tmp_path / "out.pcapng").read_bytes())


WRONG = {
    "no -o": ([], "packets need a file: -o FILE.pcapng, or -o - for standard output"),
    "backwards": (["-o", "{new}", "--from", "3M", "--to", "1M"], "--from 3000000 comes after --to 1000000"),
    "itself": (["-o", "{recording}", "--force"], "are the same file"),
    "another kind": (["-o", "{text}", "--force"], "it exists and is no pcapng file"),
    "there already": (["-o", "{there}"], "it exists; give --force to replace it"),
    "no folder": (["-o", "{new}/deeper"], "No such file or directory"),
    "no time": (["-o", "{new}", "--time", "guest"], "is not one of virtual, host"),
    "beyond": (["-o", "{new}", "--to", "99G"], "is not in"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused(recording, tmp_path, case, capsys):
    (tmp_path / "text").write_text("mine")
    (tmp_path / "there").write_bytes(bytes.fromhex("0a0d0d0a00"))
    names = {name: str(tmp_path / name) for name in ("new", "text", "there")}
    words = [word.format(recording=recording, **names) for word in WRONG[case][0]]
    assert main(["pcap", str(recording), *words]) == 2
    said = capsys.readouterr().err
    assert WRONG[case][1] in said and said.count("\n") == 1
    assert sorted(os.listdir(tmp_path)) == ["text", "there"] and (tmp_path / "text").read_text() == "mine"


def test_a_machine_without_a_network(tmp_path_factory, tmp_path, capsys):
    path = planted.shared(tmp_path_factory)
    assert main(["pcap", str(path), "-o", str(tmp_path / "x")]) == 2
    assert "no network card of its machine has a netdev" in capsys.readouterr().err
    assert not os.listdir(tmp_path)


def test_a_full_disk_is_told_and_leaves_nothing(recording, tmp_path, capsys):
    os.symlink("/dev/full", tmp_path / "full")
    assert main(["pcap", str(recording), "-o", str(tmp_path / "full")]) == 2
    assert "No space left on device" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("tshark") is None, reason="there is no tshark")
def test_tshark_reads_it_without_a_complaint(recording, tmp_path):
    captured(recording, tmp_path)
    fields = ("frame.time_epoch", "frame.interface_name", "frame.packet_flags_direction", "frame.len", "frame.comment")
    words = [word for field in fields for word in ("-e", field)]
    command = ["tshark", "-r", tmp_path / "out.pcapng", "-T", "fields", *words]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    complaints = [line for line in shown.stderr.splitlines() if 'Running as user "root"' not in line]
    rows = [line.split("\t") for line in shown.stdout.splitlines()]
    assert complaints == [] and len(rows) == 2 * COUNT + 1
    assert [row[1] for row in rows] == ["lan"] * len(rows)
    assert [int(row[2], 16) for row in rows[:3]] == [2, 1, 2]
    packets = pcapng_file.read((tmp_path / "out.pcapng").read_bytes())[2]
    assert [row[0].replace(".", "") for row in rows] == [str(p.time_ns) for p in packets]
    assert [row[4] for row in rows] == [p.comment for p in packets]
