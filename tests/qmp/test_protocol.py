"""The protocol on a machine that is recorded, and on its replay: order of events and answers, several clients,
pipelining, refusals; what was done over QMP replays.
"""

import json
import random

import planted
import pytest
from in_process import READY, Client, Wire, events, record
from quiet_host import QuietHost

from playhead.log.reader import Reader
from playhead.machine.machine import Machine
from playhead.qmp.server import QmpServer
from playhead.qmp.service import Qmp
from playhead.timeline.replayed import ReplayDebuggee
from playhead.timeline.timeline import Timeline

CAN_NOT = "a replay cannot be changed"


def test_a_session(tmp_path):
    """What a command causes is told before its answer; a second `cont` causes nothing."""

    def script(qmp):
        client = Client(qmp, negotiate=False)
        (greeting,) = client.ask({"execute": "query-status", "id": 1})
        assert greeting["error"]["class"] == "CommandNotFound" and greeting["id"] == 1
        assert client.do("qmp_capabilities", enable=["oob"])[0]["error"]["class"] == "GenericError"
        assert client.ask(READY) == [{"return": {}}]
        assert client.error("qmp_capabilities")[0] == "CommandNotFound"
        assert client.result("query-status") == {"status": "prelaunch", "singlestep": False, "running": False}
        assert events(client.do("cont")) == ["RESUME"] and events(client.do("cont")) == []
        for _ in range(20):
            yield
        reset, answer = client.do("system_reset")
        assert answer == {"return": {}} and 0 <= reset["timestamp"]["microseconds"] < 1_000_000
        assert (reset["event"], reset["data"]) == ("RESET", {"guest": False, "reason": "host-qmp-system-reset"})
        assert events(client.do("stop")) == ["STOP"] and events(client.do("stop")) == []
        here = client.result("query-replay")
        assert here["mode"] == "record" and here["filename"] == str(tmp_path / "r.ph") and here["icount"] > 0
        yield
        assert client.result("query-replay") == here
        assert client.error("input-send-event", events=[]) == ("GenericError", "VM not running")
        assert "info status" not in client.result("human-monitor-command", command_line="info status")
        assert client.result("human-monitor-command", command_line="info status") == "VM status: paused\r\n"
        assert "unknown command" in client.result("human-monitor-command", command_line="nosuch")
        assert client.error("replay-seek", icount=1) == ("GenericError", "replay must be enabled to seek")
        assert client.error("device_add", driver="x")[1].startswith("device_add: a machine's devices are fixed")
        assert client.error("nosuch") == ("CommandNotFound", "The command nosuch has not been found")
        shutdown, answer = client.do("quit")
        assert shutdown["data"] == {"guest": False, "reason": "host-qmp-quit"} and answer == {"return": {}}

    outcome = record(tmp_path / "r.ph", script, stopped=True)
    assert outcome.cause == "host-qmp-quit"
    assert planted.replay(tmp_path / "r.ph").complete


def test_keys_and_power_are_recorded(tmp_path):
    def script(qmp):
        client = Client(qmp)
        for _ in range(20):
            yield
        a = {"type": "qcode", "data": "a"}
        assert client.result("send-key", keys=[a, {"type": "number", "data": 30}], hold_time=5) == {}
        for down in (True, False):
            assert client.result("input-send-event", events=[{"type": "key", "data": {"down": down, "key": a}}]) == {}
        assert client.result("input-send-event", events=[{"type": "rel", "data": {"axis": "x", "value": 5}}]) == {}
        assert client.error("send-key", keys=[{"type": "qcode", "data": "nosuch"}]) == (
            "GenericError", "Parameter 'data' does not accept value 'nosuch'")  # fmt: skip
        assert client.error("send-key", keys=[{"type": "qcode"}])[1] == "Parameter 'keys[0].data' is missing"
        assert "POWERDOWN" in events(client.do("system_powerdown"))
        assert client.result("inject-nmi") == {}
        assert "not in suspended state" in client.error("system_wakeup")[1]
        for _ in range(40):
            yield
        client.do("quit")

    record(tmp_path / "r.ph", script)
    assert planted.replay(tmp_path / "r.ph").complete
    kinds = {entry.kind.name for entry in planted.entries(tmp_path / "r.ph")}
    assert {"ASYNC_INPUT", "ASYNC_INPUT_SYNC"} <= kinds


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_done_replays(tmp_path, seed):
    """Commands at random moments, while it runs and in pauses; also replayed in other pieces."""
    rng, a = random.Random(seed), {"type": "qcode", "data": "a"}
    key = {"type": "key", "data": {"down": True, "key": a}}
    commands = (
        ("stop", {}), ("cont", {}), ("cont", {}), ("system_reset", {}), ("system_powerdown", {}), ("inject-nmi", {}),
        ("send-key", {"keys": [a]}),
        ("input-send-event", {"events": [key, {**key, "data": {"down": False, "key": a}}]}),
        ("input-send-event", {"events": [{"type": "rel", "data": {"axis": "y", "value": -3}}]}),
        ("human-monitor-command", {"command-line": "savevm s"}), ("query-pci", {}),
        ("human-monitor-command", {"command-line": "loadvm s"}),
    )  # fmt: skip

    def script(qmp):
        client = Client(qmp)
        for _ in range(60):
            for _ in range(rng.randrange(6)):
                yield
            name, arguments = rng.choice(commands)
            client.do(name, **arguments)
            if qmp.target.session.outcome is not None:
                return
        client.do("quit")

    outcome = record(tmp_path / "r.ph", script)
    for split in (None, seed):
        again = planted.replay(tmp_path / "r.ph", split_seed=split)
        assert again.complete and (again.icount, again.seq) == (outcome.icount, outcome.seq)


