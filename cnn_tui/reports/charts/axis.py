"""The axes of a chart: a range with its ticks on round numbers, and the cell of a value in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_ROUND = (1.0, 2.0, 5.0, 10.0)
_LEAST_WIDTH = 1e-300  # with a narrower range, floats could not separate its ticks


@dataclass(frozen=True)
class Tick:
    """A labelled position on an axis; on a log scale, ``value`` is the logarithm."""

    value: float
    label: str


@dataclass(frozen=True)
class Axis:
    """A range of values with its ticks; on a log scale all of them are logarithms."""

    low: float
    high: float
    ticks: tuple[Tick, ...]

    def cell(self, value: float, cells: int) -> int:
        """The index of the cell, among ``cells``, that shows a value; the ends of the range are the outermost cells."""
        share = (value - self.low) / (self.high - self.low)
        return round(share * (cells - 1))


def linear_axis(low: float, high: float, count: int, *, whole: bool = False, percent: bool = False) -> Axis:
    """An axis that covers [low, high] and ends on round numbers, with about ``count`` ticks.

    Args:
        whole: put ticks at whole numbers only.
        percent: label 1 as 100 %.
    """
    low, high = _widened(low, high)
    step = round_step((high - low) / max(1, count), 1.0 if whole else 0.0)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    values = [index * step for index in range(first, last + 1)]
    return Axis(values[0], values[-1], tuple(Tick(value, _label(value, step, percent)) for value in values))


def fixed_axis(low: float, high: float, count: int, *, whole: bool = False) -> Axis:
    """An axis over exactly [low, high], with about ``count`` ticks on round numbers inside it."""
    low, high = _widened(low, high)
    step = round_step((high - low) / max(1, count), 1.0 if whole else 0.0)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return Axis(low, high, tuple(Tick(i * step, _label(i * step, step, False)) for i in range(first, last + 1)))


def log_axis(low: float, high: float, count: int) -> Axis:
    """An axis of powers of ten; the range and the ticks' values are base-10 logarithms.

    Over less than one decade, its ticks are the logarithms of round numbers.
    """
    low, high = _widened(low, high)
    if high - low < 1:
        inner = linear_axis(10**low, 10**high, count)
        ticks = tuple(Tick(math.log10(tick.value), tick.label) for tick in inner.ticks if tick.value > 0)
        return Axis(min(low, ticks[0].value), max(high, ticks[-1].value), ticks)
    first, last = math.floor(low + 1e-9), math.ceil(high - 1e-9)
    stride = max(1, math.ceil((last - first) / max(1, count)))
    ticks = tuple(Tick(power, f"{10.0**power:g}") for power in range(first, last + 1, stride))
    return Axis(first, last, ticks)


def ticked_axis(
    low: float, high: float, count: int, *, log: bool = False, whole: bool = False, ticks: Sequence[Tick] = ()
) -> Axis:
    """An axis that covers [low, high] and the given ticks.

    Args:
        low: the base-10 logarithm of the smallest value for ``log``, as ``high`` is of the largest.
        whole: put ticks at whole numbers only.
        ticks: used instead of about ``count`` ticks on round numbers; their values are not logarithms.
    """
    if ticks:
        drawn = [Tick(math.log10(tick.value) if log else tick.value, tick.label) for tick in ticks]
        values = (low, high, *(tick.value for tick in drawn))
        span = fixed_axis(min(values), max(values), count)
        return Axis(span.low, span.high, tuple(sorted(drawn, key=lambda tick: tick.value)))
    return log_axis(low, high, count) if log else fixed_axis(low, high, count, whole=whole)


def round_step(step: float, smallest: float = 0.0) -> float:
    """The smallest of 1, 2 or 5 times a power of ten that is at least ``step`` and ``smallest``."""
    step = max(step, smallest)
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in _ROUND if factor * power >= step * (1 - 1e-9))


def _widened(low: float, high: float) -> tuple[float, float]:
    """The range, widened if its ends are equal or too close for floats to separate ticks."""
    if high - low > max(_LEAST_WIDTH, 1e-9 * max(abs(low), abs(high))):
        return low, high
    margin = abs(low) * 0.1 or 0.5
    return low - margin, high + margin


def _label(value: float, step: float, percent: bool) -> str:
    if percent:
        value, step = value * 100, step * 100
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    value = 0.0 if abs(value) < step / 2 else value
    if decimals > 4 or abs(value) >= 1e6:
        return f"{value:.3g}"
    return f"{value:,.{decimals}f}" + ("%" if percent else "")
