"""What the Python interface raises. Each message is one line: what is wrong, where, and what to do."""

from playhead.base.errors import (
    DivergenceError,
    FormatError,
    HostError,
    MachineEnded,
    NoMemory,
    NoSuchMoment,
    PlayheadError,
    Refused,
    TimedOut,
    UnknownKernel,
    UnknownSymbol,
    UnsupportedError,
    UsageError,
    WorkerDied,
)

__all__ = [
    "DivergenceError", "FormatError", "HostError", "MachineEnded", "NoMemory", "NoSuchMoment", "PlayheadError",
    "Refused", "TimedOut", "UnknownKernel", "UnknownSymbol", "UnsupportedError", "UsageError", "WorkerDied",
]  # fmt: skip
