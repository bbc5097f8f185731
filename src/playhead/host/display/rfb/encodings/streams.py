"""A stream of zlib that lasts as long as a connection; each piece ends at a byte, so that the client can unpack it."""

import zlib


class Stream:
    def __init__(self) -> None:
        self._level = -1
        self._packer = zlib.compressobj()
        self.begun = False  # the last piece was the first of a stream that is not the connection's first

    def packed(self, data: bytes, level: int, *, may_begin_anew: bool) -> bytes:
        """The next piece. Another level takes effect only where the encoding lets a stream begin anew, which `begun`
        then says.
        """
        first = self._level < 0
        self.begun = not first and may_begin_anew and level != self._level
        if first or self.begun:
            self._level = level
            self._packer = zlib.compressobj(level)
        return self._packer.compress(data) + self._packer.flush(zlib.Z_SYNC_FLUSH)
