"""``cnn-tui reproduce``: the whole report as one document, in its order, also where it is interrupted."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cnn_tui import jobs
from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded
from cnn_tui.cli.reproduce import plan
from cnn_tui.config.job import Job
from cnn_tui.config.study import StudyPreset
from cnn_tui.engine.control import Control
from cnn_tui.errors import ConfigError
from cnn_tui.events import JobEvent, JobFinished, JobStarted, RunEvent, RunFinished
from cnn_tui.reports.studies.reproduction import PARTS, parts_of
from cnn_tui.store.session_writer import SessionWriter, new_record, new_session_folder
from samples import started
from study_records import scored

ACCURACIES = {"vgg16": 0.87, "vgg19": 0.88, "resnet18": 0.95, "resnet34": 0.90, "resnet50": 0.89}
Output = pytest.CaptureFixture[str]
Script = Callable[..., Iterator[JobEvent]]


def quick(job: Job, control: Control) -> Iterator[JobEvent]:
    """A study whose runs are done at once; each network has its accuracy."""
    yield JobStarted(preset=job.preset, runs=len(job.runs))
    for index, preset in enumerate(job.runs):
        session_id, folder = new_session_folder(preset.name)
        accuracy = ACCURACIES.get(preset.experiment.model.architecture, 0.5)
        accuracy -= 0.1 * (preset.experiment.model.weights == "random")
        with SessionWriter(folder, new_record(session_id, preset)) as writer:
            for event in (started(session_id), RunFinished(status="done", result=scored(accuracy))):
                writer.record(event)
                yield RunEvent(run=index, event=event)
    yield JobFinished(status="done")


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[StudyPreset]:
    """The studies that were run, by a script in the engine's place."""
    found: list[StudyPreset] = []

    def run(job: Job, control: Control) -> Iterator[JobEvent]:
        assert job.study is not None
        found.append(job.study)
        return quick(job, control)

    monkeypatch.setattr(jobs, "run_job", run)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.chdir(tmp_path)
    return found


def headings(markdown: str) -> list[str]:
    return [line.removeprefix("## ") for line in markdown.splitlines() if line.startswith("## ")]


def test_the_whole_report_comes_in_its_order(asked: list[StudyPreset], capsys: Output) -> None:
    assert guarded(cli, ["reproduce"]) == 0
    out, err = capsys.readouterr()
    assert headings(out.replace("\\", "")) == ["Overview", *(part.title for part in PARTS)]
    assert [study.name for study in asked] == [part.preset for part in PARTS]
    assert "The most accurate is resnet34 in the report and resnet18 here;" in out
    assert f"[{len(PARTS)}/{len(PARTS)}]" in err
    assert "Changed for every study" not in out
    runs = sum(1 for study in asked for _ in study.cells())
    assert f"The tables contain {runs} runs. Total time: " in out


def test_future_work_stands_beside_the_baseline(asked: list[StudyPreset], capsys: Output) -> None:
    assert guarded(cli, ["reproduce", "--only", "table1", "--only", "random-weights", "--only", "more-models"]) == 0
    out = capsys.readouterr().out
    rows = [re.sub(r"[| ]+", " ", line).split() for line in out.splitlines()]
    assert ["resnet18", "0.8500", "0.9500", "-0.1000"] in rows
    assert ["alexnet", "0.4000", "0.5000", "-0.1000"] in rows
    assert "0 of 7 networks are more accurate than with the baseline's settings." in out


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["figure3"], ["report-table2"]),
        (["figure6", "table1"], ["report-table1", "report-figure6"]),
        (["report"], [part.preset for part in PARTS[:5]]),
        (["future", "table1"], ["report-table1", *(part.preset for part in PARTS[5:])]),
        (["report-table3"], ["report-table3"]),
    ],
)
def test_only_some_parts(names: list[str], expected: list[str]) -> None:
    assert [part.preset for part in parts_of(names)] == expected


def test_settings_go_where_they_are_not_varied(asked: list[StudyPreset], capsys: Output) -> None:
    arguments = ["--only", "table1", "--only", "table2", "--set", "training.epochs=2", "--set", "data.train_limit=500"]
    assert guarded(cli, ["reproduce", *arguments]) == 0
    out, err = capsys.readouterr()
    table1, table2 = asked
    assert (table1.base.training.epochs, table1.base.data.train_limit) == (2, 500)
    assert (table2.values, table2.base.data.train_limit) == ((1, 3, 5, 7, 10, 15, 20, 40, 80), 500)
    assert "--set training.epochs=2 does not apply to this study" in err
    assert "Not changed here, because this study varies it: training.epochs=2" in out
    assert "Changed for every study that does not vary it: training.epochs=2, data.train" in out.replace("\\", "")


