"""From a curve's points to the few that a terminal can show: without gaps, smoothed, two for each column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def drawable(
    xs: Sequence[float], ys: Sequence[float], *, log: bool = False, log_x: bool = False
) -> tuple[FloatArray, FloatArray]:
    """The points whose two coordinates are finite, and positive in y, or x, for a log scale; the rest is dropped."""
    count = min(len(xs), len(ys))
    x, y = np.asarray(xs[:count], dtype=np.float64), np.asarray(ys[:count], dtype=np.float64)
    keep = np.isfinite(x) & np.isfinite(y)
    if log:
        keep &= y > 0
    if log_x:
        keep &= x > 0
    return x[keep], y[keep]


def smooth(ys: FloatArray, weight: float) -> FloatArray:
    """The exponential moving average, freed of the bias towards its start; a weight of 0 changes nothing.

    Args:
        weight: how much of the past each value keeps, in [0, 1).
    """
    if weight <= 0:
        return ys
    smoothed, average, total = np.empty_like(ys), 0.0, 0.0
    for index, value in enumerate(ys.tolist()):
        average = weight * average + (1 - weight) * value
        total = weight * total + (1 - weight)
        smoothed[index] = average / total
    return smoothed


def reduce(
    xs: FloatArray, ys: FloatArray, low: float, high: float, columns: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The lowest and the highest point of each of ``columns`` equal parts of [low, high], in their order.

    Spikes stay, whatever their length; points outside the range are dropped.
    """
    inside = (xs >= low) & (xs <= high)
    xs, ys = xs[inside], ys[inside]
    if not len(xs):
        return (), ()
    width = (high - low) or 1.0
    column = np.minimum(((xs - low) / width * columns).astype(np.int64), columns - 1)
    order = np.lexsort((ys, column))
    starts = np.flatnonzero(np.diff(column[order], prepend=-1))
    ends = np.append(starts[1:], len(order)) - 1
    kept = np.unique(np.concatenate((order[starts], order[ends])))
    return tuple(xs[kept].tolist()), tuple(ys[kept].tolist())
