"""QEMU's words for drives: what -drive, -hda and their kin, -device ide-hd and -boot say, parsed and put in place.

QEMU's rules: `-hda FILE` is `-drive file=FILE,index=0`, -hdb to -hdd likewise, `-cdrom FILE` is index 2 with
media=cdrom. `index` counts the places of both channels; without one a drive takes the first that is free. `if=none`
puts a drive nowhere: a `-device`, or another drive's `image`, names it by its id. Devices take their places after the
drives.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from playhead.base.errors import UnsupportedError, UsageError
from playhead.boards.drive_config import CDROM, HD
from playhead.cli.options import FILE, Given, Option, Sub, sub_options
from playhead.cli.value_types import (
    TEXT, Parser, Type, always, id_of, identifier, nearest, number, on_off, one_of, only, refused,
)  # fmt: skip
from playhead.host import image_names

PLACES = 4
INTERFACES = ("ide", "none")
ELSEWHERE = ("virtio", "scsi", "floppy", "pflash", "sd", "mtd", "xen")  # QEMU's other interfaces
FORMATS = ("raw", "qcow2")  # of `host.block`, which takes long to import
CACHES = ("writeback", "none", "unsafe", "directsync", "writethrough")
BLKREPLAY = "blkreplay"


class DriveSpec(NamedTuple):
    """A drive in its place. `file` is empty for an empty CD-ROM drive; `recorded`: the words say blkreplay."""

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

    @property
    def written(self) -> bool:
        """Whether the guest's writes go to the file."""
        return not (self.snapshot or self.read_only)


def _interface(text: str) -> str:
    if text in ELSEWHERE:
        raise UnsupportedError(f"if={text} is not supported; there is {', '.join(INTERFACES)}")
    return one_of(*INTERFACES)(text)


def _format(text: str) -> str:
    if text not in FORMATS:
        raise UnsupportedError(f"format {text} is not supported; there is {', '.join(FORMATS)}")
    return text


def _driver(text: str) -> str:
    return text if text in (BLKREPLAY, *image_names.LOCAL) else _format(text)


INTERFACE = Type("ide|none", _interface, INTERFACES)
FORMAT = Type("raw|qcow2", _format, FORMATS)
DRIVER = Type("raw|qcow2|blkreplay", _driver, (*FORMATS, BLKREPLAY, *image_names.LOCAL))
IGNORED = "accepted: it changes nothing of what is read or written"
OF_DEVICE = "it belongs to the device: -drive if=none,id=ID,... -device ide-hd,drive=ID,"

DRIVE_SUBS = (
    Sub("file", FILE, "the image"),
    Sub("format", FORMAT, "the image's format; without it, what the image says itself"),
    Sub("if", INTERFACE, "none: it is in no place of its own, but a -device names it by its id", "ide"),
    Sub("index", number(0, PLACES - 1), "the place, counted over both channels", "the first that is free"),
    Sub("bus", number(0, 1), "the channel"),
    Sub("unit", number(0, 1), "the position on the channel's cable"),
    Sub("media", one_of("disk", "cdrom"), "disk or cdrom", "disk"),
    Sub("id", identifier, "a name, by which -device ide-hd,drive=ID or another drive's image= names it"),
    Sub("snapshot", on_off, "on: the file is not changed", "off"),
    Sub("readonly", on_off, "on: the guest cannot write", "off"),
    Sub("read-only", on_off, key="readonly"),
    Sub("driver", DRIVER, "the format in another word; or blkreplay, which records the drive that image= names (every "
        "drive is recorded here, with or without it)"),
    Sub("image", id_of("-drive"), "with driver=blkreplay: the id of that drive"),
    Sub("cache", one_of(*CACHES), "unsafe: a flush of the guest's does not wait for the host's disk", "writeback"),
    Sub("file.filename", FILE, "the image, as file="),
    Sub("file.driver", Type("file|host_device", str, image_names.LOCAL), "what the image is", "file"),
    *(Sub(name, TEXT, IGNORED) for name in ("file.locking", "file.aio", "file.node-name")),
    Sub("aio", one_of("threads", "native", "io_uring"), IGNORED),
    Sub("discard", one_of("ignore", "off"), IGNORED),
    Sub("detect-zeroes", only(("off",), "zeroes are written as the guest writes them"), IGNORED),
    Sub("copy-on-read", always(False, "a recording holds what was read; the image stays as it is"), IGNORED, "off"),
    Sub("werror", one_of("report"), IGNORED),
    Sub("rerror", one_of("report"), IGNORED),
    Sub("serial", refused(OF_DEVICE + "serial=TEXT")),
)  # fmt: skip


def drive(text: str) -> dict[str, Any]:
    """The value of -drive."""
    return checked(sub_options(text, DRIVE_SUBS, implied="file"))


def checked(given: Given) -> Given:
    """The value of -drive, whose keys fit together."""
    _name(given)
    if given.get("driver") in FORMATS:
        given.setdefault("format", given["driver"])
        if given["format"] != given.pop("driver"):
            raise UsageError("driver= and format= say two things")
    if given.get("driver") == BLKREPLAY:
        if not given.get("image"):
            raise UsageError("driver=blkreplay needs image=ID, the id of another drive")
        if odd := sorted(set(given) & {"file", "format", "snapshot", "cache"}):
            raise UsageError(f"{odd[0]}= belongs to the drive that image= names")
    elif "image" in given:
        raise UsageError("image= goes with driver=blkreplay")
    if "index" in given and ("bus" in given or "unit" in given):
        raise UsageError("index cannot be used with bus and unit")
    return given


