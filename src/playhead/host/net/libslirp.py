"""libslirp, called by ctypes: its structures, and which of them a version of the library takes.

A `SlirpConfig` says which version of itself it is, and a library takes those that it knows: 4.4 has 3, 4.7 has 4, 4.8
has 5, 4.9 has 6. A later one begins with all fields of those before it, and the same holds for the table of callbacks,
so one layout serves all; only the number, and what may be called, depend on the library.

Only the network's own process imports this (`slirp_process.py`). It has one thread, so the calls keep the interpreter's
lock, and a callback costs a microsecond less.
"""

import ctypes
import os
import sys
from _socket import AF_INET6, inet_pton
from ctypes import c_bool, c_char_p, c_int, c_int64, c_size_t, c_ssize_t, c_uint8, c_uint32, c_void_p

from playhead.host.net.slirp_wire import LIBRARY

TYPE_CHECKING = False  # `typing` takes as long as the rest of this process's start
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PACKAGE = "libslirp0"
OLDEST = (4, 4)
# the first version that takes each version of SlirpConfig
CONFIG_VERSIONS = (((4, 9), 6), ((4, 8), 5), ((4, 7), 4), ((4, 4), 3))
REASSEMBLES = (4, 8)  # the first version whose reassembly of IPv4 fragments is sound


class InAddr(ctypes.Structure):
    _fields_ = [("s_addr", c_uint32)]


class In6Addr(ctypes.Structure):
    """In C a union, which is aligned like the widest of its members."""

    _fields_ = [("s6_addr32", c_uint32 * 4)]


def in_addr(text: str) -> InAddr:
    return InAddr(int.from_bytes(bytes(map(int, text.split("."))), sys.byteorder)) if text else InAddr(0)


class Config(ctypes.Structure):
    """SlirpConfig, version 6."""

    _fields_ = [
        ("version", c_uint32), ("restricted", c_int), ("in_enabled", c_bool), ("vnetwork", InAddr),
        ("vnetmask", InAddr), ("vhost", InAddr), ("in6_enabled", c_bool), ("vprefix_addr6", In6Addr),
        ("vprefix_len", c_uint8), ("vhost6", In6Addr), ("vhostname", c_char_p), ("tftp_server_name", c_char_p),
        ("tftp_path", c_char_p), ("bootfile", c_char_p), ("vdhcp_start", InAddr), ("vnameserver", InAddr),
        ("vnameserver6", In6Addr), ("vdnssearch", ctypes.POINTER(c_char_p)), ("vdomainname", c_char_p),
        ("if_mtu", c_size_t), ("if_mru", c_size_t), ("disable_host_loopback", c_bool), ("enable_emu", c_bool),
        # version 2
        ("outbound_addr", c_void_p), ("outbound_addr6", c_void_p),
        # 3, 4 and 5
        ("disable_dns", c_bool), ("disable_dhcp", c_bool), ("mfr_id", c_uint32), ("oob_eth_addr", c_uint8 * 6),
    ]  # fmt: skip


WRITE = ctypes.CFUNCTYPE(c_ssize_t, c_void_p, c_size_t, c_void_p)
TIMER = ctypes.CFUNCTYPE(None, c_void_p)
ADD_POLL = ctypes.CFUNCTYPE(c_int, c_int, c_int, c_void_p)
REVENTS = ctypes.CFUNCTYPE(c_int, c_int, c_void_p)
_FD = ctypes.CFUNCTYPE(None, c_int, c_void_p)


class Callbacks(ctypes.Structure):
    """SlirpCb, as of version 6 of SlirpConfig."""

    _fields_ = [
        ("send_packet", WRITE),
        ("guest_error", ctypes.CFUNCTYPE(None, c_char_p, c_void_p)),
        ("clock_get_ns", ctypes.CFUNCTYPE(c_int64, c_void_p)),
        ("timer_new", ctypes.CFUNCTYPE(c_void_p, c_void_p, c_void_p, c_void_p)),
        ("timer_free", ctypes.CFUNCTYPE(None, c_void_p, c_void_p)),
        ("timer_mod", ctypes.CFUNCTYPE(None, c_void_p, c_int64, c_void_p)),
        ("register_poll_fd", _FD),
        ("unregister_poll_fd", _FD),
        ("notify", ctypes.CFUNCTYPE(None, c_void_p)),
        # version 4
        ("init_completed", ctypes.CFUNCTYPE(None, c_void_p, c_void_p)),
        ("timer_new_opaque", ctypes.CFUNCTYPE(c_void_p, c_int, c_void_p, c_void_p)),
        # 6
        ("register_poll_socket", _FD),
        ("unregister_poll_socket", _FD),
    ]


