"""Errors by whose fault they are; the command line turns each into one line and an exit status."""


class PlayheadError(Exception):
    """Anything that is reported to the user as one clear line, without a traceback; or as one for each argument."""

    status = 2

    def __str__(self) -> str:
        return "\n".join(map(str, self.args))


class UsageError(PlayheadError):
    """The user asked for something that does not exist or does not fit."""


class NoMemory(UsageError):
    """There is no memory at an address at that moment."""


class NoSuchMoment(UsageError):
    """A moment that the recording does not have."""


class UnknownSymbol(UsageError):
    """No function or object has this name, or its symbols are not known."""


class HostError(PlayheadError):
    """The host refused: a file, a disk, a terminal, a permission."""


class TimedOut(HostError):
    """What was waited for has not come in time; the text says what came instead."""


class MachineEnded(HostError):
    """A live machine has ended, and what was asked of it will not come."""


class WorkerDied(HostError):
    """A process of ours has ended before its work was done."""


class FormatError(PlayheadError):
    """A file that we read is not what it should be."""


class UnsupportedError(PlayheadError):
    """A request that is understood but that this version cannot serve."""


class UnknownKernel(UnsupportedError):
    """The guest runs no Linux, or one whose memory is not understood; the text says what is missing."""


class Refused(PlayheadError):
    """A debugger or a monitor asked for what the present state does not allow, such as a write during a replay."""


class DivergenceError(PlayheadError):
    """A replay is not its recording."""

    status = 1
