"""Sessions side by side: their settings and their results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cnn_tui.config.fields import experiment_fields, value_at
from cnn_tui.events import EpochFinished
from cnn_tui.metrics import ClassScores, Result
from cnn_tui.reports.comparison.comparability import comparability, missing_curves
from cnn_tui.reports.comparison.images import ImageComparison, compare_images
from cnn_tui.reports.comparison.measurements import Measurement, measurements
from cnn_tui.reports.sessions.data import SessionData

CurveName = Literal["validation_loss", "validation_accuracy", "train_loss", "train_accuracy"]
"""A field of every epoch; fields of validation may be None."""
CURVES: tuple[CurveName, ...] = ("validation_loss", "validation_accuracy", "train_loss", "train_accuracy")


@dataclass(frozen=True)
class SettingDifference:
    """A setting that differs, with its value in each session."""

    path: str
    title: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class ClassComparison:
    """F1 and recall of a class in each session, by the name of the class; None without test images of it."""

    name: str
    f1: tuple[float | None, ...]
    recall: tuple[float | None, ...]

    @property
    def largest_change(self) -> float:
        """The largest absolute difference of F1 from the first session."""
        return max((abs(change) for change in differences(self.f1) if change is not None), default=0.0)


@dataclass(frozen=True)
class EpochCurve:
    """One value of a session by epoch."""

    epochs: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two or more sessions, of which the first one is the reference.

    Attributes:
        letters: the short names of the sessions.
        settings: only those that differ.
        classes: in the order of the first session that has them.
        images: each further session against the first.
        same_tests: whether all tested sessions were tested on the same images.
        notes: sentences that explain why the best of some measurements is not marked.
        missing: sentences that explain why curves are missing.
    """

    sessions: tuple[SessionData, ...]
    letters: tuple[str, ...]
    settings: tuple[SettingDifference, ...]
    measurements: tuple[Measurement, ...]
    classes: tuple[ClassComparison, ...]
    images: tuple[ImageComparison, ...]
    same_tests: bool
    notes: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The letter and name of each session."""
        return tuple(f"{letter} {one.record.name}" for letter, one in zip(self.letters, self.sessions, strict=True))

    def curves(self, name: CurveName) -> tuple[EpochCurve, ...]:
        """A curve of each session, without points if the session does not have it."""
        return tuple(_curve(one.epochs, name) for one in self.sessions)

    @property
    def validated(self) -> bool:
        """Whether every session with epochs has validation curves."""
        curves = [curve for curve, one in zip(self.curves("validation_loss"), self.sessions, strict=True) if one.epochs]
        return bool(curves) and all(curve.values for curve in curves)


def compare(sessions: Sequence[SessionData]) -> Comparison:
    """Compare two or more sessions.

    Raises:
        ValueError: there are fewer than two.
    """
    if len(sessions) < 2:
        raise ValueError("fewer than two sessions cannot be compared")
    letters = tuple(letter(index) for index in range(len(sessions)))
    others = range(1, len(sessions))
    comparable = comparability(sessions, letters)
    return Comparison(
        sessions=tuple(sessions),
        letters=letters,
        settings=tuple(_setting_differences(sessions)),
        measurements=tuple(measurements(sessions, comparable)),
        classes=tuple(_classes([one.record.result for one in sessions])),
        images=tuple(
            compare_images(sessions[0], sessions[index], (letters[0], letters[index]), len(others)) for index in others
        ),
        same_tests=bool(comparable.sessions["test"]),
        notes=comparable.notes,
        missing=tuple(missing_curves(sessions, letters)),
    )


def letter(index: int) -> str:
    """The short name of a session by its index: A, B, ..., Z, AA, AB, ..."""
    name = ""
    while index >= 0:
        index, rest = divmod(index, 26)
        name, index = chr(ord("A") + rest) + name, index - 1
    return name


def differences(values: Sequence[float | None]) -> tuple[float | None, ...]:
    """The difference of each further value from the first, None if one of the two is missing."""
    first = values[0]
    return tuple(None if value is None or first is None else value - first for value in values[1:])


def _setting_differences(sessions: Sequence[SessionData]) -> Iterator[SettingDifference]:
    for spec in experiment_fields():
        values = tuple(value_at(one.record.experiment, spec.path) for one in sessions)
        if any(value != values[0] for value in values):
            yield SettingDifference(spec.path, spec.title, values)


def _classes(results: Sequence[Result | None]) -> Iterator[ClassComparison]:
    tables = [{row.name: row for row in result.per_class} if result else {} for result in results]
    for name in dict.fromkeys(name for table in tables for name in table):
        rows = [_measured(table.get(name)) for table in tables]
        f1, recall = ([None if row is None else getattr(row, score) for row in rows] for score in ("f1", "recall"))
        yield ClassComparison(name, tuple(f1), tuple(recall))


def _measured(row: ClassScores | None) -> ClassScores | None:
    return row if row is not None and row.support else None


def _curve(epochs: Sequence[EpochFinished], name: CurveName) -> EpochCurve:
    points = [(epoch.epoch, getattr(epoch, name)) for epoch in epochs]
    known = [(number, value) for number, value in points if value is not None]
    return EpochCurve(tuple(number for number, _ in known), tuple(value for _, value in known))