def _name(given: dict[str, Any]) -> None:
    """The file's name, however it was said, as a path and perhaps a format."""
    options = {key: given.pop(key) for key in list(given) if key.startswith("file.")}
    if "file" not in given and not options:
        return
    if "file" in given and "file.filename" in options:
        raise UsageError("file= and file.filename= say two things")
    if given.get("file") == "":
        return
    named = image_names.from_options(options) if "file.filename" in options else image_names.parse(given["file"])
    if "file" in given and options:
        image_names.from_options({**options, "file.filename": named.path})
    given["file"] = named.path
    if named.format is not None and given.setdefault("format", named.format) != named.format:
        raise UsageError("format= and the file's name say two things")


def image(given: Given) -> Given:
    """The value of -drive where it says where an image of a recording is now."""
    _name(given)
    if not given.get("file"):
        raise UsageError("it needs file=FILE, where a recorded drive's image is")
    return given


def fixed(index: int, media: str = "disk") -> Parser:
    """The type of -hda and its kin, whose value is a file."""

    def parse(text: str) -> Given:
        given = Given(file=text, index=index, media=media)
        _name(given)
        return given

    return Type("FILE", parse, completes="file")


IMAGES = Option(
    "-drive",
    "where the images are now that a recording made with --no-embed or a branch needs: one for each drive, in order",
    "file=FILE[,format=F]", subs=(DRIVE_SUBS[0], DRIVE_SUBS[1]), implied="file", finish=image, key="images", many=4,
)  # fmt: skip


class Placed(NamedTuple):
    """The drives in the order of their places; and those in none, whose images can only hold snapshots."""

    specs: list[DriveSpec]
    others: list[DriveSpec]


def place(drives: Sequence[Mapping[str, Any]], devices: Sequence[Mapping[str, Any]], snapshot: bool) -> Placed:
    """`snapshot`: -snapshot was given."""
    placing = _Placing(drives, snapshot)
    return Placed(placing.all(devices), placing.others())


class _Placing:
    def __init__(self, drives: Sequence[Mapping[str, Any]], snapshot: bool):
        self._drives, self._snapshot = drives, snapshot
        self._by_id: dict[str, Mapping[str, Any]] = {}
        self._used: set[str] = set()
        self._taken: dict[tuple[int, int], DriveSpec] = {}
        for one in drives:
            if "id" in one:
                if one["id"] in self._by_id:
                    raise UsageError(f"two drives have the id '{one['id']}'")
                self._by_id[one["id"]] = one
            elif one.get("if") == "none":
                raise UsageError("-drive if=none needs an id=, by which a -device names it")

    def all(self, devices: Sequence[Mapping[str, Any]]) -> list[DriveSpec]:
        for one in self._drives:
            if one.get("if", "ide") == "ide":
                self._put(self._of_drive(one), self._wanted_place(one))
        for one in devices:
            bus = int(one["bus"][-1]) if "bus" in one else None
            self._put(self._of_device(one), (bus, one.get("unit")))
        return [self._taken[where] for where in sorted(self._taken)]

    def others(self) -> list[DriveSpec]:
        """Of if=none drives that nothing has named, those that may be written."""
        left = [one for id, one in self._by_id.items() if one.get("if") == "none" and id not in self._used]
        specs = [self._spec(one, HD) for one in left if one.get("driver") != BLKREPLAY]
        return [spec for spec in specs if spec.written]

    @staticmethod
    def _wanted_place(one: Mapping[str, Any]) -> tuple[int | None, int | None]:
        return divmod(one["index"], 2) if "index" in one else (one.get("bus"), one.get("unit"))

    def _put(self, spec: DriveSpec, wanted: tuple[int | None, int | None]) -> None:
        places = [divmod(n, 2) for n in range(PLACES)]
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
            spec = self._spec(self._named(one["drive"], "drive"), kind)
        elif kind == CDROM:
            spec = DriveSpec(0, 0, CDROM)
        else:
            raise UsageError("-device ide-hd needs drive=ID, the id of a -drive if=none")
        if kind == HD and "drive" in one and self._file(self._by_id[one["drive"]]).get("media") == "cdrom":
            raise UsageError("-device ide-hd with a drive of media=cdrom: its device is ide-cd")
        return spec._replace(serial=one.get("serial", ""), model=one.get("model", ""), boot_index=one.get("bootindex"),
                             id=one.get("id", ""))  # fmt: skip

    def _named(self, id: str, key: str) -> Mapping[str, Any]:
        """The drive of this id, which is used by this."""
        if id not in self._by_id:
            raise UsageError(f"{key}={id}: no drive has this id{nearest(id, self._by_id)}")
        if self._by_id[id].get("if", "ide") != "none" or id in self._used:
            raise UsageError(f"{key}={id}: this drive is used already (a drive that others name has if=none)")
        self._used.add(id)
        return self._by_id[id]

    def _file(self, one: Mapping[str, Any]) -> Mapping[str, Any]:
        """The drive with the file: after blkreplay, if that is there."""
        for _ in self._drives:
            if one.get("driver") != BLKREPLAY or one["image"] not in self._by_id:
                break
            one = self._by_id[one["image"]]
        return one

    def _spec(self, one: Mapping[str, Any], kind: str) -> DriveSpec:
        recorded = False
        while one.get("driver") == BLKREPLAY:
            one, recorded = self._named(one["image"], "image"), True
        if not one.get("file") and kind == HD:
            raise UsageError("a disk needs a file: -drive file=FILE")
        return DriveSpec(
            0, 0, kind, one.get("file", ""), one.get("format"), self._snapshot or one.get("snapshot", False),
            kind == CDROM or one.get("readonly", False), one.get("cache") != "unsafe", recorded=recorded,
        )  # fmt: skip
