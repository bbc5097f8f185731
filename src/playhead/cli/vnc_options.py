"""QEMU's words for VNC servers: what -vnc says. What comes of them is `host/display/vnc.py`.

`:N` is display N of this machine alone (QEMU's `:N` is open to the network; here `0.0.0.0:N` says so), `HOST:N` another
address, `unix:PATH` a socket in the file system, `none` no server.
"""

import re
from collections.abc import Sequence

from playhead.base.errors import UnsupportedError, UsageError
from playhead.cli.option_table import Given, Sub, sub_options
from playhead.cli.value_types import Type, identifier, number, on_off, one_of, refused
from playhead.host.display.vnc_options import BASE_PORT, CONNECTING, SHARES, VncOptions

SINCE = "0.6.0"
IMPLIED = "vnc"
MOST_DISPLAY = 65535 - BASE_PORT
ENCRYPTED = "no connection is encrypted; a display of this machine alone can be reached through ssh -L"


def _no_delay(text: str) -> int:
    if number(0, 1 << 31)(text):
        raise UnsupportedError(f"'{text}' is not supported: keys wait until the guest's keyboard has room for them; "
                               "there is 0")  # fmt: skip
    return 0


def _refused(name: str, why: str) -> Sub:
    return Sub(name, refused(why), since=SINCE)


SUBS: tuple[Sub, ...] = (
    Sub(IMPLIED, Type(":N|HOST:N|unix:PATH|none", str, ("none",)), "where to listen: display N is port 5900 + N, :N "
        "for programs of this machine only, 0.0.0.0:N for everybody", since=SINCE),
    Sub("to", number(0, MOST_DISPLAY), "the last display to try, if N is taken", "N only", since=SINCE),
    Sub("ipv4", on_off, "listen at an IPv4 address", since=SINCE),
    Sub("ipv6", on_off, "listen at an IPv6 address", since=SINCE),
    Sub("id", identifier, "its name at monitors", "default, vnc2, vnc3, ...", since=SINCE),
    Sub("password", on_off, "clients need the password that a monitor sets (change vnc password); VNC's protects "
        "little: 8 characters, nothing encrypted", "off", since=SINCE),
    Sub("share", one_of(*SHARES), "whether a client may have the screen for itself: it may, it may not, or what it "
        "says is not looked at", SHARES[0], since=SINCE),
    Sub("connections", number(1, 1024), "how many clients may be connecting at a time", str(CONNECTING), since=SINCE),
    Sub("lossy", on_off, "clients that ask for it get JPEG (tight)", "off", since=SINCE),
    Sub("lock-key-sync", on_off, "caps lock and num lock are pressed where a client's letters and digits need it", "on",
        since=SINCE, key="lock_key_sync"),
    Sub("non-adaptive", on_off, "accepted: encodings are not changed by themselves", since=SINCE),
    Sub("key-delay-ms", Type("0", _no_delay, ("0",)), "accepted: keys wait for room, not for time", "0", since=SINCE),
    _refused("reverse", "it would connect to a viewer that listens; viewers connect to the display"),
    _refused("websocket", "there is no web server; a proxy such as websockify joins a browser to a display"),
    *(_refused(name, ENCRYPTED)
      for name in ("tls-creds", "tls-authz", "tls", "x509", "x509verify", "acl", "sasl", "sasl-authz")),
    _refused("password-secret", "there is no -object secret; password=on, and a monitor sets it"),
    _refused("power-control", "viewers cannot reset or power off; monitors can"),
    _refused("display", "a machine has one screen, which every display shows"),
    _refused("head", "a screen has one head"), _refused("audiodev", "sound does not go to viewers"),
)  # fmt: skip


def parse(text: str) -> VncOptions | None:
    """The value of one -vnc; None if it is `none`. Raises UsageError or UnsupportedError."""
    return finish(sub_options(text, SUBS, IMPLIED))


def finish(given: Given) -> VncOptions | None:
    """The same of its sub-options."""
    where = given.get(IMPLIED, "")
    if where == "none":
        return None
    family = _family(given.get("ipv4"), given.get("ipv6"))
    options = _unix(where[5:]) if where.startswith("unix:") else _tcp(where)
    if "to" in given:
        options = options._replace(to=_last(given["to"], options))
    kept = {key: given[key] for key in ("id", "password", "share", "connections", "lossy", "lock_key_sync")
            if key in given}  # fmt: skip
    return options._replace(family=family, said=given.said or f"-vnc {where}", **kept)


def _unix(path: str) -> VncOptions:
    if not path:
        raise UsageError("unix: needs a path: unix:PATH")
    return VncOptions(path=path)


def _tcp(where: str) -> VncOptions:
    host, colon, display = where.rpartition(":")
    if not colon:
        raise UsageError(f"'{where}' says no display: :N, HOST:N, unix:PATH or none")
    if not re.fullmatch("[0-9]{1,5}", display):
        raise UsageError(f"'{display}' is no display, which is a number from 0 to {MOST_DISPLAY}: :1, 0.0.0.0:1")
    if int(display) > MOST_DISPLAY:
        raise UsageError(f"display {display} is not in 0..{MOST_DISPLAY}")
    return VncOptions(host=host.strip("[]"), port=BASE_PORT + int(display))


def _last(display: int, options: VncOptions) -> int:
    """The last port. QEMU takes `to` as a display, too."""
    if options.path:
        raise UsageError("to= is for displays with a number, and unix: has none")
    if BASE_PORT + display < options.port:
        raise UsageError(f"to={display}: the first display to try is {options.port - BASE_PORT} already")
    return BASE_PORT + display


def _family(ipv4: bool | None, ipv6: bool | None) -> str:
    """None: it was not given."""
    if ipv4 is False and ipv6 is False:
        raise UsageError("ipv4=off,ipv6=off leaves no address to use")
    if bool(ipv4) == bool(ipv6):
        return "ipv6" if ipv4 is False else "ipv4" if ipv6 is False else ""
    return "ipv4" if ipv4 else "ipv6"


def named(given: Sequence[VncOptions]) -> list[VncOptions]:
    """Several servers, each with a name of its own: those that say none are default, vnc2, vnc3, ... as in QEMU."""
    taken: set[str] = set()
    for one in given:
        if one.id in taken:
            raise UsageError(f"{one.said}: there is a -vnc with id={one.id} already")
        taken |= {one.id} - {""}
    found = []
    for one in given:
        if not one.id:
            names = ("default", *(f"vnc{n}" for n in range(2, len(given) + 2)))
            one = one._replace(id=next(name for name in names if name not in taken))
            taken.add(one.id)
        found.append(one)
    return found
