"""What Intel's processors do otherwise than AMD's and ours: a case that differs is run again as on those, step by step.

So every later use of what they leave behind is covered, and nothing else is let through. Each is described in Intel's
manual, but for the last: PUSH of a segment register writes its 16 bits alone (volume 2, PUSH); a REP CMPS or SCAS that
is interrupted leaves the flags that it began with (volume 2, REP); FCS and FDS are zero, FOP and FDP those of the last
exception that was not masked (volume 1, 8.1.8 and 8.1.9); a store of an MMX register that faults has set TOP to 0.
"""

import struct
from dataclasses import dataclass

from playhead.x86 import state as S
from tools.fuzz.insn.cases import Piece
from tools.fuzz.insn.exclusions import C1_LEFT
from tools.fuzz.insn.harness import BUDGET, C1, IMAGE_FRAME, Target
from tools.oracle import case as model
from tools.oracle import layout
from tools.oracle.case import Case, Result

M32 = 0xFFFF_FFFF
PUSHED = "PUSH of a segment register: 16 bits are written"
REPEATED = "REP CMPS, REP SCAS: the flags when it is interrupted"
POINTERS = "FCS, FDS, FOP and FDP"
MMX_STORE = "a store of an MMX register that faults: TOP"
LOADS_POINTERS = frozenset("fldenv frstor fninit fnsave".split())
SEGMENT_PUSHES = frozenset(("06", "0e", "16", "1e", "0fa0", "0fa8"))
MMX_STORES = frozenset(("0f7e", "0f7f"))
SINGLE_STEP = 1  # between two iterations of a REP, too
FAULTS = (S.SS, S.GP, S.PFV, S.ACV)
ES = 0x80  # of the status word: an exception that is not masked


@dataclass
class Before:
    """What is looked at before an instruction, to put some of it back."""

    eip: int
    esp: int
    pointers: tuple[int, int]
    status: int
    stack: tuple[int, bool]  # its segment: base, whether it is one of 32 bits
    image: bytes


class IntelRun:
    """One run of a case; `reasons` says which differences showed."""

    def __init__(self, target: Target, case: Case, pieces: list[Piece], leaving_c1: frozenset[int] = frozenset()):
        self.target, self.case, self.core = target, case, target.core
        self.pieces = {p.start: p for p in pieces if p.form is not None}
        self.leaving_c1 = leaving_c1  # where the instructions start that leave C1
        self.reasons: set[str] = set()
        self.began: tuple[int, int] | None = None  # the REP that runs: where, the flags before it

    def run(self, limit: int = BUDGET) -> Result:
        """What Intel's processors would give."""
        return self.target.run_stepping(self.case, self._step, limit)

    def _step(self, start: int) -> None:
        core = self.core
        piece = self.pieces.get(start)
        repeats = piece is not None and piece.form is not None and piece.form.insn.name in ("cmps", "scas")
        if not repeats:
            self.began = None
        elif self.began is None or self.began[0] != start:
            self.began = start, core.eflags & S.STATUS
        if core.get("fcs") or core.get("fds"):
            core.set("fcs", 0)
            core.set("fds", 0)
            self.reasons.add(POINTERS)
        pushes = piece is not None and self._opcode(piece) in SEGMENT_PUSHES
        image = bytes(self.target.area[: layout.IMAGE_SIZE]) if pushes else b""
        stack = core.seg("ss", "base"), bool(core.seg("ss", "attr") >> 22 & 1)
        before = Before(core.get("eip"), core.get("regs", 4), self._pointers(), core.get("fsw"), stack, image)
        self.target.engine.run(1)
        if piece is None:
            return
        vector = self.target.vector()
        if vector is None:
            self._done(piece, before, core.get("regs", 4))
            return
        frame = core.get("regs", 4) + IMAGE_FRAME + (4 if vector in model.HAS_ERROR_CODE else 0) & M32
        back, esp = (struct.unpack_from("<I", self.target.area, frame + at)[0] for at in (0, 12))
        if vector == SINGLE_STEP and back != before.eip:
            self._done(piece, before, esp)
        elif vector in FAULTS or vector == SINGLE_STEP:
            self._interrupted(piece, vector, frame)

    def _opcode(self, piece: Piece) -> str:
        code = bytes(piece.code[len(piece.prefixes) :])
        return code[: 2 if code[0] == 0x0F else 1].hex()

    def _pointers(self) -> tuple[int, int]:
        return self.core.get("fop"), self.core.get("fdp")

    def _interrupted(self, piece: Piece, vector: int, frame: int) -> None:
        if self.began is not None and {0xF2, 0xF3} & set(piece.prefixes):
            (flags,) = struct.unpack_from("<I", self.target.area, frame + 8)
            struct.pack_into("<I", self.target.area, frame + 8, flags & ~S.STATUS | self.began[1])
            self.reasons.add(REPEATED)
        if self._opcode(piece) in MMX_STORES and vector in FAULTS:
            self.core.set("ftop", 0)
            self.reasons.add(MMX_STORE)

    def _done(self, piece: Piece, before: Before, esp: int) -> None:
        core = self.core
        assert piece.form is not None
        if piece.start in self.leaving_c1:
            core.set("fsw", core.get("fsw") & ~C1 | before.status & C1)
            self.reasons.add(C1_LEFT)
        raised = core.get("fsw") & ~before.status & ES
        if not raised and piece.form.insn.name not in LOADS_POINTERS and self._pointers() != before.pointers:
            core.set("fop", before.pointers[0])
            core.set("fdp", before.pointers[1])
            self.reasons.add(POINTERS)
        if before.image and before.esp - esp & 0xFFFF == 4:
            self._unpush(before, esp)

    def _unpush(self, before: Before, top: int) -> None:
        """Put back the upper half of what was pushed."""
        base, big = before.stack
        linear = base + (top if big else top & 0xFFFF) & M32
        for address in (linear + 2 & M32, linear + 3 & M32):
            window = layout.window_at(address)
            assert window is not None
            at = window.offset + address - window.base
            self.target.area[at : at + 1] = before.image[at : at + 1]
        self.reasons.add(PUSHED)
