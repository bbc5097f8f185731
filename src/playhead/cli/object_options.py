"""QEMU's -object: what may be made there, of which this version has nothing. Each type is refused by name.

`filter-replay` is for the network, whose packets it records: the network's version takes its row away.
"""

from typing import Any

from playhead.base.errors import UnsupportedError, UsageError
from playhead.cli.structured_value import structured
from playhead.cli.value_types import Type

# by how their names begin: why not, and what there is
REFUSED = {
    ("filter-",): "this version has no network, so nothing of it to record; there is -nic none",
    ("memory-backend-",): "memory is the process's own; there is -m SIZE",
    ("iothread", "main-loop", "thread-context"): "disk requests have threads of their own without being asked",
    ("rng-",): "no device here asks for random numbers",
    ("secret", "secret_keyring", "tls-", "authz-"): "no connection is encrypted; there is ssh, which forwards ports",
    ("throttle-group",): "disks are as fast as the host; their speed is recorded",
    ("cryptodev-", "can-", "colo-compare", "input-", "sev-guest", "tdx-guest", "pr-manager", "x-remote", "vfio-user",
     "dbus-vmstate", "qtest", "acpi-", "iommufd"): "this version has no such device",
}  # fmt: skip


def _object(text: str) -> Any:
    plain = structured(text, "qom-type")
    name = plain.get("qom-type")
    if not isinstance(name, str) or not name:
        raise UsageError("qom-type= is missing, the object's type")
    for heads, why in REFUSED.items():
        if name.startswith(heads):
            raise UnsupportedError(f"objects '{name}' are not supported: {why}")
    raise UsageError(f"there is no type of objects '{name}'")


OBJECT = Type("TYPE,id=ID[,KEY=VALUE...]", _object)


def list_objects(about: str) -> str | None:
    return None if about else "none"
