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
        self._pages = machine.memory.area_size >> 12
        states = [("clock", machine.state), *((name, device.state) for name, device in machine.board.devices.items())]
        self._parts = [(name, state.imager(), state) for name, state in states]
        self._images = {name: b"" for name, _ in states}  # of the last time
        self._digests = {name: hash_of(state.encode()) for name, state in states}

    def take(self) -> dict[str, bytes]:
        machine, images, digests = self._machine, self._images, self._digests
        machine.state.deadlines = machine.clock.save()
        for name, image, state in self._parts:
            now = image()
            if now != images[name]:
                images[name], digests[name] = now, hash_of(state.encode())
        return {
            "cpu": hash_of(machine.core.save()),
            "tlb": machine.engine.tlb_digest().to_bytes(SIZE, "little"),
            "ram": machine.engine.ram_digest(self._pages).to_bytes(SIZE, "little"),
            **digests,
        }
