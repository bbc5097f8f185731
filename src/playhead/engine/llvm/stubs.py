"""The few native functions that are not instructions: where handlers go when they cannot simply continue.

bail      the instruction did not happen: return the rest of the block to the budget, stay before it
go        continue at a computed EIP: through the jump cache, or out to the run loop
go_slow   leave to the run loop, which checks everything and then continues at an EIP
unlinked  a direct jump whose link is missing, or too long for the budget; `uop` is the link record. Nothing links to
          another page (its translation has to be live at each entry), so then this continues as `go` does
end       a block ends without a branch: like a direct jump to what follows
stop      a block that was cut short ends here
device_entry  call a function that a device declared (device_code.py)
reference an instruction that only the reference engine runs
"""

from playhead.engine.llvm import layout as L
from playhead.engine.llvm.emit import SIGNATURE, Layout
from playhead.x86 import state as S

_CC = "preserve_nonecc"


def _at(name: str, offset: int) -> str:
    return f"  %{name} = getelementptr i8, ptr %cpu, i64 {offset}\n"


def stubs(layout: Layout) -> str:
    """LLVM text of all stubs and of the functions that Python calls."""
    s = layout.state
    off, rem = L.UOP["off"][0], L.UOP["rem"][0]
    leave = f"""
define {_CC} void @go_slow({SIGNATURE}) #0 {{
{_at("pe", s["eip"])}  store i32 %eip, ptr %pe
{_at("pb", s["budget"])}  store i64 %budget, ptr %pb
{_at("pl", s["link_slot"])}  store i64 0, ptr %pl
  ret void
}}

define {_CC} void @bail({SIGNATURE}) #0 {{
  %po = getelementptr i8, ptr %uop, i64 {off}
  %o16 = load i16, ptr %po
  %o = zext i16 %o16 to i32
  %pr = getelementptr i8, ptr %uop, i64 {rem}
  %r16 = load i16, ptr %pr
  %r = zext i16 %r16 to i64
  %e = add i32 %eip, %o
  %b = add i64 %budget, %r
  musttail call {_CC} void @go_slow(ptr %cpu, ptr %uop, i32 %e, i64 %b, ptr %tbl)
  ret void
}}

define {_CC} void @stop({SIGNATURE}) #0 {{
  %po = getelementptr i8, ptr %uop, i64 {off}
  %o16 = load i16, ptr %po
  %o = zext i16 %o16 to i32
  %e = add i32 %eip, %o
  musttail call {_CC} void @go_slow(ptr %cpu, ptr %uop, i32 %e, i64 %budget, ptr %tbl)
  ret void
}}

define {_CC} void @reference({SIGNATURE}) #0 {{
{_at("pr", s["exit_reason"])}  store i32 {S.EXIT_REFERENCE}, ptr %pr
  musttail call {_CC} void @bail(ptr %cpu, ptr %uop, i32 %eip, i64 %budget, ptr %tbl)
  ret void
}}
"""
    enter = f"""
  %n32 = load i32, ptr %block, align 4
  %n = zext i32 %n32 to i64
  %left = sub i64 %budget, %n
  %low = icmp slt i64 %left, 0
  br i1 %low, label %slow, label %fast, !prof !2
fast:
  %u = getelementptr i8, ptr %block, i64 {L.HEADER}
  %h = load ptr, ptr %u, align 8
"""
    lookup = f"""
  %e64 = zext i32 %eip to i64
  %want = or i64 %key, %e64
  %hi = lshr i32 %eip, {12 - L.PAGE_JUMP_BITS}
  %lo = and i32 %eip, {L.PAGE_JUMPS - 1}
  %x = xor i32 %hi, %lo
  %i32 = and i32 %x, {(1 << L.JUMP_BITS) - 1}
  %i = zext i32 %i32 to i64
{_at("pj", layout.regions["jump_cache"])}  %jc = load ptr, ptr %pj, !invariant.load !0
  %slot = getelementptr [16 x i8], ptr %jc, i64 %i
  %have = load i64, ptr %slot, align 8
  %hit = icmp eq i64 %have, %want
  br i1 %hit, label %known, label %slow, !prof !1
known:
  %pblk = getelementptr i8, ptr %slot, i64 8
  %block = load ptr, ptr %pblk, align 8
{enter}  musttail call {_CC} void %h(ptr %cpu, ptr %u, i32 %eip, i64 %left, ptr %tbl)
  ret void
slow:
"""
    go = f"""
define {_CC} void @go({SIGNATURE}) #0 {{
{_at("pk", s["jump_key"])}  %key = load i64, ptr %pk
{lookup}  musttail call {_CC} void @go_slow(ptr %cpu, ptr %uop, i32 %eip, i64 %budget, ptr %tbl)
  ret void
}}

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

define {_CC} void @end({SIGNATURE}) #0 {{
  %po = getelementptr i8, ptr %uop, i64 {off}
  %o16 = load i16, ptr %po
  %o = zext i16 %o16 to i32
  %to = add i32 %eip, %o
  %link = getelementptr i8, ptr %uop, i64 {L.UOP_SIZE}
  %block = load ptr, ptr %link, align 8
{enter}  musttail call {_CC} void %h(ptr %cpu, ptr %u, i32 %to, i64 %left, ptr %tbl)
  ret void
slow:
{_at("pf", s["link_from"])}  store i32 %eip, ptr %pf
  musttail call {_CC} void @unlinked(ptr %cpu, ptr %link, i32 %to, i64 %budget, ptr %tbl)
  ret void
}}
"""
    calls = """
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

define void @ph_run(ptr %cpu) #0 {
  %r = call {i32, i64} @r_run(ptr %cpu)
  ret void
}

define void @ph_host_flush(ptr %cpu) #0 {
  %r = call {i32, i64} @r_host_flush(ptr %cpu)
  ret void
}

define void @ph_update_mode(ptr %cpu) #0 {
  %r = call {i32, i64} @r_update_mode(ptr %cpu)
  ret void
}

define void @ph_code_written(ptr %cpu, i32 %page) #0 {
  %r = call {i32, i64} @r_code_written(ptr %cpu, i32 %page)
  ret void
}

define void @ph_forget_code(ptr %cpu) #0 {
  %r = call {i32, i64} @r_forget_code(ptr %cpu)
  ret void
}

define void @ph_collect_written(ptr %cpu, i32 %pages) #0 {
  %r = call {i32, i64} @r_collect_written(ptr %cpu, i32 %pages)
  ret void
}

define i64 @ph_ram_digest(ptr %cpu, i32 %pages) #0 {
  %r = call {i32, i64} @r_ram_digest(ptr %cpu, i32 %pages)
  %v = extractvalue {i32, i64} %r, 1
  ret i64 %v
}

define i64 @ph_tlb_digest(ptr %cpu) #0 {
  %r = call {i32, i64} @r_tlb_digest(ptr %cpu)
  %v = extractvalue {i32, i64} %r, 1
  ret i64 %v
}
"""
    return leave + go + calls


EXPORTS = (
    "bail",
    "go",
    "go_slow",
    "end",
    "stop",
    "reference",
    "ph_run",
    "ph_host_flush",
    "ph_update_mode",
    "ph_code_written",
    "ph_forget_code",
    "ph_collect_written",
    "ph_ram_digest",
    "ph_tlb_digest",
)
