"""A metric is added in one file: no other names it, and every view shows it."""

from __future__ import annotations

import csv
import html
import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import cnn_tui
from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded
from cnn_tui.metrics import ACCURACY, METRICS, SCORES, Metric, Result, result_fields
from cnn_tui.outcome import Outcome
from cnn_tui.reports.comparison.compare import compare
from cnn_tui.reports.comparison.document import measurements_table
from cnn_tui.reports.formats import FIGURE_FORMATS, FORMATS, Format, Report, render, render_study
from cnn_tui.reports.sessions.data import read_session
from cnn_tui.reports.sessions.document import session_document
from cnn_tui.reports.studies.table import study_table
from cnn_tui.store.records import SessionRecord
from cnn_tui.store.sessions import write_record
from cnn_tui.tui.screens.results_header import details_line
from samples import result
from study_records import record, study

CODE = Path(cnn_tui.__file__).parent
RECORDED = Path(__file__).parent / "recorded" / "before-top-five"
NAMED_ELSEWHERE = {"accuracy", "test_loss"}  # charts of epochs draw them too, and studies are chosen by the one
PRESETS = CODE / "config" / "study.py"  # names what a preset can hold of published figures: a file format
TABLE_FORMATS = [chosen for chosen in FORMATS if chosen not in FIGURE_FORMATS]
every_metric = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)


def six_classes() -> Result:
    """A result in which no two metrics are written alike, but for macro recall and balanced accuracy."""
    matrix = np.eye(6, dtype=int) * np.arange(1, 7) + np.triu(np.ones((6, 6), dtype=int))
    figures = result_fields(Outcome(matrix.tolist(), 0.7, top_hits=int(matrix.sum()) - 1), "abcdef")
    return Result(**result().model_dump() | figures)


def six_class_record() -> SessionRecord:
    return record(study(), 0).model_copy(update={"result": six_classes()})


@pytest.fixture
def old_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A session that the version before recorded."""
    monkeypatch.setenv("CNN_TUI_HOME", str(tmp_path))
    folder = tmp_path / "sessions" / read_session(RECORDED).record.id
    return Path(shutil.copytree(RECORDED, folder))


@every_metric
def test_no_other_file_names_a_metric(metric: Metric) -> None:
    if metric.key in NAMED_ELSEWHERE:
        return
    name = re.compile(rf"\b{metric.key}\b|[\"']{re.escape(metric.title)}")
    naming = {path for path in CODE.rglob("*.py") if name.search(path.read_text(encoding="utf-8"))}
    assert naming - {PRESETS} == {CODE / "metrics.py"}


def text(report: Report) -> str:
    assert isinstance(report.content, str)
    return html.unescape(report.content)


@every_metric
def test_every_format_of_an_exported_session_has_it(metric: Metric, tmp_path: Path) -> None:
    write_record(tmp_path, six_class_record())
    document = session_document(read_session(tmp_path))
    value = f"{six_classes().value(metric):.4f}"
    for chosen in TABLE_FORMATS:
        lines = text(render(document, "markdown" if chosen == "csv" else chosen)).splitlines()
        assert any(metric.title in line and value in line for line in lines), chosen


@every_metric
def test_a_comparison_has_it(metric: Metric, tmp_path: Path) -> None:
    write_record(tmp_path, six_class_record())
    rows = measurements_table(compare([read_session(tmp_path), read_session(tmp_path)])).rows
    value = f"{six_classes().value(metric):.4f}"
    assert (metric.title, value, value) in rows


@pytest.mark.parametrize("metric", SCORES, ids=lambda metric: metric.key)
@pytest.mark.parametrize("chosen", TABLE_FORMATS)
def test_every_format_of_a_study_has_it(metric: Metric, chosen: Format) -> None:
    table = study_table(study(), {0: six_class_record()})
    written = text(render_study(table, chosen))
    value = six_classes().value(metric)
    assert value is not None
    if chosen == "csv":
        (first, *_) = csv.DictReader(io.StringIO(written))
        assert float(first[metric.key]) == pytest.approx(value, abs=1e-6)
        return
    name = metric.title if metric.level == "detail" else metric.heading
    assert name in written
    assert f"{value:.4f}" in written


@every_metric
def test_the_command_line_shows_it(
    metric: Metric, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CNN_TUI_HOME", str(tmp_path))
    kept = six_class_record()
    (tmp_path / "sessions" / kept.id).mkdir(parents=True)
    write_record(tmp_path / "sessions" / kept.id, kept)
    assert guarded(cli, ["sessions", "show", kept.id]) == 0
    written = capsys.readouterr().out
    assert metric.heading in written
    assert f"{six_classes().value(metric):.{3 if metric.per_class else 4}f}" in written


def test_the_workbench_writes_what_the_header_has_no_room_for() -> None:
    figures = six_classes()
    line = details_line(figures).plain
    for metric in METRICS.values():
        shown = f"{metric.title} {metric.screen_text(figures.value(metric))}"
        assert (shown in line) == (metric.level == "detail")


def test_what_an_old_session_lacks_is_a_dash(old_session: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(cli, ["sessions", "show", old_session.name]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["top-5", "accuracy", "–"] in rows
    assert ["Cohen's", "kappa", "0.3889"] in rows
    assert guarded(cli, ["sessions", "export", old_session.name, "--format", "csv", "--table", "figures"]) == 0
    written = dict(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert (written["top-5 accuracy"], written[ACCURACY.title]) == ("–", "0.4500")


def test_a_study_of_runs_of_which_one_lacks_a_metric_has_no_mean_of_it() -> None:
    preset = study(values=[1], repeats=2)
    lacking = six_classes().model_copy(update={"top5_accuracy": None})
    known = {
        run: record(preset, run).model_copy(update={"result": came_to})
        for run, came_to in enumerate((six_classes(), lacking))
    }
    (row,) = study_table(preset, known).rows
    assert row.score(METRICS["top5_accuracy"]) is None
    assert row.score(METRICS["cohen_kappa"]) is not None


@pytest.mark.parametrize("classes", [5, 6])
def test_five_classes_have_no_top_5_accuracy(classes: int) -> None:
    matrix = np.eye(classes, dtype=int).tolist()
    scores = Result(**result().model_dump() | result_fields(Outcome(matrix, 0.5, classes), "abcdef"[:classes]))
    assert (METRICS["top5_accuracy"] in scores.metrics) == (classes == 6)
