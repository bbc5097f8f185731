"""The process of a user-mode network (`slirp_process.py`) as its parent has it: how it is started, how it is ended, and
what is known of its end.
"""

import contextlib
import fcntl
import os
import signal
import sys
import time

from playhead.base.messages import shown
from playhead.host.net.slirp_wire import CLOCK_FD, LINK_FD

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
PROGRAM = "import sys; sys.path.append(sys.argv[1]); from playhead.host.net.slirp_process import main; main()"
END_S = 2  # how long it may take to end


class SlirpChild:
    """`pid` is 0 when the process has been waited for."""

    def __init__(self, link: int, clock: int):
        """Start it with these two descriptors. Raises OSError."""
        self._words, words = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        # numbers above those that they get, so that none is put in another's place
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (link, clock, words)]
        places = ((high[0], LINK_FD), (high[1], CLOCK_FD), (high[2], 2))
        files = [*((os.POSIX_SPAWN_OPEN, place, "/dev/null", os.O_RDWR, 0) for place in (0, 1)),
                 *((os.POSIX_SPAWN_DUP2, fd, place) for fd, place in places)]  # fmt: skip
        try:  # a session of its own: no signal of the terminal's comes there
            self.pid = os.posix_spawn(sys.executable, [sys.executable, "-I", "-S", "-c", PROGRAM, ROOT], os.environ,
                                      file_actions=files, setsid=True)  # fmt: skip
        except OSError:
            os.close(self._words)
            raise
        finally:
            for fd in (*high, words):
                os.close(fd)

    def close(self) -> None:
        """It has been told to end, by its link; it is made to if it does not."""
        self._reap()
        os.close(self._words)

    def _reap(self) -> int | None:
        """Its status. None: somebody else has asked for it."""
        if self.pid == 0:
            return None
        pid, self.pid = self.pid, 0
        deadline = time.monotonic() + END_S
        try:
            while True:
                found, status = os.waitpid(pid, os.WNOHANG)
                if found:
                    return status
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                    return os.waitpid(pid, 0)[1]
                time.sleep(0.001)
        except ChildProcessError:
            return None

    def how_it_ended(self) -> str:
        """For a message; with the last line that it has written to its standard error."""
        status = self._reap()
        words = ""
        with contextlib.suppress(OSError):
            words = os.read(self._words, 1 << 16).decode(errors="replace").strip().rpartition("\n")[2]
        how = ""
        if status is not None and os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            how = "it did not come back from the library" if number == signal.SIGVTALRM else signal.Signals(number).name
        reasons = "; ".join(filter(None, (how, shown(words)[:200])))
        return "its process has ended" + (f" ({reasons})" if reasons else "")
