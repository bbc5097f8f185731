"""What a character device is connected to, as QEMU's command lines write it: `tcp:HOST:PORT,server,nowait` where an
option takes a device (`parse`), `socket,id=ID,host=HOST,port=PORT,server=on` for -chardev (`parse_chardev`).

Only words are looked at here: nothing is opened, and a start that uses no sockets imports none.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from playhead.base.errors import UnsupportedError, UsageError
from playhead.base.messages import nearest

LOOPBACK = "127.0.0.1"
HOUR_S = 3600
CELL_WIDTH, CELL_HEIGHT = 8, 16  # pixels of a character of a virtual console, for sizes that are given in pixels


class Spec(NamedTuple):
    """One end on the host's side. `backend` is QEMU's word, `none`, or `chardev`: the -chardev that has this `id`."""

    backend: str
    id: str = ""
    path: str = ""  # file, pipe, pty, a Unix socket
    input_path: str = ""
    append: bool = False
    host: str = ""
    port: int = 0
    to: int = 0  # the last port to try
    family: str = ""  # ipv4 or ipv6, if only one of them may be used
    server: bool = False
    wait: bool = False
    reconnect_s: int = 0
    telnet: bool = False
    nodelay: bool = False
    mux: bool = False
    monitor: bool = False  # `mon:`: a monitor shares it
    columns: int = 0  # vc; 0: as usual
    rows: int = 0
    signal: bool | None = None  # stdio: whether Ctrl-C is a signal for us; None: as -nographic has it

    @property
    def address(self) -> str:
        """Of a socket, for messages, in the form in which options take it."""
        if self.path:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'telnet' if self.telnet else 'tcp'}:{host or LOOPBACK}:{self.port}"


# What QEMU has and this version does not, with what serves instead.
NOT_HERE = {
    "ringbuf": "file keeps all of it, and a recording has what the guest prints (playhead console)",
    "memory": "file keeps all of it, and a recording has what the guest prints (playhead console)",
    "udp": "socket (tcp:HOST:PORT) loses nothing on the way",
    "console": "stdio or pty",
    "con": "stdio or pty",
    "msmouse": "pty or socket, for a program that speaks the protocol of a serial mouse",
    "wctablet": "pty or socket, for a program that speaks the protocol of a serial tablet",
    "serial": "pty, file,input-path=, or a socket that socat connects to the device",
    "tty": "pty, file,input-path=, or a socket that socat connects to the device",
    "parallel": "there is no parallel port",
    "parport": "there is no parallel port",
    "braille": "pty or socket",
    "spicevmc": "socket",
    "spiceport": "socket",
    "qemu-vdagent": "socket",
    "dbus": "socket",
    "hub": "mux=on joins several ports to one character device",
    "testdev": "-device isa-debug-exit lets the guest end the run",
    "websocket": "socket, without websocket=on",
}
BACKENDS = ("null", "stdio", "file", "pipe", "pty", "socket", "vc")
LEGACY = ("stdio", "pty[:LINK]", "file:PATH", "pipe:PATH", "tcp:HOST:PORT[,server,nowait]",
          "telnet:HOST:PORT[,server,nowait]", "unix:PATH[,server,nowait]", "vc[:WxH|:80Cx24C]", "null", "none",
          "chardev:ID", "mon:DEVICE")  # fmt: skip

Parser = Callable[[str], Any]


_OTHER = {"ipv4": "ipv6", "ipv6": "ipv4"}


def _on_off(text: str) -> bool:
    if text not in ("on", "off", "yes", "no", "true", "false", "y", "n"):
        raise UsageError(f"'{text}' is not on or off")
    return text in ("on", "yes", "true", "y")


def _number(low: int, high: int) -> Parser:
    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise UsageError(f"'{text}' is not a number from {low} to {high}")
        return int(text)

    return parse


def _text(text: str) -> str:
    if not text:
        raise UsageError("it is empty")
    return text


def _never(why: str) -> Parser:
    def parse(text: str) -> bool:
        if text in ("off", "no", "false", "n"):
            return False
        raise UnsupportedError(why)

    return parse


port_number = _number(0, 65535)
_SOCKET: dict[str, Parser] = {
    "server": _on_off, "wait": _on_off, "reconnect": _number(0, HOUR_S), "telnet": _on_off, "nodelay": _on_off,
    "delay": _on_off, "ipv4": _on_off, "ipv6": _on_off, "to": port_number,
    "websocket": _never("websocket=on is not supported: there are plain sockets, and telnet=on"),
    "tn3270": _never("tn3270=on is not supported: there are plain sockets, and telnet=on"),
    "abstract": _never("abstract=on is not supported: such a socket has no access rights; give it a path"),
    "tight": _on_off,
    "tls-creds": _never("tls-creds= is not supported: let a tunnel (ssh, stunnel) lead to a Unix socket"),
    "fd": _never("fd= is not supported: give path= or host= and port="),
}  # fmt: skip
_ALL: dict[str, Parser] = {
    "mux": _on_off,
    "logfile": _never("logfile= is not supported: a recording has what the guest prints (playhead console)"),
}
KEYS: dict[str, dict[str, Parser]] = {
    "null": {},
    "stdio": {"signal": _on_off},
    "file": {"path": _text, "input-path": _text, "append": _on_off},
    "pipe": {"path": _text},
    "pty": {"path": _text},
    "vc": {"cols": _number(1, 512), "rows": _number(1, 512), "width": _number(1, 8192), "height": _number(1, 8192)},
    "socket": {"path": _text, "host": str, "port": port_number, **_SOCKET},
}
_BARE = ("server", "wait", "telnet", "nodelay", "delay", "ipv4", "ipv6", "mux", "append", "signal",
         "websocket", "tn3270", "abstract", "tight")  # fmt: skip
_REFUSED = ("websocket", "tn3270", "abstract", "tls-creds", "fd", "logfile", "delay", "tight")


def keys_of(backend: str) -> list[str]:
    """What -chardev BACKEND takes, for `-chardev BACKEND,help`."""
    return ["id", *(key for key in {**KEYS[backend], **_ALL} if key not in _REFUSED)]


def parse(text: str) -> Spec:
    """What a device, a monitor or a debugger is connected to. Raises UsageError or UnsupportedError with the reason."""
    kind, colon, rest = text.partition(":")
    if text in ("null", "none", "stdio", "pty"):
        return Spec(text)
    if kind == "mon" and colon:
        return _shared(parse(rest), text)
    if kind == "chardev" and rest:
        return Spec("chardev", id=rest)
    if kind in ("file", "pipe", "pty") and rest:
        return Spec(kind, path=rest)
    if kind == "vc":
        return _console(rest if colon else "", text)
    if kind in ("tcp", "telnet", "unix"):
        address, *options = rest.split(",")
        return _socket(_address(kind, address, text) | {"telnet": kind == "telnet"}, _options(options, _SOCKET))
    if (kind in NOT_HERE and (colon or kind == text)) or text.startswith("/dev/"):
        name = "tty" if text.startswith("/dev/") else kind
        raise UnsupportedError(f"a device of the kind '{name}' is not supported; instead: {NOT_HERE[name]}")
    raise UsageError(f"unknown character device {text!r}{nearest(text, BACKENDS)}; there are {', '.join(LEGACY)}")


def _shared(spec: Spec, text: str) -> Spec:
    if spec.backend in ("none", "chardev"):
        raise UsageError(f"a monitor cannot share '{text[4:]}'; -mon chardev=ID puts one on a -chardev with mux=on")
    # Ctrl-C is for the guest: the monitor can end the run
    return spec._replace(mux=True, monitor=True, signal=False if spec.backend == "stdio" else None)


def parse_chardev(text: str) -> Spec:
    """The value of -chardev. The id is not checked here."""
    backend, _, rest = text.partition(",")
    backend = backend.removeprefix("backend=")
    if backend in NOT_HERE:
        raise UnsupportedError(f"the backend '{backend}' is not supported; instead: {NOT_HERE[backend]}")
    if backend not in KEYS:
        raise UsageError(f"unknown backend '{backend}'{nearest(backend, BACKENDS)}; there is {', '.join(BACKENDS)}")
    items = [item.replace("\0", ",") for item in rest.replace(",,", "\0").split(",")] if rest else []
    given = _options(items, {"id": str, **KEYS[backend], **_ALL})
    given.pop("logfile", None)
    id, mux = given.pop("id", ""), given.pop("mux", False)
    if not id:
        raise UsageError("it needs an id=, by which others name it")
    if backend == "socket":
        return _socket({key: given.pop(key) for key in ("path", "host", "port") if key in given}, given, id, mux)
    if backend == "vc":
        return _sized(given, id, mux)
    if backend in ("file", "pipe") and "path" not in given:
        raise UsageError(f"{backend} needs path=FILE")
    plain = {key.replace("-", "_"): value for key, value in given.items()}
    return Spec(backend, id=id, mux=mux, **plain)


def _console(size: str, text: str) -> Spec:
    """A virtual console, whose size may be said in pixels or in characters."""
    if not size:
        return Spec("vc")
    found = re.fullmatch("([0-9]{1,4})(C?)x([0-9]{1,4})(C?)", size)
    if found is None or found[2] != found[4]:
        raise UsageError(f"'{text}' should be vc, vc:WIDTHxHEIGHT, or vc:80Cx24C in characters")
    return _sized({("cols" if found[2] else "width"): int(found[1]), ("rows" if found[2] else "height"): int(found[3])})


def _sized(given: dict[str, int], id: str = "", mux: bool = False) -> Spec:
    columns = given.get("cols", given.get("width", 0) // CELL_WIDTH)
    rows = given.get("rows", given.get("height", 0) // CELL_HEIGHT)
    if (not columns and given.keys() & {"cols", "width"}) or (not rows and given.keys() & {"rows", "height"}):
        raise UsageError(f"a console has one character at least, which is {CELL_WIDTH}x{CELL_HEIGHT} pixels")
    return Spec("vc", id=id, mux=mux, columns=columns, rows=rows)


def gdb(text: str) -> Spec:
    """The value of -gdb: a TCP port is listened at, without more words; a number is such a port."""
    if re.fullmatch("[0-9]{1,5}", text):
        text = f"tcp::{text}"
    if text.startswith("tcp:"):
        address, *options = text.split(",")
        text = ",".join([address, "server=on", "wait=off", *options])
    return parse(text)


def _options(items: Sequence[str], known: dict[str, Parser]) -> dict[str, Any]:
    """`key=value`; of what is on or off also `key` and `nokey`."""
    out: dict[str, Any] = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals:
            off = key.startswith("no") and key not in known
            key, value = (key[2:], "off") if off else (key, "on")
        if key not in known or not (equals or key in _BARE):
            there = ", ".join(key for key in known if key not in _REFUSED)
            raise UsageError(f"unknown key '{item}'; there are {there}")
        try:
            out[key] = known[key](value)
        except UsageError as e:
            raise UsageError(f"{key}={value}: {e}") from None
    return out


def _address(kind: str, address: str, text: str) -> dict[str, Any]:
    if kind == "unix":
        if not address:
            raise UsageError(f"'{text}' has no path; give unix:PATH")
        return {"path": address}
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:]*):([0-9]{1,5})", address)
    if found is None or int(found[2]) > 65535:
        raise UsageError(f"'{text}' is no address; give {kind}:HOST:PORT")
    return {"host": found[1].strip("[]"), "port": int(found[2])}


def _socket(where: dict[str, Any], options: dict[str, Any], id: str = "", mux: bool = False) -> Spec:
    """Checked as QEMU checks it."""
    if ("path" in where) == ("host" in where or "port" in where):
        raise UsageError("a socket needs path=PATH, or host=HOST and port=PORT")
    if "path" not in where and "port" not in where:
        raise UsageError("a socket needs a port: port=PORT")
    server, reconnect = options.get("server", False), options.get("reconnect", 0)
    if server and reconnect:
        raise UsageError("reconnect= is for a client; a server (server=on) waits for the next client anyway")
    if "wait" in options and not server:
        raise UsageError("wait= is for a server: add server=on")
    families = [name for name in ("ipv4", "ipv6") if options.get(name, not options.get(_OTHER[name], False))]
    if not families:
        raise UsageError("ipv4=off,ipv6=off leaves no address to use")
    to = options.get("to", 0)
    if to and (not server or to < where.get("port", 0)):
        raise UsageError("to= is the last port that a server tries, from port= on")
    return Spec(
        "socket", id=id, mux=mux, path=where.get("path", ""), host=where.get("host", ""), port=where.get("port", 0),
        to=to, family=families[0] if len(families) == 1 else "", server=server,
        wait=server and options.get("wait", True), reconnect_s=reconnect,
        telnet=where.get("telnet", False) or options.get("telnet", False),
        nodelay=options.get("nodelay", not options.get("delay", True)),
    )  # fmt: skip
