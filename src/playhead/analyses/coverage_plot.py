"""A picture of coverage: which functions most instructions were executed in, and where in memory code was executed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playhead.analyses.coverage import Coverage, sums, user_code
from playhead.analyses.plotting import figure

if TYPE_CHECKING:
    from playhead.analyses.modules import Module

FUNCTIONS = 20
MAPS = 6  # modules whose addresses are shown
CELLS = 256  # columns of a module's map


def write(coverage: Coverage, path: str, format: str) -> None:
    top = coverage.functions()[:FUNCTIONS]
    retired = {one.name: one.instructions for one in coverage.modules()}
    modules = sorted(coverage.map.modules, key=lambda one: -retired.get(one.name, 0))[:MAPS]
    with figure(path, format, 10, 0.25 * len(top) + 0.7 * len(modules) + 1.5) as made:
        rows = made.subplots(1 + len(modules), 1, height_ratios=[0.35 * max(len(top), 1)] + [1] * len(modules),
                             squeeze=False)[:, 0]  # fmt: skip
        names = [f"{one.name} [{one.module}]" if one.name else f"[{one.module}]" for one in top]
        rows[0].barh(range(len(top)), [one.instructions for one in top], color="#35608d")
        rows[0].set_yticks(range(len(top)), names)
        rows[0].invert_yaxis()
        rows[0].set_xlabel(f"instructions executed, of {coverage.total:,}")
        for axes, module in zip(rows[1:], modules, strict=True):
            axes.imshow([_heat(coverage, module)], aspect="auto", cmap="viridis", extent=(0, CELLS, 0, 1))
            axes.set_yticks([])
            axes.set_xticks([0, CELLS], [f"{module.base:#x}", f"{module.end:#x}"])
            axes.set_title(f"{module.name}: instructions by address (logarithm)", loc="left", fontsize=8)


def _heat(coverage: Coverage, module: Module) -> list[float]:
    """Logarithms of instructions by address."""
    import numpy

    counts = coverage.counts
    inside = (counts.linear >= module.base) & (counts.linear < module.end) & (user_code(counts.mode) == module.user)
    cells = (counts.linear[inside] - numpy.uint64(module.base)) * numpy.uint64(CELLS) // numpy.uint64(module.size)
    return list(numpy.log10(sums(cells.astype("i8"), counts.executions[inside], CELLS).astype("f8") + 1))
