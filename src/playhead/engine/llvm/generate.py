"""Generates the LLVM text of the whole native core: handlers, routines, stubs, cut into parts that compile on their
own."""

import re

from playhead.engine.llvm import copies, runtime
from playhead.engine.llvm import layout as L
from playhead.engine.llvm import probe_stubs
from playhead.engine.llvm.emit import FN, REPEATS, Emitter, Layout, copy_suffix, kinds_of
from playhead.engine.llvm.stubs import EXPORTS, stubs
from playhead.ir.ops import ENDS
from playhead.x86 import state as S
from playhead.x86 import ways_on
from playhead.x86.build import StateBuilder
from playhead.x86.isa import tables
from playhead.x86.table import ROUTINES

ATTRIBUTES = """
attributes #0 = { nounwind "frame-pointer"="none" "no-stack-arg-probe" }
attributes #1 = { nounwind noinline cold "frame-pointer"="none" }
!0 = !{}
!1 = !{!"branch_weights", i32 4000, i32 1}
!2 = !{!"branch_weights", i32 1, i32 4000}
"""

_SYMBOL = re.compile(r"@([A-Za-z_][A-Za-z0-9_.]*)")
_INTRINSIC = re.compile(r"@llvm\.(\w+)\.i(\d+)")


def emit_layout() -> Layout:
    """Where native code finds the state and decoded instructions."""
    return Layout(
        state={n: f.offset for n, f in S.FIELDS.items()},
        uop=L.UOP,
        regions={n: S.offset("ptr", i) for n, i in S.REGIONS.items()},
        uop_size=L.UOP_SIZE,
        block_header=L.HEADER,
        block_entry=L.B_ENTRY,
    )


def declarations(text: str, defined: set[str], routine_types: dict[str, str]) -> str:
    """Declarations of what a part uses and does not define."""
    out = []
    for name in sorted(set(_SYMBOL.findall(text)) - defined):
        if name.startswith("llvm."):
            continue
        if name in routine_types:
            out.append(f"declare {{i32, i64}} @{name}(ptr{routine_types[name]})")
        elif name == "slow_access":
            out.append("declare ptr @slow_access(ptr, i32, i32, i64)")
        else:
            out.append(f"declare preserve_nonecc {FN.replace('void (', f'void @{name}(')}")
    for op, bits in sorted(set(_INTRINSIC.findall(text))):
        flag = ", i1" if op in ("ctlz", "cttz") else ""
        out.append(f"declare i{bits} @llvm.{op}.i{bits}(i{bits}{flag})")
    return "\n".join(out)


def generate(part_size: int) -> tuple[list[str], dict]:
    """(LLVM text of each part, index for the loader)."""
    table, decode = tables()
    layout = emit_layout()
    names, flags, functions = [], [], []
    chosen = copies.copied(table)
    own: list[list[str]] = []
    for h in table.handlers:
        native = h.native
        names.append(h.function.name if native else "reference")
        falls = native and not (h.function.body and h.function.body[-1].kind in ENDS)
        by, values = chosen.get(h.number, (0, []))
        flags.append(
            (L.ENDS if h.ends or not native else 0) | (L.LINKS if h.links and native else 0)
            | (L.FALLS if falls else 0) | by
            | (L.SPENDS if native and not kinds_of(h.function.body).isdisjoint(REPEATS) else 0)
        )  # fmt: skip
        own.append([h.function.name + copy_suffix(fixed) for fixed in values])
        if native:
            slow = layout.slow_suffix(h.function)
            text = Emitter(h.function, layout, links=h.links, linkable=h.linkable).emit()
            functions.append((h.function.name + slow, text))
            for fixed in [{}, *values] if slow else values:
                copy = Emitter(h.function, layout, links=h.links, linkable=h.linkable, fast=bool(slow), fixed=fixed)
                functions.append((h.function.name + copy_suffix(fixed), copy.emit()))
    # the fast ones lie close together
    functions = sorted(dict(functions).items(), key=lambda f: f[0].endswith("_slow"))
    routine_types: dict[str, str] = {}
    routines = []
    for name, r in ROUTINES.items():
        if name in runtime.REPLACEMENTS:
            b = StateBuilder("r_" + name, r.params, routine=True)
            runtime.REPLACEMENTS[name](b, *b.f.params)
            f = b.f
        else:
            f = r.function()
        routine_types[f.name] = "".join(f", i{bits}" for bits in r.params)
        routines.append(
            (f.name, Emitter(f, layout, links=False, linkable=False).emit().replace("define hidden", "define"))
        )
    parts = []
    core = "\n".join(t for _, t in routines) + stubs(layout).replace("define hidden", "define")
    inner = {"slow_access", "unlinked", "counted", "r_device_entry", *probe_stubs.INNER}
    groups = [(core, {n for n, _ in routines} | set(EXPORTS) | inner)]
    for i in range(0, len(functions), part_size):
        chunk = functions[i : i + part_size]
        groups.append(("\n".join(t for _, t in chunk), {n for n, _ in chunk}))
    for text, defined in groups:
        parts.append(text + "\n" + declarations(text, defined, routine_types) + "\n" + ATTRIBUTES)
    return parts, {
        "handlers": names, "flags": flags, "copies": own, "decode": bytes(decode.bytes), "exports": EXPORTS,
        "kinds": list(ways_on.kinds(table)),
    }  # fmt: skip
