"""The grid that finds the pieces of road near a place: occupied cells, row by row, each with its pieces."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracker.roads.graph import Shape

Array = np.ndarray[Any, np.dtype[Any]]

STEPS_PER_CELL = 8
"""A piece is entered in the cells of points along it. A cell that it only clips at a corner may lack it: a road just
within the reach of a search, by less than an eighth of a cell, may be found at the next reach alone."""


def grid_arrays(point_segment: Array, shape: Shape, *, point_lat: Array, point_lon: Array) -> dict[str, Array]:
    """The arrays row_cell, cell_column, cell_piece and piece_point."""
    pieces = np.flatnonzero(point_segment[:-1] == point_segment[1:])
    row = (point_lat - shape.south) / shape.cell_height
    column = (point_lon - shape.west) / shape.cell_width
    rise, run = row[pieces + 1] - row[pieces], column[pieces + 1] - column[pieces]
    steps = np.ceil(np.maximum(np.abs(rise), np.abs(run)) * STEPS_PER_CELL).astype(np.int64) + 1
    owner = np.repeat(np.arange(len(pieces)), steps + 1)
    share = (np.arange(len(owner)) - np.repeat(np.cumsum(steps + 1) - steps - 1, steps + 1)) / steps[owner]
    cell_row = np.floor(row[pieces][owner] + share * rise[owner]).astype(np.int64)
    cell_column = np.floor(column[pieces][owner] + share * run[owner]).astype(np.int64)
    width = int(cell_column.max()) + 2
    key = cell_row * width + cell_column
    # A straight line does not come back to a cell: its repetitions follow each other.
    entered = np.append(True, (key[1:] != key[:-1]) | (owner[1:] != owner[:-1]))
    key, piece = key[entered], pieces[owner[entered]]
    order = np.argsort(key, kind="stable")
    cells, first = np.unique(key[order], return_index=True)
    rows = int(cell_row.max()) + 1
    return {
        "row_cell": np.searchsorted(cells, np.arange(rows + 1) * width),
        "cell_column": cells % width,
        "cell_piece": np.append(first, len(order)),
        "piece_point": piece[order],
    }
