"""What goes into an oracle and what comes out: `Case`, `Segment`, `Result`."""

from dataclasses import dataclass, field

from tools.oracle import layout

CF, PF, AF, ZF, SF, TF, DF, OF = 0x1, 0x4, 0x10, 0x40, 0x80, 0x100, 0x400, 0x800
NT, AC, ID = 0x4000, 0x4_0000, 0x20_0000
STATUS_FLAGS = CF | PF | AF | ZF | SF | OF
USER_FLAGS = STATUS_FLAGS | TF | DF | NT | AC | ID  # what code at level 3 can change, and what a Result holds
FIXED_FLAGS = 0x202  # bit 1, and IF: what `pushfd` shows besides; IOPL is 0

# Pseudo vectors of Result.trap: not something that the CPU raised.
TIMEOUT = 256  # the case did not end
SYSCALL = 257  # sysenter/syscall reached the host's kernel (`int 80h` is reported as the #GP that it would be)
CRASH = 258  # the oracle's process died of this case
HALT = 259  # `hlt` at level 0

HAS_ERROR_CODE = frozenset({8, 10, 11, 12, 13, 14, 17})
PAGE_FAULT = 14
PAGE_FAULT_BITS = 0xF  # P, W, U, RSVD; no instruction-fetch bit, which needs NX paging

FX_SIZE = 288  # of Result.fx: FXSAVE's header, ST0-7 and XMM0-7 (what 32-bit code can see)
FX_INITIAL = bytes.fromhex("7f03") + bytes(22) + bytes.fromhex("801f0000") + bytes(484)


class OracleUnavailable(RuntimeError):
    """The host cannot offer this oracle; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Segment:
    """An LDT descriptor, DPL 3, accessed. `limit` counts bytes, as compared: above 0xfffff it ends in fff."""

    base: int
    limit: int
    kind: str = "data"  # data, readonly, down (expand-down), readonly-down, code (readable), execute
    big: bool = True  # D/B: 32-bit code, 32-bit stack pointer, upper bound of an expand-down segment
    present: bool = True

    KINDS = {  # Linux's `contents` and `read_exec_only`
        "data": (0, 0),
        "readonly": (0, 1),
        "down": (1, 0),
        "readonly-down": (1, 1),
        "code": (2, 0),
        "execute": (2, 1),
    }

    def __post_init__(self) -> None:
        if self.kind not in self.KINDS:
            raise ValueError(f"segment kind {self.kind!r}: one of {', '.join(self.KINDS)}")
        if not (0 <= self.base <= 0xFFFF_FFFF and 0 <= self.limit <= 0xFFFF_FFFF):
            raise ValueError(f"segment base {self.base:#x}, limit {self.limit:#x}: 32 bits each")
        if self.pages and self.limit & 0xFFF != 0xFFF:
            raise ValueError(f"segment limit {self.limit:#x}: above 0xfffff it counts pages, so it ends in fff")

    @property
    def pages(self) -> bool:
        return self.limit > 0xF_FFFF

    def _limit_field(self) -> int:
        return self.limit >> 12 if self.pages else self.limit

    def descriptor(self) -> bytes:
        """The eight bytes of the descriptor, as the host's kernel builds them."""
        contents, restricted = self.KINDS[self.kind]
        limit = self._limit_field()
        access = 1 | (restricted ^ 1) << 1 | contents << 2 | 0x10 | 3 << 5 | self.present << 7
        high = (self.base >> 16 & 0xFF) | access << 8 | (limit & 0xF0000) | self.big << 22 | self.pages << 23
        value = (limit & 0xFFFF) | (self.base & 0xFFFF) << 16 | (high | (self.base & 0xFF00_0000)) << 32
        return value.to_bytes(8, "little")

    def user_desc(self, slot: int) -> tuple[int, int, int, int]:
        """Linux's `struct user_desc` as four words (modify_ldt(2))."""
        contents, restricted = self.KINDS[self.kind]
        flags = self.big | contents << 1 | restricted << 3 | self.pages << 4 | (not self.present) << 5
        return slot, self.base, self._limit_field(), int(flags)


def slot_of(name: str) -> int:
    """The LDT slot of a key of `Case.segments`: 1-6 for es cs ss ds fs gs, N for `ldtN`."""
    if name in layout.SEGMENT_NAMES:
        return 1 + layout.SEGMENT_NAMES.index(name)
    if name.startswith("ldt") and name[3:].isdigit() and int(name[3:]) < layout.LDT_SLOTS:
        return int(name[3:])
    raise ValueError(f"segment {name!r}: one of {' '.join(layout.SEGMENT_NAMES)} or ldt0..ldt{layout.LDT_SLOTS - 1}")


