"""The table of a study: its lines, its columns, and the widget that shows them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType

from cnn_tui.formatting import elapsed
from cnn_tui.metrics import ACCURACY, SCORES, Metric
from cnn_tui.reports.studies.table import Aggregate, StudyRow, StudyTable
from cnn_tui.tui.job_state import RunState
from cnn_tui.tui.widgets.sorted_table import SortedTable
from cnn_tui.tui.widgets.table_model import TableColumn, Tone
from cnn_tui.tui.widgets.title_bar import run_text

_STAR = "★"
_RANKS = {"summary": 3, "headline": 4, "detail": 5}
_TONES: dict[str, Tone] = {
    "done": "good",
    "running": "live",
    "stopped": "warning",
    "failed": "bad",
    "waiting": "muted",
}


@dataclass(frozen=True)
class StudyLine:
    """A row of a study as a line of the table.

    Attributes:
        index: the index of the row, from 0.
        progress: the progress of its running run, empty if none is running.
        marked: whether the user marked it.
        best: whether it is the best row.
    """

    index: int
    row: StudyRow
    progress: str
    marked: bool
    best: bool

    @property
    def key(self) -> str:
        """The identity of the line."""
        return str(self.index)

    @property
    def sessions(self) -> tuple[str, ...]:
        """The sessions of its ended runs."""
        return tuple(session for session in self.row.sessions if session)

    @property
    def marks(self) -> str:
        """A dot if it is marked, and a star if it is the best."""
        return ("●" if self.marked else " ") + (_STAR if self.best else " ")

    @property
    def state(self) -> str:
        """The state of its runs as text."""
        row = self.row
        count = f"{row.done}/{len(row.runs)} " if len(row.runs) > 1 and row.status != "done" else ""
        if row.status == "running":
            return f"▶ {count}{self.progress or 'running'}"
        reason = f": {row.reason}" if row.reason and row.status == "failed" else ""
        return f"{count}{row.status}{reason}"

    @property
    def seconds(self) -> float | None:
        """The training time of one run, None if unknown."""
        return self.row.train_seconds.mean if self.row.train_seconds else None

    @property
    def time(self) -> str:
        """The training time as text; after "≈" it is a share of the time of runs trained together."""
        if self.seconds is None:
            return ""
        return ("≈" if self.row.together > 1 else "") + elapsed(self.seconds)


class StudyTableView(SortedTable[StudyLine]):
    """The table of a study."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Open", tooltip="Open the results of the row's run"),
        Binding("s", "next_sort", "Sort", show=False, tooltip="Sort by the next column"),
    ]


def study_lines(
    table: StudyTable, running: Mapping[int, RunState], marked: Collection[int], best: StudyRow | None
) -> list[StudyLine]:
    """The lines of a table.

    Args:
        running: the running runs by their indices in the study.
        marked: the indices of the marked lines.
    """
    return [
        StudyLine(index, row, _progress(row, running), index in marked, row is best)
        for index, row in enumerate(table.rows)
    ]


def _progress(row: StudyRow, running: Mapping[int, RunState]) -> str:
    """The progress of the run of a row that started last."""
    runs = [running[index] for index in row.runs if index in running]
    return run_text(runs[-1]).partition(" · ")[2] if runs else ""


def figure_text(figure: Aggregate | None) -> str:
    """A mean with its standard deviation, such as "0.9312 ±0.0021"."""
    if figure is None:
        return ""
    return f"{figure.mean:.4f}" + ("" if figure.deviation is None else f" ±{figure.deviation:.4f}")


def study_columns(table: StudyTable) -> Iterator[TableColumn[StudyLine]]:
    """The columns for a study; those for a second factor and for reported figures only if it has any.

    The criterion for the best row has a star in its heading and is shown however narrow the table is.
    """
    numeric = all(isinstance(row.value, int | float) for row in table.rows)
    validated = table.criterion == "validation accuracy"
    yield TableColumn("mark", "", lambda line: line.marks, lambda line: not line.marked)
    if table.second_factor:
        yield _second_column(table)
    yield TableColumn(
        "value",
        table.factor.lower(),
        lambda line: line.row.label,
        lambda line: line.row.value if numeric else line.index,
        right=numeric,
        narrowest=len(table.factor) + 1,
    )
    if validated:
        yield _mean_column("validation", f"{_STAR} validation", 0, lambda row: row.validation_accuracy)
    for metric in SCORES:
        if metric.level != "detail" or any(row.score(metric) for row in table.rows):
            yield _metric_column(metric, is_criterion=metric is ACCURACY and not validated)
        if metric is ACCURACY and table.study.reported:
            yield _value_column("reported", 2, ".4f", lambda row: row.published(ACCURACY))
            yield _value_column("difference", 3, "+.4f", lambda row: row.difference(ACCURACY))
    yield TableColumn("time", "time", lambda line: line.time, lambda line: line.seconds, right=True, rank=1)
    yield _state_column(table)


def _second_column(table: StudyTable) -> TableColumn[StudyLine]:
    # Its whole heading if a terminal of 80 columns has the space beside the columns that are never left out.
    is_wide = table.study.repeats > 1 or _has_long_states(table)
    space = 0 if is_wide else 27 - len(table.factor)
    return TableColumn(
        "second",
        table.second_factor.lower(),
        lambda line: line.row.second_label,
        lambda line: line.row.second_label,
        narrowest=max(8, min(len(table.second_factor) + 1, space)),
        widest=24,
    )


def _metric_column(metric: Metric, is_criterion: bool) -> TableColumn[StudyLine]:
    heading = f"{_STAR} {metric.heading}" if is_criterion else metric.heading
    rank = 0 if metric is ACCURACY else _RANKS[metric.level]
    return _mean_column(metric.key, heading, rank, lambda row: row.score(metric))


def _mean_column(
    key: str, heading: str, rank: int, figure: Callable[[StudyRow], Aggregate | None]
) -> TableColumn[StudyLine]:
    def mean(line: StudyLine) -> float | None:
        found = figure(line.row)
        return None if found is None else found.mean

    return TableColumn(
        key, heading, lambda line: figure_text(figure(line.row)), mean, right=True, falling=True, rank=rank
    )


def _value_column(
    name: str, rank: int, format_spec: str, value: Callable[[StudyRow], float | None]
) -> TableColumn[StudyLine]:
    def text(line: StudyLine) -> str:
        found = value(line.row)
        return "" if found is None else format(found, format_spec)

    return TableColumn(name, name, text, lambda line: value(line.row), right=True, rank=rank)


def _state_column(table: StudyTable) -> TableColumn[StudyLine]:
    narrowest = (14 if table.second_factor else 20) if _has_long_states(table) else 9
    return TableColumn(
        "state",
        "state",
        lambda line: line.state,
        lambda line: line.row.status,
        tone=lambda line: _TONES[line.row.status],
        narrowest=narrowest,
    )


def _has_long_states(table: StudyTable) -> bool:
    """Whether any row shows the progress of a run or the reason of a failure."""
    return any(row.status in ("running", "failed") for row in table.rows)
