"""Where the drives of a command line go, by QEMU's rules.

`index` counts the places of both channels; without one a drive takes the first that is free. `if=none` puts a drive
nowhere: a `-device`, or another drive's `image`, names it by its id or node name, and so are the nodes of -blockdev.
Devices take their places after the drives: without `bus` on the second channel, as QEMU puts them there, and on the
first if that is full (where QEMU gives up). A machine has an empty first floppy disk drive unless -nodefaults, another
drive in its place or a `-device floppy` says otherwise.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from playhead.base.errors import UsageError
from playhead.boards.drive_config import CDROM, FLOPPY, HD
from playhead.cli.drive_options import BLKREPLAY, PLACES
from playhead.cli.option_table import naming
from playhead.base.messages import nearest

FLOPPIES = 2


class DriveSpec(NamedTuple):
    """A drive in its place. `file` is empty for an empty drive; `recorded`: the words say blkreplay; `type`: of a
    floppy disk drive.
    """

    bus: int
    unit: int
    kind: str
    file: str = ""
    format: str | None = None
    snapshot: bool = False
    read_only: bool = False
    flushes: bool = True
    serial: str = ""
    model: str = ""
    boot_index: int | None = None
    recorded: bool = False
    id: str = ""  # of its device
    name: str = ""  # of what is behind it: the id of its -drive, or the name of its node
    said: str = ""  # the option that it comes from, for messages
    behind: str = ""  # and the one that names the file
    type: str = ""

    @property
    def written(self) -> bool:
        """Whether the guest's writes go to the file."""
        return not (self.snapshot or self.read_only)


EMPTY_FLOPPY = DriveSpec(0, 0, FLOPPY)  # what a machine has by default


class Placed(NamedTuple):
    """The drives in the order of their places, IDE first; and those in none, whose images can only hold snapshots."""

    specs: list[DriveSpec]
    others: list[DriveSpec]
    writable: bool = False  # the images of media that are put in later may be written


def place(drives: Sequence[Mapping[str, Any]], devices: Sequence[Mapping[str, Any]], snapshot: bool,
          empty_floppy: bool = False) -> Placed:  # fmt: skip
    """`snapshot`: -snapshot was given. `empty_floppy`: there is a first floppy disk drive if nothing says otherwise."""
    placing = _Placing(drives, snapshot)
    floppies = [one for one in devices if one["name"] == "floppy"]
    specs = placing.all([one for one in devices if one["name"] != "floppy"])
    return Placed(specs + placing.floppies(floppies, empty_floppy), placing.others(), not snapshot)


