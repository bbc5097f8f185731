"""Standard input, output and error of the program: open, whatever we were started with, and told apart when they fail.

A descriptor that is closed at our start would be given to the next file that is opened, a disk image say, and what is
printed would go into it; so /dev/null stands in. A standard output that is full is one line and status 2, and one
whose reader has gone is no failure; both also where nothing but the end of the program writes out what was printed.
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
    """See that descriptors 0, 1 and 2 are open."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, fd)  # also makes it inheritable
            if null != fd:
                os.close(null)


class _Output(io.RawIOBase):
    """Descriptor 1. When it has failed, what else is printed is dropped, so that nothing fails a second time."""

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
                except BlockingIOError:  # somebody made it non-blocking
                    select.select([], [1], [])
        except OSError as e:
            self.failed = True
            if e.errno == errno.EPIPE:
                raise
            raise HostError(f"cannot write standard output: {e.strerror}") from None


def _as_bytes(e: UnicodeError) -> tuple[str | bytes, int]:
    """File names go out as the bytes that they are; what else the terminal's encoding lacks, as escapes."""
    try:
        return codecs.lookup_error("surrogateescape")(e)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(e)


def prepare() -> None:
    """To be called before anything else. A standard output that somebody has put in place of ours stays."""
    open_missing()
    codecs.register_error(AS_BYTES, _as_bytes)
    if sys.stdout is None or sys.stdout is sys.__stdout__:
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(_Output()), encoding, AS_BYTES, line_buffering=os.isatty(1), newline="\n"
        )


def finish(status: int) -> int:
    """Write out what was printed: the exit status, given the one that there would be."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pass  # whoever read our output has gone
    except HostError as e:
        tell(str(e))
        return status or e.status
    return status