# (name, result, arguments): what every version has, and what some have
FUNCTIONS: "tuple[tuple[str, Any, list[Any]], ...]" = (
    ("slirp_version_string", c_char_p, []),
    ("slirp_new", c_void_p, [c_void_p, c_void_p, c_void_p]),
    ("slirp_cleanup", None, [c_void_p]),
    ("slirp_pollfds_poll", None, [c_void_p, c_int, REVENTS, c_void_p]),
    ("slirp_input", None, [c_void_p, c_char_p, c_int]),
    ("slirp_add_hostfwd", c_int, [c_void_p, c_int, InAddr, c_int, InAddr, c_int]),
    ("slirp_remove_hostfwd", c_int, [c_void_p, c_int, InAddr, c_int]),
    ("slirp_add_exec", c_int, [c_void_p, c_char_p, c_void_p, c_int]),
    ("slirp_add_guestfwd", c_int, [c_void_p, WRITE, c_void_p, c_void_p, c_int]),
    ("slirp_socket_can_recv", c_size_t, [c_void_p, InAddr, c_int]),
    ("slirp_socket_recv", None, [c_void_p, InAddr, c_int, c_char_p, c_int]),
    ("slirp_connection_info", c_void_p, [c_void_p]),
)
FILL = (c_void_p, ctypes.POINTER(c_uint32), ADD_POLL, c_void_p)


class Unusable(Exception):
    """The library is absent, too old, or not what it should be: one line that says what to do."""


class Timer:
    """One of libslirp's timers, in milliseconds of its clock."""

    __slots__ = ("due_ms", "ring")

    def __init__(self, ring: "Callable[[], object]"):
        self.due_ms, self.ring = 1 << 62, ring


def load() -> "Any":
    try:
        return ctypes.PyDLL(LIBRARY, use_errno=True)
    except OSError as e:
        reason = "is not installed" if "cannot open shared object file" in str(e) else f"cannot be loaded: {e}"
        raise Unusable(f"{LIBRARY} {reason}; a user-mode network needs it: apt install {PACKAGE}") from None


class Library:
    """Declares the library's functions and finds out which version it is. `library`: what ctypes has loaded."""

    def __init__(self, library: "Any"):
        try:
            for name, result, arguments in FUNCTIONS:
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
        except AttributeError:
            raise Unusable(f"{LIBRARY} is too old or damaged: it has no {name}; {_newer()}") from None
        self.c = library
        self.version = (library.slirp_version_string() or b"").decode("ascii", "replace")
        numbers = self.version.replace("-", ".").split(".")[:2]
        self.number = tuple(int(n) if n.isdigit() else 0 for n in numbers)
        if self.number < OLDEST:
            raise Unusable(f"{LIBRARY} is version {self.version}; {_newer()}")
        self.config_version = next(config for first, config in CONFIG_VERSIONS if self.number >= first)
        self.fill = library.slirp_pollfds_fill if self.config_version < 6 else library.slirp_pollfds_fill_socket
        self.fill.restype, self.fill.argtypes = None, list(FILL)
        if self.config_version >= 4:
            library.slirp_handle_timer.restype = None
            library.slirp_handle_timer.argtypes = [c_void_p, c_int, c_void_p]
        library.g_free.restype, library.g_free.argtypes = None, [c_void_p]  # of GLib, which comes with it


def _newer() -> str:
    return f"a user-mode network needs 4.4 or a later one: apt install {PACKAGE}"


def config_of(options: "dict[str, Any]", version: int) -> Config:
    """From the fields of `user_options.UserOptions`."""
    config = Config(version=version)
    config.restricted = options["restrict"]
    config.in_enabled, config.in6_enabled = options["ipv4"], options["ipv6"]
    for field, key in (("vnetwork", "net"), ("vnetmask", "mask"), ("vhost", "host"), ("vnameserver", "dns"),
                       ("vdhcp_start", "dhcpstart")):  # fmt: skip
        setattr(config, field, in_addr(options[key]))
    for field, key in (("vprefix_addr6", "ipv6_prefix"), ("vhost6", "ipv6_host"), ("vnameserver6", "ipv6_dns")):
        setattr(config, field, In6Addr.from_buffer_copy(inet_pton(AF_INET6, options[key])))
    config.vprefix_len = options["ipv6_prefixlen"]
    for field, key in (("vhostname", "hostname"), ("tftp_server_name", "tftp_server_name"), ("tftp_path", "tftp"),
                       ("bootfile", "bootfile"), ("vdomainname", "domainname")):  # fmt: skip
        setattr(config, field, os.fsencode(options[key]) or None)
    if names := options["dnssearch"]:
        config.vdnssearch = (c_char_p * (len(names) + 1))(*map(os.fsencode, names), None)
    return config


