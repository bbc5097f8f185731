"""Packets from networks, as a recording keeps them: the payloads of a batch's NET events, one after the other, packed.

As payloads of their own rows they would cost a third more than their bytes: of packets with 1514 bytes each, which a
download consists of, two fit into one of SQLite's pages (measured: 1.36 times the bytes; 1.03 times so). The hash chain
covers the events with their payloads, so nothing of its own has to be proved here.
"""

from collections.abc import Callable, Iterable
from struct import Struct
from typing import Any

from playhead.base.errors import FormatError
from playhead.log.events import MAX_PAYLOAD, NetPacket
from playhead.log.pages import unpacked

LENGTH = Struct("<I")
ROW = 4 << 20  # bytes of packets in one row, after which the next one begins
MOST = ROW + LENGTH.size + MAX_PAYLOAD  # bytes that a row unpacks to
LEVEL = 3  # zstd's
KIND, ARGS, PAYLOAD = 3, 5, 6  # columns of a row of `event`
NET = NetPacket.KIND.tag

Row = tuple[Any, ...]
Bad = Callable[[str], FormatError]


def has_network(meta: dict[str, Any]) -> bool:
    """Whether a recording's machine, as `meta` describes it, is connected to a network."""
    config = meta.get("config")
    outside = config.get("outside") if isinstance(config, dict) else None
    ends = outside if isinstance(outside, list) else []
    return any(isinstance(end, dict) and end.get("type") == "netdev" for end in ends)


def apart(events: list[Row]) -> tuple[list[Row], list[Row]]:
    """Rows of `event` without the payloads of NET events, and rows of `packet` with them."""
    kept, rows, some = [], [], list[Row]()
    size = 0
    for row in events:
        if row[KIND] == NET:
            kept.append((*row[:PAYLOAD], None))
            some.append(row)
            size += LENGTH.size + len(row[PAYLOAD] or b"")
            if size >= ROW:
                rows.append(_packed(some))
                some, size = [], 0
        else:
            kept.append(row)
    if some:
        rows.append(_packed(some))
    return kept, rows


def _packed(events: list[Row]) -> Row:
    """The number of the first event, how many there are, and their lengths and payloads."""
    import zstandard  # takes 10 ms to import, and only a network needs it

    payloads = [row[PAYLOAD] or b"" for row in events]
    plain = b"".join([*(LENGTH.pack(len(one)) for one in payloads), *payloads])
    return events[0][0], len(events), zstandard.ZstdCompressor(level=LEVEL).compress(plain)


def together(events: list[Row], packets: Iterable[Row], bad: Bad) -> list[Row]:
    """The inverse of `apart`, for one batch."""
    places = [i for i, row in enumerate(events) if row[KIND] == NET]
    at, out = 0, list(events)
    for first, count, data in packets:
        if not 0 < count <= len(places) - at or events[places[at]][0] != first:
            raise bad(f"its packets from event {first} on are not those of its events")
        try:
            payloads = _unpacked(count, data)
        except FormatError as e:
            raise bad(f"its packets from event {first} on: {e}") from None
        for place, payload in zip(places[at : at + count], payloads, strict=True):
            if events[place][PAYLOAD] is not None:
                raise bad(f"event {events[place][0]} has two packets")
            out[place] = (*events[place][:PAYLOAD], payload or None)
        at += count
    if at != len(places):
        raise bad(f"the packet of event {events[places[at]][0]} is missing")
    return out


def _unpacked(count: int, data: bytes) -> list[bytes]:
    plain = unpacked("zstd", data, MOST)
    at = count * LENGTH.size
    if len(plain) < at:
        raise FormatError(f"{len(plain)} bytes for {count} packets")
    out = []
    for (size,) in LENGTH.iter_unpack(plain[:at]):
        out.append(plain[at : at + size])
        at += size
    if at != len(plain):
        raise FormatError(f"{len(plain)} bytes where there should be {at}")
    return out
