"""QEMU's -blockdev: a graph of block nodes, each over a file or over another node, by names.

What there is: `file` (and host_device, host_cdrom) for the image, `raw` and `qcow2` over it for its format, `blkreplay`
over those. A node is one more drive that is in no place of its own (`drive_places.py`), with `over` for the name of the
node below; nodes below that are written inside another one are in its `nodes`. Every other driver is refused by name.
"""

from collections.abc import Mapping
from typing import Any

from playhead.base.errors import UnsupportedError, UsageError
from playhead.base.messages import nearest
from playhead.cli.drive_options import BLKREPLAY, FORMATS
from playhead.cli.option_table import Given, Sub
from playhead.cli.structured_value import structured
from playhead.cli.value_types import FILE, Type, id_of, identifier, on_off, one_of
from playhead.host import image_names

DRIVERS = (*image_names.LOCAL, *FORMATS, BLKREPLAY)
OTHER_FORMATS = ("vmdk", "vdi", "vpc", "vhdx", "qed", "qcow", "luks", "dmg", "bochs", "cloop", "parallels")
NODE_BOOLEANS = ("read-only", "auto-read-only", "force-share", "cache.direct", "cache.no-flush", "lazy-refcounts",
                 "pass-discard-request", "pass-discard-snapshot", "pass-discard-other")  # fmt: skip
NODE_WORDS = {"discard": ("ignore", "unmap"), "detect-zeroes": ("off",), "locking": ("on", "off", "auto"),
              "aio": ("threads", "native", "io_uring"), "drop-cache": ("on", "off"),
              "overlap-check": ("none", "constant", "cached", "all")}  # fmt: skip


def _driver(text: Any) -> str:
    if text in DRIVERS:
        return str(text)
    there = f"there is {', '.join(DRIVERS)}"
    if text in OTHER_FORMATS:
        how = "convert the image (qemu-img convert -O qcow2)"
        raise UnsupportedError(f"driver={text} is not supported: {how}; {there}")
    if text in (*image_names.NETWORK, *image_names.INVENTED):
        what = "no image of this machine" if text in image_names.NETWORK else "no image, or one that others share"
        raise UnsupportedError(f"driver={text} is not supported: it is {what}; {there}")
    raise UsageError(f"driver={text} is no block driver{nearest(str(text), DRIVERS)}; {there}")


SUBS = (
    Sub("driver", Type("|".join(DRIVERS), _driver, DRIVERS), "what the node is", since="0.4.0"),
    Sub("node-name", identifier, "its name: for file= and image= of nodes over it, and for -device ide-hd,drive=",
        since="0.4.0"),
    Sub("filename", FILE, "of driver=file: the image", since="0.4.0"),
    Sub("file", id_of("-blockdev"), "of raw and qcow2: the node below; file.driver=, file.filename=, ... write it here",
        since="0.4.0"),
    Sub("image", id_of("-blockdev"), "of blkreplay: the node below", since="0.4.0"),
    Sub("read-only", on_off, "the guest cannot write", "off", since="0.4.0"),
    Sub("cache.no-flush", on_off, "a flush of the guest's does not wait for the host's disk", "off", since="0.4.0"),
)  # fmt: skip


def blockdev(text: str) -> Given:
    """The value of -blockdev."""
    plain = structured(text, "driver")
    node = _node(plain, "")
    if "node-name" not in node:
        raise UsageError("it needs a node-name=, by which others name it")
    return node


def _node(plain: Mapping[str, Any], path: str) -> Given:
    """A node of plain values; `path` is where it is written inside another one: `file.`."""
    rest = dict(plain)
    if "driver" not in rest:
        raise UsageError(f"{path}driver= is missing")
    driver = _driver(rest.pop("driver"))
    node = Given({"if": "none", "node": True})
    if "node-name" in rest:
        node["node-name"] = identifier(_text(rest, "node-name", path))
    _options(node, rest, path)
    if driver in image_names.LOCAL:
        named = image_names.parse(f"file:{_text(rest, 'filename', path)}")
        node |= {"file": named.path, "format": "raw"}
    else:
        key = "image" if driver == BLKREPLAY else "file"
        node |= {"driver": BLKREPLAY} if driver == BLKREPLAY else {"format": driver}
        _below(node, rest.pop(key, None), key, path)
    if rest:
        raise UnsupportedError(f"{path}{min(rest)}= is not supported for driver={driver}")
    return node


def _below(node: Given, below: Any, key: str, path: str) -> None:
    """The node below: a name, or a node that is written here, which becomes part of this one if it has no name."""
    if below is None:
        raise UsageError(f"{path}{key}= is missing: the name of the node below, or {path}{key}.driver= and so on")
    if isinstance(below, str):
        if node.get("driver") == BLKREPLAY:
            node["image"] = below
        else:
            node["over"] = below
        return
    if not isinstance(below, dict):
        raise UsageError(f"{path}{key}= should be the name of a node, or a node")
    inner = _node(below, f"{path}{key}.")
    node["nodes"] = [*inner.pop("nodes", ()), inner]
    name = inner.setdefault("node-name", f"{node.get('node-name', '')}.{key}")
    node["image" if node.get("driver") == BLKREPLAY else "over"] = name


def _text(rest: dict[str, Any], key: str, path: str) -> str:
    value = rest.pop(key, None)
    if not isinstance(value, str) or not value:
        raise UsageError(f"{path}{key}= is missing" if value is None else f"{path}{key}= should be a text")
    return value


def _options(node: Given, rest: dict[str, Any], path: str) -> None:
    """What every node may say. What changes nothing of what is read or written is only checked."""
    cache = rest.pop("cache", {})
    if not isinstance(cache, dict):
        raise UsageError(f"{path}cache= has the keys direct and no-flush")
    rest |= {f"cache.{key}": value for key, value in cache.items()}
    for key in NODE_BOOLEANS:
        if key in rest:
            on = _boolean(rest.pop(key), path + key)
            if key == "read-only":
                node["readonly"] = on
            elif key == "cache.no-flush" and on:
                node["cache"] = "unsafe"
    for key, words in NODE_WORDS.items():
        if key in rest:
            given = rest.pop(key)
            value = ("on" if given else "off") if isinstance(given, bool) else str(given)
            try:
                one_of(*words)(value)
            except UsageError as e:
                raise UsageError(f"{path}{key}={value}: {e}") from None


def _boolean(value: Any, key: str) -> bool:
    """On the command line a word, in JSON true or false."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise UsageError(f"{key}= should be on or off")
    return bool(on_off(value))
