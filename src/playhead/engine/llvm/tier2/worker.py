"""The helper process that compiles beside the guest: it takes requests from a pipe, makes text and code of the units,
keeps the code in the cache, and replies.

It is niced, in a session of its own, and holds nothing that another process would wait for, so it may be killed at any
moment. It ends when its pipe closes or the guest's process does, when LLVM does not come back, when it has grown too
big, and when there is nothing to do for long. When it is wanted again it is started anew. `child.py` has the other end.
"""

from __future__ import annotations

import ctypes
import gc
import mmap
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence

from playhead.engine.llvm.tier2 import store, wire
from playhead.engine.llvm.tier2.store_writer import StoreWriter
from playhead.engine.llvm.tier2.unit import Region, Unit, unpack
from playhead.engine.llvm.tier2.wire import Reply, Request

Compile = Callable[[Sequence[Unit | Region]], list[bytes | None]]
Answers = list[tuple[int, bytes]]

PR_SET_PDEATHSIG = 1
NICE = 10
HANG_S = 30  # of processor time for one call of the compiler
IDLE_S = 20  # without any request: its memory is worth more than the time that starting it takes
MOST_DATA = 600 << 20  # bytes that LLVM may ever have; then it ends the process
MOST_RESIDENT = 160 << 20  # bytes after a request; then the process ends by itself
CHUNK = 1 << 16
IGNORED = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)


class Worker:
    """`pipes`: of requests and of replies. `news()` says that there is something to read, or will be soon."""

    def __init__(self, pipes: tuple[int, int], compile: Compile, writer: StoreWriter, news: Callable[[], None]):
        self._requests, self._replies = pipes
        self._compile, self._writer, self._news = compile, writer, news
        self._known = store.Store()  # with what other processes' helpers have added meanwhile
        self._data = bytearray()

    def run(self) -> None:
        """Until the process has grown too big. Raises EOFError when the pipe is closed, OSError when the guest's
        process has ended."""
        self._send(wire.READY)
        while True:
            for body in self._read():
                for reply in self._answer(wire.unpack_request(body)):
                    self._send(reply)
                    if reply.last:
                        return

    def _read(self) -> list[bytes]:
        """The next requests. If none is there, there is time to tidy up."""
        os.set_blocking(self._requests, False)
        while not (found := wire.frames(self._data)):
            try:
                data = os.read(self._requests, CHUNK)
            except BlockingIOError:
                self._writer.tidy()
                os.set_blocking(self._requests, True)
                signal.setitimer(signal.ITIMER_REAL, IDLE_S)  # SIGALRM ends the process
                continue
            signal.setitimer(signal.ITIMER_REAL, 0)
            if not data:
                raise EOFError
            self._data += data
        return found

    def _send(self, reply: Reply) -> None:
        self._news()  # it may be too long for the pipe
        left = memoryview(wire.pack_reply(reply))
        while left:
            left = left[os.write(self._replies, left) :]
        self._news()

    def _answer(self, request: Request) -> Iterator[Reply]:
        self._writer.use(set(request.used))
        step = 1 if request.apart else max(len(request.units), 1)
        for first in range(0, max(len(request.units), 1), step):
            answers = self._found_or_made(request.units[first : first + step])
            self._writer.flush()  # before the reply: once that is read, the guest's process may end this one
            is_end = first + step >= len(request.units)
            yield Reply(request.number, first, answers, last=is_end and _resident() > MOST_RESIDENT)

    def _found_or_made(self, some: Sequence[tuple[int, bytes]]) -> Answers:
        """Of each unit: what another helper has made meanwhile, else what is made here, and kept."""
        self._known.refresh()
        found = [self._known.find(key, unit) for key, unit in some]
        made = iter(self._answers([unit for (_, unit), code in zip(some, found, strict=True) if code is None]))
        answers: Answers = []
        for (key, unit), known in zip(some, found, strict=True):
            status, code = next(made) if known is None else _answer_of(known)
            if known is None and status != wire.FAILED:
                self._writer.add(key, unit, code)
            answers.append((status, code))
        return answers

    def _answers(self, packed: list[bytes]) -> Answers:
        try:
            return self._compiled(packed)
        except Exception:
            if len(packed) > 1:
                return [self._answers([one])[0] for one in packed]
            traceback.print_exc()  # to nowhere, but for PLAYHEAD_DEBUG
            return [(wire.FAILED, b"")]

    def _compiled(self, packed: list[bytes]) -> Answers:
        if not packed:
            return []
        signal.setitimer(signal.ITIMER_VIRTUAL, HANG_S)  # SIGVTALRM ends the process, inside LLVM too
        codes = self._compile([unpack(one) for one in packed])
        return [_answer_of(code or b"") for code in codes]


def _answer_of(code: bytes) -> tuple[int, bytes]:
    return (wire.DONE, code) if code else (wire.NO_CODE, b"")


def _resident() -> int:
    """Bytes of this process in memory, without what it shares with others (the files of Python and LLVM)."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            _, resident, shared, *_ = map(int, statm.read().split())
    except (OSError, ValueError):
        return 0
    return (resident - shared) * mmap.PAGESIZE


def _settle(parent: int) -> None:
    """Be out of the way of everybody else, and end with the guest's process."""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGVTALRM, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
    if os.getppid() != parent:  # it ended before that
        raise EOFError
    os.nice(NICE)
    os.chdir("/")
    for what, most in ((resource.RLIMIT_DATA, MOST_DATA), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(what)
        if hard == resource.RLIM_INFINITY or hard > most:
            resource.setrlimit(what, (most, most))


def _compiler() -> Compile:
    gc.disable()
    from playhead.engine.llvm.tier2.compile import compile_units
    from playhead.x86.isa import tables

    tables()
    gc.freeze()  # all of this stays; no collection looks at it
    gc.enable()
    return compile_units


def main(parent: int, version: str) -> None:
    """The whole of the process. `version`: of the sources that the parent runs, which may have been edited since."""
    try:
        os.closerange(wire.COUNTER_FD + 1, os.sysconf("SC_OPEN_MAX"))  # whatever the user's shell has left open
        _settle(parent)
        if version != store.version():
            raise EOFError
        pipes = os.dup(wire.REQUESTS_FD), os.dup(wire.REPLIES_FD)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for fd in (wire.REQUESTS_FD, wire.REPLIES_FD):
            os.dup2(nowhere, fd)  # nothing that somebody prints gets into a pipe
        counter = memoryview(mmap.mmap(wire.COUNTER_FD, wire.COUNTER.size)).cast("Q")

        def news() -> None:
            counter[0] += 1

        Worker(pipes, _compiler(), StoreWriter(), news).run()
    except (EOFError, OSError, wire.Malformed):
        pass
    sys.stderr.flush()
    os._exit(0)
