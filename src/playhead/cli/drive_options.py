"""QEMU's words for drives: what -drive, and -hda and its kin, say.

`-hda FILE` is `-drive file=FILE,index=0`, -hdb to -hdd likewise, `-cdrom FILE` is index 2 with media=cdrom; `-fda FILE`
is `-drive file=FILE,if=floppy,index=0`. Where they go is `drive_places.py`.
"""

from typing import Any

from playhead.base.errors import UnsupportedError, UsageError
from playhead.cli.options import FILE, Given, Option, Sub, sub_options
from playhead.cli.value_types import (
    TEXT, Parser, Type, always, id_of, identifier, number, on_off, one_of, only, refused,
)  # fmt: skip
from playhead.host import image_names

PLACES = 4
INTERFACES = ("ide", "floppy", "none")
ELSEWHERE = ("virtio", "scsi", "pflash", "sd", "mtd", "xen")  # QEMU's other interfaces
FORMATS = ("raw", "qcow2")  # of `host.block`, which takes long to import
CACHES = ("writeback", "none", "unsafe", "directsync", "writethrough")
BLKREPLAY = "blkreplay"


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


INTERFACE = Type("ide|floppy|none", _interface, INTERFACES)
FORMAT = Type("raw|qcow2", _format, FORMATS)
DRIVER = Type("raw|qcow2|blkreplay", _driver, (*FORMATS, BLKREPLAY, *image_names.LOCAL))
IGNORED = "accepted: it changes nothing of what is read or written"
OF_DEVICE = "it belongs to the device: -drive if=none,id=ID,... -device ide-hd,drive=ID,"

DRIVE_SUBS = (
    Sub("file", FILE, "the image"),
    Sub("format", FORMAT, "the image's format; without it, what the image says itself"),
    Sub("if", INTERFACE, "floppy: a floppy disk; none: it is in no place of its own, but a -device names it by its id",
        "ide"),
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
    Sub("node-name", identifier, "another name, by which a -device names it", since="0.4.0"),
    Sub("filename", FILE, key="file.filename", since="0.4.0"),
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
    if given.get("driver") in (*FORMATS, *image_names.LOCAL):
        format = given.pop("driver")
        format = "raw" if format in image_names.LOCAL else format
        if given.setdefault("format", format) != format:
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


def fixed(index: int, media: str = "disk", interface: str = "ide") -> Parser:
    """The type of -hda and its kin, whose value is a file."""

    def parse(text: str) -> Given:
        given = Given(file=text, index=index, media=media)
        if interface != "ide":
            given["if"] = interface
        _name(given)
        return given

    return Type("FILE", parse, completes="file")


IMAGES = Option(
    "-drive",
    "where the images are now that a recording made with --no-embed or a branch needs: one for each drive, in order",
    "file=FILE[,format=F]", subs=(DRIVE_SUBS[0], DRIVE_SUBS[1]), implied="file", finish=image, key="images", many=4,
)  # fmt: skip
