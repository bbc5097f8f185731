"""`playhead debug`: a recording for gdb and at a prompt, forwards and backwards."""

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from playhead.cli.machine_options import memory_size
from playhead.cli.drive_options import IMAGES
from playhead.cli.options import FILE, Option, help_text, parse_arguments
from playhead.cli.replaying_options import ENGINE, JOBS
from playhead.session.track import Stopped

PORT = "tcp::1234"  # as QEMU's -s
PROMPT = "(playhead) "
SHOW_NS = 200_000_000  # between two checks of progress on a terminal
SAY_NS = 2_000_000_000  # and in gdb
WAIT_NS = 1_000_000_000

OPTIONS = (
    Option("--at", "begin at this moment: 1500000, 1.5M, 50%, @12.5s, end, serial:\"text\" (default: the start)",
           "MOMENT"),
    Option("-gdb", "where gdb may attach: tcp::PORT, tcp:HOST:PORT or none (default tcp::1234, on this machine only)",
           "DEVICE", key="listen", default=PORT),
    Option("-s", "the same as -gdb tcp::1234, the default"),
    Option("-S", "accepted and ignored: a replay moves only when it is told to"),
    Option("--gdb", "start gdb, attached, in this terminal", key="start_gdb"),
    Option("--symbols", "with --gdb: an ELF file with symbols; those of a kernel (vmlinux) are moved to where it runs "
           "(default: those that a Linux kernel has in its memory, or none)", parse=FILE),
    Option("-ex", "execute this monitor command first; may be given several times", "COMMAND", key="commands", many=64),
    Option("--batch", "end after the -ex commands"),
    Option("--budget", "memory for checkpoints near where you are (default 1G)", "SIZE[M|G]", memory_size,
           default=1 << 30),
    IMAGES,
    ENGINE,
    JOBS,
)  # fmt: skip

GDBINIT = """
set pagination off
set confirm off
set architecture {architecture}
target extended-remote 127.0.0.1:{port}
source {commands}
"""
OPERANDS = ("FILE",)


