"""The memory that every oracle case runs in: fixed linear addresses, rights per window, initial content.

An engine under test builds the same page tables from `WINDOWS`: each page of a window is present, user, and writable
if the window is; everything else in the 4 GiB is not present. There is no NX bit: every present page can be executed.
The windows lie so that accesses can cross from a writable page into a writable page, a read-only page and nothing.
"""

import hashlib
from dataclasses import dataclass
from functools import cache

PAGE = 4096

CODE_BASE = 0x1000_0000
CODE_SIZE = 2 * PAGE
DATA_BASE = 0x2000_0000
DATA_SIZE = 4 * PAGE
READONLY_BASE = DATA_BASE + DATA_SIZE  # directly after the data: a store can cross into it
READONLY_SIZE = PAGE
STACK_BASE = 0x3000_0000
STACK_SIZE = 2 * PAGE
STACK_TOP = STACK_BASE + STACK_SIZE  # an empty stack's esp: the first push writes just below it

# Selectors as Linux has them, so that `push cs` and friends agree; the harness's GDT needs these two (flat, DPL 3).
CODE_SELECTOR = 0x23
DATA_SELECTOR = 0x2B  # ss ds es fs gs: flat, writable
SEGMENT_NAMES = ("es", "cs", "ss", "ds", "fs", "gs")
LDT_SLOTS = 16

SENTINEL = 0xCC  # int3: fills the code window, so it also follows the code of the case
GATES_FOR_USERS = (3, 4)  # IDT gates with DPL 3: `int3`, `into`; any other `int n` is #GP(8 n + 2)


@dataclass(frozen=True)
class Window:
    name: str
    base: int
    size: int
    writable: bool
    offset: int  # of the window in an image of all windows, one after the other

    @property
    def end(self) -> int:
        return self.base + self.size


def _windows() -> tuple[Window, ...]:
    rows = (
        ("code", CODE_BASE, CODE_SIZE, True),
        ("data", DATA_BASE, DATA_SIZE, True),
        ("readonly", READONLY_BASE, READONLY_SIZE, False),
        ("stack", STACK_BASE, STACK_SIZE, True),
    )
    windows, offset = [], 0
    for name, base, size, writable in rows:
        windows.append(Window(name, base, size, writable, offset))
        offset += size
    return tuple(windows)


WINDOWS = _windows()
IMAGE_SIZE = sum(window.size for window in WINDOWS)


def window_at(address: int) -> Window | None:
    """The window that holds a linear address."""
    for window in WINDOWS:
        if window.base <= address < window.end:
            return window
    return None


@cache
def background() -> bytes:
    """What all windows hold before a case's own bytes go in: int3 in the code window, fixed noise elsewhere."""
    noise = hashlib.shake_128(b"playhead oracle background").digest(IMAGE_SIZE - CODE_SIZE)
    return bytes([SENTINEL]) * CODE_SIZE + noise


def image_pieces(address: int, content: bytes) -> list[tuple[int, bytes]]:
    """(offset in the image, bytes) for content at a linear address; it may run from one window into the next."""
    pieces = []
    while content:
        window = window_at(address)
        if window is None:
            raise ValueError(f"no oracle memory at {address:#x} (windows: {describe()})")
        part = content[: window.end - address]
        pieces.append((window.offset + address - window.base, part))
        address, content = address + len(part), content[len(part) :]
    return pieces


def describe() -> str:
    return ", ".join(f"{w.name} {w.base:#x}-{w.end:#x} {'rw' if w.writable else 'r'}" for w in WINDOWS)


def changed_words(before: bytes, after: bytes) -> tuple[tuple[int, int], ...]:
    """(linear address, value) of each aligned 8-byte word that differs between two images, as in `Result.data`."""
    changes = []
    for window in WINDOWS:
        for offset in range(window.offset, window.offset + window.size, PAGE):
            if before[offset : offset + PAGE] == after[offset : offset + PAGE]:
                continue
            old = memoryview(before)[offset : offset + PAGE].cast("Q")
            new = memoryview(after)[offset : offset + PAGE].cast("Q")
            page = window.base + offset - window.offset
            changes += [(page + 8 * i, new[i]) for i in range(PAGE // 8) if old[i] != new[i]]
    return tuple(changes)
