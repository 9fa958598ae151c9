"""A comparison of sessions as tables, as a document and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from cnn_tui.reports.charts.series import CURVE_STYLES, Chart, Series
from cnn_tui.reports.comparison.compare import CURVES, ClassComparison, Comparison, CurveName, differences
from cnn_tui.reports.comparison.images import LEVEL, ImageComparison
from cnn_tui.reports.comparison.measurements import measurement_text
from cnn_tui.reports.documents.document import Block, Document, Section
from cnn_tui.reports.documents.tables import HeatTable, Table
from cnn_tui.reports.labels import setting_text

SAME_SETTINGS = "All settings are the same."
CLASSES_NOTE = "F1 and recall of the first session, and the differences of the others from it."
_MARKED_EPOCHS = 30  # with more, markers would hide the curve
_BRIEF_CLASSES = 20
_BEST = 0.1  # a light tint
_DIGITS = 4
_NONE = "–"


def comparison_document(comparison: Comparison, *, brief: bool = False) -> Document:
    """The whole comparison; ``brief`` leaves out the classes that changed least, and some of the curves."""
    sections = [
        Section("Sessions", (sessions_table(comparison),)),
        Section("Settings that differ", settings_blocks(comparison)),
        Section("Figures", (measurements_table(comparison), *comparison.notes)),
    ]
    if comparison.classes:
        sections.append(Section("Classes", _classes_blocks(comparison, brief)))
    overlays = [overlay(comparison, name) for name in (main_curves(comparison) if brief else CURVES)]
    charts = tuple(chart for chart in overlays if chart.series)
    if charts or comparison.missing:
        sections.append(Section("Curves", (*comparison.missing, *charts)))
    sections.append(Section("Images", _images_blocks(comparison)))
    return Document(" vs ".join(comparison.names), tuple(sections))


def sessions_table(comparison: Comparison) -> Table:
    """The session of each letter."""
    rows = [
        (letter, one.record.name, one.record.id, one.record.status)
        for letter, one in zip(comparison.letters, comparison.sessions, strict=True)
    ]
    return Table(("", "name", "session", "status"), tuple(rows), labels=4)


def settings_table(comparison: Comparison) -> Table:
    """The settings that differ."""
    rows = [(row.path, row.title, *(setting_text(value) for value in row.values)) for row in comparison.settings]
    return Table(("setting", "title", *comparison.letters), tuple(rows), labels=2 + len(comparison.letters))


def settings_blocks(comparison: Comparison) -> tuple[Block, ...]:
    """The settings that differ, or a sentence if none does."""
    return (settings_table(comparison),) if comparison.settings else (SAME_SETTINGS,)


def measurements_table(comparison: Comparison) -> HeatTable:
    """The headline results side by side, the best of each marked."""
    rows = [(row.name, *(measurement_text(value, row.unit) for value in row.values)) for row in comparison.measurements]
    indices = range(len(comparison.sessions))
    heat = [tuple(_BEST if index in row.best else 0.0 for index in indices) for row in comparison.measurements]
    return HeatTable(("figure", *comparison.letters), tuple(rows), heat=tuple(heat))


def classes_table(comparison: Comparison, classes: Sequence[ClassComparison]) -> HeatTable:
    """F1 and recall of classes, as differences from the first session for the others.

    Differences are coloured only if all sessions were tested on the same images.
    """
    columns = [f"{name} {letter}" for name in ("F1", "recall") for letter in comparison.letters]
    rows = [(row.name, *_score_cells(row.f1), *_score_cells(row.recall)) for row in classes]
    heat = [(*_score_heat(row.f1), *_score_heat(row.recall)) for row in classes] if comparison.same_tests else []
    return HeatTable(("class", *columns), tuple(rows), heat=tuple(heat))


def images_table(comparison: Comparison) -> Table:
    """The numbers of images that both, one or neither of two sessions got right."""
    rows = [
        (
            f"{row.first} and {row.second}",
            f"{row.shared:,}",
            f"{row.both_right:,}",
            f"{len(row.only_first):,}",
            f"{len(row.only_second):,}",
            f"{row.both_wrong:,}",
            f"{row.test.p_value:.3g}",
        )
        for row in comparison.images
        if row.test is not None
    ]
    columns = ("sessions", "images", "both right", "only the first", "only the second", "both wrong", "p")
    return Table(columns, tuple(rows))


def multiple_tests_note(comparison: Comparison) -> tuple[str, ...]:
    """The significance level of several tests, nothing for a single one."""
    tests = len(comparison.images)
    if tests < 2:
        return ()
    return (
        f"With {tests} comparisons, a difference is significant only if it would occur by chance in fewer than "
        f"{LEVEL / tests * 100:.2g} % of cases.",
    )


def overlay(comparison: Comparison, name: CurveName, labels: Sequence[str] = ()) -> Chart:
    """A curve of all sessions that have it in one chart, with the sessions' names unless there are other labels."""
    title = name.replace("_", " ")
    series = []
    for index, curve in enumerate(comparison.curves(name)):
        style = CURVE_STYLES[index % len(CURVE_STYLES)]
        if curve.values:
            marker = style.marker if len(curve.values) <= _MARKED_EPOCHS else "none"
            label = (labels or comparison.names)[index]
            series.append(Series(label, curve.epochs, curve.values, style.role, style.dash, marker))
    return Chart(title, tuple(series), "epoch", title, percent=name.endswith("accuracy"))


