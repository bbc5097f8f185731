"""Recorded machines on a network of frames, by command line: joined to each other, and to a peer that is none; each
replays alone, and a filter-dump of the replay is that of the recording.
"""

import os
import socket
import struct
import subprocess
import sys

import pytest

from playhead.cli import main
from playhead.log.events import NetPacket
from playhead.log.reader import Reader
from tests.free_ports import free_ports
from tests.host.net.ends import wait_for

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "session"))
import echo_guest

COUNT = 40
PATIENCE_S = 240  # the native core may have to be built


@pytest.fixture(scope="module")
def firmware(tmp_path_factory):
    folder = tmp_path_factory.mktemp("echo")
    (folder / "bios.bin").write_bytes(echo_guest.firmware(folder, COUNT))
    return folder / "bios.bin"


def started(program, *words):
    command = [sys.executable, "-m", f"playhead.cli.{program}" if program else "playhead", *map(str, words)]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(process):
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    return out, err


def machine(path, firmware, netdev, *more):
    return ["record", "-o", path, "--bios", firmware, "-m", "4", "-serial", "null", "-netdev", f"{netdev},id=lan",
            "-device", "rtl8139,netdev=lan,romfile=", *more]  # fmt: skip


def listened_at(port):
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def came_in(path):
    with Reader(str(path)) as reader:
        return [bytes(e.event.data) for e in reader.entries() if isinstance(e.event, NetPacket)]


def read_frames(peer, count):
    stream, found = peer.makefile("rb"), []
    while len(found) < count:
        (size,) = struct.unpack(">I", stream.read(4))
        found.append(stream.read(size))
    return found


def test_a_machine_and_its_peer(firmware, tmp_path):
    frames = echo_guest.frames(COUNT)
    dump = f"filter-dump,id=d,netdev=lan,file={tmp_path}/"
    with socket.create_server(("127.0.0.1", 0)) as server:
        netdev = f"socket,connect=127.0.0.1:{server.getsockname()[1]}"
        words = machine(
            tmp_path / "r.ph", firmware, netdev, "-object", f"{dump}live", "-object", "filter-replay,id=r,netdev=lan"
        )
        process = started("", *words)
        peer, _ = server.accept()
        with peer:
            peer.settimeout(PATIENCE_S)
            assert read_frames(peer, 1) == [echo_guest.HELLO]
            peer.sendall(b"".join(struct.pack(">I", len(frame)) + frame for frame in frames))
            assert read_frames(peer, COUNT) == frames
        ended(process)
    assert came_in(tmp_path / "r.ph") == frames
    again = (
        started("", "replay", tmp_path / "r.ph"),
        started("system_i386", "-icount", f"rr=replay,rrfile={tmp_path}/r.ph", "-object", f"{dump}again"),
    )
    assert all("digests compared are equal" in ended(one)[1] for one in again)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "live").read_bytes() != b""


def test_a_dump_does_not_go_into_a_file_that_is_read(firmware, tmp_path, capsys):
    content = firmware.read_bytes()
    words = machine(tmp_path / "r.ph", firmware, "socket,listen=:0")
    for file in (firmware, tmp_path / "r.ph"):
        dump = f"filter-dump,id=d,netdev=lan,file={file}"
        assert main([str(word) for word in (*words, "-object", dump)]) == 2
        said = capsys.readouterr().err
        assert "are the same file" in said and said.count("\n") == 1
    assert main([str(word) for word in (*words, "-object", f"{dump}/x")]) == 2
    assert f"-object {dump}/x: cannot write" in capsys.readouterr().err
    assert firmware.read_bytes() == content and not os.listdir(tmp_path)


@pytest.mark.parametrize("kind", ["socket", "stream-unix", "dgram-unix"])
def test_two_recorded_machines_talk_and_each_replays_alone(firmware, tmp_path, kind):
    (port,) = free_ports(1)
    ends = {
        "socket": (f"socket,listen=:{port}", f"socket,connect=127.0.0.1:{port}"),
        "stream-unix": (f"stream,server=on,addr.type=unix,addr.path={tmp_path}/s",
                        f"stream,addr.type=unix,addr.path={tmp_path}/s,reconnect=1"),
        "dgram-unix": (f"dgram,local.type=unix,local.path={tmp_path}/s,remote.type=unix,remote.path={tmp_path}/t",
                       f"dgram,local.type=unix,local.path={tmp_path}/t,remote.type=unix,remote.path={tmp_path}/s"),
    }[kind]  # fmt: skip
    machines = [started("", *machine(tmp_path / "0.ph", firmware, ends[0]))]
    wait_for(lambda: listened_at(port) if kind == "socket" else (tmp_path / "s").exists())
    machines.append(started("", *machine(tmp_path / "1.ph", firmware, ends[1])))
    try:
        for one in machines:
            ended(one)
    finally:
        for one in machines:
            one.kill()
    for n in range(2):
        packets = came_in(tmp_path / f"{n}.ph")
        assert COUNT <= len(packets) <= COUNT + 2 and set(packets) == {echo_guest.HELLO}
        assert "digests compared are equal" in ended(started("", "replay", tmp_path / f"{n}.ph"))[1]
    assert sorted(os.listdir(tmp_path)) == ["0.ph", "1.ph"]
