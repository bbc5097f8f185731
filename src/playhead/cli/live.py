"""gdb and a monitor on a machine that runs: -s -S -gdb -monitor of `playhead run` and `playhead record`, and of a
replay by `playhead-system-i386`.

Both are served between two turns of the target's loop. While gdb has the machine running, the loop is inside of its
server, which serves the monitor as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from playhead.base.errors import HostError, PlayheadError, UsageError
from playhead.cli.serial_ports import all_specs
from playhead.gdb.serve import GdbServer
from playhead.gdb.target import Target
from playhead.host.chardev import Pty
from playhead.host.host import Host
from playhead.host.lines import Lines
from playhead.host.listen import TcpListener
from playhead.host.mux import MuxPort
from playhead.monitor import hmp
from playhead.monitor.commands import Command, Monitor, Say
from playhead.monitor.serve import PROMPT, MonitorServer
from playhead.session.run import RunSession
from playhead.timeline.live import RECORDED, LiveDebuggee
from playhead.timeline.outside import Outside

PORT = "tcp::1234"  # QEMU's -s
GONE = "the debugger's connection has closed: the machine is paused until one attaches, or `cont` at the monitor"


def check(values: dict[str, Any], console: bool) -> None:
    """Whether it makes sense."""
    if values["stopped"] and _gdb(values) == "none" and not console and values["monitor"] in (None, "none"):
        raise UsageError("-S without -gdb (or -s) and without -monitor: nothing could start it")
    stdio = [n for n, spec in enumerate(all_specs(values)) if spec in ("stdio", "mon:stdio")]
    if values["monitor"] == "stdio" and stdio:
        other = (
            "leave -monitor out: Ctrl-A c switches between the two" if values["nographic"] else
            "give that something else, such as -serial pty, or let them share it: -nographic without -monitor"
        )  # fmt: skip
        raise UsageError(f"-monitor stdio: COM{stdio[0] + 1} is connected to it; {other}")


def _gdb(values: dict[str, Any]) -> str:
    return values["gdb"] or (PORT if values["s"] else "none")


class Attended(Target, Protocol):
    """What is attended to: it has a loop of its own, which calls `attend` between two turns."""

    stopped: bool  # paused by the user
    held: bool  # gdb is attached
    failure: PlayheadError | None  # raised by the loop at its next turn
    attend: Callable[[], None]
    commands: Callable[[str, Say], None]
    mode: str  # of record and replay (`timeline.control`)
    outside: Outside

    def observe(self) -> None:
        """Somebody may come and look: a CPU that has halted for good is no end."""

    def hold(self) -> None: ...

    def let_go(self, on: bool = True) -> None: ...


def live_target(session: RunSession, host: Host, recording: str) -> tuple[LiveDebuggee, tuple[Command, ...]]:
    """A live session as what is attended to, with its monitor's commands; `recording`: its path, if it is one."""
    target = LiveDebuggee(session, RECORDED if recording else "", recording)
    target.outside = LiveOutside(session, host)
    return target, hmp.commands(target)


class LiveOutside(Outside):
    """What the monitor of a live machine asks of its surroundings."""

    def __init__(self, session: RunSession, host: Host):
        self._session, self._host = session, host
        self.log = session.log

    def message(self, text: str) -> None:
        self._host.message(text)

    def unkept(self) -> str | None:
        images = self._session.vm_images
        return "" if images is None else None if images.take else images.why_not or ""


