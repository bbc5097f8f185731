"""What the text of compiled code is written with: names, loads and stores, what they are of, where lines go."""

from __future__ import annotations

from playhead.engine.llvm.tier2.values import Node

# What a load or store is of; LLVM may move accesses of one kind over those of another.
STATE, TABLE, GUEST, CODE, PROBE = "!tbaa !11", "!tbaa !12", "!tbaa !13", "!tbaa !14", "!tbaa !15"
FOOTER = """
attributes #0 = { nounwind "frame-pointer"="none" "no-stack-arg-probe" }
!0 = !{}
!1 = !{!"branch_weights", i32 4000, i32 1}
!2 = !{!"branch_weights", i32 1, i32 4000}
!10 = !{!"playhead"}
!11 = !{!21, !21, i64 0}
!12 = !{!22, !22, i64 0}
!13 = !{!23, !23, i64 0}
!14 = !{!24, !24, i64 0}
!15 = !{!25, !25, i64 0}
!21 = !{!"state", !10, i64 0}
!22 = !{!"table", !10, i64 0}
!23 = !{!"guest", !10, i64 0}
!24 = !{!"code", !10, i64 0}
!25 = !{!"probe", !10, i64 0}
declare i8 @llvm.ctpop.i8(i8)
declare i16 @llvm.ctpop.i16(i16)
declare i32 @llvm.ctpop.i32(i32)
declare i64 @llvm.ctpop.i64(i64)
declare i16 @llvm.bswap.i16(i16)
declare i32 @llvm.bswap.i32(i32)
declare i64 @llvm.bswap.i64(i64)
declare i16 @llvm.ctlz.i16(i16, i1)
declare i32 @llvm.ctlz.i32(i32, i1)
declare i64 @llvm.ctlz.i64(i64, i1)
declare i16 @llvm.cttz.i16(i16, i1)
declare i32 @llvm.cttz.i32(i32, i1)
declare i64 @llvm.cttz.i64(i64, i1)
"""
LIKELY, UNLIKELY = "!prof !1", "!prof !2"


class Scope:
    """Where text goes: the main path, or a place that is left for good. There, what the main path had when it was
    left is known."""

    def __init__(self, out: list[str], names: dict[int, str], limit: int | None):
        self.out, self.names, self.limit = out, names, limit


class FunctionText:
    """What the blocks of a function share. `lengths`: their instructions; `alone`: it is a unit, not a region.

    `inner`: block and place of a jump -> the blocks that it leads to inside of the function. `around`: the state that
    they hand on to each other, place -> width. `into`: block -> the jumps to it: label, values by place, budget."""

    def __init__(self, lengths: list[int], alone: bool):
        self.lengths, self.alone = lengths, alone
        self.inner: dict[tuple[int, int], list[int]] = {}
        self.around: dict[int, int] = {}
        self.into: dict[int, list[tuple[str, dict[int, str], str]]] = {n: [] for n in range(len(lengths))}
        self._shared: dict[int, str] = {}
        self.entered = "entry"  # the label that the entry ends with
        self.temp = 0
        self.entry = Scope(["entry:"], {}, 0)  # what comes once, in front of all blocks
        self.tails: list[str] = []  # what comes behind their main paths

    def length(self, n: int) -> int:
        return self.lengths[n]

    def eip(self, n: int) -> str:
        """EIP of a block's start."""
        return f"%eip{n}" if n else "%eip"

    def shared(self, cell: Node) -> str:
        """A field of the state block, read at the entry."""
        name = self._shared.get(cell.attr)
        if name is None:
            name = self._shared[cell.attr] = self.load(self.entry, f"i{cell.bits}", "%cpu", cell.attr, STATE)
        return name

    def leave_at_entry(self) -> str:
        """The label of an exit before anything was done: a unit's first instruction is tier 1's, a region's blocks are
        entered one by one."""
        if not self.alone:
            return "plain"
        if "untouched:" not in self.tails:
            out = Scope(["untouched:"], {}, 0)
            self.tail(out, self.load(out, "ptr", "%uop", 0, CODE), "%uop", "%eip", "%paid")
            self.tails += out.out
        return "untouched"

    def t(self) -> str:
        self.temp += 1
        return f"%t{self.temp}"

    def label(self, prefix: str = "L") -> str:
        self.temp += 1
        return f"{prefix}{self.temp}"

    def pointer(self, scope: Scope, base: str, offset: int) -> str:
        if offset == 0:
            return base
        p = self.t()
        scope.out.append(f"{p} = getelementptr i8, ptr {base}, i64 {offset}")
        return p

    def load(self, scope: Scope, kind: str, base: str, offset: int, of: str) -> str:
        p, v = self.pointer(scope, base, offset), self.t()
        scope.out.append(f"{v} = load {kind}, ptr {p}, {of}")
        return v

    def store(self, scope: Scope, kind: str, value: str, base: str, offset: int) -> None:
        p = self.pointer(scope, base, offset)
        scope.out.append(f"store {kind} {value}, ptr {p}, {STATE}")

    def tail(self, scope: Scope, target: str, uop: str, eip: str, budget: str) -> None:
        """Go on elsewhere, for good."""
        scope.out.append(
            f"musttail call preserve_nonecc void {target}(ptr %cpu, ptr {uop}, i32 {eip}, i64 {budget}, ptr %tbl)"
        )
        scope.out.append("ret void")