def test_pipelining_and_several_clients(tmp_path):
    """Many commands in one write, in pieces, and at once; everybody is told of what happens."""

    def script(qmp):
        one, two, new = Client(qmp), Client(qmp, pretty=True), Client(qmp, negotiate=False)
        lines = [json.dumps({"execute": "query-status", "id": n}) for n in range(50)]
        lines[20:20] = [json.dumps({"execute": "stop"}), json.dumps({"execute": "cont"})]
        text = " ".join(lines).encode()
        one.wire.write(text[:333])
        one.server.serve()
        answers = [*one.wire.read(), *one.send(text[333:])]
        assert [a["id"] for a in answers if "id" in a] == list(range(50)) and events(answers) == ["STOP", "RESUME"]
        text = two.wire.take_out()
        assert text.count('"event": "STOP"') == 1 and "\n    " in text and not new.wire.read()
        yield
        one.do("quit")
        assert '"SHUTDOWN"' in two.wire.take_out()

    record(tmp_path / "r.ph", script)
    assert planted.replay(tmp_path / "r.ph").complete


def test_snapshots_are_jobs(tmp_path):
    def script(qmp):
        client = Client(qmp)
        for _ in range(20):
            yield
        there = {"tag": "t", "vmstate": "", "devices": []}
        answers = client.do("snapshot-save", job_id="one", **there)
        at = answers.index({"return": {}})
        states = [(a["data"]["id"], a["data"]["status"]) for a in answers if "event" in a]
        assert at == 2 and states == [("one", s) for s in ("created", "running", "waiting", "pending", "concluded")]
        assert client.error("snapshot-save", job_id="one", **there)[1] == "Job ID 'one' already in use"
        assert client.error("snapshot-save", job_id="1 x", **there)[1] == "Invalid job ID '1 x'"
        client.do("snapshot-save", job_id="two", **there)
        client.do("snapshot-load", job_id="three", **there)
        client.do("snapshot-load", job_id="four", **{**there, "tag": "nosuch"})
        client.do("snapshot-delete", job_id="five", tag="t", devices=[])
        jobs = {job["id"]: job for job in client.result("query-jobs")}
        assert {job["status"] for job in jobs.values()} == {"concluded"} and len(jobs) == 5
        assert "already exists" in jobs["two"]["error"] and "does not exist" in jobs["four"]["error"]
        assert "error" not in jobs["three"] and "error" not in jobs["five"] and qmp.target.snapshots() == []
        assert events(client.do("job-dismiss", id="one")) == ["JOB_STATUS_CHANGE"]
        assert client.error("job-dismiss", id="one")[1] == "Job not found"
        client.do("quit")

    record(tmp_path / "r.ph", script)
    assert planted.replay(tmp_path / "r.ph").complete


@pytest.mark.parametrize("hostile", [b"[" * 5000, b'{"execute":"' + b"x" * (2 << 20), b'{"a":' * 5000])
def test_hostile_clients_lose_their_connection(tmp_path, hostile):
    """And nobody else anything; the next client finds a new session."""

    def script(qmp):
        bad, good = Client(qmp), Client(qmp)
        for _ in range(5):
            yield
        (error,) = bad.send(hostile)
        assert error["error"]["class"] == "GenericError" and not bad.wire.connected
        assert good.result("query-status")["running"]
        bad.wire.connections, bad.wire.connected = 2, True
        assert "QMP" in bad.send(b"")[0] and bad.ask(READY) == [{"return": {}}]
        good.do("quit")

    record(tmp_path / "r.ph", script)
    assert planted.replay(tmp_path / "r.ph").complete