class Attendance:
    """The debugger and monitor of a target. `with` it around the target's loop; `console`: the terminal that a monitor
    shares with a serial port.
    """

    def __init__(
        self, target: Attended, commands: Sequence[Command], host: Host, values: dict[str, Any], console: MuxPort | None
    ):
        self._host = host
        self._target = target
        self._target.stopped = values["stopped"]
        self._target.attend = self._attend
        self._target.commands = self._execute
        self._monitor = Monitor(commands, hmp.context(target.mode))
        self._serving = self._greeted = False
        self._listeners: list[TcpListener] = []
        self._gdb = self._server = self._lines = self._pty = None
        try:
            self._open_gdb(_gdb(values))
            self._open_monitor(values["monitor"] or "none")
            if self._gdb is not None or self._server is not None or self._lines is not None:
                target.observe()
            if console is not None:
                self._server = MonitorServer(self._execute, console, greeting="\r\n")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Attendance:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """To be called when the session's host is closed."""
        for listener in self._listeners:
            listener.close()
        if self._pty is not None:
            self._pty.close()

    @property
    def somebody(self) -> bool:
        """Whether a client is there that could continue a machine that is paused."""
        gdb = self._gdb is not None and self._gdb.session is not None
        monitor = self._server is not None and self._server.there
        return gdb or monitor or (self._lines is not None and not self._lines.over)

    # who there is

    _gdb: GdbServer | None
    _server: MonitorServer | None
    _lines: Lines | None
    _pty: PtyPort | None
    _monitor_port: TcpListener | None = None

    def _listen(self, spec: str, *, typed_at: bool) -> TcpListener:
        listener = TcpListener(spec, "-monitor" if typed_at else "-gdb")
        listener.poke = self._host.look_again
        self._listeners.append(listener)
        self._host.add(listener, typed_at=typed_at)
        return listener

    def _open_gdb(self, spec: str) -> None:
        if spec != "none":
            self._gdb_port = self._listen(spec, typed_at=False)
            self._gdb = GdbServer(self._target, self._gdb_port)

    def _open_monitor(self, spec: str) -> None:
        if spec == "stdio":
            self._lines = Lines(PROMPT)
            self._host.add(self._lines, typed_at=True)
        elif spec == "pty":
            self._pty = PtyPort(self._host)
            self._host.add(self._pty.device, typed_at=True)
            self._server = MonitorServer(self._execute, self._pty)
        elif spec != "none":
            self._monitor_port = self._listen(spec, typed_at=True)
            self._server = MonitorServer(self._execute, self._monitor_port)

    def _greet(self) -> None:
        self._greeted = True
        if self._gdb is not None:
            self._host.message(f"gdb: target remote {self._gdb_port.host}:{self._gdb_port.port}")
        if self._lines is not None:
            self._lines.show_prompt()
        elif self._pty is not None:
            self._pty.device.open()
        elif self._monitor_port is not None:
            self._host.message(f"the monitor is at {self._monitor_port.host}:{self._monitor_port.port}")

    # serving them

    def _attend(self) -> None:
        """Between two turns."""
        if not self._greeted:
            self._greet()
        if self._gdb is not None and not self._serving:
            self._serving = True
            try:
                self._serve_gdb(self._gdb)
            finally:
                self._serving = False
        if self._server is not None:
            self._server.serve()
        if self._lines is not None:
            self._serve_lines(self._lines)

    def _serve_gdb(self, gdb: GdbServer) -> None:
        target = self._target
        if gdb.session is None and self._gdb_port.connections > self._seen:
            self._seen = self._gdb_port.connections
            target.hold()
        attached = gdb.serve()
        if target.held and not attached:
            target.let_go(on=gdb.left != "gone")
            if gdb.left == "gone":
                self._host.message(GONE)
            if gdb.left == "kill":
                self._host.request_quit("the debugger, which killed it (lldb's quit does; gdb's detach does not)")

    _seen = 0  # connections

    def _serve_lines(self, lines: Lines) -> None:
        while (line := lines.take()) is not None:
            try:
                self._execute(line, lambda text: print(text, flush=True))
            except UsageError as e:
                self._host.message(str(e))
            lines.show_prompt()
        if lines.over and self._target.stopped and self._gdb is None:
            self._host.request_quit("the end of the monitor's input")  # nothing could resume it

    def _execute(self, text: str, say: Say) -> None:
        """A command, from the monitor or from gdb. What the host refuses is the end of the session."""
        try:
            self._monitor.execute(text, say)
        except HostError as e:
            self._target.failure = e
            raise


class PtyPort:
    """A pseudo terminal as what a `MonitorServer` talks through: there is one client, who may come and go unseen."""

    connections, connected = 1, True

    def __init__(self, host: Host):
        self.device = Pty("monitor", host.message)
        self.device.poke = host.look_again

    def take(self) -> bytes:
        return self.device.take(1 << 16).replace(b"\r", b"\n")

    def send(self, data: bytes) -> None:
        self.device.write(data)
        self.device.flush()

    def hang_up(self) -> None:
        pass

    def close(self) -> None:
        self.device.close()