def test_the_page_is_there_after_each_study(
    asked: list[StudyPreset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[str] = []

    def run(job: Job, control: Control) -> Iterator[JobEvent]:
        page = tmp_path / "report.html"
        pages.append(page.read_text(encoding="utf-8") if page.exists() else "")
        yield from quick(job, control)

    monkeypatch.setattr(jobs, "run_job", run)
    assert guarded(cli, ["reproduce", "--only", "table1", "--only", "table2", "--output", "report.html"]) == 0
    first, second = pages
    assert first == ""
    assert "Not run yet: Table 2 and Figure 3" in second
    last = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Not run yet" not in last
    assert last.count("<svg") == 2
    assert re.search(r"(src|href)=\"(?!#)", last) is None


def test_an_interruption_leaves_what_there_is(
    asked: list[StudyPreset], monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    def run(job: Job, control: Control) -> Iterator[JobEvent]:
        if job.preset.name != "report-table1":
            signal.raise_signal(signal.SIGINT)
        for event in quick(job, control):
            if not control.stopping or isinstance(event, JobStarted | JobFinished):
                yield event

    monkeypatch.setattr(jobs, "run_job", run)
    assert guarded(cli, ["reproduce", "--only", "report"]) == 130
    out = capsys.readouterr().out
    assert headings(out.replace("\\", ""))[1:] == [part.title for part in PARTS[:2]]
    assert "Not run yet: Figure 4: epochs of ResNet" in out.replace("\\", "")
    assert "waiting" in out


def test_a_failing_row_ends_with_1_and_the_report_goes_on(
    asked: list[StudyPreset], monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    def run(job: Job, control: Control) -> Iterator[JobEvent]:
        *events, _ = quick(job, control)
        yield from events[:-2]
        yield RunEvent(run=len(job.runs) - 1, event=RunFinished(status="failed"))
        yield JobFinished(status="failed", failed=1)

    monkeypatch.setattr(jobs, "run_job", run)
    assert guarded(cli, ["reproduce", "--only", "table1", "--only", "figure4"]) == 1
    assert "failed: it failed" in capsys.readouterr().out
    assert not asked


def test_json_is_the_events_of_all_studies(asked: list[StudyPreset], capsys: Output) -> None:
    assert guarded(cli, ["reproduce", "--only", "table1", "--only", "figure6", "--json", "--output", "r.md"]) == 0
    kinds = [json.loads(line)["type"] for line in capsys.readouterr().out.splitlines()]
    assert kinds.count("study_started") == kinds.count("study_finished") == 2
    assert kinds[-1] == "study_finished"
    assert Path("r.md").read_text(encoding="utf-8").startswith("# The report, reproduced\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "tabel1"], ("--only tabel1 is not a part", "table1, table2", "Did you mean table1")),
        (["--only", "nothing"], ("--only nothing is not a part", "more-models")),
        (["--only", "table2", "--set", "training.epochs=2"], ("changes nothing", "varied by table2")),
        (["--set", "data.image_size=16"], ("data.image_size 16 is too small for vgg16",)),
        (["--set", "data.image_size=40"], ("future-found-values", "alexnet cannot be", "data.image_size 40")),
        (["--set", "training.batch_size=none"], ("training.batch_size", "whole number")),
        (["--set", "epochs=2"], ("--set epochs names no setting", "training.epochs")),
        (["--format", "csv"], ("'csv' is not one of", "html")),
        (["--output", "report.csv"], ("report.csv does not imply a format", ".md", ".html")),
    ],
)
def test_bad_input_ends_with_2_and_runs_nothing(
    arguments: list[str], words: tuple[str, ...], asked: list[StudyPreset], capsys: Output
) -> None:
    assert guarded(cli, ["reproduce", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, asked) == ("", [])
    for word in words:
        assert word in err


def test_every_part_can_be_planned_at_the_size_of_a_trial() -> None:
    small = ["model.weights=random", "data.image_size=64", "data.train_limit=1000", "training.seed=3"]
    planned = plan(PARTS, small)
    assert {study.base.training.seed for _, study, _ in planned} == {3}
    assert all(cell.experiment.data.image_size == 64 for _, study, _ in planned for cell in study.cells())
    with pytest.raises(ConfigError, match=r"data\.image_size=62"):
        plan(PARTS, [*small, "data.image_size=62"])
