"""Sessions side by side: what was set differently, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cnn_tui.config.fields import experiment_fields, value_at
from cnn_tui.events import EpochFinished
from cnn_tui.metrics import ClassScores, Result
from cnn_tui.reports.comparable import comparable
from cnn_tui.reports.comparison_figures import FigureRow, figure_rows
from cnn_tui.reports.comparison_pictures import PictureComparison, compare_pictures
from cnn_tui.reports.missing_curves import missing_curves
from cnn_tui.reports.session_data import SessionData

CurveName = Literal["validation_loss", "validation_accuracy", "train_loss", "train_accuracy"]
"""A figure that every epoch has, or each with validation."""
CURVES: tuple[CurveName, ...] = ("validation_loss", "validation_accuracy", "train_loss", "train_accuracy")


@dataclass(frozen=True)
class SettingDifference:
    """A setting that the sessions do not share, with the value that each of them has."""

    path: str
    title: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class ClassRow:
    """F1 and recall of one class, by its name; None for a session that has no such class or no pictures of it."""

    name: str
    f1: tuple[float | None, ...]
    recall: tuple[float | None, ...]

    @property
    def largest_change(self) -> float:
        """The largest change of F1 from the first session, either way."""
        return max((abs(change) for change in differences(self.f1) if change is not None), default=0.0)


@dataclass(frozen=True)
class Curve:
    """One figure of a session by epoch."""

    epochs: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two sessions or more, the first being the one that the others are measured against.

    Attributes:
        letters: what each session is called for short.
        settings: only those that differ.
        classes: in the order of the first session that has them.
        pictures: each further session against the first.
        same_tests: whether all sessions that were tested were tested on the same pictures.
        notes: why the best of some figures is not marked, a sentence each.
        missing: why curves are missing, a sentence for each reason.
    """

    sessions: tuple[SessionData, ...]
    letters: tuple[str, ...]
    settings: tuple[SettingDifference, ...]
    figures: tuple[FigureRow, ...]
    classes: tuple[ClassRow, ...]
    pictures: tuple[PictureComparison, ...]
    same_tests: bool
    notes: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Each session's letter and name."""
        return tuple(f"{letter} {one.record.name}" for letter, one in zip(self.letters, self.sessions, strict=True))

    def curves(self, name: CurveName) -> tuple[Curve, ...]:
        """One figure of every session by epoch; without points where a session has none."""
        return tuple(_curve(one.epochs, name) for one in self.sessions)

    @property
    def validated(self) -> bool:
        """Whether every session that has curves has some of validation, so that these are what to compare by."""
        drawn = [curve for curve, one in zip(self.curves("validation_loss"), self.sessions, strict=True) if one.epochs]
        return bool(drawn) and all(curve.values for curve in drawn)


def compare(sessions: Sequence[SessionData]) -> Comparison:
    """Put two sessions or more side by side.

    Raises:
        ValueError: there are fewer than two.
    """
    if len(sessions) < 2:
        raise ValueError("fewer than two sessions cannot be compared")
    letters = tuple(letter(place) for place in range(len(sessions)))
    others = range(1, len(sessions))
    found = comparable(sessions, letters)
    return Comparison(
        sessions=tuple(sessions),
        letters=letters,
        settings=tuple(_setting_differences(sessions)),
        figures=tuple(figure_rows(sessions, found)),
        classes=tuple(_classes([one.record.result for one in sessions])),
        pictures=tuple(
            compare_pictures(sessions[0], sessions[place], (letters[0], letters[place]), len(others))
            for place in others
        ),
        same_tests=bool(found.test),
        notes=found.notes,
        missing=tuple(missing_curves(sessions, letters)),
    )


def letter(place: int) -> str:
    """What the session at a place is called: A, B, ..., Z, AA, AB, ..."""
    name = ""
    while place >= 0:
        place, rest = divmod(place, 26)
        name, place = chr(ord("A") + rest) + name, place - 1
    return name


def differences(values: Sequence[float | None]) -> tuple[float | None, ...]:
    """How far each further value is above the first, None where one of the two is missing."""
    first = values[0]
    return tuple(None if value is None or first is None else value - first for value in values[1:])


def _setting_differences(sessions: Sequence[SessionData]) -> Iterable[SettingDifference]:
    for spec in experiment_fields():
        values = tuple(value_at(one.record.experiment, spec.path) for one in sessions)
        if any(value != values[0] for value in values):
            yield SettingDifference(spec.path, spec.title, values)


def _classes(results: Sequence[Result | None]) -> Iterable[ClassRow]:
    tables = [{row.name: row for row in result.per_class} if result else {} for result in results]
    for name in dict.fromkeys(name for table in tables for name in table):
        rows = [_measured(table.get(name)) for table in tables]
        f1, recall = ([None if row is None else getattr(row, figure) for row in rows] for figure in ("f1", "recall"))
        yield ClassRow(name, tuple(f1), tuple(recall))


def _measured(row: ClassScores | None) -> ClassScores | None:
    return row if row is not None and row.support else None


def _curve(epochs: Sequence[EpochFinished], name: CurveName) -> Curve:
    points = [(epoch.epoch, getattr(epoch, name)) for epoch in epochs]
    known = [(number, value) for number, value in points if value is not None]
    return Curve(tuple(number for number, _ in known), tuple(value for _, value in known))
