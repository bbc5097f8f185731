"""Standard input, output and error of the program: always open, with clear errors when writing fails.

If a descriptor is closed when the program starts, the next file that is opened, a disk image say, would get its number,
and output would go into it; so /dev/null takes its place. A full standard output is one line and status 2; one whose
reader has gone is no failure. Both hold also for output that is written only when the program ends.
"""

import codecs
import errno
import io
import os
import select
import sys

from playhead.base.errors import HostError
from playhead.base.messages import tell

AS_BYTES = "playhead-names"  # a handler of encoding errors


def open_missing() -> None:
    """Make sure that descriptors 0, 1 and 2 are open."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, fd)  # also makes it inheritable
            if null != fd:
                os.close(null)


class _Output(io.RawIOBase):
    """Descriptor 1. After a failure further output is dropped, so that it does not fail a second time."""

    def __init__(self) -> None:
        self.failed = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1

    def isatty(self) -> bool:
        return os.isatty(1)

    def write(self, data: "bytes | memoryview") -> int:  # type: ignore[override]
        if self.failed:
            return len(data)
        try:
            while True:
                try:
                    return os.write(1, data)
                except BlockingIOError:  # another program made it non-blocking
                    select.select([], [1], [])
        except OSError as e:
            self.failed = True
            if e.errno == errno.EPIPE:
                raise
            raise HostError(f"cannot write standard output: {e.strerror}") from None


def _as_bytes(e: UnicodeError) -> tuple[str | bytes, int]:
    """Write file names as the bytes that they are, and other characters that the encoding lacks as escapes."""
    try:
        return codecs.lookup_error("surrogateescape")(e)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(e)


def prepare() -> None:
    """To be called before anything else. A standard output that was replaced (by a test) stays."""
    open_missing()
    codecs.register_error(AS_BYTES, _as_bytes)
    if sys.stdout is None or sys.stdout is sys.__stdout__:
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(_Output()), encoding, AS_BYTES, line_buffering=os.isatty(1), newline="\n"
        )


def finish(status: int) -> int:
    """Flush standard output. Returns the exit status, given the one that the program would have."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pass  # the reader of our output has gone
    except HostError as e:
        tell(str(e))
        return status or e.status
    return status