def test_what_a_client_may_get_wrong(tmp_path):
    """QEMU's words."""

    def script(qmp):
        client = Client(qmp)
        for sent, desc in (
            (b"[1]\n", "QMP input must be a JSON object"), (b"5\n", "QMP input must be a JSON object"),
            (b'{"execute":"query-status","foo":1}\n', "QMP input member 'foo' is unexpected"),
            (b'{"execute":5}\n', "QMP input member 'execute' must be a string"),
            (b'{"execute":"stop","arguments":5}\n', "QMP input member 'arguments' must be an object"),
            (b'{"id":1}\n', "QMP input lacks member 'execute'"),
            (b'{"execute":"replay-break"}\n', "Parameter 'icount' is missing"),
            (b'{"execute":"replay-break","arguments":{"icount":"x"}}\n',
             "Invalid parameter type for 'icount', expected: integer"),
            (b'{"execute":"replay-break","arguments":{"icount":true}}\n',
             "Invalid parameter type for 'icount', expected: integer"),
            (b'{"execute":"replay-break","arguments":{"icount":5,"z":1}}\n', "Parameter 'z' is unexpected"),
            (b'{"execute":"replay-break","arguments":{"icount":18446744073709551615}}\n',
             "Parameter 'icount' expects int64"),
        ):  # fmt: skip
            (answer,) = client.send(sent)
            assert answer["error"] == {"class": "GenericError", "desc": desc}
        client.do("quit")
        yield

    record(tmp_path / "r.ph", script)


def test_memory_goes_into_files(tmp_path):
    """But into none that the run uses."""
    recording = tmp_path / "r.ph"

    def script(qmp):
        client, ram = Client(qmp), tmp_path / "ram"
        for _ in range(30):
            yield
        for name in ("memsave", "pmemsave"):
            assert client.result(name, val=0xF0000, size=64, filename=str(ram)) == {}
            assert ram.read_bytes() == qmp.target.read_memory(0xF0000, 64, True)
        assert client.error("pmemsave", val=1 << 33, size=1, filename=str(ram))[0] == "GenericError"
        assert client.error("pmemsave", val=0xD0000000, size=64, filename=str(ram))[1].startswith("Invalid addr")
        assert client.error("memsave", val=0xF0000, size=64, filename=str(tmp_path / "no" / "x"))[0] == "GenericError"
        assert "recording" in client.error("memsave", val=0xF0000, size=64, filename=str(recording))[1]
        assert client.result("query-dump")["status"] == "none"
        core = tmp_path / "core"
        told, answer = client.do("dump-guest-memory", paging=False, protocol=f"file:{core}")
        assert told["data"]["result"]["total"] == core.stat().st_size == client.result("query-dump")["completed"]
        assert core.read_bytes()[:4] == b"\x7fELF" and answer == {"return": {}}
        client.do("quit")

    record(recording, script)
    assert planted.replay(recording).complete


@pytest.fixture
def replay(tmp_path_factory):
    with Reader(str(planted.shared(tmp_path_factory))) as reader:
        pc = planted.config()
        target = ReplayDebuggee(Timeline(lambda door: Machine(pc, door), QuietHost(), reader, 1).begin())
        yield target


def test_a_replay(replay):
    """Breakpoints and seeks; what would change it is refused with one reason; its digests do not notice."""
    client = Client(Qmp(replay))
    end = replay.timeline.end
    assert client.result("query-status")["status"] == "prelaunch"
    assert client.result("replay-break", icount=end.icount // 2) == {}
    assert events(client.do("cont")) == ["RESUME"]
    while replay.going:
        client.server.serve()
        replay.turn()
    assert events(client.wire.read()) == ["STOP"]
    assert client.result("query-replay") == {
        "mode": "play", "filename": replay.recording, "icount": end.icount // 2}  # fmt: skip
    assert events(client.do("replay-seek", icount=1000)) == ["RESUME", "STOP"]
    assert client.result("query-status") == {"status": "paused", "singlestep": False, "running": False}
    before = replay.timeline.player.digest().root
    a = {"type": "key", "data": {"down": True, "key": {"type": "qcode", "data": "a"}}}
    for name, arguments in (
        ("system_reset", {}), ("system_powerdown", {}), ("system_wakeup", {}), ("inject-nmi", {}),
        ("send-key", {"keys": [a["data"]["key"]]}), ("input-send-event", {"events": [a]}),
    ):  # fmt: skip
        assert CAN_NOT in client.error(name, **arguments)[1], name
    for name in ("query-pci", "query-block", "query-cpus-fast", "query-mice", "query-named-block-nodes"):
        client.result(name)
    assert "cannot seek" in client.error("replay-seek", icount=1 << 60)[1]
    assert "in the past" in client.error("replay-break", icount=1)[1]
    assert client.result("replay-delete-break") == {}
    assert replay.timeline.player.digest().root == before
    assert events(client.do("quit")) == ["SHUTDOWN"] and replay.timeline._host.quit_cause() == "host-qmp-quit"


def test_a_client_that_goes_is_served_to_the_end(replay):
    wire = Wire()
    server = QmpServer(Qmp(replay), wire)
    wire.write(json.dumps(READY).encode() + b'{"execute":"query-name"}')
    wire.connected = False
    server.serve()
    assert [list(one) for one in wire.read()] == [["QMP"], ["return"], ["return"]]
