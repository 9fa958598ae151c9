"""The rows of a study's table, and its columns: what there is of each value so far."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from cnn_tui.formatting import elapsed
from cnn_tui.metrics import ACCURACY, SCORES, Metric
from cnn_tui.reports.studies.table import Aggregate, StudyRow, StudyTable
from cnn_tui.tui.job_state import RunState
from cnn_tui.tui.widgets.table_columns import TableColumn, Tone
from cnn_tui.tui.widgets.title_bar import run_text

_STAR = "★"
_RANKS = {"summary": 3, "headline": 4, "detail": 5}  # which columns give way first in a narrow table
_TONES: dict[str, Tone] = {
    "done": "good",
    "running": "live",
    "stopped": "warning",
    "failed": "bad",
    "waiting": "muted",
}


@dataclass(frozen=True)
class StudyLine:
    """One value of a study.

    Attributes:
        place: its place among the values, from 0.
        progress: what the run of it that goes on is doing, empty for none.
        marked: whether a person marked it.
        best: whether it is the best one.
    """

    place: int
    row: StudyRow
    progress: str
    marked: bool
    best: bool

    @property
    def key(self) -> str:
        """What tells it from the others."""
        return str(self.place)

    @property
    def sessions(self) -> tuple[str, ...]:
        """Its sessions that have an end, as far as there are any."""
        return tuple(session for session in self.row.sessions if session)

    @property
    def state(self) -> str:
        """How far it is, in words."""
        row = self.row
        counted = f"{row.done}/{len(row.runs)} " if len(row.runs) > 1 and row.status != "done" else ""
        if row.status == "running":
            return f"▶ {counted}{self.progress or 'running'}"
        reason = f": {row.reason}" if row.reason and row.status == "failed" else ""
        return f"{counted}{row.status}{reason}"


def study_lines(
    table: StudyTable, running: Mapping[int, RunState], marked: Collection[int], best: StudyRow | None
) -> list[StudyLine]:
    """The lines of a table.

    Args:
        running: the runs that go on, by their places in the study.
        marked: the places of the marked lines.
    """
    return [
        StudyLine(place, row, _progress(row, running), place in marked, row is best)
        for place, row in enumerate(table.rows)
    ]


def study_columns(table: StudyTable) -> tuple[TableColumn[StudyLine], ...]:
    """The columns that a study asks for: a second factor and reported figures only where there are any.

    The column by which the best value is chosen has a star in its name, and room however narrow the table is.
    """
    return tuple(_columns(table))


def _columns(table: StudyTable) -> Iterator[TableColumn[StudyLine]]:
    yield TableColumn("mark", "", _mark, lambda line: not line.marked)
    if table.second_factor:
        name = table.second_factor.lower()
        yield TableColumn("second", name, lambda line: line.row.second_label, _second_place, narrowest=8, widest=24)
    numeric = all(isinstance(row.value, int | float) for row in table.rows)
    value_order = _value if numeric else _place
    factor = table.factor.lower()
    least = len(factor) + 1
    yield TableColumn("value", factor, lambda line: line.row.label, value_order, right=numeric, narrowest=least)
    validated = table.criterion == "validation accuracy"
    if validated:
        yield _figure_column("validation", f"{_STAR} validation", 0, lambda row: row.validation_accuracy)
    for metric in SCORES:
        chosen_by = metric is ACCURACY and not validated
        if metric.level != "detail" or any(row.score(metric) for row in table.rows):
            yield _metric_column(metric, f"{_STAR} {metric.heading}" if chosen_by else metric.heading)
        if metric is ACCURACY and table.study.reported:
            yield _reported_column()
            yield _difference_column()
    yield TableColumn("time", "time", _time, _seconds, right=True, rank=1)
    # What goes on and what went wrong take more words than what is done.
    wordy = any(row.status in ("running", "failed") for row in table.rows)
    narrowest = (14 if table.second_factor else 20) if wordy else 9
    yield TableColumn("state", "state", _state, lambda line: line.row.status, tone=_tone, narrowest=narrowest)


def _metric_column(metric: Metric, name: str) -> TableColumn[StudyLine]:
    rank = 0 if metric is ACCURACY else _RANKS[metric.level]
    return _figure_column(metric.key, name, rank, lambda row: row.score(metric))


def _figure_column(
    key: str, name: str, rank: int, figure: Callable[[StudyRow], Aggregate | None]
) -> TableColumn[StudyLine]:
    return TableColumn(
        key,
        name,
        lambda line: figure_words(figure(line.row)),
        lambda line: None if (known := figure(line.row)) is None else known.mean,
        right=True,
        falling=True,
        rank=rank,
    )


def _reported_column() -> TableColumn[StudyLine]:
    def published(line: StudyLine) -> float | None:
        return line.row.published(ACCURACY)

    return TableColumn("reported", "reported", lambda line: _share(published(line)), published, right=True, rank=2)


def _difference_column() -> TableColumn[StudyLine]:
    def difference(line: StudyLine) -> float | None:
        return line.row.difference(ACCURACY)

    return TableColumn(
        "difference", "difference", lambda line: _points(difference(line)), difference, right=True, rank=3
    )


def figure_words(figure: Aggregate | None) -> str:
    """A mean with its spread, such as "0.9312 ± 0.0021"."""
    if figure is None:
        return ""
    return f"{figure.mean:.4f}" + ("" if figure.deviation is None else f" ±{figure.deviation:.4f}")


def _progress(row: StudyRow, running: Mapping[int, RunState]) -> str:
    """What the run of a row that began last is doing."""
    going = [running[place] for place in row.runs if place in running]
    return run_text(going[-1]).partition(" · ")[2] if going else ""


def _mark(line: StudyLine) -> str:
    return ("●" if line.marked else " ") + (_STAR if line.best else " ")


def _place(line: StudyLine) -> int:
    return line.place


def _second_place(line: StudyLine) -> str:
    return line.row.second_label


def _value(line: StudyLine) -> float:
    return float(line.row.value) if isinstance(line.row.value, int | float) else 0.0


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _points(value: float | None) -> str:
    return "" if value is None else f"{value:+.4f}"


def _seconds(line: StudyLine) -> float | None:
    return line.row.train_seconds.mean if line.row.train_seconds else None


def _time(line: StudyLine) -> str:
    """The training time of one run; after "≈" a share of the time that runs took together."""
    seconds = _seconds(line)
    if seconds is None:
        return ""
    words = elapsed(seconds)
    return f"≈{words}" if line.row.together > 1 else words


def _state(line: StudyLine) -> str:
    return line.state


def _tone(line: StudyLine) -> Tone | None:
    return _TONES[line.row.status]
