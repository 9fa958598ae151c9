"""A comparison of sessions as tables, as a document and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from cnn_tui.reports.chart import CUES, Chart, Series
from cnn_tui.reports.comparison import CURVES, ClassRow, Comparison, CurveName, differences
from cnn_tui.reports.comparison_figures import FigureRow, figure_text
from cnn_tui.reports.comparison_pictures import LEVEL, PictureComparison
from cnn_tui.reports.document import Block, Document, Section
from cnn_tui.reports.session_data import setting_text
from cnn_tui.reports.tables import HeatTable, Table

SAME_SETTINGS = "All settings are the same."
CLASSES_NOTE = "F1 and recall of the first session, and how far those of the others are above or below."
_MARKED_EPOCHS = 30  # of more, the markers would hide the curve
_BRIEF_CLASSES = 20
_BEST = 0.1  # a light tint
_DIGITS = 4
_NONE = "–"


def comparison_document(comparison: Comparison, *, brief: bool = False) -> Document:
    """Everything that a comparison says; ``brief`` leaves out the classes that changed least and some of the curves."""
    sections = [
        Section("Sessions", (sessions_table(comparison),)),
        Section("Settings that differ", settings_blocks(comparison)),
        Section("Figures", (figures_table(comparison), *comparison.notes)),
    ]
    if comparison.classes:
        sections.append(Section("Classes", _classes_blocks(comparison, brief)))
    charts = [overlay(comparison, name) for name in (main_curves(comparison) if brief else CURVES)]
    drawn = tuple(chart for chart in charts if chart.series)
    if drawn or comparison.missing:
        sections.append(Section("Curves", (*comparison.missing, *drawn)))
    sections.append(Section("Pictures", pictures_blocks(comparison)))
    return Document(" against ".join(comparison.names), tuple(sections))


def _classes_blocks(comparison: Comparison, brief: bool) -> tuple[Block, ...]:
    rows = comparison.classes
    if not brief or len(rows) <= _BRIEF_CLASSES:
        return CLASSES_NOTE, classes_table(comparison, rows)
    most = sorted(rows, key=lambda row: -row.largest_change)[:_BRIEF_CLASSES]
    few = f"These are the {_BRIEF_CLASSES} of {len(rows):,} classes whose F1 differs most."
    return f"{CLASSES_NOTE} {few}", classes_table(comparison, most)


def sessions_table(comparison: Comparison) -> Table:
    """What each letter stands for."""
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
    """The settings that differ, or that none does."""
    return (settings_table(comparison),) if comparison.settings else (SAME_SETTINGS,)


def figures_table(comparison: Comparison) -> HeatTable:
    """The headline figures side by side, the best of each marked."""
    rows = [(row.name, *(figure_text(value, row.unit) for value in row.values)) for row in comparison.figures]
    places = range(len(comparison.sessions))
    heat = [tuple(_BEST if place in row.best else 0.0 for place in places) for row in comparison.figures]
    return HeatTable(("figure", *comparison.letters), tuple(rows), heat=tuple(heat))


def classes_table(comparison: Comparison, classes: Sequence[ClassRow]) -> HeatTable:
    """F1 and recall of classes, those of the further sessions as changes from the first.

    Changes have colours only where the test pictures are the same.
    """
    columns = [f"{name} {letter}" for name in ("F1", "recall") for letter in comparison.letters]
    rows = [(row.name, *_scored(row.f1), *_scored(row.recall)) for row in classes]
    heat = [(*_warmth(row.f1), *_warmth(row.recall)) for row in classes] if comparison.same_tests else []
    return HeatTable(("class", *columns), tuple(rows), heat=tuple(heat))


def pictures_table(comparison: Comparison) -> Table:
    """How many pictures both, one or none of two sessions got right."""
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
        for row in comparison.pictures
        if row.test is not None
    ]
    columns = ("sessions", "pictures", "both right", "only the first", "only the second", "both wrong", "p")
    return Table(columns, tuple(rows))


def pictures_blocks(comparison: Comparison) -> tuple[Block, ...]:
    """What the pictures say: a sentence for each session against the first, and the counts."""
    sentences = [row.sentence for row in comparison.pictures]
    table = pictures_table(comparison)
    return (*sentences, *note(comparison), *([table] if table.rows else []))


def note(comparison: Comparison) -> tuple[str, ...]:
    """How strict the tests are where there are several of them."""
    tests = len(comparison.pictures)
    if tests < 2:
        return ()
    return (
        f"With {tests} comparisons one is likelier to come out by chance, so a difference counts where chance would "
        f"show it in fewer than {LEVEL / tests * 100:.2g} % of cases.",
    )


def overlay(comparison: Comparison, name: CurveName, names: Sequence[str] = ()) -> Chart:
    """One figure of all sessions by epoch in one chart, named otherwise if so wished; those without it are left out."""
    words = name.replace("_", " ")
    series = []
    for place, curve in enumerate(comparison.curves(name)):
        cue = CUES[place % len(CUES)]
        if curve.values:
            shown = cue.marker if len(curve.values) <= _MARKED_EPOCHS else "none"
            called = (names or comparison.names)[place]
            series.append(Series(called, curve.epochs, curve.values, cue.role, cue.dash, shown))
    return Chart(words, tuple(series), "epoch", words, percent=name.endswith("accuracy"))


def main_curves(comparison: Comparison) -> tuple[CurveName, CurveName]:
    """The two figures to compare by: of validation where every session has it, else of training."""
    return ("validation_loss", "validation_accuracy") if comparison.validated else ("train_loss", "train_accuracy")


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """Everything that a comparison says, figures as numbers."""
    sessions = zip(comparison.letters, comparison.sessions, strict=True)
    return {
        "sessions": [
            {"letter": letter, "id": one.record.id, "name": one.record.name, "status": one.record.status}
            for letter, one in sessions
        ],
        "settings": [{"path": row.path, "title": row.title, "values": row.values} for row in comparison.settings],
        "figures": [_figure_json(row) for row in comparison.figures],
        "notes": [*comparison.notes, *comparison.missing],
        "curves": {
            name: [{"epochs": curve.epochs, "values": curve.values} for curve in comparison.curves(name)]
            for name in CURVES
        },
        "classes": [{"name": row.name, "f1": row.f1, "recall": row.recall} for row in comparison.classes],
        "pictures": [_pictures_json(row) for row in comparison.pictures],
    }


def score_text(value: float | None) -> str:
    """A score, a dash for none."""
    return _NONE if value is None else f"{value:.{_DIGITS}f}"


def shown_change(value: float | None) -> float:
    """A change of a score as far as it is written out; 0 for none."""
    return round(value or 0.0, _DIGITS)


def change_text(value: float | None) -> str:
    """A change of a score with its sign, a dash for none."""
    return _NONE if value is None else f"{value:+.{_DIGITS}f}"


def _scored(values: Sequence[float | None]) -> tuple[str, ...]:
    return score_text(values[0]), *(change_text(change) for change in differences(values))


def _warmth(values: Sequence[float | None]) -> tuple[float, ...]:
    return 0.0, *(shown_change(change) for change in differences(values))


def _figure_json(row: FigureRow) -> dict[str, Any]:
    return {"name": row.name, "unit": row.unit, "values": row.values, "best": sorted(row.best)}


def _pictures_json(row: PictureComparison) -> dict[str, Any]:
    test = None if row.test is None else {"p_value": row.test.p_value, "exact": row.test.exact}
    return {**asdict(row), "test": test}
