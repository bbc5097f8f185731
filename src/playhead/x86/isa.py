"""Loads every chapter of declared instructions and makes the tables. The order of chapters fixes the numbers of
forms."""

import importlib
from functools import cache

CHAPTERS = {"decode": "decode"} | {
    name: f"insn.{name}"
    for name in ("arith", "data", "control", "string", "shift", "muldiv", "bcd", "system", "segment", "interrupt", "io",
                 "fpu", "fpu_data", "fpu_control", "mmx")
}  # fmt: skip
ROUTINE_MODULES = (
    "mode",
    "system.paging",
    "system.page_walk",
    "system.msr",
    "digest",
    "system.segments",
    "system.interrupts",
    "system.virtual_interrupts",
    "system.tasks",
    "softfloat.core",
    "softfloat.arith",
    "softfloat.convert",
    "softfloat.more",
    "softfloat.trig",
    "softfloat.log",
)


@cache
def tables():
    """(Table, DecodeTables) of all chapters, made once per process."""
    from playhead.x86 import decode
    from playhead.x86.table import INSTRUCTIONS, ROUTINES, Table

    for name in (*CHAPTERS.values(), *ROUTINE_MODULES):
        importlib.import_module("playhead.x86." + name)
    order = list(CHAPTERS)
    INSTRUCTIONS.sort(key=lambda insn: order.index(insn.chapter))  # one may have been imported before
    table = Table()
    tables = decode.DecodeTables(table)
    if "decode" not in ROUTINES:
        decode.define(tables.forms_at)
    return table, tables
