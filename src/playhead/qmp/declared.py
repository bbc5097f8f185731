"""The table of QMP's commands and events, each declared once, beside the function that carries it out.

A handler gets the service (`service.Qmp`) and its arguments by name, with underscores for hyphens; those that may be
left out are None then, if the function has no better default. What it raises as UsageError is a GenericError.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from playhead.qmp.types import NOTHING, Struct, Type, of

Handler = Callable[..., Any]


@dataclass(frozen=True)
class Command:
    """`negotiating`: it may be given before the capabilities have been negotiated, and only then."""

    name: str
    arguments: Struct
    returns: Type
    about: str
    run: Handler
    negotiating: bool = False

    def call(self, qmp: Any, arguments: Any) -> Any:
        """The result. Raises QmpError and whatever the handler raises."""
        values = self.arguments.check(arguments)
        result = self.run(qmp, **{key.replace("-", "_"): value for key, value in values.items()})
        return {} if result is None else result


COMMANDS: dict[str, Command] = {}
REFUSED: dict[str, str] = {}
"""Commands of QEMU's that are known and not there -> why. They are in no list."""

EVENTS: dict[str, tuple[Struct, str]] = {}


def command(name: str, arguments: Mapping[str, Any] | None = None, returns: Any = NOTHING, *, about: str,
            negotiating: bool = False) -> Callable[[Handler], Handler]:  # fmt: skip
    """Declare a handler."""

    def declare(run: Handler) -> Handler:
        assert name not in COMMANDS, name
        takes = Struct(f"{name}-arg", arguments) if arguments else NOTHING
        COMMANDS[name] = Command(name, takes, of(returns), about, run, negotiating)
        return run

    return declare


def event(name: str, data: Mapping[str, Any] | None, about: str) -> None:
    EVENTS[name] = (Struct(f"{name}-data", data) if data else NOTHING, about)


def refused(why: str, *names: str) -> None:
    REFUSED.update(dict.fromkeys(names, why))
