"""VNC servers: who is connected, and the passwords of clients."""

from typing import Any

from playhead.monitor import vnc
from playhead.qmp.declared import command, event
from playhead.qmp.errors import NOT_ACTIVE, QmpError
from playhead.qmp.service import Qmp
from playhead.qmp.types import BOOL, STR, Enum, Struct

FAMILY = Enum("NetworkAddressFamily", "ipv4", "ipv6", "unix", "vsock", "unknown")
BASIC = {"host": STR, "service": STR, "family": FAMILY, "websocket": BOOL}
SERVER = Struct("VncServerInfo", {**BASIC, "*auth": STR})
CLIENT = Struct("VncClientInfo", {**BASIC, "*x509_dname": STR, "*sasl_username": STR})
AUTH = Enum("VncPrimaryAuth", "none", "vnc", "ra2", "ra2ne", "tight", "ultra", "tls", "vencrypt", "sasl")
SUB_AUTH = Enum("VncVencryptSubAuth", "plain", "tls-none", "x509-none", "tls-vnc", "x509-vnc", "tls-plain",
                "x509-plain", "tls-sasl", "x509-sasl")  # fmt: skip
INFO = Struct("VncInfo", {"enabled": BOOL, "*host": STR, "*family": FAMILY, "*service": STR, "*auth": STR,
                          "*clients": [CLIENT]})  # fmt: skip
LISTENING = Struct("VncServerInfo2", {**BASIC, "auth": AUTH, "*vencrypt": SUB_AUTH})
INFO2 = Struct("VncInfo2", {"id": STR, "server": [LISTENING], "clients": [CLIENT], "auth": AUTH, "*vencrypt": SUB_AUTH,
                            "*display": STR})  # fmt: skip
PROTOCOL = Enum("DisplayProtocol", "vnc", "spice")
CONNECTED = Enum("SetPasswordAction", *vnc.CONNECTED)

for name, client, about in (
    ("VNC_CONNECTED", Struct("VncBasicInfo", BASIC), "a client has connected; it may have to log in"),
    ("VNC_INITIALIZED", CLIENT, "a client is in, and sees the screen"),
    ("VNC_DISCONNECTED", CLIENT, "a client has gone"),
):
    event(name, {"server": SERVER, "client": client}, about)


@command("query-vnc", returns=INFO, about="the first VNC server, and its clients")
def query_vnc(qmp: Qmp) -> dict[str, Any]:
    for one in vnc.servers(qmp.target):
        facts = one.facts()
        del facts["websocket"]
        return {"enabled": True, **facts, "clients": one.clients()}
    return {"enabled": False}


@command("query-vnc-servers", returns=[INFO2], about="the VNC servers, and their clients")
def query_vnc_servers(qmp: Qmp) -> list[dict[str, Any]]:
    found = []
    for one in vnc.servers(qmp.target):
        facts = one.facts()
        found.append({"id": one.options.id, "auth": facts["auth"], "server": [facts], "clients": one.clients()})
    return found


@command("set_password", {"protocol": PROTOCOL, "password": STR, "*connected": CONNECTED, "*display": STR},
         about="the password of a VNC server with password=on; those that are connected stay so")  # fmt: skip
def set_password(qmp: Qmp, protocol: str, password: str, connected: str | None = None,
                 display: str | None = None) -> None:  # fmt: skip
    _check(protocol, connected)
    vnc.set_password(qmp.target, password, display)


@command("change-vnc-password", {"password": STR}, about="the password of the first VNC server")
def change_vnc_password(qmp: Qmp, password: str) -> None:
    vnc.set_password(qmp.target, password)


@command("expire_password", {"protocol": PROTOCOL, "time": STR, "*display": STR},
         about="when the password expires: now, never, +SECONDS, or seconds since 1970")  # fmt: skip
def expire_password(qmp: Qmp, protocol: str, time: str, display: str | None = None) -> None:
    _check(protocol)
    vnc.server(qmp.target, display).expire_password(vnc.expiry(time))


def _check(protocol: str, connected: str | None = None) -> None:
    if protocol == "spice":
        raise QmpError(vnc.NO_SPICE, NOT_ACTIVE)
    vnc.check(protocol, connected)