class Network:
    """One user-mode network. `send` is called with each frame for the guest, `now_ns` gives the time that its timers
    follow.
    """

    def __init__(self, library: Library, options: "dict[str, Any]", send: "Callable[[bytes], None]",
                 now_ns: "Callable[[], int]"):  # fmt: skip
        self.lib, self._c = library, library.c
        self._timers: dict[int, Timer] = {}
        self._numbers = 0
        self._kept: list[object] = []  # what libslirp has pointers to
        self._send = send
        config, callbacks = config_of(options, library.config_version), self._callbacks(now_ns)
        self._kept += [config, callbacks]
        self.handle = self._c.slirp_new(ctypes.byref(config), ctypes.byref(callbacks), None)
        if not self.handle:
            raise Unusable(f"{LIBRARY} {library.version} does not take this network's options")

    def _callbacks(self, now_ns: "Callable[[], int]") -> Callbacks:
        send, at = self._send, ctypes.string_at

        def send_packet(buffer: int, length: int, opaque: object) -> int:
            send(at(buffer, length))
            return length

        def timer_new(ring: int, argument: int, opaque: object) -> int:
            return self._timer(lambda: TIMER(ring)(argument))

        def timer_new_opaque(number: int, argument: int, opaque: object) -> int:
            return self._timer(lambda: self._c.slirp_handle_timer(self.handle, number, argument))

        def timer_mod(timer: int, due_ms: int, opaque: object) -> None:
            self._timers[timer].due_ms = due_ms

        def nothing(*arguments: object) -> None:
            pass

        made: dict[str, Any] = {
            "send_packet": send_packet, "clock_get_ns": lambda opaque: now_ns(), "timer_new": timer_new,
            "timer_free": lambda timer, opaque: self._timers.pop(timer, None) and None, "timer_mod": timer_mod,
            "timer_new_opaque": timer_new_opaque,
        }  # fmt: skip
        kinds: Any = Callbacks._fields_
        return Callbacks(**{name: kind(made.get(name, nothing)) for name, kind in kinds})

    def _timer(self, ring: "Callable[[], object]") -> int:
        self._numbers += 1
        self._timers[self._numbers] = Timer(ring)
        return self._numbers

    def ring(self, now_ms: int) -> None:
        """The timers that are due."""
        for timer in list(self._timers.values()):
            if timer.due_ms <= now_ms:
                timer.due_ms = 1 << 62
                timer.ring()

    def add_hostfwd(self, udp: bool, host: str, port: int, guest: str, guest_port: int) -> int:
        """0, or the system's error number."""
        ctypes.set_errno(0)
        if self._c.slirp_add_hostfwd(self.handle, udp, in_addr(host), port, in_addr(guest), guest_port) < 0:
            return ctypes.get_errno() or -1
        return 0

    def remove_hostfwd(self, udp: bool, host: str, port: int) -> bool:
        return bool(self._c.slirp_remove_hostfwd(self.handle, udp, in_addr(host), port) == 0)

    def add_exec(self, command: str, server: str, port: int) -> bool:
        at = in_addr(server)
        return bool(self._c.slirp_add_exec(self.handle, os.fsencode(command), ctypes.byref(at), port) == 0)

    def add_guestfwd(self, write: "Callable[[bytes], None]", server: str, port: int) -> InAddr | None:
        """`write` gets what a guest sends to that port. Its address, or None if it is no place for one."""
        at = in_addr(server)

        def written(buffer: int, length: int, opaque: object) -> int:
            write(ctypes.string_at(buffer, length))
            return length

        callback = WRITE(written)
        self._kept.append(callback)
        if self._c.slirp_add_guestfwd(self.handle, callback, None, ctypes.byref(at), port) != 0:
            return None
        return at

    def connections(self) -> str:
        """`info usernet`."""
        text = self._c.slirp_connection_info(self.handle)
        try:
            return ctypes.string_at(text).decode("ascii", "replace")
        finally:
            self._c.g_free(text)
