"""QMP of a Playhead in its own process, driven by QEMU's public client (`qemu.qmp`), over TCP and Unix sockets, while
it records and in the replay; and by a client that writes many commands at once.
"""

import asyncio
import contextlib
import json
import os
import re
import socket
import stat
import sys

import pytest
from qemu.qmp import EventListener, ExecuteError, QMPClient
from talking import PATIENCE_S, Running, wait_for

from playhead.cli import main
from tools import guest


SYSTEM = [sys.executable, "-m", "playhead.cli.system_i386"]


def machine(*options):
    return ["-bios", str(guest.image("demo")), "-m", "16", "-serial", "null", *options]


def address(running):
    """Where QMP listens, by a line on standard error."""
    line = running.process.stderr.readline().decode()
    found = re.search(r"QMP is at (\S+?):(\d+)\b", line)
    assert found, line
    return found[1], int(found[2])


async def connected(at):
    client = QMPClient("test")
    await client.connect(at)
    return client


def drive(script, *where):
    """Run `script(client, ...)`, with a client for each address."""

    async def run():
        clients = [await connected(at) for at in where]
        try:
            return await asyncio.wait_for(script(*clients), PATIENCE_S)
        finally:
            for client in clients:
                with contextlib.suppress(EOFError):  # the machine has ended
                    await client.disconnect()

    return asyncio.run(run())


async def next_event(listener, name):
    while (event := await listener.get())["event"] != name:
        pass
    return event


def test_a_recording_over_tcp_and_a_unix_socket(tmp_path):
    path, at = tmp_path / "r.ph", str(tmp_path / "socket")

    async def script(one, two):
        assert one.greeting.QMP.version["qemu"]["major"] == 7
        assert (await one.execute("query-status"))["status"] == "prelaunch"
        listener = EventListener(("RESUME", "STOP", "RESET", "SHUTDOWN", "JOB_STATUS_CHANGE"))
        with two.listen(listener):
            await one.execute("cont")
            await next_event(listener, "RESUME")
            await until_it_has_run(two)
            await one.execute("system_reset")
            assert (await next_event(listener, "RESET"))["data"]["reason"] == "host-qmp-system-reset"
            await one.execute("snapshot-save", {"job-id": "j", "tag": "t", "vmstate": "", "devices": []})
            while (await next_event(listener, "JOB_STATUS_CHANGE"))["data"]["status"] != "concluded":
                pass
            assert [job["status"] for job in await two.execute("query-jobs")] == ["concluded"]
            await two.execute("stop")
            await next_event(listener, "STOP")
            replay = await two.execute("query-replay")
            assert replay["mode"] == "record" and replay["filename"] == str(path) and replay["icount"] > 0
            assert "paused" in await one.execute("human-monitor-command", {"command-line": "info status"})
            with pytest.raises(ExecuteError, match="replay must be enabled"):
                await two.execute("replay-seek", {"icount": 1})
            await one.execute("quit")
            assert (await next_event(listener, "SHUTDOWN"))["data"] == {"guest": False, "reason": "host-qmp-quit"}

    words = machine("-qmp", "tcp:127.0.0.1:0,server,nowait", "-qmp", f"unix:{at},server=on,wait=off", "-S")
    with Running("record", "-o", str(path), *words) as running:
        tcp = address(running)
        assert stat.S_IMODE(os.stat(at).st_mode) & 0o077 == 0
        drive(script, tcp, at)
        assert running.process.wait(PATIENCE_S) == 0
        assert b"ended by quit over QMP" in running.process.stderr.read()
    assert not os.path.exists(at)
    assert main(["verify", str(path)]) == 0
    assert main(["replay", "--verify", str(path), "--quiet"]) == 0


