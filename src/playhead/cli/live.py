"""gdb and monitors on a machine that runs: -s -S -gdb -monitor -mon -qmp of `playhead run`, `record` and `branch`, and
of a replay by `playhead-system-i386`.

Both are served between two turns of the target's loop. While gdb has the machine running, the loop is inside of its
server, which serves the monitor as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from playhead.base.errors import HostError, PlayheadError, UsageError
from playhead.cli.monitors import MonitorPort, gdb_spec, monitors
from playhead.cli.network_filters import wiring
from playhead.cli.serial_ports import all_specs, resolved
from playhead.gdb.serve import GdbServer
from playhead.gdb.target import Target
from playhead.host.chardev import spec as specs
from playhead.host.chardev.device import CharDevice
from playhead.host.host import Host
from playhead.host.typed_lines import TypedLines
from playhead.monitor import hmp
from playhead.monitor.commands import Command, Monitor, Say
from playhead.monitor.serve import MonitorServer
from playhead.session.run import RunSession
from playhead.timeline.live import RECORDED, LiveDebuggee
from playhead.timeline.outside import Outside

if TYPE_CHECKING:
    from playhead.cli.stdio_monitor import StdioMonitor
    from playhead.qmp.service import Qmp
    from playhead.timeline.debuggee import Debuggee

SEEN = ("socket", "stdio")  # character devices that know when their clients come and go
GDB_AT = "gdb: target remote {}"  # gdb takes a Unix socket by its path alone
GONE = "the debugger's connection has closed: the machine is paused until one attaches, or `cont` at the monitor"


def check(values: dict[str, Any], console: bool) -> None:
    """Whether it makes sense."""
    asked = monitors(values)
    if values["stopped"] and gdb_spec(values) is None and not console and not asked:
        raise UsageError("-S without -gdb (or -s) and without -monitor: nothing could start it")
    stdio = [n for n, text in enumerate(all_specs(values)) if resolved(values, text).backend == "stdio"]
    for one in asked:
        if one.at_stdin and stdio:
            other = (
                "leave -monitor out: Ctrl-A c switches between the two" if values["nographic"] else
                "give that something else, such as -serial pty, or let them share it: -nographic without -monitor"
            )  # fmt: skip
            raise UsageError(f"{one.option} stdio: COM{stdio[0] + 1} is connected to it; {other}")
    if sum(one.at_stdin for one in asked) > 1:
        raise UsageError("stdio can serve one monitor only")


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


class Server(Protocol):
    """A monitor's conversation with one client after another."""

    @property
    def there(self) -> bool:
        """Whether a client is."""
        ...

    def serve(self) -> None: ...


