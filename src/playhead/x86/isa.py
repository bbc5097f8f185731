"""Loads every chapter of declared instructions and makes the tables. The order of chapters fixes the numbers of
forms."""

import importlib
from functools import cache

CHAPTERS = ("decode", "insn_arith", "insn_data", "insn_control", "insn_string", "insn_shift", "insn_muldiv", "insn_bcd",
            "insn_system", "insn_segment", "insn_interrupt", "insn_io", "insn_fpu", "insn_fpu_data", "insn_fpu_control",
            "insn_mmx")  # fmt: skip
ROUTINE_MODULES = (
    "mode",
    "paging",
    "page_walk",
    "digest",
    "segments",
    "interrupts",
    "virtual_interrupts",
    "tasks",
    "softfloat",
    "softfloat_arith",
    "softfloat_convert",
    "softfloat_more",
    "softfloat_trig",
    "softfloat_log",
)


@cache
def tables():
    """(Table, DecodeTables) of all chapters, made once per process."""
    from playhead.x86 import decode
    from playhead.x86.table import INSTRUCTIONS, ROUTINES, Table

    for name in CHAPTERS + ROUTINE_MODULES:
        importlib.import_module("playhead.x86." + name)
    INSTRUCTIONS.sort(key=lambda insn: CHAPTERS.index(insn.chapter))  # somebody may have imported one before
    table = Table()
    tables = decode.DecodeTables(table)
    if "decode" not in ROUTINES:
        decode.define(tables.forms_at)
    return table, tables
