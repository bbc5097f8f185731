"""vnc [--count N] [--seed S] [--only N]: a VNC connection under clients that mean no good.

Each case is one client's stream of bytes: a handshake (of any version, with or without a password) and messages of
every kind, with random fields, lengths that lie, random bytes between them, cut into random pieces; some streams are
then mutated byte by byte. In between the client reads or does not, and pictures of random sizes come. Allowed is an
`RfbError` and nothing else; what is kept for the client stays within bounds, and no step takes long. A case is repeated
by `--seed S --only N`.
"""

from __future__ import annotations

import argparse
import random
import struct
import sys
import time
import traceback
from collections import Counter
from typing import Any

import numpy as np

from playhead.host.display.hands import Hands, Locks
from playhead.host.display.rfb.connection import MOST_REPLIES, Connection, Stage
from playhead.host.display.rfb.messages import Key
from playhead.host.display.rfb.security import answer
from playhead.host.display.rfb.wire import ENCODINGS, RfbError
from tools.fuzz.cases import MOST_FINDINGS, Finding

PASSWORD = "secret"
CHUNK = 1 << 16
SIZES = [(1, 1), (16, 16), (33, 17), (80, 50), (320, 200)]
PSEUDO = (-223, -257, -258, -261, -307, -308, -312, -313, -239, -314, -305, -32, -23, -256, -247)
MOST_S = 5.0
REPLY = 2_000  # bytes that one message may cause at most


class Client:
    """What one says, by chance."""

    def __init__(self, made: random.Random):
        self.made = made
        self.password = made.random() < 0.3
        self.challenge = made.randbytes(16)

    def handshake(self) -> bytes:
        made = self.made
        version = made.choice([b"003.003", b"003.005", b"003.007", b"003.008", b"003.008", b"003.008"])
        chosen = b"" if version < b"003.007" else b"\2" if self.password else b"\1"
        said = b"RFB " + version + b"\n" + chosen
        if self.password:
            said += answer(PASSWORD if made.random() < 0.9 else "wrong", self.challenge)
        return said + bytes([made.random() < 0.8])

    def small(self) -> int:
        """A number of 16 bits that is often at an edge."""
        return self.made.choice([0, 1, self.made.randrange(400), 0x7FFF, 0xFFFF, self.made.randrange(0x10000)])

    def area(self) -> bytes:
        whole = self.made.random() < 0.5
        return struct.pack(">HHHH", *(0, 0, 400, 300) if whole else (self.small() for _ in range(4)))

    def message(self) -> bytes:
        made = self.made
        kind = made.choice([0, 2, 3, 3, 3, 3, 4, 5, 6, 150, 248, 251, 255])
        keysym, number = made.choice([0x61, 0xFFE5, 0xFFB1, made.getrandbits(32)]), made.choice([0, 0x3A, 0x1FF])
        body: dict[int, Any] = {
            0: self.pixel_format, 2: self.encodings, 3: lambda: bytes([made.randrange(2)]) + self.area(),
            4: lambda: struct.pack(">BxxI", made.randrange(2), keysym),
            5: lambda: struct.pack(">BHH", made.randrange(256), self.small(), self.small()), 6: self.text,
            150: lambda: bytes([made.randrange(2)]) + self.area(), 248: self.fence, 251: self.screens,
            255: lambda: struct.pack(">BHII", 0, made.randrange(2), keysym, number),
        }  # fmt: skip
        return bytes([kind]) + body[kind]()

    def pixel_format(self) -> bytes:
        made = self.made
        good: list[tuple[int, ...]] = [
            (32, 24, 0, 1, 255, 255, 255, 16, 8, 0), (16, 16, 1, 1, 31, 63, 31, 11, 5, 0), (8, 8, 0, 0) + (0,) * 6,
            (8, 8, 0, 1, 7, 7, 3, 0, 3, 6), (32, 30, 1, 1, 1023, 1023, 1023, 20, 10, 0),
        ]  # fmt: skip
        odd = tuple(made.choice([0, 1, 8, 16, 24, 32, 255]) for _ in range(10))
        fields = made.choice(good) if made.random() < 0.98 else odd
        return struct.pack(">xxxBBBBHHHBBBxxx", *fields)

    def encodings(self) -> bytes:
        known = [self.made.choice(ENCODINGS + PSEUDO + PSEUDO) for _ in range(self.made.randrange(12))]
        return struct.pack(f">xH{len(known)}i", len(known), *known)

    def text(self) -> bytes:
        size = self.made.choice([0, 5, -7, 3000, 1 << 20])
        return struct.pack(">xxxi", size) + bytes(min(abs(size), 4000))

    def fence(self) -> bytes:
        data = self.made.randbytes(self.made.choice([0, 5, 6, 64] * 10 + [65]))
        return struct.pack(">xxxIB", self.made.choice([0, 1 << 31, 0x8000_0007, 0xFFFF_FFFF]), len(data)) + data

    def screens(self) -> bytes:
        count = self.made.choice([0, 1, 3, 64] * 10 + [200])
        return struct.pack(">xHHBx", self.small(), self.small(), count) + bytes(16 * count)

    def stream(self) -> bytes:
        made = self.made
        said = bytearray(self.handshake())
        if made.random() < 0.8:
            said += b"\2\0\0\3" + struct.pack(">iii", made.choice(ENCODINGS), -312, -313)
        for _ in range(made.randrange(60)):
            said += made.randbytes(made.randrange(9)) if made.random() < 0.01 else self.message()
        if made.random() < 0.3:
            for _ in range(made.randrange(1, 6)):
                at = made.randrange(len(said))
                if made.random() < 0.5:
                    said[at] = made.randrange(256)
                else:
                    said[at : at + made.randrange(4)] = made.randbytes(made.randrange(4))
        return bytes(said)


