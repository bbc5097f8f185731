"""The few native functions that are not instructions: where handlers go when they cannot simply continue.

give_back the instruction did not happen: return the rest of the block to the budget, stay before it. Handlers go there
          by `bail` (probe_stubs.py)
go        continue at a computed EIP: through the jump cache, or out to the run loop
go_slow   leave to the run loop, which checks everything and then continues at an EIP
unlinked  a direct jump whose link is missing, or too long for the budget; `uop` is the link record. Nothing links to
          another page (its translation has to be live at each entry), so then this continues as `go` does
end       a block ends without a branch: like a direct jump to what follows
stop      a block that was cut short ends here
count     entry of a block whose entries are counted: the second tier is told of it now and then (heat.py)
device_entry  call a function that a device declared (device_code.py)
reference an instruction that only the reference engine runs
"""

from playhead.engine.llvm import jump_cache
from playhead.engine.llvm import layout as L
from playhead.engine.llvm import probe_stubs
from playhead.engine.llvm.emit import SIGNATURE, Layout
from playhead.x86 import state as S

_CC = "preserve_nonecc"
_OFF, _REM = L.UOP["off"][0], L.UOP["rem"][0]
_LOAD_OFF = f"""\
  %po = getelementptr i8, ptr %uop, i64 {_OFF}
  %o16 = load i16, ptr %po
  %o = zext i16 %o16 to i32
"""
_ENTER = f"""
  %n32 = load i32, ptr %block, align 4
  %n = zext i32 %n32 to i64
  %left = sub i64 %budget, %n
  %low = icmp slt i64 %left, 0
  br i1 %low, label %slow, label %fast, !prof !2
fast:
  %u = getelementptr i8, ptr %block, i64 {L.HEADER}
  %ph = getelementptr i8, ptr %block, i64 {L.B_ENTRY}
  %h = load ptr, ptr %ph, align 8
"""  # the block, or the label `slow` if the budget is too small for it

# What Python calls: a routine's name, its parameters besides the state block, and whether it returns a number.
_CALLED = (
    ("run", "", False), ("host_flush", "", False), ("update_mode", "", False), ("code_written", "i32 %page", False),
    ("forget_code", "", False), ("collect_written", "i32 %pages", False), ("ram_digest", "i32 %pages", True),
    ("tlb_digest", "", True), ("host_unshow", "i32 %first, i32 %count", False),
    ("note_state", "i64 %pieces, i64 %to, i32 %pages", False),
)  # fmt: skip
EXPORTS = ("bail", "go", "go_slow", "end", "stop", "reference", "count", *probe_stubs.EXPORTS,
           *(f"ph_{name}" for name, _, _ in _CALLED))  # fmt: skip


def stubs(layout: Layout) -> str:
    """LLVM text of all stubs and of the functions that Python calls."""
    s = layout.state
    lookup = _lookup(layout.regions["jump_cache"])
    leaving = _go_slow(s), _give_back(s), _stop(), _reference(s)
    entering = _go(s, lookup), _unlinked(s, lookup), _end(s), _count(s)
    return "".join((*leaving, *entering, probe_stubs.probe_stubs(), _CALLS, *(_called(*row) for row in _CALLED)))


def _at(name: str, offset: int) -> str:
    return f"  %{name} = getelementptr i8, ptr %cpu, i64 {offset}\n"


def _go_slow(s: dict[str, int]) -> str:
    """Leave to the run loop."""
    return f"""
define {_CC} void @go_slow({SIGNATURE}) #0 {{
{_at("pe", s["eip"])}  store i32 %eip, ptr %pe
{_at("pb", s["budget"])}  store i64 %budget, ptr %pb
{_at("pl", s["link_slot"])}  store i64 0, ptr %pl
  ret void
}}
"""


