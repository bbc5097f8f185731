"""Packets in a file for tcpdump and Wireshark: the old format, as QEMU's filter-dump writes it (microseconds)."""

import os
import struct

from playhead.base.errors import HostError

HEADER = struct.Struct("<IHHiIII")  # magic, version, time zone, accuracy, longest packet, kind of network
RECORD = struct.Struct("<IIII")  # seconds, microseconds, bytes here, bytes that the packet had
MAGIC, ETHERNET = 0xA1B2C3D4, 1


class PcapFile:
    """Each packet is written at once, so that others can follow. Raises HostError when it is made, OSError later."""

    def __init__(self, path: str, maxlen: int):
        self.path, self._maxlen = path, maxlen
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        except (OSError, ValueError) as e:
            raise HostError(f"cannot write {path}: {getattr(e, 'strerror', None) or e}") from None
        try:
            self._write(HEADER.pack(MAGIC, 2, 4, 0, 0, maxlen, ETHERNET))
        except OSError as e:
            self.close()
            raise HostError(f"cannot write {path}: {e.strerror}") from None

    def packet(self, time_ns: int, frame: bytes) -> None:
        """`time_ns`: since 1970."""
        seconds, rest = divmod(time_ns, 1_000_000_000)
        kept = frame[: self._maxlen]
        self._write(RECORD.pack(seconds & 0xFFFFFFFF, rest // 1000, len(kept), len(frame)) + kept)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