def main_curves(comparison: Comparison) -> tuple[CurveName, CurveName]:
    """The two main curves to compare: validation if every session has it, else training."""
    return ("validation_loss", "validation_accuracy") if comparison.validated else ("train_loss", "train_accuracy")


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """The whole comparison as JSON, with unrounded numbers."""
    sessions = zip(comparison.letters, comparison.sessions, strict=True)
    return {
        "sessions": [
            {"letter": letter, "id": one.record.id, "name": one.record.name, "status": one.record.status}
            for letter, one in sessions
        ],
        "settings": [{"path": row.path, "title": row.title, "values": row.values} for row in comparison.settings],
        "figures": [
            {"name": row.name, "unit": row.unit, "values": row.values, "best": sorted(row.best)}
            for row in comparison.measurements
        ],
        "notes": [*comparison.notes, *comparison.missing],
        "curves": {
            name: [{"epochs": curve.epochs, "values": curve.values} for curve in comparison.curves(name)]
            for name in CURVES
        },
        "classes": [{"name": row.name, "f1": row.f1, "recall": row.recall} for row in comparison.classes],
        "pictures": [_images_json(row) for row in comparison.images],
    }


def score_text(value: float | None) -> str:
    """A score, a dash for none."""
    return _NONE if value is None else f"{value:.{_DIGITS}f}"


def change_text(value: float | None) -> str:
    """A difference of scores with its sign, a dash for none."""
    return _NONE if value is None else f"{value:+.{_DIGITS}f}"


def rounded_change(value: float | None) -> float:
    """A difference of scores, rounded as in its text; 0 for none."""
    return round(value or 0.0, _DIGITS)


def _classes_blocks(comparison: Comparison, brief: bool) -> tuple[Block, ...]:
    rows = comparison.classes
    if not brief or len(rows) <= _BRIEF_CLASSES:
        return CLASSES_NOTE, classes_table(comparison, rows)
    most_changed = sorted(rows, key=lambda row: -row.largest_change)[:_BRIEF_CLASSES]
    selection = f"These are the {_BRIEF_CLASSES} of {len(rows):,} classes whose F1 differs most."
    return f"{CLASSES_NOTE} {selection}", classes_table(comparison, most_changed)


def _images_blocks(comparison: Comparison) -> tuple[Block, ...]:
    sentences = [row.sentence for row in comparison.images]
    table = images_table(comparison)
    return (*sentences, *multiple_tests_note(comparison), *([table] if table.rows else []))


def _score_cells(values: Sequence[float | None]) -> tuple[str, ...]:
    return score_text(values[0]), *(change_text(change) for change in differences(values))


def _score_heat(values: Sequence[float | None]) -> tuple[float, ...]:
    return 0.0, *(rounded_change(change) for change in differences(values))


def _images_json(row: ImageComparison) -> dict[str, Any]:
    test = None if row.test is None else {"p_value": row.test.p_value, "exact": row.test.exact}
    return {**asdict(row), "test": test}
