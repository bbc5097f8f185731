"""QEMU's -object: filters on netdevs, which are there, and other types, each of which is refused by name.

`filter-replay` says that a netdev's packets are recorded, as they are in any case; `filter-dump` writes them into a
file. Whether their netdevs are there is looked at by `network_filters.py`.
"""

from typing import Any, NamedTuple

from playhead.base.errors import UnsupportedError, UsageError
from playhead.base.messages import nearest
from playhead.cli.option_table import Sub
from playhead.cli.structured_value import structured
from playhead.cli.value_types import FILE, Parser, Type, identifier, number, on_off, one_of

# by how their names begin: why not, and what there is
REFUSED = {
    ("filter-",): "packets are neither held back, sent elsewhere nor changed on their way; there are filter-replay and "
        "filter-dump",
    ("memory-backend-",): "memory is the process's own; there is -m SIZE",
    ("iothread", "main-loop", "thread-context"): "disk requests have threads of their own without being asked",
    ("rng-",): "no device here asks for random numbers",
    ("secret", "secret_keyring", "tls-", "authz-"): "no connection is encrypted; there is ssh, which forwards ports",
    ("throttle-group",): "disks are as fast as the host; their speed is recorded",
    ("colo-",): "there is one machine, and no second one to keep beside it; a recording is what a replay compares with",
    ("cryptodev-", "can-", "input-", "sev-guest", "tdx-guest", "pr-manager", "x-remote", "vfio-user",
     "dbus-vmstate", "qtest", "acpi-", "iommufd"): "this version has no such device",
}  # fmt: skip
REPLAY, DUMP = "filter-replay", "filter-dump"
QUEUES = ("all", "rx", "tx")
MAXLEN = 65536  # bytes of a packet that filter-dump keeps


class Filter(NamedTuple):
    """`queue`: of filter-dump, which direction, in QEMU's words, which are the netdev's: `rx` is what the guest
    has sent. `position` and `insert` order filters, of which the order makes no difference here.
    """

    kind: str
    id: str
    netdev: str
    said: str
    file: str = ""
    maxlen: int = MAXLEN
    queue: str = "all"
    status: bool = True
    position: str = "tail"
    insert: str = "behind"


def _position(text: str) -> str:
    if text not in ("head", "tail"):
        identifier(text.removeprefix("id="))
    return text


_ANY: dict[str, Parser] = {
    "id": identifier, "netdev": str, "queue": one_of(*QUEUES), "status": on_off, "position": _position,
    "insert": one_of("before", "behind"),
}  # fmt: skip
KEYS: dict[str, dict[str, Parser]] = {REPLAY: _ANY, DUMP: {**_ANY, "file": str, "maxlen": number(1, (1 << 32) - 1)}}


def _object(text: str) -> Any:
    plain = structured(text, "qom-type")
    name = plain.pop("qom-type", None)
    if not isinstance(name, str) or not name:
        raise UsageError("qom-type= is missing, the object's type")
    if name in KEYS:
        return _filter(name, plain, f"-object {text}")
    for heads, why in REFUSED.items():
        if name.startswith(heads):
            raise UnsupportedError(f"objects '{name}' are not supported: {why}")
    raise UsageError(f"there is no type of objects '{name}'{nearest(name, KEYS)}")


def _filter(kind: str, given: dict[str, Any], said: str) -> Filter:
    known, values = KEYS[kind], dict[str, Any]()
    for key, value in given.items():
        if key not in known:
            raise UsageError(f"unknown key '{key}'{nearest(key, known) or '; there is ' + ', '.join(known)}")
        text = ("on" if value else "off") if isinstance(value, bool) else value
        if not isinstance(text, (str, int)):
            raise UsageError(f"{key} cannot be {value!r}")
        values[key] = known[key](str(text))
    for key in ("id", "netdev", *(("file",) if kind == DUMP else ())):
        if not values.get(key):
            raise UsageError(f"{key}= is missing")
    found = Filter(kind, said=said, **values)
    if kind == REPLAY and (found.queue != "all" or not found.status):
        raise UnsupportedError("all packets of a netdev are recorded: queue=all,status=on")
    return found


OBJECT = Type("TYPE,id=ID[,KEY=VALUE...]", _object)
ON_OFF = Type("on|off", str, on_off.words)
SUBS = tuple(sub._replace(since="0.5.0") for sub in (
    Sub("qom-type", one_of(*KEYS), "filter-replay or filter-dump"),
    Sub("id", identifier, "its name", of=(REPLAY, DUMP)),
    Sub("netdev", Type("ID", str, completes="-netdev"), "the netdev whose packets it sees", of=(REPLAY, DUMP)),
    Sub("file", FILE, "filter-dump: the pcap file to write", of=(DUMP,)),
    Sub("maxlen", KEYS[DUMP]["maxlen"], "filter-dump: how many bytes of each packet are kept", str(MAXLEN), of=(DUMP,)),
    Sub("queue", one_of(*QUEUES), "filter-dump: what the netdev receives, which is what the guest sends (rx); the "
        "other direction (tx); or both", "all", of=(DUMP,)),
    Sub("status", ON_OFF, "filter-dump: whether it writes", "on", of=(DUMP,)),
    Sub("position", _position, of=(REPLAY, DUMP)),  # where among the filters, which makes no difference
    Sub("insert", one_of("before", "behind"), of=(REPLAY, DUMP)),
))  # fmt: skip


def list_objects(about: str) -> str | None:
    """What -object help prints, and -object TYPE,help."""
    if about in KEYS:
        return "\n".join(f"  {sub.shown:<36} {sub.help.removeprefix(f'{about}: ')}".rstrip()
                         for sub in SUBS if about in sub.of)  # fmt: skip
    return None if about else "\n".join(("List of user creatable objects:", *(f"  {kind}" for kind in KEYS)))
