"""VNC servers at the monitors, in QEMU's shapes: who is connected, passwords and when they expire."""

import json
import socket
import subprocess
import time
from types import SimpleNamespace

import numpy as np
import pytest
from qemu_monitor import QEMU, needs_qemu

from playhead.base.errors import UsageError
from playhead.host.display.vnc_options import VncOptions
from playhead.monitor import drives, vnc
from playhead.monitor.commands import Monitor
from playhead.qmp.commands import COMMANDS, EVENTS
from playhead.qmp.errors import QmpError
from tests.fed_display import FedVnc, until

BLACK = np.zeros((480, 640), np.uint32)


@pytest.fixture
def two(tmp_path):
    """A machine with two servers, of which the first has passwords."""
    first = VncOptions(id="default", path=str(tmp_path / "a"), password=True)
    with FedVnc(first, BLACK) as a, FedVnc(VncOptions(id="left", path=str(tmp_path / "b")), BLACK) as b:
        yield SimpleNamespace(displays=lambda: [a.end, b.end], a=a, b=b)


def say(target, line: str) -> list[str]:
    lines: list[str] = []
    Monitor([*vnc.commands(target), *drives.commands(target)]).execute(line, lines.append)
    return lines


def ask(target, name: str, **arguments):
    return COMMANDS[name].call(SimpleNamespace(target=target), arguments)


def test_who_is_connected(two):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(two.b.end.options.path)
        client.sendall(b"RFB 003.008\n\1\1")
        until(lambda: len(two.b.end.happenings) == 2)
        assert say(two, "info vnc") == [
            "default:", f"  Server: :{two.a.end.options.path} (unix)", "    Auth: vnc (Sub: none)",
            "left:", f"  Server: :{two.b.end.options.path} (unix)", "    Auth: none (Sub: none)",
            "  Client: : (unix)", "    x509_dname: none", "    sasl_username: none",
        ]  # fmt: skip
        unix = {"host": "", "family": "unix", "websocket": False}
        here = {"id": "left", "auth": "none", "clients": [{**unix, "service": ""}],
                "server": [{**unix, "service": two.b.end.options.path, "auth": "none"}]}  # fmt: skip
        assert ask(two, "query-vnc-servers")[1] == here
    for name, data in two.b.end.happenings:
        EVENTS[name][0].check(data)


def test_none():
    none = SimpleNamespace(displays=tuple)
    assert say(none, "info vnc") == ["None"] and ask(none, "query-vnc") == {"enabled": False}
    assert ask(none, "query-vnc-servers") == []
    with pytest.raises(UsageError, match="-vnc :N starts one"):
        say(none, "set_password vnc x")


@needs_qemu
def test_servers_are_shown_as_qemu_shows_them(tmp_path):
    path = str(tmp_path / "vnc")
    words = [QEMU, "-S", "-display", "none", "-monitor", "none", "-serial", "none", "-qmp", "stdio", "-vnc",
             f"unix:{path},password=on"]  # fmt: skip
    questions = [{"execute": name} for name in ("qmp_capabilities", "query-vnc", "query-vnc-servers")]
    questions.append({"execute": "human-monitor-command", "arguments": {"command-line": "info vnc"}})
    questions.append({"execute": "quit"})
    text = "\n".join(map(json.dumps, questions))
    said = subprocess.run(words, input=text, capture_output=True, text=True, timeout=300, check=True).stdout
    answers = [one["return"] for one in map(json.loads, said.splitlines()) if "return" in one]
    with FedVnc(VncOptions(id="default", path=path, password=True), BLACK) as fed:
        target = SimpleNamespace(displays=lambda: [fed.end])
        assert ask(target, "query-vnc") == answers[1] and ask(target, "query-vnc-servers") == answers[2]
        assert say(target, "info vnc") == answers[3].splitlines()


@pytest.mark.parametrize("line", [
    "set_password vnc secret", "set_password vnc secret keep", "set_password vnc -d default secret",
    "change vnc password secret", "set_password vnc secret -d default keep",
])  # fmt: skip
def test_a_password_is_set(two, line):
    assert say(two, line) == [] and two.a.end._valid_password() == "secret"


@pytest.mark.parametrize("line, why", [
    ("set_password vnc x -d left", "started without password=on"),
    ("set_password vnc x -d nosuch", "there is default, left"),
    ("set_password vnc x fail", "Invalid parameter 'connected'"),
    ("set_password vnc x foo", "invalid parameter value: foo"),
    ("set_password spice x", "SPICE is not in use"), ("set_password rdp x", "invalid parameter value: rdp"),
    ("set_password vnc -d default", "usage: set_password"), ("expire_password vnc now -d", "-d needs"),
    ("change vnc foo", "Expected 'password' after 'vnc'"),
    ("change vnc password", "usage: change vnc password PASSWORD"),
    ("expire_password vnc 5x", "'5x' is no time"), ("expire_password spice now", "SPICE is not in use"),
])  # fmt: skip
def test_mistakes(two, line, why):
    with pytest.raises(UsageError) as error:
        say(two, line)
    assert why in str(error.value)


def test_when_a_password_expires(two):
    ask(two, "set_password", protocol="vnc", password="secret", connected="keep", display="default")
    later = str(int(time.time()) + 60)
    for when, valid in (("now", False), ("never", True), ("+60", True), ("5", False), (later, True)):
        ask(two, "expire_password", protocol="vnc", time=when)
        assert (two.a.end._valid_password() == "secret") == valid, when
    say(two, "expire_password vnc now")
    assert two.a.end._valid_password() is None
    ask(two, "expire_password", protocol="vnc", time="never")
    ask(two, "change-vnc-password", password="another")
    assert two.a.end._valid_password() == "another"


def test_qmp_errors(two):
    for arguments, cls in (({"protocol": "spice", "password": "x"}, "DeviceNotActive"),
                           ({"protocol": "rdp", "password": "x"}, "GenericError")):  # fmt: skip
        with pytest.raises(QmpError) as error:
            ask(two, "set_password", **arguments)
        assert error.value.cls == cls
    with pytest.raises(UsageError, match="Could not set password"):
        ask(two, "set_password", protocol="vnc", password="x", display="left")
