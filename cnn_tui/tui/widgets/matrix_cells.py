"""The cells of a confusion matrix: what each one says in a mode, and how much of its class it holds."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Mode = Literal["counts", "actual", "predicted"]
MODES: tuple[Mode, ...] = ("counts", "actual", "predicted")
MODE_TITLES: dict[Mode, str] = {"counts": "counts", "actual": "% of actual", "predicted": "% of predicted"}

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


def shares(matrix: IntArray, mode: Mode) -> FloatArray:
    """Each cell's part in [0, 1]: of its column for "predicted", else of its row, which is fair to small classes."""
    # ``reports.confusion.heat`` has the parts of rows, too, as tuples; a matrix of 1,000 classes on the screen needs
    # those of columns as well, and arrays, to answer a key in time.
    totals = matrix.sum(axis=0 if mode == "predicted" else 1, keepdims=True)
    parts: FloatArray = matrix / np.maximum(totals, 1)
    return parts


def cell_texts(matrix: IntArray, mode: Mode) -> tuple[tuple[str, ...], ...]:
    """What stands in each cell: "·" for nothing, "<1" for less than half a per cent."""
    if mode == "counts":
        return tuple(tuple(f"{count:,}" if count else "·" for count in row) for row in matrix.tolist())
    return tuple(tuple(_per_cent(share) for share in row) for row in shares(matrix, mode).tolist())


def _per_cent(share: float) -> str:
    if share == 0:
        return "·"
    if share < 0.005:
        return "<1"
    return f"{min(share * 100, 99 if share < 1 else 100):.0f}"
