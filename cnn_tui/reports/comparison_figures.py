"""The headline figures of sessions side by side, and which of them is the best."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from cnn_tui.formatting import elapsed, quantity
from cnn_tui.history import best_epoch
from cnn_tui.metrics import METRICS, MISSING, Metric
from cnn_tui.reports.comparable import Basis, Comparable
from cnn_tui.reports.session_data import SessionData

Unit = Literal["", "seconds", "bytes", "rate", "count"]
Better = Literal["higher", "lower", "neither"]
_Read = Callable[[SessionData], float | None]
_FAST = 100.0  # pictures per second that are shown without decimals


@dataclass(frozen=True)
class FigureRow:
    """A figure of each session, None where it has none; a ``unit`` of nothing is a score or a loss.

    Attributes:
        among: the sessions, by index, whose figures may be compared; None for all.
    """

    name: str
    values: tuple[float | None, ...]
    unit: Unit
    better: Better
    among: frozenset[int] | None = None

    @property
    def best(self) -> frozenset[int]:
        """The indices of the best values among those that may be compared.

        None where all of them read the same, or differ by less than half of the last digit that is shown.
        """
        known = {
            index: value
            for index, value in enumerate(self.values)
            if value is not None and (self.among is None or index in self.among)
        }
        if self.better == "neither" or len(known) < 2:
            return frozenset()
        best = max(known.values()) if self.better == "higher" else min(known.values())
        alike = frozenset(index for index, value in known.items() if _alike(value, best, self.unit))
        return frozenset() if len(alike) == len(known) else alike


def figure_rows(sessions: Sequence[SessionData], found: Comparable) -> Iterator[FigureRow]:
    """The figures that any of the sessions has."""
    for name, read, unit, better, basis in _FIGURES:
        values = tuple(read(one) for one in sessions)
        if any(value is not None for value in values):
            yield FigureRow(name, values, unit, better, found.among(basis))


def figure_text(value: float | None, unit: Unit) -> str:
    """A figure in words, a dash for none."""
    if value is None:
        return MISSING
    match unit:
        case "seconds":
            return elapsed(value)
        case "":
            return f"{value:.4f}"
        case "count":
            return f"{value:,.0f}"
        case "rate":
            return f"{value:,.0f}" if value >= _FAST else f"{value:.1f}"
        case "bytes":
            return quantity(value, unit)


def _alike(one: float, other: float, unit: Unit) -> bool:
    """Whether two figures read the same, or are told apart by rounding only."""
    return figure_text(one, unit) == figure_text(other, unit) or abs(one - other) < _last_digit(other, unit) / 2


def _last_digit(value: float, unit: Unit) -> float:
    """What one in the last digit of :func:`figure_text` stands for."""
    match unit:
        case "seconds":
            return 0.1 if value < 60 else 1.0 if value < 3600 else 60.0
        case "":
            return 1e-4
        case "count":
            return 1.0
        case "rate":
            return 1.0 if value >= _FAST else 0.1
        case "bytes":
            return next((size / 10 for size in (1e9, 1e6, 1e3) if value >= size), 1.0)


def _result(name: str) -> _Read:
    """How to read a field of the result."""
    return lambda session: getattr(session.record.result, name) if session.record.result else None


def _best(name: str) -> _Read:
    """How to read a figure of the epoch with the lowest validation loss."""

    def read(session: SessionData) -> float | None:
        best = best_epoch(list(session.epochs))
        return getattr(best, name) if best else None

    return read


def _trained(session: SessionData) -> float | None:
    return session.record.parameters.trainable if session.record.parameters else None


def _metric(metric: Metric) -> tuple[str, _Read, Unit, Better, Basis]:
    return metric.title, _result(metric.key), "", "higher" if metric.higher_is_better else "lower", "test"


_FIGURES: tuple[tuple[str, _Read, Unit, Better, Basis], ...] = (
    *map(_metric, METRICS.values()),
    ("best validation loss", _best("validation_loss"), "", "lower", "validation"),
    ("validation accuracy then", _best("validation_accuracy"), "", "higher", "validation"),
    ("best epoch", _result("best_epoch"), "count", "neither", "none"),
    ("epochs run", _result("epochs_run"), "count", "neither", "none"),
    ("trained parameters", _trained, "count", "neither", "none"),
    ("training", _result("train_seconds"), "seconds", "lower", "machine"),
    ("the whole run", _result("total_seconds"), "seconds", "lower", "machine"),
    ("pictures per second", _result("images_per_second"), "rate", "higher", "machine"),
    ("peak memory", _result("peak_memory_bytes"), "bytes", "lower", "machine"),
)
