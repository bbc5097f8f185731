"""LLVM text of what probes do when they are executed (probe_code.py), and of where an instruction is left early.

probe        count one more execution of a piece
trace        append to the trace: low halves of the uop's address and of the instruction count; leave if it is full
rep_begin, rep_end    take the instruction count around a REP
bail         the instruction did not happen: noted if pieces are counted, then `give_back`
repeated     a REP is left between two iterations
stop_short   as `stop`, where that is within a piece; the uop names the one at which the block was cut
"""

from playhead.engine.llvm import layout as L
from playhead.engine.llvm.emit import SIGNATURE
from playhead.x86 import state as S

_CC = "preserve_nonecc"
_ON = f"""\
  %next = getelementptr i8, ptr %uop, i64 {L.UOP_SIZE}
  %h = load ptr, ptr %next, align 8
  musttail call {_CC} void %h(ptr %cpu, ptr %next, i32 %eip, i64 %budget, ptr %tbl)
  ret void
"""  # on to the next uop
EXPORTS = ("probe", "trace", "rep_begin", "rep_end", "stop_short")
INNER = ("give_back", "repeated", "cut_short", "leave_repeated")  # not for Python


def _at(name: str, offset: int) -> str:
    return f"  %{name} = getelementptr i8, ptr %cpu, i64 {offset}\n"


def _executed(left: str) -> str:
    """Instructions that have retired in front of a uop; `left`: of the budget, what they leave."""
    return f"""\
{_at("pe", S.offset("icount_end"))}  %until = load i64, ptr %pe
  %icount = sub i64 %until, {left}
"""


_LEFT = f"""\
  %pr = getelementptr i8, ptr %uop, i64 {L.UOP["rem"][0]}
  %r16 = load i16, ptr %pr
  %r = zext i16 %r16 to i64
  %left = add i64 %budget, %r
"""
_COUNTER = f"""\
  %pa = getelementptr i8, ptr %uop, i64 {L.PROBE_AT}
  %counter = load ptr, ptr %pa, align 8
  %old = load i64, ptr %counter, align 8
"""


def _tail(target: str) -> str:
    return f"  musttail call {_CC} void {target}(ptr %cpu, ptr %uop, i32 %eip, i64 %budget, ptr %tbl)\n  ret void\n"


def _counting(noted: str, plain: str) -> str:
    """Go on at one of two stubs: whether pieces are counted."""
    return f"""\
{_at("pm", S.offset("probes"))}  %mode = load i32, ptr %pm
  %bit = and i32 %mode, {S.PROBE_COUNT}
  %counted = icmp ne i32 %bit, 0
  br i1 %counted, label %note, label %on, !prof !2
note:
{_tail(noted)}on:
{_tail(plain)}"""


def _define(name: str, body: str, cold: bool = False) -> str:
    return f"\ndefine {_CC} void @{name}({SIGNATURE}) #{int(cold)} {{\n{body}}}\n"


def _note(routine: str, left: str, then: str) -> str:
    return f"""\
{_executed(left)}  %u = ptrtoint ptr %uop to i64
  %x = call {{i32, i64}} @r_{routine}(ptr %cpu, i64 %u, i64 %icount)
{_tail(then)}"""


def _trace() -> str:
    return f"""\
{_at("pt", S.offset("trace_top"))}  %top = load i64, ptr %pt
{_at("px", S.offset("trace_end"))}  %end = load i64, ptr %px
  %full = icmp eq i64 %top, %end
  br i1 %full, label %out, label %on, !prof !2
on:
{_LEFT}{_executed("%left")}  %pa = getelementptr i8, ptr %uop, i64 {L.PROBE_AT}
  %low = load i32, ptr %pa, align 8
  %wide = zext i32 %low to i64
  %high = shl i64 %icount, 32
  %entry = or i64 %wide, %high
  %to = inttoptr i64 %top to ptr
  store i64 %entry, ptr %to, align 8
  %top2 = add i64 %top, 8
  store i64 %top2, ptr %pt
{_ON}out:
{_at("pw", S.offset("exit_reason"))}  store i32 {S.EXIT_TRACE}, ptr %pw
{_tail("@bail")}"""


def _stop_short() -> str:
    return f"""\
  %ps = getelementptr i8, ptr %uop, i64 {L.PROBE_AT}
  %s = load i64, ptr %ps, align 8
{_at("pn", S.offset("ptr", S.REGIONS["arena"]))}  %arena = load i64, ptr %pn
{_at("pc", S.offset("ptr", S.REGIONS["cut_short"]))}  %counts = load ptr, ptr %pc
  %d = sub i64 %s, %arena
  %i = lshr i64 %d, {L.UOP_BITS}
  %p = getelementptr i64, ptr %counts, i64 %i
  %old = load i64, ptr %p
  %new = add i64 %old, 1
  store i64 %new, ptr %p
{_tail("@stop")}"""


def _count(change: str) -> str:
    return f"{_COUNTER}  %new = {change}\n  store i64 %new, ptr %counter, align 8\n{_ON}"


def probe_stubs() -> str:
    return "".join((
        _define("probe", _count("add i64 %old, 1")),
        _define("trace", _trace()),
        _define("rep_begin", _LEFT + _executed("%left") + _count("sub i64 %old, %icount")),
        _define("rep_end", _executed("%budget") + _count("add i64 %old, %icount")),
        _define("bail", _counting("@cut_short", "@give_back")),
        _define("cut_short", _LEFT + _note("note_cut_short", "%left", "@give_back"), cold=True),
        _define("repeated", _counting("@leave_repeated", "@go_slow")),
        _define("leave_repeated", _note("note_repeated", "%budget", "@go_slow"), cold=True),
        _define("stop_short", _stop_short()),
    ))  # fmt: skip