def _give_back(s: dict[str, int]) -> str:
    """The instruction did not happen: return the rest of the block to the budget, and take back what it has counted
    (page_counts.py)."""
    return f"""
define {_CC} void @give_back({SIGNATURE}) #0 {{
{_at("pjn", s["journal_n"])}  %jn = load i32, ptr %pjn
  %counted = icmp ne i32 %jn, 0
  br i1 %counted, label %whose, label %on, !prof !2
whose:
{_at("pju", s["journal_uop"])}  %ju = load ptr, ptr %pju
{_at("pjb", s["journal_budget"])}  %jb = load i64, ptr %pjb
  %sameuop = icmp eq ptr %ju, %uop
  %sametime = icmp eq i64 %jb, %budget
  %own = and i1 %sameuop, %sametime
  br i1 %own, label %undo, label %on
undo:
  %undone = call {{i32, i64}} @r_undo_counts(ptr %cpu)
  br label %on
on:
{_LOAD_OFF}  %pr = getelementptr i8, ptr %uop, i64 {_REM}
  %r16 = load i16, ptr %pr
  %r = zext i16 %r16 to i64
  %e = add i32 %eip, %o
  %b = add i64 %budget, %r
  musttail call {_CC} void @go_slow(ptr %cpu, ptr %uop, i32 %e, i64 %b, ptr %tbl)
  ret void
}}
"""


def _stop() -> str:
    """The end of a block that was cut short."""
    return f"""
define {_CC} void @stop({SIGNATURE}) #0 {{
{_LOAD_OFF}  %e = add i32 %eip, %o
  musttail call {_CC} void @go_slow(ptr %cpu, ptr %uop, i32 %e, i64 %budget, ptr %tbl)
  ret void
}}
"""


def _reference(s: dict[str, int]) -> str:
    """Leave before an instruction for the reference engine."""
    return f"""
define {_CC} void @reference({SIGNATURE}) #0 {{
{_at("pr", s["exit_reason"])}  store i32 {S.EXIT_REFERENCE}, ptr %pr
  musttail call {_CC} void @bail(ptr %cpu, ptr %uop, i32 %eip, i64 %budget, ptr %tbl)
  ret void
}}
"""


def _lookup(cache: int) -> str:
    """Enter the block at %eip by the jump cache, or continue at the label `slow`."""
    names = ("e64", "want", "hi", "lo", "x", "i32", "i", "slot", "have", "hit")
    look = "\n".join(f"  {line}" for line in jump_cache.look("%eip", "%key", "%jc", [f"%{n}" for n in names]))
    return f"""
{_at("pj", cache)}  %jc = load ptr, ptr %pj, !invariant.load !0
{look}
  br i1 %hit, label %known, label %slow, !prof !1
known:
  %pblk = getelementptr i8, ptr %slot, i64 8
  %block = load ptr, ptr %pblk, align 8
{_ENTER}  musttail call {_CC} void %h(ptr %cpu, ptr %u, i32 %eip, i64 %left, ptr %tbl)
  ret void
slow:
"""


def _go(s: dict[str, int], lookup: str) -> str:
    """A computed jump."""
    return f"""
define {_CC} void @go({SIGNATURE}) #0 {{
{_at("pk", s["jump_key"])}  %key = load i64, ptr %pk
{lookup}  musttail call {_CC} void @go_slow(ptr %cpu, ptr %uop, i32 %eip, i64 %budget, ptr %tbl)
  ret void
}}
"""


def _unlinked(s: dict[str, int], lookup: str) -> str:
    """A direct jump without a link: another page by the jump cache, else the run loop makes the link."""
    return f"""
define {_CC} void @unlinked({SIGNATURE}) #0 {{
{_at("pk", s["jump_key"])}  %key = load i64, ptr %pk
{_at("pf", s["link_from"])}  %from = load i32, ptr %pf
  %flat = and i64 %key, {S.MODE_FLAT << 32}
  %isflat = icmp ne i64 %flat, 0
  %differ = xor i32 %from, %eip
  %isfar = icmp uge i32 %differ, 4096
  %try = and i1 %isflat, %isfar
  br i1 %try, label %far, label %slow
far:
{_at("pw", S.offset("work", L.FAR_WORK))}  %block = load i64, ptr %pw
  store i64 %block, ptr %uop
  musttail call {_CC} void @go(ptr %cpu, ptr %uop, i32 %eip, i64 %budget, ptr %tbl)
  ret void
slow:
{_at("pe", s["eip"])}  store i32 %eip, ptr %pe
{_at("pb", s["budget"])}  store i64 %budget, ptr %pb
{_at("pl", s["link_slot"])}  store ptr %uop, ptr %pl
  ret void
}}
"""


