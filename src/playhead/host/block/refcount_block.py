"""One block of refcounts: a cluster full of counts of 1 to 64 bits each.

Counts narrower than a byte fill it from its least significant bit; wider ones are big-endian. Finding a free cluster
is a search for zero bytes, so that an image with millions of clusters in use is not counted through in Python.
"""

_HAS_FREE = {
    width: bytes(any(byte >> at & (1 << width) - 1 == 0 for at in range(0, 8, width)) for byte in range(256))
    for width in (1, 2, 4)
}  # for each byte of counts of that width: 1 if one of them is 0


class RefcountBlock:
    def __init__(self, offset: int, data: bytearray, width: int):
        self.offset, self.data, self.width = offset, data, width
        self.dirty = False
        self._bytes = width // 8

    def get(self, index: int) -> int:
        if self._bytes:
            at = index * self._bytes
            return int.from_bytes(self.data[at : at + self._bytes], "big")
        at = index * self.width
        return self.data[at >> 3] >> (at & 7) & (1 << self.width) - 1

    def set(self, index: int, value: int) -> None:
        if self._bytes:
            at = index * self._bytes
            self.data[at : at + self._bytes] = value.to_bytes(self._bytes, "big")
        else:
            at = index * self.width
            mask = (1 << self.width) - 1 << (at & 7)
            self.data[at >> 3] = self.data[at >> 3] & ~mask | value << (at & 7)
        self.dirty = True

    def find_free(self, index: int) -> int | None:
        """The first count of zero from `index` on."""
        return self._find_wide(index) if self._bytes else self._find_narrow(index)

    def _find_wide(self, index: int) -> int | None:
        size = self._bytes
        at, zeros = index * size, bytes(size)
        while (at := self.data.find(zeros, at)) >= 0:
            if at % size == 0:
                return at // size
            at += size - at % size  # the zeros of two neighbours
        return None

    def _find_narrow(self, index: int) -> int | None:
        per_byte = 8 // self.width
        while index % per_byte:
            if self.get(index) == 0:
                return index
            index += 1
        byte = self.data.translate(_HAS_FREE[self.width]).find(1, index // per_byte)
        if byte < 0:
            return None
        return next(n for n in range(byte * per_byte, (byte + 1) * per_byte) if self.get(n) == 0)
