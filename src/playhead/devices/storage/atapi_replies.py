"""What a CD-ROM drive answers: the data of its packet commands, as functions of what there is to tell.

Numbers in packets and replies are big-endian. A medium holds one data track in one session, from block 0 to its end.

Source: SFF-8020i revision 2.6, chapter 10 (packet commands); MMC-3 (T10/1363-D), chapters 5 (features, mode page 2Ah)
and 6 (commands); SPC-2 for INQUIRY and REQUEST SENSE.
"""

import struct

BLOCK = 2048
PREGAP = 150  # blocks between minute 0 and block 0
FRAMES, SECONDS = 75, 60
CD_MAX_BLOCKS = 80 * SECONDS * FRAMES  # what is larger passes for a DVD
DATA_TRACK, LEAD_OUT = 0x14, 0xAA
PROFILE_NONE, PROFILE_CD, PROFILE_DVD = 0x0000, 0x0008, 0x0010
NEW_MEDIUM = 2
EVENT_MEDIA, EVENT_NONE_AVAILABLE = 4, 0x80
PAGE_ERROR_RECOVERY, PAGE_CAPABILITIES, PAGE_ALL = 0x01, 0x2A, 0x3F
SPEED_KB = 706  # four times the first drives'


def inquiry(model: str) -> bytes:
    head = bytes((0x05, 0x80, 0x00, 0x21, 31, 0, 0, 0))
    return head + b"PLAYHEAD" + model.encode("ascii", "replace")[:16].ljust(16) + b"1.0 "


def sense(key: int, asc: int, ascq: int) -> bytes:
    return bytes((0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, ascq, 0, 0, 0, 0))


def capacity(blocks: int) -> bytes:
    return struct.pack(">II", blocks - 1, BLOCK)


def is_cd(blocks: int) -> bool:
    return blocks <= CD_MAX_BLOCKS


# -- READ TOC


def address(block: int, msf: bool) -> bytes:
    """Four bytes: a block's number, or its minute, second and frame (as far as minutes go)."""
    if not msf:
        return struct.pack(">I", block)
    seconds, frame = divmod(block + PREGAP, FRAMES)
    minute, second = divmod(seconds, SECONDS)
    return bytes((0, min(minute, 255), second, frame))


def toc(blocks: int, first: int, msf: bool) -> bytes | None:
    """Format 0: the tracks from number `first` on; None if there is no such track."""
    if first > 1 and first != LEAD_OUT:
        return None
    body = bytes((1, 1))
    if first <= 1:
        body += bytes((0, DATA_TRACK, 1, 0)) + address(0, msf)
    body += bytes((0, DATA_TRACK, LEAD_OUT, 0)) + address(blocks, msf)
    return struct.pack(">H", len(body)) + body


def sessions(msf: bool) -> bytes:
    """Format 1: the last session's first track."""
    return bytes((0, 10, 1, 1, 0, DATA_TRACK, 1, 0)) + address(0, msf)


def full_toc(blocks: int, msf: bool) -> bytes:
    """Format 2: the lead-in's entries for first track, last track, lead-out and the track."""
    body = bytes((1, 1))
    points = ((0xA0, bytes((0, 1, 0, 0))), (0xA1, bytes((0, 1, 0, 0))), (0xA2, address(blocks, msf)),
              (1, address(0, msf)))  # fmt: skip
    for point, where in points:
        body += bytes((1, DATA_TRACK, 0, point, 0, 0, 0)) + where
    return struct.pack(">H", len(body)) + body


def disc_information() -> bytes:
    """A complete disc of one session and one track, that anybody may read."""
    return bytes((0, 32, 0x0E, 1, 1, 1, 1, 0x20)).ljust(34, b"\0")


# -- MODE SENSE


def mode_pages(page: int, *, locked: bool, changeable: bool) -> bytes | None:
    """The pages asked for, without the header; None if there is no such page. Nothing is changeable."""
    recovery = bytes((PAGE_ERROR_RECOVERY, 6, 0, 5, 0, 0, 0, 0))
    capabilities = struct.pack(
        ">BBBBBBBBHHHHBBBBBB", PAGE_CAPABILITIES, 20,
        0x3F, 0x00, 0x70, 0x00,  # reads all kinds of CD and DVD, writes none; several sessions, mode 2; no audio
        0x29 | (2 if locked else 0), 0x00,  # can lock, eject, has a tray
        SPEED_KB, 0, 512, SPEED_KB, 0, 0, 0, 0, 0, 0,
    )  # fmt: skip
    found = [p for p in (recovery, capabilities) if page in (p[0], PAGE_ALL)]
    if not found:
        return None
    return b"".join(p[:2] + bytes(len(p) - 2) if changeable else p for p in found)


def mode_header_6(medium: int, length: int) -> bytes:
    return bytes((length + 3, medium, 0, 0))


def mode_header_10(medium: int, length: int) -> bytes:
    return struct.pack(">HBBBBH", length + 6, medium, 0, 0, 0, 0)


# -- GET CONFIGURATION, events, mechanism


def profile(blocks: int) -> int:
    """Of a medium with so many blocks; 0 blocks: none."""
    return PROFILE_NONE if not blocks else PROFILE_CD if is_cd(blocks) else PROFILE_DVD


def _feature(code: int, version: int, data: bytes, *, persistent: bool = False, current: bool = True) -> bytes:
    flags = version << 2 | (2 if persistent else 0) | (1 if current else 0)
    return struct.pack(">HBB", code, flags, len(data)) + data


def configuration(blocks: int, first: int, request: int) -> bytes:
    """Features from number `first` on: all of them (`request` 0), the current ones (1), or that one (2)."""
    now = profile(blocks)
    profiles = b"".join(struct.pack(">HBB", p, int(p == now), 0) for p in (PROFILE_DVD, PROFILE_CD))
    features = {
        0x0000: _feature(0x0000, 0, profiles, persistent=True),
        0x0001: _feature(0x0001, 0, struct.pack(">I", 2), persistent=True),  # core, by ATAPI
        0x0003: _feature(0x0003, 0, bytes((0x29, 0, 0, 0)), persistent=True),  # removable, in a tray
        0x0010: _feature(0x0010, 0, struct.pack(">IHBB", BLOCK, 1, 0, 0), current=bool(blocks)),  # random readable
        0x001E: _feature(0x001E, 0, bytes(4), current=now == PROFILE_CD),
        0x001F: _feature(0x001F, 0, b"", current=now == PROFILE_DVD),
    }
    chosen = b""
    for code, data in features.items():
        if (code == first if request == 2 else code >= first) and (request != 1 or data[2] & 1):
            chosen += data
    return struct.pack(">IHH", len(chosen) + 4, 0, now) + chosen


def media_event(event: int, present: bool, tray_open: bool) -> bytes:
    status = (1 if tray_open else 0) | (2 if present else 0)
    return struct.pack(">HBB", 4, EVENT_MEDIA, 1 << EVENT_MEDIA) + bytes((event, status, 0, 0))


def no_event() -> bytes:
    """Of the classes asked for, none is supported."""
    return struct.pack(">HBB", 0, EVENT_NONE_AVAILABLE, 1 << EVENT_MEDIA)


def mechanism(tray_open: bool) -> bytes:
    return bytes((0, 0x10 if tray_open else 0, 0, 0, 0, 1, 0, 0))
