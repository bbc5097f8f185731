"""What the description of a recording's machine says, for those who only show it: of a machine that cannot be run here
too, in any form that recordings have had. Nothing of it is trusted.
"""

from typing import Any

KINDS = {"ide-hd": "hd", "ide-cd": "cdrom", "floppy": "floppy"}


def _items(plain: dict[str, Any], name: str) -> list[dict[str, Any]]:
    items = plain.get(name)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def word(value: Any, name: str = "") -> str:
    """A value as an option has it: on and off, and addresses (`iobase`) in hexadecimal."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:#x}" if isinstance(value, int) and "base" in name else str(value)


def device_words(plain: dict[str, Any]) -> list[str]:
    """The devices with properties of their own, as -device would have them."""
    found = [item for item in _items(plain, "devices") if set(item) - {"driver", "id", "bus"}]
    return [",".join([str(item.get("driver")), *(f"{k}={word(v, k)}" for k, v in item.items() if k != "driver")])
            for item in found]  # fmt: skip


def rom_words(plain: dict[str, Any]) -> list[str]:
    """The expansion ROMs: the file of each, whose it is, and its hash."""
    files = {item.get("id"): item.get("romfile") for item in _items(plain, "devices")}
    return [f"{files.get(rom.get('device'))} of {rom.get('device')}, sha256 {str(rom.get('data'))[:16]}"
            for rom in _items(plain, "roms")]  # fmt: skip


def serial_ports(plain: dict[str, Any]) -> int:
    """How many serial ports the machine has."""
    before = plain.get("serial")  # of recordings up to format 3
    if isinstance(before, list):
        return len(before)
    return sum(item.get("driver") == "isa-serial" for item in _items(plain, "devices"))


def drives(plain: dict[str, Any]) -> list[dict[str, Any]]:
    """Each drive by the names of `DriveConfig`."""
    if "devices" not in plain:
        return _items(plain, "drives")
    behind = {str(item.get("id")): item for item in _items(plain, "outside") if item.get("type") == "drive"}
    found = []
    for item in _items(plain, "devices"):
        kind = KINDS.get(str(item.get("driver")))
        if kind is not None:
            facts = behind.get(str(item.get("drive")), {})
            bus = str(item.get("bus")).rpartition(".")[2]
            found.append({
                "bus": int(bus) if bus in ("0", "1") else bus, "unit": item.get("unit", 0),
                "kind": kind, "sectors": facts.get("sectors", 0),
                "read_only": facts.get("read_only", False), "serial": item.get("serial", ""),
                "model": item.get("model", ""), "boot_index": item.get("bootindex"),
            })  # fmt: skip
    return found
