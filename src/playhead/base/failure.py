"""An exception as it goes from one process to another: what its message and its exit status are made of."""

from __future__ import annotations

import builtins
import traceback
from typing import Any, NamedTuple

from playhead.base import errors


class Failure(NamedTuple):
    """`name` of its class, its arguments, and where it was raised, if it is a bug."""

    name: str
    args: tuple[Any, ...]
    trace: str

    def error(self) -> Exception:
        """The same, as far as messages and exit statuses go."""
        known = getattr(errors, self.name, None) or getattr(builtins, self.name, None)
        kind = known if isinstance(known, type) and issubclass(known, Exception) else type(self.name, (Exception,), {})
        error = kind(*self.args)
        if self.trace:
            error.add_note(f"in a worker process:\n{self.trace}")
        return error


def failure_of(e: Exception) -> Failure:
    ours = isinstance(e, errors.PlayheadError)
    name = "DivergenceError" if isinstance(e, errors.DivergenceError) else type(e).__name__
    args = tuple(one if isinstance(one, (int, str)) else str(one) for one in e.args)
    return Failure(name, args, "" if ours else "".join(traceback.format_exception(e)))