def _end(s: dict[str, int]) -> str:
    """The end of a block without a branch: by the link to what follows."""
    return f"""
define {_CC} void @end({SIGNATURE}) #0 {{
{_LOAD_OFF}  %to = add i32 %eip, %o
  %link = getelementptr i8, ptr %uop, i64 {L.UOP_SIZE}
  %block = load ptr, ptr %link, align 8
{_ENTER}  musttail call {_CC} void %h(ptr %cpu, ptr %u, i32 %to, i64 %left, ptr %tbl)
  ret void
slow:
{_at("pf", s["link_from"])}  store i32 %eip, ptr %pf
  musttail call {_CC} void @unlinked(ptr %cpu, ptr %link, i32 %to, i64 %budget, ptr %tbl)
  ret void
}}
"""


def _count(s: dict[str, int]) -> str:
    """The entry of a block whose entries are counted."""
    return f"""
define {_CC} void @count({SIGNATURE}) #0 {{
  %pc = getelementptr i8, ptr %uop, i64 {L.B_COUNT - L.HEADER}
  %before = load i32, ptr %pc, align 4
  %c = sub i32 %before, 1
  store i32 %c, ptr %pc, align 4
  %full = icmp eq i32 %c, 0
  br i1 %full, label %told, label %on, !prof !2
on:
  %h = load ptr, ptr %uop, align 8
  musttail call {_CC} void %h(ptr %cpu, ptr %uop, i32 %eip, i64 %budget, ptr %tbl)
  ret void
told:
  musttail call {_CC} void @counted(ptr %cpu, ptr %uop, i32 %eip, i64 %budget, ptr %tbl)
  ret void
}}

define hidden {_CC} void @counted({SIGNATURE}) #1 {{
  %pb = getelementptr i8, ptr %uop, i64 {-L.HEADER}
  %b = ptrtoint ptr %pb to i64
  %r = call {{i32, i64}} @r_tell(ptr %cpu, i64 %b)
  %all = extractvalue {{i32, i64}} %r, 1
  %leave = icmp ne i64 %all, 0
  br i1 %leave, label %out, label %on
out:
{_at("pr", s["exit_reason"])}  store i32 {S.EXIT_HEAT}, ptr %pr
  musttail call {_CC} void @give_back(ptr %cpu, ptr %uop, i32 %eip, i64 %budget, ptr %tbl)
  ret void
on:
  %h = load ptr, ptr %uop, align 8
  musttail call {_CC} void %h(ptr %cpu, ptr %uop, i32 %eip, i64 %budget, ptr %tbl)
  ret void
}}
"""


def _called(name: str, parameter: str, number: bool) -> str:
    """A function that Python calls, which calls the routine of the same name."""
    more = f", {parameter}" if parameter else ""
    result = "  %v = extractvalue {i32, i64} %r, 1\n  ret i64 %v\n" if number else "  ret void\n"
    return f"""
define {"i64" if number else "void"} @ph_{name}(ptr %cpu{more}) #0 {{
  %r = call {{i32, i64}} @r_{name}(ptr %cpu{more})
{result}}}
"""


_CALLS = """
define hidden ptr @slow_access(ptr %cpu, i32 %lin, i32 %kind, i64 %value) #1 {
  %r = call {i32, i64} @r_slow(ptr %cpu, i32 %lin, i32 %kind, i64 %value)
  %s = extractvalue {i32, i64} %r, 0
  %a = extractvalue {i32, i64} %r, 1
  %bad = icmp ne i32 %s, 0
  %v = select i1 %bad, i64 0, i64 %a
  %p = inttoptr i64 %v to ptr
  ret ptr %p
}

define hidden {i32, i64} @r_device_entry(ptr %cpu, i64 %entry, i64 %states, i64 %offset, i64 %size, i64 %value,
                                         i64 %now, i64 %icount) #0 {
  %f = inttoptr i64 %entry to ptr
  %s = inttoptr i64 %states to ptr
  %v = call i64 %f(ptr %s, i64 %offset, i64 %size, i64 %value, i64 %now, i64 %icount)
  %r = insertvalue {i32, i64} {i32 0, i64 poison}, i64 %v, 1
  ret {i32, i64} %r
}
"""  # accesses that leave the fast path; functions of devices