class Case:
    def __init__(self, seed: int, number: int):
        self.made = random.Random(f"{seed}.{number}")
        self.client = Client(self.made)
        password = (lambda: PASSWORD) if self.client.password else None
        self.connection = Connection("fuzz", password, self.client.challenge, lossy=self.made.random() < 0.5)
        self.hands = Hands(lambda keysym: "a" if keysym & 1 else None, Locks(), sync=True)
        self.largest = 0  # bytes of a picture

    def run(self) -> str:
        """How it ended."""
        said = self.client.stream()
        at = 0
        try:
            while at < len(said):
                size = min(self.made.choice([1, 7, 100, 5000, CHUNK]), len(said) - at)
                if self.connection.reading:
                    self.timed(self.connection.feed, said[at : at + size])
                    at += size
                if self.connection.stage is Stage.OVER:
                    return self.connection.failure.partition(":")[0]
                self.between()
        except RfbError as e:
            return "".join(c for c in str(e) if not c.isdigit())
        return "to the end"

    def between(self) -> None:
        connection = self.connection
        if connection.stage is Stage.ADMISSION:
            connection.admit()
        for event in connection.typed:
            if isinstance(event, Key):
                self.hands.key(event)
            else:
                self.hands.pointer(event, connection.relative)
        connection.typed.clear()
        if self.made.random() < 0.2:
            connection.light(self.made.randrange(8))
            connection.title(str(self.made.random()))
        if connection.wants:
            self.timed(connection.update, self.picture())
        if len(connection.out) > self.largest * 5 + MOST_REPLIES + CHUNK // 4 * REPLY:
            raise Finding(f"{len(connection.out)} bytes are kept for a client that does not read")
        if self.made.random() < 0.7 or not connection.reading:
            self.timed(connection.sent, self.made.choice([len(connection.out), min(100, len(connection.out))]))

    def picture(self) -> Any:
        height, width = self.made.choice(SIZES)
        self.largest = max(self.largest, height * width * 4 + 10_000)
        noise = np.random.default_rng(self.made.getrandbits(32))
        colours = self.made.choice([1, 2, 16, 1 << 24])
        return noise.integers(0, colours, (height, width), dtype=np.uint32)

    def timed(self, act: Any, *arguments: Any) -> None:
        begin = time.monotonic()
        act(*arguments)
        if time.monotonic() - begin > MOST_S:
            raise Finding(f"{act.__name__} takes {time.monotonic() - begin:.1f} s")


def fuzz(seed: int, numbers: range) -> tuple[Counter[str], list[str]]:
    """How often cases ended in which way, and the findings."""
    ends: Counter[str] = Counter()
    findings: list[str] = []
    for number in numbers:
        try:
            ends[Case(seed, number).run()] += 1
        except Exception:
            findings.append(f"--seed {seed} --only {number}\n{traceback.format_exc()}")
            if len(findings) >= MOST_FINDINGS:
                break
    return ends, findings


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    arguments = parser.parse_args()
    numbers = range(arguments.count) if arguments.only is None else range(arguments.only, arguments.only + 1)
    begin = time.monotonic()
    ends, findings = fuzz(arguments.seed, numbers)
    for end, count in ends.most_common():
        print(f"{count:7}  {end}")
    for finding in findings:
        print(finding)
    print(f"vnc: {sum(ends.values())} cases in {time.monotonic() - begin:.0f} s, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
