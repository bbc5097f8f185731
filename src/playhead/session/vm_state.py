"""A machine's state as bytes, which a qcow2 image keeps beside the content of its disk (`savevm`, `-loadvm`).

A configuration is any description of a machine with `to_json` and `in_this_form` (`boards.config.PcConfig`). The layout
is ours: other emulators refuse it by its first bytes, as we refuse theirs. Behind them follow a length and a JSON head
that describes the machine, then two zstd frames: the states of the parts, and the pages. None of it is trusted.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from playhead.base.errors import FormatError, HostError, UsageError
from playhead.log.moment import Moment
from playhead.log.pages import MAX_PAGES, PAGE, is_block, pack_parts, place_of, unpack_parts, unpacked
from playhead.session.snapshots import Saved

if TYPE_CHECKING:
    from playhead.host.disks import Disks

MAGIC = b"Playhead VM state 1\n"
LENGTH = struct.Struct("<I")
RECORD = struct.Struct("<QB")  # page, or key of a disk's block; whether it has a content
MAX_HEAD = 1 << 20
LEVEL = 1
UNNAMED = "0.1.0"  # the release whose descriptions name no machine version
LISTS = {"devices": "device", "outside": "end"}  # of a description
NUMBERS = ("icount", "seq", "virtual_ns")


def store(saved: Saved, config: Any, disks: Disks) -> None:
    """Save into the images that take snapshots. Their disks' own content is in them already."""
    disks.settle()
    own = [page for page in saved.pages if is_block(page) and disks.is_written(place_of(page)[0])]
    pages = {page: saved.pages[page] for page in saved.pages.keys() - own}
    state = pack(saved._replace(pages=pages), config)
    try:
        disks.vm_images.save(saved.name, state, saved.virtual_ns, saved.moment.icount)
    except HostError as e:
        raise UsageError(f"snapshot '{saved.name}' is in memory only: {e}") from None  # which ends nothing


def pack(saved: Saved, config: Any, *, replayed: bool = False) -> bytes:
    """`saved.pages` are those that the image's own disk does not bring. `replayed`: made by a replay, when the image
    did not hold what the disk held.
    """
    import zstandard

    head = {
        "config": described(config), "name": saved.name, "icount": saved.moment.icount, "seq": saved.moment.seq,
        "virtual_ns": saved.virtual_ns, "created": saved.created, "pages": len(saved.pages),
        **({"replayed": True} if replayed else {}),
    }  # fmt: skip
    text = json.dumps(head).encode()
    parts = pack_parts(saved.parts)
    records = b"".join(RECORD.pack(page, bool(content)) for page, content in saved.pages.items())
    pages = zstandard.ZstdCompressor(level=LEVEL).compress(records + b"".join(saved.pages.values()))
    return b"".join((MAGIC, LENGTH.pack(len(text)), text, LENGTH.pack(len(parts)), parts, pages))


def described(config: Any) -> dict[str, Any]:
    """The part of a description that must be equal for a state to fit: all but the host's ends of character devices."""
    plain = config.to_json()
    return {**plain, "outside": [{k: v for k, v in end.items() if k != "backend"} for end in plain["outside"]]}


def unpack(data: bytes, config: Any, where: str) -> Saved:
    """The inverse, for a machine of this configuration. Raises UsageError if the state is of another one; `where` names
    the image in messages.
    """
    try:
        head, parts, pages = _sections(data)
        moment, virtual_ns = Moment(head["icount"], head["seq"]), head["virtual_ns"]
        if head.get("replayed"):
            raise UsageError(f"{where} was made by a replay, to roll that back (loadvm in it): the image does not have "
                             "what the disk held at that moment, so no machine can start with it")  # fmt: skip
        _compare(head["config"], config, where)
        contents = _contents(pages, head["pages"])
        return Saved(str(head["name"]), moment, virtual_ns, str(head["created"]), unpack_parts(parts), contents)
    except FormatError as e:
        raise FormatError(f"{where}: {e}") from None


def _sections(data: bytes) -> tuple[dict[str, Any], bytes, bytes]:
    if not data.startswith(MAGIC):
        raise FormatError("the state of a machine that another program saved, not Playhead")
    at = len(MAGIC)
    found = []
    for most in (MAX_HEAD, len(data)):
        if len(data) < at + LENGTH.size:
            raise FormatError("a state that is cut off")
        (length,) = LENGTH.unpack_from(data, at)
        at += LENGTH.size
        if length > most or len(data) < at + length:
            raise FormatError("a state that is cut off")
        found.append(data[at : at + length])
        at += length
    try:
        head = json.loads(found[0])
    except ValueError:
        raise FormatError("a state with a damaged head") from None
    right = isinstance(head, dict) and isinstance(head.get("config"), dict) and {"name", "created"} <= head.keys()
    if not right or not all(type(head.get(name)) is int and 0 <= head[name] < 1 << 63 for name in (*NUMBERS, "pages")):
        raise FormatError("a state with a damaged head")
    return head, found[1], data[at:]


def _compare(plain: dict[str, Any], config: Any, where: str) -> None:
    if "machine" not in plain:
        raise UsageError(f"{where} is of the machine of Playhead {UNNAMED}, which this version does not have")
    saved, given = _flat(config.in_this_form(plain)), _flat(described(config))
    differ = [name for name in sorted({*saved, *given}) if saved.get(name) != given.get(name)]
    if differ:
        what = ", ".join(f"{name} was {_short(saved.get(name))}, not {_short(given.get(name))}" for name in differ)
        raise UsageError(f"{where} is of another machine: {what}; give the options that it was saved with")


def _flat(plain: Mapping[str, Any]) -> dict[str, Any]:
    """With each device, and each thing outside, by itself."""
    flat = {name: value for name, value in plain.items() if name not in LISTS}
    for name, what in LISTS.items():
        items = plain.get(name)
        for item in items if isinstance(items, list) else [items]:
            words = dict(item) if isinstance(item, dict) else {"unknown": item}
            words.pop("backend", None)
            key = f"{words.pop('type', what)} {words.pop('id', '?')}"
            flat[key] = ",".join(f"{k}={v}" for k, v in sorted(words.items()))
    return flat


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _contents(packed: bytes, count: int) -> dict[int, bytes]:
    if count > MAX_PAGES:
        raise FormatError(f"{count} pages")
    plain = unpacked("zstd", packed, count * (RECORD.size + PAGE))
    if len(plain) < count * RECORD.size:
        raise FormatError("a state that is cut off")
    out, at = {}, count * RECORD.size
    for page, has in RECORD.iter_unpack(plain[: count * RECORD.size]):
        out[page] = bytes(plain[at : at + PAGE]) if has else b""
        at += PAGE if has else 0
    if at != len(plain) or any(content and len(content) != PAGE for content in out.values()):
        raise FormatError("a state with damaged pages")
    return out