def selector_of(name: str) -> int:
    return slot_of(name) << 3 | 7


@dataclass(slots=True)
class Case:
    """One run: from the first byte of `code` until eip is just after its last byte, or until a trap.

    `segments` maps a segment register to the descriptor that it starts with, or `ldtN` to a descriptor that is only
    in the LDT (`selector_of` gives the selector of either). A register that is not named starts flat.
    """

    code: bytes  # at CODE_BASE + origin
    regs: tuple[int, ...]  # eax ecx edx ebx esp ebp esi edi
    eflags: int = 0  # within USER_FLAGS
    data: bytes = b""  # at DATA_BASE; what it does not cover comes from layout.background()
    fx: bytes | None = None  # 512 bytes as of FXSAVE; None: FNINIT state, and Result.fx is None as well
    segments: dict[str, Segment] | None = None
    patches: tuple[tuple[int, bytes], ...] = ()  # further initial content: (linear address, bytes), in any window
    origin: int = 0  # where in the code window the code starts
    cpl: int = 3  # 0: for Unicorn only

    def pieces(self) -> list[tuple[int, bytes]]:
        """The case's own initial memory, as (offset in the image of all windows, bytes)."""
        if self.origin + len(self.code) > layout.CODE_SIZE:
            raise ValueError(f"code of {len(self.code)} bytes at {self.origin}: the code window has {layout.CODE_SIZE}")
        pieces = [(self.origin, self.code)] if self.code else []
        if self.data:
            pieces += layout.image_pieces(layout.DATA_BASE, self.data)
        for address, content in self.patches:
            pieces += layout.image_pieces(address, content)
        return pieces

    def image(self) -> bytearray:
        """The initial content of all windows."""
        image = bytearray(layout.background())
        for offset, content in self.pieces():
            image[offset : offset + len(content)] = content
        return image

    def selectors(self) -> tuple[int, ...]:
        """The selectors that the case starts with: es cs ss ds fs gs."""
        flat = [layout.DATA_SELECTOR] * 6
        flat[1] = layout.CODE_SELECTOR
        for name in self.segments or ():
            if name in layout.SEGMENT_NAMES:
                flat[layout.SEGMENT_NAMES.index(name)] = selector_of(name)
        return tuple(flat)

    def base_of(self, selector: int) -> int:
        """The base of a selector of this case (0: flat, or not ours)."""
        if selector & 4 and self.segments:
            for name, segment in self.segments.items():
                if slot_of(name) == selector >> 3:
                    return segment.base
        return 0

    def check(self) -> None:
        """ValueError if the case asks for what no oracle can set up."""
        if self.eflags & ~USER_FLAGS:
            raise ValueError(f"eflags {self.eflags:#x}: only bits of {USER_FLAGS:#x}")
        if self.fx is not None and (len(self.fx) != 512 or self.fx[26:28] != b"\0\0"):
            raise ValueError("fx: 512 bytes as of FXSAVE, MXCSR without reserved bits")
        for name, segment in (self.segments or {}).items():
            slot_of(name)
            if name in layout.SEGMENT_NAMES:
                _check_loadable(name, segment)


def _check_loadable(name: str, segment: Segment) -> None:
    allowed = {"cs": ("code", "execute"), "ss": ("data", "down")}.get(name)
    unusable = segment.kind not in allowed if allowed else segment.kind == "execute"
    if unusable or not segment.present:
        raise ValueError(f"{name} cannot start with {segment}: put it at `ldtN` and let the code load it")


@dataclass(slots=True)
class Result:
    """The state when the case ended.

    `eip` is the linear address of the next (after a fault: the faulting) instruction, relative to the start of the
    code, modulo 2^32. `trap` is None at the end of the code, else (vector, error code, cr2); vectors above 255 are
    TIMEOUT, SYSCALL, CRASH, HALT, whose other fields mean nothing. `data` is what the case changed in memory: (linear
    address, value) of each aligned 8-byte word whose value differs from the initial one, in the windows' order.
    """

    regs: tuple[int, ...]
    eip: int
    eflags: int  # within USER_FLAGS
    data: tuple[tuple[int, int], ...]
    fx: bytes | None = field(repr=False)  # FX_SIZE bytes; selectors of FIP and FDP are zero
    trap: tuple[int, int, int] | None
    selectors: tuple[int, ...]  # es cs ss ds fs gs

    def image(self, case: Case) -> bytearray:
        """The final content of all windows."""
        image = case.image()
        for address, value in self.data:
            window = layout.window_at(address)
            assert window is not None
            offset = window.offset + address - window.base
            image[offset : offset + 8] = value.to_bytes(8, "little")
        return image