def help() -> str:
    usage = "playhead debug FILE [--at MOMENT] [--gdb] [options]"
    what = (
        "Opens a recording for debugging: gdb attaches with `target remote :1234` and can step and continue backwards\n"
        "(reverse-stepi, reverse-continue, ...); the prompt here takes the monitor's commands (help lists them).\n"
        "Nothing in the recording can be changed; to continue differently from a moment, see playhead branch."
    )
    return help_text("debug", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("debug", OPTIONS, words, OPERANDS)
    from playhead.base.errors import UsageError
    from playhead.cli.claims import of_recording
    from playhead.cli.recorded_machine import builder, searchers
    from playhead.log.reader import Reader

    if values["symbols"] and not values["start_gdb"]:
        raise UsageError("--symbols is for the gdb that --gdb starts: give --gdb, too")
    if values["batch"] and not values["commands"]:
        raise UsageError("--batch executes the commands of -ex: give at least one, such as -ex when")
    if values["start_gdb"] and values["listen"] == "none":
        raise UsageError("--gdb starts a gdb that attaches here: not with -gdb none")
    of_recording(values["file"], images=values["images"])
    with Reader(values["file"]) as reader:
        build, serial = builder(reader, values["engine"], values["images"])
        if values["start_gdb"]:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is gdb's: it tells us over the wire
        with searchers(reader, values) as crew, _kernel_symbols(values) as kernel:
            return Debugging(reader, build, len(serial), values, crew, kernel).run()


def _kernel_symbols(values: dict[str, Any]) -> AbstractContextManager[Any]:
    """What makes symbols for gdb of the kernel that was recorded; None if none are wanted."""
    if not values["start_gdb"] or values["symbols"]:
        return nullcontext()
    from playhead.cli.gdb_symbols import being_made

    return being_made(values["file"], values["at"])


class Debugging:
    """One session: the timeline, who moves it, and how long."""

    def __init__(self, reader: Any, build: Any, ports: int, values: dict[str, Any], crew: Any,
                 kernel: Any = None):  # fmt: skip
        from playhead.gdb.serve import GdbServer
        from playhead.host.clock import date_text
        from playhead.host import editor
        from playhead.host.host import Host
        from playhead.host.lines import Lines
        from playhead.host.listen import TcpListener
        from playhead.monitor import hmp, looking, moving, replaying
        from playhead.monitor.commands import REPLAY, Command, Monitor
        from playhead.timeline.replayed import ReplayDebuggee
        from playhead.timeline.timeline import Timeline

        self._values, self._reader, self._kernel = values, reader, kernel
        self._host = Host()
        self._line = Timeline(build, self._host, reader, ports, budget=values["budget"])
        self._line.tell, self._line.crew = self._tell, crew
        self._target = ReplayDebuggee(self._line, date_text)
        self._monitor = Monitor((
            *moving.commands(self._target), *replaying.commands(self._target, reader),
            *looking.commands(self._target),
            Command(("quit", "q"), "", "end", self._quit), *hmp.commands(self._target),
        ), REPLAY)  # fmt: skip
        self._target.commands = self._command
        self._ended, self._next_tell = False, 0
        listen = values["listen"]
        if values["start_gdb"] and listen == PORT:
            listen = "tcp::0"  # any that is free: only our gdb is to attach
        self._listener = None if listen == "none" or values["batch"] else TcpListener(listen, "-gdb")
        self._server = GdbServer(self._target, self._listener) if self._listener else None
        self._editor = None
        if editor.usable():
            self._editor = editor.EditedLines(PROMPT, self._monitor.completions, self._host.arrived)
        self._lines: Any = self._editor or Lines(PROMPT)
        self._last = ""  # what an empty line repeats
        self._killed = 0  # connections when the last debugger left by killing
        self._gdb: subprocess.Popen[bytes] | None = None
        self._script: Any = None  # the file that gdb reads first

    def run(self) -> int:
        if self._listener:
            self._host.add(self._listener)
        if not (self._values["start_gdb"] or self._values["batch"]):
            if self._editor is None:
                self._host.add(self._lines)
        try:
            with self._host:
                return self._opened()
        except Stopped:
            return 130
        finally:
            if self._editor is not None:
                self._editor.close()
            if self._listener:
                self._listener.close()  # a gdb that is still attached sees that, and waits for nothing
            if self._gdb is not None:
                self._gdb.wait()
                self._script.close()

    def _opened(self) -> int:
        from playhead.timeline.moments import parse

        if self._listener:
            self._listener.poke = self._host.look_again
        self._host.start(self._line.kick)
        self._line.begin()
        if self._values["at"]:
            with self._line.interruptible(self._ending):
                self._line.find(parse(self._values["at"], self._line.end, self._line.end))
        return self._serve()

    def _serve(self) -> int:
        for command in self._values["commands"]:
            if not self._typed(command):
                return 2
            if self._host.quit_cause():
                return 130  # a signal means all of them
        if self._values["batch"]:
            return 0
        self._greet()
        while not self._ended and not self._host.quit_cause():
            self._serve_gdb()
            line = self._lines.take()
            if line is not None:
                self._typed(self._meant(line))
                self._lines.show_prompt()
            elif self._lines.over and (self._lines.terminal or self._listener is None):
                break
            elif self._gdb is not None and self._gdb.poll() is not None:
                break
            else:
                self._host.wait(WAIT_NS)
        return 0

    def _serve_gdb(self) -> None:
        """A debugger that kills what it debugs (lldb's `quit` does) only leaves: the recording stays open."""
        if self._server is None or self._listener is None:
            return
        self._server.serve()
        if self._server.left == "kill" and self._killed != self._listener.connections:
            self._killed = self._listener.connections
            if not self._values["start_gdb"]:
                self._host.message("the debugger has left (kill); the recording stays open: attach again, or quit here")
                self._lines.show_prompt()

    def _greet(self) -> None:
        line = self._line
        if self._values["start_gdb"]:
            self._start_gdb()
            return
        where = f"; gdb: target remote {self._listener.host}:{self._listener.port}" if self._listener else ""
        self._host.message(f"{self._reader.path}: at {line.moment} of {line.end}{where}")
        self._lines.show_prompt()

    def _start_gdb(self) -> None:
        from playhead.base.errors import HostError
        from playhead.gdb import INSIDE_GDB

        assert self._listener is not None
        symbols = self._symbols()
        self._script = tempfile.NamedTemporaryFile("w", prefix="playhead-", suffix=".gdb", errors="surrogateescape")
        self._script.write(GDBINIT.format(architecture="i386", port=self._listener.port, commands=INSIDE_GDB) + symbols)
        self._script.flush()
        command = ["gdb", "-q", "-x", self._script.name]
        try:
            self._gdb = subprocess.Popen(command, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        except FileNotFoundError:
            raise HostError("there is no gdb on this host; it is in Debian's package gdb") from None

    def _symbols(self) -> str:
        """The commands by which gdb loads `--symbols`: a kernel's at the distance by which KASLR has moved it; or those
        that the guest's memory has.
        """
        if self._kernel is not None:
            from playhead.cli.gdb_symbols import commands

            return commands(self._kernel, self._host.message)
        from playhead.linux.elf import facts_of
        from playhead.linux.kernels import at_moment, kernels

        path = self._values["symbols"]
        if not path:
            return ""
        symbols, quoted = facts_of(path), '"' + re.sub(r'(["\\])', r"\\\1", os.path.abspath(path)) + '"'
        if symbols.stext is None:
            return f"file {quoted}\n"
        running = at_moment(kernels(self._reader), self._line.moment)
        if running is None:
            self._host.message(f"{path} has a kernel's symbols, and no checkpoint shows a kernel that has started: "
                               "they are where the file has them")  # fmt: skip
            return f"symbol-file {quoted}\n"
        offset = (running.stext - symbols.stext) & 0xFFFFFFFF
        if symbols.build_id and running.build_id and symbols.build_id != running.build_id:
            self._host.message(f"{path} is of another kernel than {running.release}, which ran here (its build id is "
                               f"{symbols.build_id}, not {running.build_id}): its symbols may be wrong")  # fmt: skip
        self._host.message(f"Linux {running.release}: symbols moved by {offset:#x}" + (" (KASLR)" if offset else ""))
        return f"symbol-file -o {offset:#x} {quoted}\n"

    # the monitor

    def _command(self, text: str, say: Callable[[str], None]) -> None:
        """From the prompt or from gdb."""
        with self._line.interruptible(self._ending):
            self._monitor.execute(text, say)

    def _typed(self, text: str) -> bool:
        """A line at the prompt; False if it was no use."""
        from playhead.base.errors import PlayheadError

        try:
            self._command(text, self._say)
        except PlayheadError as e:
            self._host.message(str(e))
            return False
        except Stopped:
            if self._host.forgive_interrupt():
                self._host.message(f"interrupted, at {self._line.moment}")
        finally:
            self._host.status.clear()
        return True

    def _say(self, line: str) -> None:
        self._host.status.clear()
        print(line, flush=True)

    def _meant(self, line: str) -> str:
        """At a terminal, an empty line repeats the one before, if that moved or showed memory."""
        if line.strip() or not self._lines.terminal:
            self._last = line if self._monitor.repeats(line) else ""
            return line
        return "x" if self._last.startswith("x") else self._last  # memory continues after what was shown

    def _ending(self) -> bool:
        return bool(self._host.quit_cause())

    def _quit(self, words: list[str], say: Callable[[str], None]) -> None:
        self._ended = True

    def _tell(self, text: str) -> None:
        """Progress: on the terminal, and in gdb if one waits for it."""
        now, status = self._host.realtime_ns(), self._host.status
        session = self._server.session if self._server else None
        if now < self._next_tell:
            return
        if session is not None and session.wanted is not None:
            if self._next_tell and now < self._next_tell + 2 * SAY_NS:
                session.say(text)
            self._next_tell = now + SAY_NS
        elif status.enabled and not self._values["start_gdb"]:
            status.show(text)
            self._next_tell = now + SHOW_NS
