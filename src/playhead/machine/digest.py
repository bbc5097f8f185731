"""The digests of a machine's parts, 16 bytes each, in the machine's fixed order.

A part whose bytes are those of the last time has the digest of the last time: most devices change nothing between two
digests, and comparing their bytes costs much less than hashing them.
"""

from hashlib import blake2b

from playhead.machine.parts import Parts

SIZE = 16


def hash_of(data: bytes) -> bytes:
    return blake2b(data, digest_size=SIZE).digest()


class PartDigests:
    """`take` gives the digest of each part now."""

    def __init__(self, machine: Parts):
        self._machine = machine
        self.pages = machine.memory.area_size >> 12
        states = [("clock", machine.state), *((name, device.state) for name, device in machine.board.devices.items())]
        self.parts = [(name, state.imager(), state) for name, state in states]
        self.images = {name: b"" for name, _ in states}  # from which the digests were made
        self._digests = {name: hash_of(state.encode()) for name, state in states}

    def take(self) -> dict[str, bytes]:
        machine, images = self._machine, self.images
        machine.state.deadlines = machine.clock.save()
        for name, image, state in self.parts:
            now = image()
            if now != images[name]:
                self.changed(name, now, state.encode())
        return self.all(machine.core.save(), machine.engine.tlb_digest(), machine.engine.ram_digest(self.pages))

    def changed(self, name: str, image: bytes, state: bytes) -> None:
        """A part has another image than the last time, and this state."""
        self.images[name], self._digests[name] = image, hash_of(state)

    def all(self, cpu: bytes, tlb: int, ram: int) -> dict[str, bytes]:
        """The digest of each part, when those that have changed are told."""
        return {
            "cpu": hash_of(cpu), "tlb": tlb.to_bytes(SIZE, "little"), "ram": ram.to_bytes(SIZE, "little"),
            **self._digests,
        }  # fmt: skip
