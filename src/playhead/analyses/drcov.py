"""Coverage as drcov has it, the format of DynamoRIO's tool that Lighthouse, Cartographer and others read: version 2
with a module table of version 2.

A text head, then 8 bytes for each block: its distance from the module's base (32 bits), its size and the module's
number (16 bits each). Readers split the module table at ", ", so no name may have that.
"""

from __future__ import annotations

from typing import BinaryIO

from playhead.analyses.coverage import Coverage, user_code

LARGEST = 0xFFFF  # bytes of a block, and modules


def write(coverage: Coverage, file: BinaryIO) -> None:
    """Modules with executed code, and all blocks by address; each once, wherever in physical memory it lay."""
    import numpy

    modules, blocks = coverage.map.modules[:LARGEST], coverage.blocks
    where = coverage.map.module_of(blocks.linear, user_code(blocks.mode))
    inside = (where >= 0) & (where < len(modules))
    where, linear, size = where[inside], blocks.linear[inside], blocks.size[inside]
    bases = numpy.array([one.base for one in modules], "u8")
    table = numpy.zeros(len(where), [("start", "<u4"), ("size", "<u2"), ("module", "<u2")])
    table["start"], table["size"], table["module"] = linear - bases[where], size, where
    order = numpy.lexsort((size, linear, where))
    table = table[order]
    new = numpy.full(len(table), True)
    new[1:] = table[1:] != table[:-1]
    table = table[new]
    lines = ["DRCOV VERSION: 2", "DRCOV FLAVOR: playhead", f"Module Table: version 2, count {len(modules)}",
             "Columns: id, base, end, entry, path"]  # fmt: skip
    for n, one in enumerate(modules):
        name = one.name.replace(", ", ",_").replace("\n", "_")
        lines.append(f"{n:3}, {one.base:#018x}, {one.end:#018x}, {0:#018x}, {name}")
    lines.append(f"BB Table: {len(table)} bbs")
    file.write(("\n".join(lines) + "\n").encode())
    file.write(table.tobytes())
