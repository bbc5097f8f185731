"""What has changed between what a client has and what is on the screen: rectangles of 16x16 tiles, cut to size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from playhead.host.display.rfb.wire import Rect

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from playhead.host.display.rfb.pixel_format import Frame

    Tiles = NDArray[np.bool_]

TILE = 16
MOST_RECTANGLES = 256  # more are put together by rows of tiles: each costs its head, and time


def changed_tiles(before: Frame, now: Frame) -> Tiles:
    """Which tiles differ, of two pictures of the same size."""
    rows = np.arange(0, now.shape[0], TILE)
    columns = np.arange(0, now.shape[1], TILE)
    different = np.logical_or.reduceat(before != now, rows, axis=0)
    return np.logical_or.reduceat(different, columns, axis=1)  # type: ignore[no-any-return]


def rectangles(tiles: Tiles, width: int, height: int) -> list[Rect]:
    """The tiles that are set, put together; a picture's last tiles may be cut."""
    found = _joined([_runs(row) for row in tiles])
    if len(found) > MOST_RECTANGLES:
        found = _joined([[(min(row)[0], max(row)[1])] if row else [] for row in map(_runs, tiles)])
    return [
        Rect(x * TILE, y * TILE, min(right * TILE, width) - x * TILE, min(bottom * TILE, height) - y * TILE)
        for x, y, right, bottom in found
    ]


def _runs(row: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(from, to) of each run of tiles that are set."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], row.astype(np.int8), [0]))))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _joined(rows: list[list[tuple[int, int]]]) -> list[tuple[int, int, int, int]]:
    """(x, y, right, bottom) in tiles: a run that is the same in the next row is one rectangle."""
    done: list[tuple[int, int, int, int]] = []
    open_at: dict[tuple[int, int], int] = {}
    for y, runs in enumerate([*rows, []]):
        for run in [run for run in open_at if run not in runs]:
            done.append((run[0], open_at.pop(run), run[1], y))
        for run in runs:
            open_at.setdefault(run, y)
    return sorted(done, key=lambda one: (one[1], one[0]))