def test_many_commands_in_one_write_and_hostile_neighbours(tmp_path):
    """As libvirt does it: it does not wait for answers. Others send what cannot be read, and only lose themselves."""
    path = tmp_path / "r.ph"
    hosts = ["tcp:127.0.0.1:0,server,nowait"] * 2
    with Running("record", "-o", str(path), *machine("-qmp", hosts[0], "-qmp-pretty", hosts[1])) as running:
        first, second = address(running), address(running)
        for bad in (b"[" * 100_000, b'{"x":"' + b"x" * (3 << 20), bytes(range(256)) * 500):
            with socket.create_connection(second) as other:
                try:
                    other.sendall(bad)
                    other.shutdown(socket.SHUT_WR)
                    while other.recv(1 << 16):
                        pass
                except OSError:
                    pass  # it has hung up
        deaf = socket.create_connection(second)  # which asks for much and reads nothing of it
        deaf.settimeout(1)
        with contextlib.suppress(OSError):
            deaf.sendall(b'{"execute":"qmp_capabilities"}' + b'{"execute":"query-qmp-schema"}' * 500)
        with socket.create_connection(first) as client:
            names = ["qmp_capabilities", *["query-status", "query-pci", "stop", "cont"] * 100, "query-commands"]
            lines = [json.dumps({"execute": name, "id": n}).encode() + b"\r\n" for n, name in enumerate(names)]
            client.sendall(b"".join(lines))
            client.settimeout(PATIENCE_S)
            file, answers = client.makefile("rb"), []
            while not answers or answers[-1].get("id") != len(names) - 1:
                answers.append(json.loads(file.readline()))
            assert [a["id"] for a in answers if "id" in a] == list(range(len(names)))
            assert sum(a.get("event") == "STOP" for a in answers) == 100 and not any("error" in a for a in answers)
            client.sendall(b'{"execute":"quit"}\n')
            assert running.process.wait(PATIENCE_S) == 0
        deaf.close()
    assert main(["replay", "--verify", str(path), "--quiet"]) == 0


def test_a_replay_by_qemus_command_line(tmp_path):
    """`rr=replay` with a client: breakpoint, seek, refusals, the pause at the end; and its digests are compared."""
    path, at = tmp_path / "replay.bin", str(tmp_path / "socket")
    with Running("record", "-o", str(path), *machine("-qmp", f"unix:{at},server,nowait")) as running:
        until_it_answers(at)
        drive(lambda client: _a_while_and_quit(client), at)
        assert running.process.wait(PATIENCE_S) == 0

    async def script(client):
        listener = EventListener(("RESUME", "STOP", "SHUTDOWN"))
        with client.listen(listener):
            assert (await client.execute("query-status"))["status"] == "prelaunch"
            await client.execute("replay-break", {"icount": 200_000})
            await client.execute("cont")
            await next_event(listener, "STOP")
            assert (await client.execute("query-replay"))["icount"] == 200_000
            await client.execute("replay-seek", {"icount": 1000})
            await next_event(listener, "STOP")
            assert (await client.execute("query-replay"))["icount"] == 1000
            with pytest.raises(ExecuteError, match="a replay cannot be changed"):
                await client.execute("system_reset")
            await client.execute("replay-delete-break")
            await client.execute("cont")
            await next_event(listener, "STOP")
            assert (await client.execute("query-status"))["running"] is False
            await client.execute("quit")
            await next_event(listener, "SHUTDOWN")

    words = ["-icount", f"shift=3,rr=replay,rrfile={path}", "-S", "-nographic", "-serial", "null", "-monitor", "none"]
    with Running(*words, "-qmp", f"unix:{at},server,nowait", program=SYSTEM) as running:
        until_it_answers(at)
        drive(script, at)
        assert running.process.wait(PATIENCE_S) in (0, 130)


async def until_it_has_run(client, icount=1):
    while (await client.execute("query-replay"))["icount"] < icount:
        await asyncio.sleep(0.02)


async def _a_while_and_quit(client):
    await until_it_has_run(client, 300_000)
    await client.execute("quit")


def until_it_answers(path):
    """A socket has its name before anybody listens at it."""

    def answers():
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(path) == 0

    wait_for(answers)
