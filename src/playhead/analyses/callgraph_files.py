"""A call graph as files: collapsed stacks, Chrome's trace format (Perfetto reads it, too), a flame graph as SVG."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape

from playhead.analyses.callgraph import CallGraph
from playhead.analyses.shadow_stack import Node

WIDTH, ROW, CHAR = 1200, 16, 6.5  # pixels
NARROWEST = 0.3  # pixels of a box that is drawn


def write(graph: CallGraph, path: str, kind: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        match kind:
            case "folded":
                file.writelines(f"{chain} {count}\n" for chain, count in graph.folded())
            case "json":
                file.writelines(_trace(graph))
            case _:
                file.writelines(_flames(graph))


def _trace(graph: CallGraph) -> Iterator[str]:
    """Times are instructions: a microsecond is a thousand of them. Each stack is a thread."""
    yield '{"displayTimeUnit":"ns","otherData":{"time":"1 us is 1000 instructions"},"traceEvents":[\n'
    stacks = sorted({one.stack for one in graph.calls})
    names = [{"ph": "M", "pid": 1, "tid": n, "name": "thread_name", "args": {"name": f"stack {n}"}} for n in stacks]
    events = ({"ph": "X", "pid": 1, "tid": one.stack, "name": one.name, "ts": one.begin / 1000,
               "dur": (one.end - one.begin) / 1000, "args": {"instruction": one.begin}}
              for one in sorted(graph.calls, key=lambda one: (one.begin, one.depth, -one.end)))  # fmt: skip
    before = ""
    for event in (*names, *events):
        yield before + json.dumps(event, separators=(",", ":"))
        before = ",\n"
    yield "\n]}\n"


def _flames(graph: CallGraph) -> Iterator[str]:
    """The widths are instructions; outer functions are below."""
    totals: dict[int, int] = {}
    height = _measure(graph.tree, totals)
    scale = WIDTH / max(totals[id(graph.tree)], 1)
    yield (f'<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
           f'height="{height * ROW}" font-family="monospace" font-size="11">\n')  # fmt: skip
    left = [(graph.tree, 0.0, 0)]
    while left:
        node, x, depth = left.pop()
        width = totals[id(node)] * scale
        if node.parent is not None:
            yield _box(node, x, (height - depth) * ROW, width, totals[id(node)])
        for name in sorted(node.children):
            one = node.children[name]
            if totals[id(one)] * scale >= NARROWEST:
                left.append((one, x, depth + 1))
            x += totals[id(one)] * scale
    yield "</svg>\n"


def _box(node: Node, x: float, y: int, width: float, total: int) -> str:
    room = int(width / CHAR)
    shown = node.name if len(node.name) <= room else node.name[: room - 1] + "…" if room > 2 else ""
    hue = sum(node.name.encode()) % 40
    text = f'<text x="{x + 2:.1f}" y="{y + ROW - 4}">{escape(shown)}</text>' if shown else ""
    return (f'<g><title>{escape(node.name)}: {total:,} instructions, {node.calls:,} calls</title><rect x="{x:.1f}" '
            f'y="{y}" width="{width:.1f}" height="{ROW - 1}" fill="hsl({hue},80%,65%)"/>{text}</g>\n')  # fmt: skip


def _measure(tree: Node, totals: dict[int, int]) -> int:
    """Instructions of each chain with all that it called; the number of rows."""
    order, deepest = [(tree, 0)], 0
    for node, depth in order:
        order += [(one, depth + 1) for one in node.children.values()]
        deepest = max(deepest, depth)
    for node, _ in reversed(order):
        totals[id(node)] = node.instructions + sum(totals[id(one)] for one in node.children.values())
    return deepest + 1
