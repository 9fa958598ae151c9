"""The report of a study in every format, its differences from published scores, and its progress from events."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from cnn_tui.config.job import Job
from cnn_tui.config.study import StudyPreset
from cnn_tui.events import ErrorReport, JobFinished, JobStarted, RunEvent, RunFinished, RunReused
from cnn_tui.reports.charts.series import Chart
from cnn_tui.reports.formats import FIGURE_FORMATS, FORMATS, Format, format_of, render_study, write_report
from cnn_tui.reports.job_progress import JobProgress
from cnn_tui.reports.studies.charts import charts
from cnn_tui.reports.studies.document import results_table, setup_text, state, study_document
from cnn_tui.reports.studies.findings import differences, mean_difference
from cnn_tui.reports.studies.table import StudyTable, study_table
from cnn_tui.store.records import SessionRecord
from samples import epoch, result, started
from study_records import record, records, study

EVIL = 'x<script>alert(1)</script>|&\\input{y}$_\x1b[31m"'


TEXTS = tuple(name for name in FORMATS if name not in FIGURE_FORMATS)


def written_study(table: StudyTable, chosen: Format) -> str:
    content = render_study(table, chosen).content
    assert isinstance(content, str)
    return content


def table_of(preset: StudyPreset, accuracies: list[float]) -> StudyTable:
    return study_table(preset, records(preset, accuracies))


def test_optional_columns_appear_only_with_content() -> None:
    plain = results_table(table_of(study(), [0.1, 0.2, 0.3]))
    assert plain.columns == ("Epochs", "accuracy", "precision", "recall", "F1", "seconds")
    assert plain.rows[1] == ("3", "0.2000", "0.2100", "0.2000", "0.1900", "1.5")
    known = records(study(), [0.1, 0.2], [0.4, 0.5]) | {1: record(study(), 1, 0.2, validation=0.5, together=2)}
    full = results_table(study_table(study(), known))
    assert full.columns[5:] == ("validation accuracy", "seconds", "trained together", "state")
    assert full.rows[1][5:] == ("0.5000", "1.5", "2", "done")
    assert full.rows[2][1:] == ("", "", "", "", "", "", "", "waiting")


def test_repeats_have_mean_and_deviation() -> None:
    repeated = study(values=[1], repeats=3)
    (row,) = results_table(table_of(repeated, [0.1, 0.2, 0.3])).rows
    assert row[1] == "0.2000 ± 0.1000"


def test_a_state_has_progress_and_reason() -> None:
    repeated = study(values=[1], repeats=3)
    known = records(repeated, [0.1])
    assert state(study_table(repeated, known).rows[0]) == "1 of 3 waiting"
    failed = known | {1: record(repeated, 1, status="failed", error="Out of memory")}
    assert state(study_table(repeated, failed).rows[0]) == "failed: 1 of 3 runs: Out of memory"


def test_the_setup_leaves_out_what_is_varied() -> None:
    text = setup_text(study(repeats=2, base={"data": {"train_limit": 500}, "training": {"seed": 7}}))
    assert "epochs" not in text
    for part in (
        "resnet18",
        "weights imagenet",
        "on cifar10",
        "500 training images",
        "2 seeds per value, starting at 7",
    ):
        assert part in text


def test_the_setup_names_folders_and_weights_files() -> None:
    data, model = {"dataset": "folder", "root": "/srv/pictures"}, {"weights": "/srv/weights/mine.pth"}
    text = setup_text(study(base={"data": data, "model": model}))
    assert "weights mine.pth," in text
    assert "on /srv/pictures," in text


def test_curves_of_networks_are_points_and_of_numbers_are_lines() -> None:
    networks = study(factor="model.architecture", values=["vgg16", "resnet18"])
    (chart,) = charts(table_of(networks, [0.1, 0.2]))
    assert {one.dash for one in chart.series} == {"none"}
    (chart,) = charts(table_of(study(values=[1, 5, 80]), [0.1, 0.2, 0.3]))
    assert (chart.log_x, [one.name for one in chart.series]) == (True, ["accuracy", "precision", "recall", "F1"])


def test_time_has_a_chart_if_runs_were_trained_alone() -> None:
    titles = [chart.title for chart in charts(table_of(study(plain=True), [0.1, 0.2, 0.3]))]
    assert titles == ["Epochs: scores on test images", "Epochs: training time"]


def test_a_grid_is_one_curve_for_each_value_of_the_second_factor() -> None:
    grid = study(second_factor="training.batch_size", second_values=[8, 16])
    table = table_of(grid, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    (chart,) = charts(table)
    assert [(one.name, tuple(one.ys)) for one in chart.series] == [("8", (0.1, 0.2, 0.3)), ("16", (0.4, 0.5, 0.6))]
    assert results_table(table).rows[3][:3] == ("16", "1", "0.4000")


def test_a_study_that_has_not_started_can_be_written() -> None:
    for chosen in TEXTS:
        assert "some-study" in written_study(study_table(study(), {}), chosen) or chosen == "csv"


@pytest.mark.parametrize("chosen", TEXTS)
def test_texts_are_never_markup(chosen: Format) -> None:
    evil = study(name=EVIL, description=EVIL, factor="model.weights", values=[EVIL, "random"])
    written = written_study(table_of(evil, [0.1, 0.2]), chosen)
    assert "\x1b" not in written
    if chosen == "html":
        assert "<script" not in written
        assert "&lt;script&gt;" in written
    if chosen == "latex":
        assert "\\input{y}" not in written
        assert r"\textbackslash{}input\{y\}\$\_" in written
    if chosen == "markdown":
        assert "<script" not in written.replace("\\<", "")


def test_a_page_is_self_contained() -> None:
    page = written_study(table_of(study(), [0.1, 0.2, 0.3]), "html")
    svg = page[page.index("<svg") : page.index("</svg>") + len("</svg>")]
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "prefers-color-scheme: dark" in page


def test_latex_has_the_rules_of_booktabs() -> None:
    written = written_study(table_of(study(), [0.1, 0.2, 0.3]), "latex")
    assert written.count(r"\begin{tabular}") == written.count(r"\end{tabular}") == 3
    assert r"\toprule" in written
    assert r"0.1000 & 0.1100 & 0.1000 & 0.0900 & 1.5 \\" in written
    captions = [line.strip() for line in written.splitlines() if r"\caption" in line]
    assert captions == [r"\caption{Results}", r"\caption{Further metrics}", r"\caption{Settings}"]


def test_latex_has_its_charts_as_files_beside_it(tmp_path: Path) -> None:
    table = table_of(study(plain=True), [0.1, 0.2, 0.3])
    report = render_study(table, "latex", output=tmp_path / "my report_1%.tex")
    assert list(report.files) == ["my-report-1-figures/chart-1.pdf", "my-report-1-figures/chart-2.pdf"]
    for name in report.files:
        assert f"\\includegraphics[width=\\linewidth]{{{name}}}" in str(report.content)
    assert r"\caption{Epochs: training time}" in str(report.content)
    write_report(tmp_path / "my report_1%.tex", report)
    assert (tmp_path / "my-report-1-figures" / "chart-2.pdf").read_bytes().startswith(b"%PDF")


def test_latex_without_a_file_has_no_charts() -> None:
    report = render_study(table_of(study(), [0.1, 0.2, 0.3]), "latex")
    assert not report.files
    assert r"\includegraphics" not in str(report.content)


@pytest.mark.parametrize(("chosen", "begin"), [("pdf", b"%PDF"), ("png", b"\x89PNG")])
@pytest.mark.parametrize("accuracies", [[], [0.1, 0.2, 0.3]])
def test_charts_of_a_study(chosen: Format, begin: bytes, accuracies: list[float]) -> None:
    content = render_study(table_of(study(plain=True), accuracies), chosen).content
    assert isinstance(content, bytes)
    assert content.startswith(begin)


def test_csv_has_every_number_in_a_column_of_its_own() -> None:
    preset = study(values=[1, 3], repeats=2, reported=[{"value": 3, "accuracy": 0.25}])
    known = records(preset, [0.1, 0.3, 0.2, 0.2], [0.5, 0.5, 0.6, 0.6])
    first, second = csv.DictReader(io.StringIO(written_study(study_table(preset, known), "csv")))
    assert (first["training.epochs"], first["accuracy"], first["accuracy_deviation"]) == ("1", "0.2", "0.141421")
    assert (first["reported_accuracy"], first["accuracy_less_reported"]) == ("", "")
    assert (second["accuracy_less_reported"], second["validation_accuracy"]) == ("-0.05", "0.6")
    assert (second["runs"], second["done"], second["sessions"]) == ("2", "2", "session-2 session-3")


def test_text_is_aligned_whatever_the_width_of_its_letters() -> None:
    names = study(factor="model.weights", values=["日本.pth", "random"])
    lines = written_study(table_of(names, [0.1, 0.2]), "text").splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("Weights"))
    assert lines[start + 1 : start + 3] == [
        "日本.pth    0.1000     0.1100  0.1000  0.0900      1.5",
        "random      0.2000     0.2100  0.2000  0.1900      1.5",
    ]


@pytest.mark.parametrize(
    ("name", "chosen"), [("a.md", "markdown"), ("a.HTM", "html"), ("a.tex", "latex"), ("a", None), ("md", None)]
)
def test_formats_by_name(name: str, chosen: Format | None) -> None:
    assert format_of(Path(name)) == chosen


REPORTED = study(
    reported=[{"value": 1, "accuracy": 0.8}, {"value": 3, "accuracy": 0.9}, {"value": 10, "accuracy": 0.85}]
)


def test_differences_are_described_in_sentences() -> None:
    table = table_of(REPORTED, [0.82, 0.83, 0.84])
    assert list(differences(table)) == [
        "The largest difference from the report: accuracy with epochs = 3 is 7.00 points below it.",
        "The mean difference over 3 reported scores is 3.33 points.",
        "The most accurate is 3 in the report and 10 here; 1 of 3 pairs of values has the opposite order.",
    ]
    assert mean_difference(table) == pytest.approx(0.1 / 3)


def test_equal_scores_are_described_as_equal() -> None:
    largest, _, order = differences(table_of(REPORTED, [0.8001, 0.9, 0.85]))
    assert largest == "Every score equals the reported one, to the decimals that were reported."
    assert order == "The most accurate is 3 in both; none of 3 pairs of values has the opposite order."


def test_without_scores_there_are_no_differences() -> None:
    assert list(differences(table_of(study(), [0.1, 0.2, 0.3]))) == []
    assert list(differences(study_table(REPORTED, {}))) == []
    assert mean_difference(study_table(REPORTED, {})) is None
    assert not any(isinstance(block, Chart) for block in study_document(study_table(study(), {})).sections[0].blocks)


def read(session_id: str) -> SessionRecord:
    """The sessions of earlier runs: ``session-<row>``."""
    return record(study(), int(session_id[-1]), 0.5, validation=0.75)


def test_progress_follows_runs_that_take_turns() -> None:
    progress = JobProgress(Job(preset=study()), read)
    progress.apply(JobStarted(preset=study(), runs=3))
    progress.apply(RunReused(run=2, session_id="session-2"))
    for row in (0, 1):
        progress.apply(RunEvent(run=row, event=started(f"session-{row}")))
    progress.apply(RunEvent(run=1, event=epoch(1)))
    assert [row.status for row in progress.table.rows] == ["running", "running", "done"]
    assert progress.history.current_run is progress.history.running[1]
    progress.apply(RunEvent(run=0, event=RunFinished(status="done", result=result())))
    assert [row.status for row in progress.table.rows] == ["done", "running", "done"]
    accuracy = progress.table.rows[0].accuracy
    assert accuracy is not None
    assert accuracy.mean == result().accuracy
    assert (progress.history.reused, progress.table.done) == (1, 2)
    progress.apply(RunEvent(run=1, event=RunFinished(status="failed", error=ErrorReport(title="NaN"))))
    progress.apply(JobFinished(status="failed", failed=1))
    assert [(row.status, row.reason) for row in progress.table.rows] == [("done", ""), ("failed", "NaN"), ("done", "")]
    assert not progress.history.running


def test_a_run_that_could_not_be_kept_is_in_the_table_all_the_same() -> None:
    progress = JobProgress(Job(preset=study()))
    progress.apply(RunEvent(run=0, event=started("nowhere")))
    progress.apply(RunEvent(run=0, event=RunFinished(status="done", result=result())))
    assert progress.table.rows[0].status == "done"
    assert progress.table.environments != ()