class Attendance:
    """The debugger and the monitors of a target. `with` it around the target's loop."""

    def __init__(self, target: Attended, commands: Sequence[Command], host: Host, values: dict[str, Any]):
        self._host = host
        self._target = target
        self._target.stopped = values["stopped"]
        self._target.attend = self._attend
        self._target.commands = self._execute
        self._monitor = Monitor(commands, hmp.context(target.mode))
        self._serving = self._greeted = False
        self._gdb: GdbServer | None = None
        self._lines: StdioMonitor | None = None
        self._servers: list[Server] = []
        self._unseen: list[Server] = []  # those whose clients come and go unseen
        self._qmp: Qmp | None = None
        self._see_outside(values)
        self._told: list[tuple[str, CharDevice]] = []  # where clients may come, and how to say it
        self._open_gdb(values)
        for one in monitors(values):
            self._open_monitor(one)
        if self._gdb is not None or self._servers or self._lines is not None:
            target.observe()
        for port in host.shared_monitors:
            self._servers.append(MonitorServer(self._execute, TypedLines(port), greeting="\r\n"))

    def _see_outside(self, values: dict[str, Any]) -> None:
        """What the monitors ask of whoever attends."""
        outside = self._target.outside
        outside.name, outside.uuid = values["name"].get("guest") or outside.name, values["uuid"] or outside.uuid
        outside.wiring, outside.keyboard = wiring(values), values["keyboard"]
        outside.gdbserver = self._gdbserver  # type: ignore[method-assign]
        outside.chardevs = lambda: [one[:2] for one in self._host.chardevs()]  # type: ignore[method-assign]

    def __enter__(self) -> Attendance:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """To be called when the session's host is closed."""
        if self._lines is not None:
            self._lines.close()

    @property
    def somebody(self) -> bool:
        """Whether a client is there that could continue a machine that is paused."""
        gdb = self._gdb is not None and self._gdb.session is not None
        typed = self._lines is not None and not self._lines.over
        return gdb or typed or any(self._attended_by(server) for server in self._servers)

    def _attended_by(self, server: Server) -> bool:
        """Behind a pseudo terminal and the like somebody may always be: whoever has said something is."""
        return server.there and (server not in self._unseen or getattr(server, "spoke", True))

    # who there is

    def _open_gdb(self, values: dict[str, Any]) -> None:
        spec = gdb_spec(values)
        if spec is not None:
            self._gdb_port = self._host.transport(spec, "gdb", option="-gdb")
            self._gdb = GdbServer(self._target, self._gdb_port)
            self._told.append((GDB_AT, self._gdb_port))

    def _open_monitor(self, one: MonitorPort) -> None:
        if one.at_stdin:
            from playhead.cli.stdio_monitor import StdioMonitor

            self._lines = StdioMonitor(self._monitor, self._execute, self._host)
            return
        port = self._host.transport(one.spec, "qmp" if one.control else "monitor", monitor=True, option=one.option)
        if one.control:
            self._servers.append(self._control(port, one.pretty))
            self._told.append(("QMP is at {}", port))
        else:
            self._servers.append(MonitorServer(self._execute, TypedLines(port), echo=not port.keys))
            self._told.append(("the monitor is at {}", port))
        if one.spec.backend not in SEEN:
            self._unseen.append(self._servers[-1])

    def _control(self, port: CharDevice, pretty: bool) -> Server:
        """A monitor for programs; they share what they are told of."""
        from playhead.cli import qmp_options
        from playhead.qmp.server import QmpServer
        from playhead.qmp.service import Qmp, Surroundings

        if self._qmp is None:
            outside = self._target.outside
            around = Surroundings(self._execute, outside.name, outside.uuid, self._host.chardevs, qmp_options.described)
            self._qmp = Qmp(cast("Debuggee", self._target), around)
        return QmpServer(self._qmp, port, pretty)

    def _greet(self) -> None:
        self._greeted = True
        for text, port in self._told:
            if address := port.listens_at:
                self._host.message(text.format(address.removeprefix("unix:") if text is GDB_AT else address))

    def _gdbserver(self, device: str) -> str:
        """`gdbserver`: listen for gdb there from now on, and nowhere else."""
        if self._serving:
            raise UsageError("gdb is attached and has the machine running, or sends this itself: let it detach first")
        spec = specs.gdb(device)
        if spec.backend not in ("socket", "none"):
            raise UsageError(f"{device}: while the machine runs gdb can come by tcp::PORT or unix:PATH, or not (none)")
        if self._gdb is not None:
            if self._target.held:
                self._target.let_go(on=False)
            self._host.part(self._gdb_port)
            self._gdb = None
        if spec.backend == "none":
            return "Disabled gdbserver"
        try:
            self._gdb_port = self._host.transport(spec, "gdb", option="gdbserver")
            self._host.join(self._gdb_port)
        except HostError as e:
            raise UsageError(str(e)) from None  # it costs nothing but this command
        self._gdb, self._seen = GdbServer(self._target, self._gdb_port), 0
        self._target.observe()
        self._host.message(GDB_AT.format(self._gdb_port.listens_at.removeprefix("unix:")))
        return f"Waiting for gdb connection on device '{device}'"

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
        for server in self._servers:
            server.serve()
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

    def _serve_lines(self, lines: StdioMonitor) -> None:
        lines.serve()
        if lines.over and self._target.stopped and self._gdb is None:
            self._host.request_quit("the end of the monitor's input")  # nothing could resume it

    def _execute(self, text: str, say: Say) -> None:
        """A command, from the monitor or from gdb. What the host refuses is the end of the session."""
        try:
            self._monitor.execute(text, say)
        except HostError as e:
            self._target.failure = e
            raise
