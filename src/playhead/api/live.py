"""Live machines: `playhead.record("x.ph", kernel=..., m=128)`, driven by a program through serial ports and QMP.

A machine is a process of its own, which runs the verb as a shell would: so options, errors, files and signals are the
command line's, a crash of one takes nothing else along, and Ctrl-C here is not typed there. Its serial ports and its
QMP are Unix sockets in a folder that only this user can enter. It ends when it is told to, when this object is closed
or collected, and when this process is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from playhead.api.console import Console
from playhead.base.errors import HostError, MachineEnded, Refused, TimedOut, UsageError
from playhead.base.messages import nearest
from playhead.cli.branch import OPERANDS as BRANCH_OPERANDS
from playhead.cli.branch import OPTIONS as BRANCH_OPTIONS
from playhead.cli.options import Option, bare, find, parse_arguments
from playhead.cli.record import OPTIONS as RECORD_OPTIONS
from playhead.cli.run import OPTIONS as RUN_OPTIONS

SOURCES = Path(__file__).resolve().parents[2]
CHILD = "from playhead.api.live_child import main; main()"
LOOK_S = 0.05
START_S = 120.0  # the native core may have to be built
QUIT_S = 60.0
MOST_PORTS = 4


def record(out: str | os.PathLike[str], *, ports: int = 1, **options: Any) -> LiveMachine:
    """Start a machine and record it into a new file, as `playhead record -o OUT` does.

    Options are those of the command line by their names, with `_` for `-`, and their values as it takes them:
    `record("x.ph", kernel="vmlinuz", append="console=ttyS0", m=128, icount="shift=3", nographic=True, netdev=[...])`.
    True gives an option that has no value, a list one that is given several times, and a dictionary sub-options.

    `ports`: so many serial ports are this program's (`machine.serial`, `machine.ports`); those of `serial=` follow.
    Raises UsageError for what the command line refuses, with its message, and HostError if no machine can be started.
    """
    words = ["-o", os.fspath(out), *words_of(options, RECORD_OPTIONS)]
    return LiveMachine("record", words, RECORD_OPTIONS, (), ports, os.fspath(out))


def run(*, ports: int = 1, **options: Any) -> LiveMachine:
    """The same without a recording, as `playhead run`."""
    return LiveMachine("run", words_of(options, RUN_OPTIONS), RUN_OPTIONS, (), ports)


def branch(path: str, at: str, out: str | os.PathLike[str], ports: int, options: Mapping[str, Any]) -> LiveMachine:
    """Continue live from a moment of a recording, as `playhead branch PATH --at AT -o OUT`."""
    words = [path, "--at", at, "-o", os.fspath(out), *words_of(options, BRANCH_OPTIONS)]
    return LiveMachine("branch", words, BRANCH_OPTIONS, BRANCH_OPERANDS, ports, os.fspath(out))


def words_of(options: Mapping[str, Any], table: Sequence[Option]) -> list[str]:
    """Keywords as words of a command line. Raises UsageError."""
    words: list[str] = []
    for name, value in options.items():
        option = find(table, "-" + name.replace("_", "-"))
        if option is None:
            known = {bare(one).replace("-", "_"): one for o in table for one in o.names}
            raise UsageError(f"there is no option {name!r}{nearest(name, known)}")
        words += _given(option, value)
    return words


def _given(option: Option, value: Any) -> list[str]:
    if value is None or value is False:
        return []
    if not option.takes_value:
        if value is not True:
            raise UsageError(f"{option.name} takes no value: {value!r} is neither True nor False")
        return [option.name]
    if isinstance(value, (list, tuple)):
        return [word for one in value for word in _given(option, one)]
    if isinstance(value, dict):
        value = ",".join(f"{key}={_word(one)}".replace(",", ",,") for key, one in value.items())
    return [option.name, _word(value)]


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)


class LiveMachine:
    """A machine that runs. `serial` is its first port, `ports` are all that are this program's, `messages` what it has
    told on its standard error, `out` its recording, if any: `playhead.open(machine.out)` opens it, also while it is
    written. Use `with`: leaving it ends the machine.
    """

    def __init__(self, verb: str, words: Sequence[str], table: Sequence[Option], operands: Sequence[str], ports: int,
                 out: str = ""):  # fmt: skip
        if isinstance(ports, bool) or not isinstance(ports, int) or not 0 <= ports <= MOST_PORTS:
            raise UsageError(f"a machine has 0 to {MOST_PORTS} serial ports, not {ports!r}")
        self.out = out
        self.messages: list[str] = []
        folder = tempfile.mkdtemp(prefix="playhead-")
        self._end: Any = weakref.finalize(self, _remove, folder)
        names = [*(f"serial{n}" for n in range(ports)), "qmp"]
        try:
            listening = [_listen(os.path.join(folder, name)) for name in names]
            sockets = [("-qmp" if name == "qmp" else "-serial", f"unix:{os.path.join(folder, name)}") for name in names]
            ours = [word for pair in sockets for word in pair]
            command = [*words[: len(operands)], *ours, *words[len(operands) :]]
            parse_arguments(verb, table, command, operands)
            self._start([verb, *command], folder)
            connected = [self._accepted(one) for one in listening]
        except BaseException:
            self._end()
            raise
        self._qmp = Qmp(connected.pop())
        self.ports = [Console(one, f"serial port {n}") for n, one in enumerate(connected)]

    def _start(self, words: list[str], folder: str) -> None:
        path = os.pathsep.join(filter(None, [str(SOURCES), os.environ.get("PYTHONPATH", "")]))
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", CHILD, *words], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}, start_new_session=True,
                text=True, errors="replace")  # fmt: skip
        except OSError as e:
            raise HostError(f"cannot start a machine: {e.strerror or e}") from None
        self._end.detach()
        self._end = weakref.finalize(self, _end_of, folder, self._process)
        told, messages = self._process.stderr, self.messages
        assert told is not None
        self._told = threading.Thread(target=lambda: messages.extend(line.rstrip() for line in told), daemon=True)
        self._told.start()

    def _accepted(self, listening: socket.socket) -> socket.socket:
        """The machine's end of it. Raises what the command line says if it has ended instead."""
        deadline_s = time.monotonic() + START_S
        with listening:
            while time.monotonic() < deadline_s:
                with contextlib.suppress(TimeoutError):
                    connection, _ = listening.accept()
                    connection.settimeout(None)
                    return connection
                if self._process.poll() is not None:
                    self._told.join()
                    said = "; ".join(line.removeprefix("playhead: ") for line in self.messages)
                    raise UsageError(said or f"the machine ended with status {self._process.returncode}")
        raise HostError(f"the machine has not started in {START_S:g} s")

    # driving it

    @property
    def serial(self) -> Console:
        """The first serial port. Raises UsageError if this program has none."""
        if not self.ports:
            raise UsageError("this machine was started with ports=0")
        return self.ports[0]

    def qmp(self, command: str, **arguments: Any) -> Any:
        """Execute a QMP command and give its result: `qmp("query-status")`. `_` in names of arguments stands for `-`.
        Raises Refused with what it says, and MachineEnded.
        """
        return self._qmp.execute(command, arguments)

    @property
    def qmp_events(self) -> list[dict[str, Any]]:
        """The events that QMP has told of so far, as far as commands have been answered since."""
        return self._qmp.events

    def monitor(self, command: str) -> str:
        """Execute a command of the monitor, and give what it prints: `monitor("info registers")`."""
        return str(self._qmp.execute("human-monitor-command", {"command-line": command}))

    # its life

    @property
    def running(self) -> bool:
        """Whether it has not ended; it may be paused."""
        return self._process.poll() is None

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait until it ends by itself; its exit status: what the guest asked for, or 0. Raises TimedOut."""
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimedOut(f"the machine has not ended in {timeout_s:g} s") from None
        self._told.join()
        return status

    def quit(self) -> int:
        """End it now, as `quit` of the monitor does; its exit status. A recording is complete then. Nothing if it has
        ended already.
        """
        if self.running:
            with contextlib.suppress(MachineEnded, Refused):
                self.qmp("quit")
        try:
            return self.wait(QUIT_S)
        finally:
            self.close()

    def close(self) -> None:
        """Let go of it: one that still runs is asked to end, and killed if it does not."""
        for console in self.ports:
            console.close()
        self._qmp.close()
        self._end()

    def __enter__(self) -> LiveMachine:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        if kind is None:
            self.quit()
        else:
            self.close()

    def __repr__(self) -> str:
        state = "running" if self.running else f"ended with status {self._process.returncode}"
        return f"<LiveMachine{f' {self.out}' if self.out else ''}: {state}>"


class Qmp:
    """A client of the machine's QMP."""

    def __init__(self, connection: socket.socket):
        self.events: list[dict[str, Any]] = []
        self._connection = connection
        self._lines = connection.makefile("r", encoding="utf-8")
        self._lock = threading.Lock()
        self._greeted = False

    def execute(self, command: str, arguments: Mapping[str, Any]) -> Any:
        with self._lock:
            if not self._greeted:
                self._next()
                self._ask("qmp_capabilities", {})
                self._greeted = True
            return self._ask(command, {name.replace("_", "-"): value for name, value in arguments.items()})

    def _ask(self, command: str, arguments: Mapping[str, Any]) -> Any:
        request = {"execute": command, **({"arguments": arguments} if arguments else {})}
        try:
            self._connection.sendall(json.dumps(request).encode() + b"\n")
        except OSError:
            raise MachineEnded(f"{command}: the machine has ended") from None
        while "return" not in (answer := self._next(command)):
            if "error" in answer:
                raise Refused(f"{command}: {answer['error']['desc']}")
            self.events.append(answer)
        return answer["return"]

    def _next(self, command: str = "QMP") -> dict[str, Any]:
        try:
            line = self._lines.readline()
        except (OSError, ValueError):
            line = ""
        if not line:
            raise MachineEnded(f"{command}: the machine has ended")
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._lines.close()
            self._connection.close()


def _listen(path: str) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX)
    try:
        listening.bind(path)
        listening.listen(1)
        listening.settimeout(LOOK_S)
    except OSError as e:
        listening.close()
        raise HostError(f"cannot listen at {path}: {e.strerror or e}") from None
    return listening


def _remove(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _end_of(folder: str, process: subprocess.Popen[str]) -> None:
    """The end of a machine that nobody needs."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()  # it ends by itself (live_child.py)
    try:
        process.wait(QUIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _remove(folder)
