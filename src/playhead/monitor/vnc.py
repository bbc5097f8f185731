"""VNC servers at the monitor: who is connected to which, and the passwords of clients.

They are ends of the host's (`host/display/vnc.py`), which the machine does not know; nothing here reaches it.
"""

import re
import time
from collections.abc import Iterator
from typing import Any

from playhead.base.errors import UsageError
from playhead.base.messages import shown
from playhead.monitor.commands import Command, Misunderstood, Say
from playhead.timeline.debuggee import Debuggee

NO_SPICE = "SPICE is not in use"
CONNECTED = ("keep", "fail", "disconnect")  # what a new password may do to clients that are connected


def commands(target: Debuggee) -> tuple[Command, ...]:
    vnc = Vnc(target)
    return (
        Command(("info vnc",), "", "show the vnc server status", vnc.show),
        Command(("set_password",), "protocol password [-d display] [action-if-connected]", "set vnc password",
                vnc.set_password, choices=lambda: ("vnc",)),
        Command(("expire_password",), "protocol time [-d display]", "set vnc password expire-time (now, never, "
                "+SECONDS, or seconds since 1970)", vnc.expire_password, choices=lambda: ("vnc",)),
    )  # fmt: skip


def servers(target: Debuggee) -> list[Any]:
    """The VNC servers."""
    return [end for end in target.displays() if end.kind == "vnc"]


def server(target: Debuggee, id: str | None) -> Any:
    """That of this id; without one, the first."""
    found = servers(target)
    for one in found:
        if id is None or one.options.id == id:
            return one
    if not found:
        raise UsageError("there is no VNC server: -vnc :N starts one")
    there = ", ".join(one.options.id for one in found)
    raise UsageError(f"there is no VNC server '{id}'; there is {there}")


def check(protocol: str, connected: str | None = None) -> None:
    """Raises UsageError for what is not vnc, and for what cannot be done to its clients."""
    if protocol == "spice":
        raise UsageError(NO_SPICE)
    if protocol != "vnc":
        raise UsageError(f"invalid parameter value: {protocol}")
    if connected is not None and connected not in CONNECTED:
        raise UsageError(f"invalid parameter value: {connected}")
    if connected not in (None, "keep"):
        raise UsageError("Invalid parameter 'connected': with VNC, clients that are connected are kept")


def set_password(target: Debuggee, password: str, id: str | None = None) -> None:
    if not server(target, id).set_password(password):
        raise UsageError("Could not set password: the server was started without password=on (-vnc :N,password=on)")


def expiry(text: str) -> float | None:
    """When a password expires, in seconds since 1970; None: never."""
    if text == "never":
        return None
    if text == "now":
        return 0
    if not re.fullmatch(r"\+?[0-9]{1,15}", text):
        raise UsageError(f"'{text}' is no time: now, never, +SECONDS, or seconds since 1970")
    return time.time() + int(text) if text.startswith("+") else int(text)


def change_password(target: Debuggee, words: list[str]) -> None:
    """`change vnc password PASSWORD`."""
    if words[:1] != ["password"]:
        raise Misunderstood("Expected 'password' after 'vnc'")
    if len(words) != 2:
        raise Misunderstood("usage: change vnc password PASSWORD")
    set_password(target, words[1])


class Vnc:
    def __init__(self, target: Debuggee):
        self._target = target

    def show(self, words: list[str], say: Say) -> None:
        for one in servers(self._target):
            for line in self._lines(one):
                say(shown(line))
        if not servers(self._target):
            say("None")

    def _lines(self, one: Any) -> Iterator[str]:
        facts = one.facts()
        yield f"{one.options.id}:"
        yield f"  Server: {_where(facts)}"
        yield f"    Auth: {facts['auth']} (Sub: none)"
        for client in one.clients():
            yield f"  Client: {_where(client)}"
            yield "    x509_dname: none"
            yield "    sasl_username: none"

    def set_password(self, words: list[str], say: Say) -> None:
        id, (protocol, *rest) = _display(words)
        if not 1 <= len(rest) <= 2:
            raise Misunderstood("usage: set_password vnc PASSWORD [-d display] [keep]")
        check(protocol, rest[1] if len(rest) > 1 else None)
        set_password(self._target, rest[0], id)

    def expire_password(self, words: list[str], say: Say) -> None:
        id, (protocol, *rest) = _display(words)
        if len(rest) != 1:
            raise Misunderstood("usage: expire_password vnc TIME [-d display]")
        check(protocol)
        server(self._target, id).expire_password(expiry(rest[0]))


def _where(facts: dict[str, Any]) -> str:
    return f"{facts['host']}:{facts['service']} ({facts['family']})"


def _display(words: list[str]) -> tuple[str | None, list[str]]:
    """The id behind -d, and the other words."""
    if "-d" not in words[1:]:
        return None, words
    at = words.index("-d", 1)
    if at + 1 == len(words):
        raise Misunderstood("-d needs the id of a VNC server")
    return words[at + 1], words[:at] + words[at + 2 :]
