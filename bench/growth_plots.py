"""The plots of `./dev bench growth`, as SVG files that are the same for the same figures."""

from __future__ import annotations

from pathlib import Path

try:
    import matplotlib
except ImportError:
    INSTALL = ".venv/bin/python -m pip install -c constraints.txt -e '.[bench]'"
    raise SystemExit(f"plots need matplotlib: {INSTALL}") from None
matplotlib.use("svg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

WIDTH, HEIGHT = 5.0, 3.6  # inches, of each panel
MARKERS = "osD^vPX*"


def draw(part, path: Path) -> None:
    """Processor seconds, and beside them what is resident if that was measured."""
    matplotlib.rcParams.update({"svg.hashsalt": "playhead", "svg.fonttype": "none", "font.size": 9,
                                "axes.spines.top": False, "axes.spines.right": False})  # fmt: skip
    panels = [(part.seconds, "processor time, s")]
    if part.megabytes:
        panels.append((part.megabytes, "resident at most, MiB"))
    figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH * len(panels), HEIGHT), squeeze=False)
    for panel, (lines, label) in zip(axes[0], panels, strict=True):
        _panel(panel, part, lines, label)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")


def _panel(panel: Axes, part, lines: dict[str, list[float]], label: str) -> None:
    for (name, values), marker in zip(lines.items(), MARKERS, strict=False):
        panel.plot(part.values, values, marker=marker, markersize=4, linewidth=1.2, label=name)
    wide = part.values[-1] / part.values[0] > 8
    if wide:
        panel.set_xscale("log", base=10 if part.values[-1] > 1e6 else 2)
    flat = max(map(max, lines.values())) / max(min(map(min, lines.values())), 1e-3) < 20
    if wide and not flat:
        panel.set_yscale("log")
    else:
        panel.set_ylim(bottom=0)
    panel.set_xticks(part.values, [_shown(value) for value in part.values])
    panel.minorticks_off()
    panel.set_xlabel(part.unit)
    panel.set_ylabel(label)
    panel.grid(True, linewidth=0.4, alpha=0.5)
    panel.legend(frameon=False)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value < 1e6 else f"$10^{{{len(f'{value:.0f}') - 1}}}$"