class _Placing:
    def __init__(self, drives: Sequence[Mapping[str, Any]], snapshot: bool):
        self._snapshot = snapshot
        self._drives = list(_flat(drives))
        self._by_name: dict[str, Mapping[str, Any]] = {}
        self._used: set[int] = set()  # by identity: a drive may have two names
        self._taken: dict[tuple[int, int], DriveSpec] = {}
        for one in self._drives:
            for name in filter(None, (one.get("id"), one.get("node-name"))):
                if name in self._by_name:
                    raise UsageError(f"{_said(one)}: two drives have the id '{name}'")
                self._by_name[name] = one

    def all(self, devices: Sequence[Mapping[str, Any]]) -> list[DriveSpec]:
        for one in self._drives:
            if one.get("if", "ide") == "ide":
                with naming(_said(one)):
                    self._put(self._of_drive(one), self._wanted_place(one), range(PLACES))
        for one in devices:
            bus = int(one["bus"][-1]) if "bus" in one else None
            with naming(_said(one)):
                self._put(self._of_device(one), (bus, one.get("unit")), (2, 3, 0, 1))
        return [self._taken[where] for where in sorted(self._taken)]

    def floppies(self, devices: Sequence[Mapping[str, Any]], empty: bool) -> list[DriveSpec]:
        taken: dict[int, DriveSpec] = {}
        for one in self._drives:
            if one.get("if") == "floppy":
                with naming(_said(one)):
                    _put_floppy(taken, self._spec(one, FLOPPY), one.get("index", one.get("unit")))
        for one in devices:
            with naming(_said(one)):
                spec = EMPTY_FLOPPY
                if "drive" in one:
                    spec = self._spec(self._named(one["drive"], "drive"), FLOPPY)._replace(name=one["drive"])
                more = {"id": one.get("id", ""), "type": one.get("drive-type", ""), "said": _said(one)}
                _put_floppy(taken, spec._replace(**more), one.get("unit"))
        if empty and not devices:
            taken.setdefault(0, EMPTY_FLOPPY)
        return [taken[unit] for unit in sorted(taken)]

    def others(self) -> list[DriveSpec]:
        """Of if=none drives that nothing has named, those that may be written."""
        left = [one for one in self._drives if one.get("if") == "none" and id(one) not in self._used]
        specs = []
        for one in left:
            with naming(_said(one)):
                if one.get("driver") == BLKREPLAY and one["image"] not in self._by_name:
                    raise UsageError(
                        f"image={one['image']}: no drive has this id{nearest(one['image'], self._by_name)}"
                    )
                if one.get("driver") != BLKREPLAY and id(one) not in self._used and one.get("file") != "":
                    specs.append(self._spec(one, HD))
        return [spec for spec in specs if spec.written]

    @staticmethod
    def _wanted_place(one: Mapping[str, Any]) -> tuple[int | None, int | None]:
        return divmod(one["index"], 2) if "index" in one else (one.get("bus"), one.get("unit"))

    def _put(self, spec: DriveSpec, wanted: tuple[int | None, int | None], order: Sequence[int]) -> None:
        places = [divmod(n, 2) for n in order]
        fitting = [p for p in places if all(w in (None, v) for w, v in zip(wanted, p, strict=True))]
        free = [p for p in fitting if p not in self._taken]
        if not free:
            if len(fitting) > 1:
                raise UsageError(f"no place is left for {spec.file or 'an empty drive'}: a PC has {PLACES} IDE drives")
            bus, unit = fitting[0]
            raise UsageError(f"drive with bus={bus}, unit={unit} (index={2 * bus + unit}) exists")
        self._taken[free[0]] = spec._replace(bus=free[0][0], unit=free[0][1])

    # what is in a place

    def _of_drive(self, one: Mapping[str, Any]) -> DriveSpec:
        return self._spec(one, CDROM if self._file(one).get("media") == "cdrom" else HD)

    def _of_device(self, one: Mapping[str, Any]) -> DriveSpec:
        kind = CDROM if one["name"] == "ide-cd" else HD
        if "drive" in one:
            behind = self._named(one["drive"], "drive")
            if kind == HD and self._file(behind).get("media") == "cdrom":
                raise UsageError("ide-hd with a drive of media=cdrom: its device is ide-cd")
            spec = self._spec(behind, kind)._replace(name=one["drive"])
        elif kind == CDROM:
            spec = DriveSpec(0, 0, CDROM)
        else:
            raise UsageError("ide-hd needs drive=ID, the id of a -drive if=none or the name of a -blockdev node")
        return spec._replace(serial=one.get("serial", ""), model=one.get("model", ""), boot_index=one.get("bootindex"),
                             id=one.get("id", ""), said=_said(one))  # fmt: skip

    def _named(self, name: str, key: str) -> Mapping[str, Any]:
        """The drive of this name, which is used by this."""
        if name not in self._by_name:
            raise UsageError(f"{key}={name}: no drive has this id{nearest(name, self._by_name)}")
        found = self._by_name[name]
        if found.get("if", "ide") != "none" or id(found) in self._used:
            raise UsageError(f"{key}={name}: this drive is used already (a drive that others name has if=none)")
        self._used.add(id(found))
        return found

    def _file(self, one: Mapping[str, Any]) -> Mapping[str, Any]:
        """The drive with the file: after blkreplay, if that is there."""
        for _ in self._drives:
            below = self._by_name.get(one["image"] if one.get("driver") == BLKREPLAY else one.get("over", ""))
            if below is None:
                break
            one = below
        return one

    def _spec(self, one: Mapping[str, Any], kind: str) -> DriveSpec:
        """What is under a drive: of nodes over each other, the topmost that says a thing says it."""
        name, said, layers, recorded = one.get("id") or one.get("node-name") or "", _said(one), [one], False
        while one.get("driver") == BLKREPLAY or "over" in one:
            key, recorded = ("over", recorded) if "over" in one else ("image", True)
            one = self._named(one[key], "file" if key == "over" else key)
            layers.append(one)
        if not one.get("file") and kind == HD:
            raise UsageError("a disk needs a file: -drive file=FILE")
        format = next((layer["format"] for layer in layers if layer.get("format")), None)
        return DriveSpec(
            0, 0, kind, one.get("file", ""), format,
            any(layer.get("snapshot", self._snapshot and "node" not in layer) for layer in layers),
            kind == CDROM or any(layer.get("readonly", False) for layer in layers),
            all(layer.get("cache") != "unsafe" for layer in layers), recorded=recorded, name=name, said=said,
            behind=_said(one) or said,
        )  # fmt: skip


def _put_floppy(taken: dict[int, DriveSpec], spec: DriveSpec, wanted: int | None) -> None:
    free = [unit for unit in range(FLOPPIES) if unit not in taken and wanted in (None, unit)]
    if not free and wanted in taken:
        raise UsageError(f"floppy disk drive {wanted} exists")
    if not free:
        raise UsageError(f"no place is left for {spec.file or 'an empty drive'}: a PC has {FLOPPIES} floppy drives")
    taken[free[0]] = spec._replace(unit=free[0])


def _flat(drives: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Each drive with the nodes under it that have names; those of if=none without a name get QEMU's."""
    nowhere = 0
    for one in drives:
        yield from one.get("nodes", ())
        if one.get("if") == "none" and "node" not in one:
            if "id" not in one:
                named = type(one)(one, id=f"none{nowhere}")  # type: ignore[call-arg]
                named.said = _said(one)  # type: ignore[attr-defined]
                one = named
            nowhere += 1
        yield one


def _said(one: Mapping[str, Any]) -> str:
    """The option that a drive or device comes from."""
    return str(getattr(one, "said", ""))
