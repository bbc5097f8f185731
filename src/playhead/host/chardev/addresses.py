"""Sockets that listen, and sockets that connect, from a `Spec`.

A Unix socket is made with access for its owner only, whatever the umask is: the mode that a socket has when it is bound
is the mode of its file, so there is no moment at which others can connect. Nothing is replaced but a socket of ours at
which nobody listens any more, and nothing is removed at the end but what we made.
"""

import contextlib
import errno
import os
import socket
import stat

from playhead.base.errors import HostError
from playhead.host.chardev.spec import LOOPBACK, Spec

TRIED = 100  # ports from one that is in use, for a hint
FAMILIES = {"": socket.AF_UNSPEC, "ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}


def listen(spec: Spec, option: str = "") -> socket.socket:
    """`option`: the word on the command line that asks for it, for a hint at a port that is free."""
    listening = _listen_unix(spec.path) if spec.path else _listen_tcp(spec, option)
    listening.setblocking(False)
    return listening


def resolve(spec: Spec) -> tuple[socket.AddressFamily, tuple[str, int] | str]:
    """Where to connect to."""
    if "\0" in spec.path:
        raise HostError(f"cannot connect to unix:{spec.path!r}: that is no file name")
    if spec.path:
        return socket.AF_UNIX, spec.path
    try:
        family, _, _, _, address = socket.getaddrinfo(spec.host or LOOPBACK, spec.port, FAMILIES[spec.family],
                                                      socket.SOCK_STREAM)[0]  # fmt: skip
    except OSError as e:
        raise HostError(f"cannot connect to {spec.address}: {e.strerror or e}") from None
    except UnicodeError:
        raise HostError(f"cannot connect to {spec.address}: no such host") from None
    return family, (str(address[0]), int(address[1]))


def is_open(listening: socket.socket) -> bool:
    """Whether others than this machine's programs may connect."""
    if listening.family == socket.AF_UNIX:
        return False
    return not is_loopback(str(listening.getsockname()[0]))


def is_loopback(host: str) -> bool:
    return host.startswith("127.") or host in ("::1", "::ffff:127.0.0.1")


def _listen_tcp(spec: Spec, option: str) -> socket.socket:
    host, last = spec.host or LOOPBACK, max(spec.to, spec.port)
    for port in range(spec.port, last + 1):
        try:
            return _bound(host, port, FAMILIES[spec.family])
        except OSError as e:
            if e.errno == errno.EADDRINUSE and port < last:
                continue
            hint = _free_port(spec, option) if e.errno == errno.EADDRINUSE and option else ""
            raise HostError(f"cannot listen at {host}:{port}: {_reason(e)}{hint}") from None
        except UnicodeError:
            raise HostError(f"cannot listen at {host}:{port}: no such host") from None
    raise AssertionError


def _reason(e: OSError) -> str:
    """The system's words; Python adds the address, which the message has anyhow."""
    return str(e.strerror or e).partition(" (while ")[0]


def _bound(host: str, port: int, family: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, 0, socket.AI_PASSIVE)[0]
    return socket.create_server(address[:2], family=family, backlog=8)


def _free_port(spec: Spec, option: str) -> str:
    """`; -gdb tcp::1235 would do`: the next port at which one can listen now, if there is one near."""
    host = spec.host or LOOPBACK
    for port in range(spec.port + 1, min(spec.port + TRIED, 65536)):
        with contextlib.suppress(OSError):
            _bound(host, port, FAMILIES[spec.family]).close()
            name = "" if host == LOOPBACK else f"[{host}]" if ":" in host else host
            return f"; {option} {'telnet' if spec.telnet else 'tcp'}:{name}:{port} would do"
    return ""


def _listen_unix(path: str) -> socket.socket:
    listening = bind_unix(path)
    listening.listen(8)
    return listening


def bind_unix(path: str, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """A socket of this name. Raises HostError."""
    if "\0" in path:
        raise HostError(f"cannot listen at unix:{path!r}: that is no file name")
    bound = socket.socket(socket.AF_UNIX, kind)
    try:
        os.fchmod(bound.fileno(), 0o600)
        try:
            bound.bind(path)
        except OSError as e:
            if e.errno != errno.EADDRINUSE:
                raise
            _remove_stale(path, kind)
            bound.bind(path)
    except OSError as e:
        bound.close()
        raise HostError(f"cannot listen at unix:{path}: {e.strerror or e}") from None
    except BaseException:
        bound.close()
        raise
    return bound


def _remove_stale(path: str, kind: socket.SocketKind) -> None:
    """Remove a socket of ours at which nobody listens. Raises HostError for anything else."""
    info = os.lstat(path)
    if not stat.S_ISSOCK(info.st_mode):
        raise HostError(f"cannot listen at unix:{path}: there is a file of that name, which is no socket")
    if info.st_uid != os.geteuid():
        raise HostError(f"cannot listen at unix:{path}: there is a socket of another user")
    with socket.socket(socket.AF_UNIX, kind) as client:
        client.setblocking(False)
        if client.connect_ex(path) != errno.ECONNREFUSED:
            raise HostError(f"cannot listen at unix:{path}: a program listens there")
    if identity(path) == (info.st_dev, info.st_ino, info.st_mtime_ns):
        os.unlink(path)


def identity(path: str) -> tuple[int, int, int] | None:
    """Of the file that has this name now. Its number alone may be used again."""
    try:
        info = os.lstat(path)
    except OSError:
        return None
    return info.st_dev, info.st_ino, info.st_mtime_ns
