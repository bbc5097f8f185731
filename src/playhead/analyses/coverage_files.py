"""Coverage as a file, by the kind of file."""

from __future__ import annotations

from typing import Any

from playhead.analyses import coverage_plot, drcov, lcov
from playhead.analyses.coverage import Coverage, user_code
from playhead.linux.line_tables import Line
from playhead.analyses.saving import Tables, columns, write_json, write_parquet, write_sqlite


def write(found: Coverage, path: str, kind: str, lines: list[Line], offset: int = 0) -> None:
    """`lines`, `offset`: of lcov's."""
    match kind:
        case "drcov":
            with open(path, "wb") as file:
                drcov.write(found, file)
        case "info":
            with open(path, "w", encoding="utf-8") as text:
                lcov.write(found, lines, text, offset)
        case "json":
            modules, functions = found.modules().as_dicts(), found.functions().as_dicts()
            write_json(path, {"instructions": found.total, "modules": modules, "functions": functions})
        case "sqlite":
            write_sqlite(path, tables(found))
        case "parquet":
            write_parquet(path, blocks(found))
        case _:
            coverage_plot.write(found, path, kind)


def blocks(found: Coverage) -> dict[str, Any]:
    """Executed blocks: straight runs of instructions that were executed equally often."""
    import numpy

    some = found.blocks
    user = user_code(some.mode)
    modules = numpy.array([one.name for one in found.map.modules] or [""])
    functions = numpy.array([*(one.name for one in found.map.functions), ""])
    return {
        "address": some.linear, "physical": some.physical, "size": some.size, "instructions": some.instructions,
        "executions": some.executions, "user": user,
        "module": modules[found.map.module_of(some.linear, user)],
        "function": functions[found.map.function_of(some.linear, user)],
    }  # fmt: skip


def tables(found: Coverage) -> Tables:
    return {"module": columns(found.modules()), "function": columns(found.functions()), "block": blocks(found)}


def summary(found: Coverage) -> str:
    """One line."""
    executed = int(found.bytes_once[1].sum(dtype="u8"))
    named = sum(bool(one.name) for one in found.functions())
    return (f"{found.total:,} instructions at {len(found.bytes_once[0]):,} addresses ({executed:,} bytes of code), "
            f"{named:,} functions by name")  # fmt: skip
