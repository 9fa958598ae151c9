"""The headline results of sessions side by side: scores, losses, times and memory, with the best of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from cnn_tui.formatting import elapsed, quantity
from cnn_tui.history import best_epoch
from cnn_tui.metrics import METRICS, MISSING, Metric
from cnn_tui.reports.comparison.comparability import Basis, Comparability
from cnn_tui.reports.sessions.data import SessionData

Unit = Literal["", "seconds", "bytes", "rate", "count"]
"""The unit of a measurement; scores and losses have none."""
Better = Literal["higher", "lower", "neither"]
_Getter = Callable[[SessionData], float | None]
_FAST = 100.0  # images per second that are shown without decimals


@dataclass(frozen=True)
class Measurement:
    """One value per session, None where it is unknown.

    Attributes:
        comparable: the sessions, by index, with comparable values; None for all.
    """

    name: str
    values: tuple[float | None, ...]
    unit: Unit
    better: Better
    comparable: frozenset[int] | None = None

    @property
    def best(self) -> frozenset[int]:
        """The indices of the best comparable values.

        Empty if all of them have the same text, or differ by less than half of the last digit of the text.
        """
        known = {
            index: value
            for index, value in enumerate(self.values)
            if value is not None and (self.comparable is None or index in self.comparable)
        }
        if self.better == "neither" or len(known) < 2:
            return frozenset()
        best = max(known.values()) if self.better == "higher" else min(known.values())
        equal = frozenset(index for index, value in known.items() if _nearly_equal(value, best, self.unit))
        return frozenset() if len(equal) == len(known) else equal


def measurements(sessions: Sequence[SessionData], comparable: Comparability) -> Iterator[Measurement]:
    """The measurements that at least one session has."""
    for name, get, unit, better, basis in _MEASUREMENTS:
        values = tuple(get(one) for one in sessions)
        if any(value is not None for value in values):
            yield Measurement(name, values, unit, better, comparable.sessions[basis])


def measurement_text(value: float | None, unit: Unit) -> str:
    """A value with its unit, a dash for an unknown one."""
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


def _nearly_equal(one: float, other: float, unit: Unit) -> bool:
    """Whether two values have the same text, or different texts only because of rounding."""
    same_text = measurement_text(one, unit) == measurement_text(other, unit)
    return same_text or abs(one - other) < _last_digit(other, unit) / 2


def _last_digit(value: float, unit: Unit) -> float:
    """The value of the last digit in :func:`measurement_text`."""
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


def _from_result(name: str) -> _Getter:
    return lambda session: getattr(session.record.result, name) if session.record.result else None


def _from_best_epoch(name: str) -> _Getter:
    """Get a field of the epoch with the lowest validation loss."""

    def get(session: SessionData) -> float | None:
        best = best_epoch(list(session.epochs))
        return getattr(best, name) if best else None

    return get


def _trained_parameters(session: SessionData) -> float | None:
    return session.record.parameters.trainable if session.record.parameters else None


def _metric(metric: Metric) -> tuple[str, _Getter, Unit, Better, Basis]:
    return metric.title, _from_result(metric.key), "", "higher" if metric.higher_is_better else "lower", "test"


_MEASUREMENTS: tuple[tuple[str, _Getter, Unit, Better, Basis], ...] = (
    *map(_metric, METRICS.values()),
    ("best validation loss", _from_best_epoch("validation_loss"), "", "lower", "validation"),
    ("validation accuracy there", _from_best_epoch("validation_accuracy"), "", "higher", "validation"),
    ("best epoch", _from_result("best_epoch"), "count", "neither", "none"),
    ("epochs run", _from_result("epochs_run"), "count", "neither", "none"),
    ("trained parameters", _trained_parameters, "count", "neither", "none"),
    ("training time", _from_result("train_seconds"), "seconds", "lower", "machine"),
    ("total time", _from_result("total_seconds"), "seconds", "lower", "machine"),
    ("images per second", _from_result("images_per_second"), "rate", "higher", "machine"),
    ("peak memory", _from_result("peak_memory_bytes"), "bytes", "lower", "machine"),
)
