"""QMP on a machine in this process: clients are lists of bytes, and the machine runs in a quiet world."""

import json

import planted
from quiet_host import QuietHost

from playhead.cli import qmp_options
from playhead.log.writer import Writer
from playhead.machine.machine import Machine
from playhead.monitor import hmp
from playhead.qmp.server import QmpServer
from playhead.qmp.service import Qmp, Surroundings
from playhead.session.outcome import Options
from playhead.session.record import RecordSession
from playhead.timeline.live import LiveDebuggee

READY = {"execute": "qmp_capabilities"}


class Wire:
    """A transport with a client who is there from the start."""

    def __init__(self):
        self.connections, self.connected = 1, True
        self._in, self._out = b"", b""

    def take(self):
        data, self._in = self._in, b""
        return data

    def send(self, data):
        self._out += data

    def hang_up(self):
        self.connected = False

    def write(self, data):
        self._in += data

    def take_out(self):
        data, self._out = self._out, b""
        return data.decode()

    def read(self):
        """All that came, as objects: one a line."""
        return [json.loads(line) for line in self.take_out().splitlines()]


class Client:
    """A client and its server. `ask` gives what came: events, and the answer behind them."""

    def __init__(self, qmp, negotiate=True, **more):
        self.wire = Wire()
        self.server = QmpServer(qmp, self.wire, **more)
        self.server.serve()
        greeting = json.loads(self.wire.take_out())
        assert greeting["QMP"]["capabilities"] == []
        if negotiate:
            self.wire.write(json.dumps(READY).encode())
            self.server.serve()
            assert json.loads(self.wire.take_out()) == {"return": {}}

    def send(self, data):
        self.wire.write(data)
        self.server.serve()
        return self.wire.read()

    def ask(self, request):
        return self.send(json.dumps(request).encode() + b"\n")

    def do(self, name, /, **arguments):
        request = {"execute": name, "arguments": {key.replace("_", "-"): v for key, v in arguments.items()}}
        return self.ask(request)

    def result(self, name, /, **arguments):
        (*_, answer) = self.do(name, **arguments)
        assert "return" in answer, answer
        return answer["return"]

    def error(self, name, /, **arguments):
        (*_, answer) = self.do(name, **arguments)
        return answer["error"]["class"], answer["error"]["desc"]


def events(answers):
    return [one["event"] for one in answers if "event" in one]


def record(path, script, stopped=False, drives=None, **options):
    """A recording under `script(qmp)`, a generator that is taken up between two turns."""
    pc, steps = planted.config(), []
    meta = {"config": pc.to_json(), "shift": 3, "engine": "native", "program": "playhead test"}
    options = Options(digest_period=planted.PERIOD, meta=meta, blobs=tuple(pc.blobs().values()), **options)
    world = QuietHost(planted.plan(b"sum\r" * 20, step=6), live=True, ports=1, step_ns=10_000)
    with Writer(str(path), True) as writer:
        session = RecordSession(lambda door: Machine(pc, door), world, options, writer)
        target = LiveDebuggee(session, "", str(path))
        target.stopped, session.observed = stopped, True
        target.attend = lambda: next(steps[0], None)
        steps.append(script(served(target)))
        return session.run()


def served(target):
    """A machine's QMP, with its monitor."""
    ports = [("serial0", "null", True)]
    execute, options = hmp.monitor(target).execute, qmp_options.described
    return Qmp(target, Surroundings(execute, "guest", chardevs=lambda: ports, options=options))
