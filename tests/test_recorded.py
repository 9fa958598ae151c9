"""Sessions, a preset and a study written by an earlier version open and run again."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.reports.sessions.data import read_mistakes, read_session
from cnn_tui.store.predictions import Predictions
from cnn_tui.store.presets import load_preset, load_study
from cnn_tui.store.records import Status
from cnn_tui.store.sessions import find_session, list_sessions, load_session

RECORDED = Path(__file__).parent / "recorded" / "0.1.0"
STATUS: dict[str, Status] = {"done": "done", "stopped": "stopped", "failed": "failed"}
ROWS = ["rates-learning-rate-0-0001", "rates-learning-rate-0-001", "rates-learning-rate-0-01"]
IDS = {folder.name.partition("-")[2]: folder.name for folder in (RECORDED / "sessions").iterdir()}
Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def recorded(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with the recorded files, and an empty working directory."""
    shutil.copytree(RECORDED, home)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return home


def test_all_of_them_are_listed(capsys: Output) -> None:
    assert sorted(IDS) == sorted([*STATUS, *ROWS])
    assert {entry.id: entry.problem for entry in list_sessions()} == dict.fromkeys(IDS.values())
    assert guarded(cli, ["sessions", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {entry["id"] for entry in listed} == set(IDS.values())


def test_records_have_the_outcomes_of_the_runs() -> None:
    for name, status in STATUS.items():
        assert load_session(IDS[name]).status == status
    assert [load_session(IDS[name]).study is not None for name in ROWS] == [True] * 3
    done = load_session(IDS["done"]).result
    stopped = load_session(IDS["stopped"]).result
    assert done is not None
    assert stopped is not None
    assert (done.epochs_run, stopped.epochs_run) == (3, 1)
    assert sum(map(sum, done.confusion_matrix)) == 40


def test_curves_images_and_note_are_read() -> None:
    session = read_session(find_session(IDS["done"]))
    assert session.damage == ""
    assert [epoch.epoch for epoch in session.epochs] == [1, 2, 3]
    assert session.note.note == "The first one"
    assert session.note.tags == ("baseline",)
    mistakes = read_mistakes(session)
    assert mistakes


@pytest.mark.parametrize("name", [*STATUS, *ROWS])
def test_each_is_shown_and_exported_in_every_format(name: str, capsys: Output) -> None:
    assert guarded(cli, ["sessions", "show", IDS[name]]) == 0
    assert "squeezenet1_1" in capsys.readouterr().out
    for suffix in ("md", "csv", "tex", "html", "json"):
        assert guarded(cli, ["sessions", "export", IDS[name], "--output", f"report.{suffix}"]) == 0
        assert name in Path(f"report.{suffix}").read_text(encoding="utf-8")


def test_weights_predict_the_recorded_classes(tmp_path: Path, capsys: Output) -> None:
    from recorded_runs import write_digits

    folder = find_session(IDS["done"])
    images = write_digits(tmp_path / "digits", folder)
    assert guarded(cli, ["predict", IDS["done"], *images, "--json"]) == 0
    predicted = [json.loads(line)["predictions"][0] for line in capsys.readouterr().out.splitlines()]
    recorded = Predictions.load(folder)
    assert [int(top["class"]) for top in predicted] == recorded.predicted.tolist()
    assert [top["probability"] for top in predicted] == pytest.approx(recorded.confidence.tolist(), abs=1e-4)
    assert guarded(cli, ["sessions", "export", IDS["done"], "--weights", "weights.safetensors"]) == 0
    assert Path("weights.safetensors").stat().st_size > (folder / "weights.safetensors").stat().st_size
    assert guarded(cli, ["predict", IDS["stopped"], *images]) == 3
    assert "has no trained weights" in capsys.readouterr().err


def test_they_are_compared(capsys: Output) -> None:
    assert guarded(cli, ["sessions", "compare", IDS["done"], IDS[ROWS[0]], IDS["stopped"]]) == 0
    out = capsys.readouterr().out
    assert "0.0001" in out
    assert IDS["stopped"] in out


def test_the_presets_open(recorded: Path) -> None:
    run, study = load_preset(recorded / "presets" / "done.json"), load_study(recorded / "presets" / "rates.json")
    assert isinstance(run, RunPreset)
    assert isinstance(study, StudyPreset)
    assert run.experiment == load_session(IDS["done"]).experiment
    assert [cell.experiment for cell in study.cells()] == [load_session(IDS[name]).experiment for name in ROWS]


def test_a_study_reuses_recorded_rows(capsys: Output) -> None:
    assert guarded(cli, ["study", "rates", "--json"]) == 0
    types = [json.loads(line)["type"] for line in capsys.readouterr().out.splitlines()]
    assert types == ["study_started", *["row_kept"] * 3, "study_finished"]
    assert guarded(cli, ["study", "rates", "--format", "markdown"]) == 0
    assert "0.0001" in capsys.readouterr().out
    assert len(list_sessions()) == len(IDS)


@pytest.mark.parametrize("status", ["done", "stopped"])
def test_a_session_runs_again(status: str, recorded: Path, capsys: Output) -> None:
    file = recorded / "sessions" / IDS[status] / "session.json"
    assert guarded(cli, ["run", str(file), "--name", "again", "--json", "--set", "training.epochs=1"]) == 0
    finished = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (finished["type"], finished["status"]) == ("run_finished", "done")
    assert [entry.record.status for entry in list_sessions() if entry.record and entry.record.name == "again"] == [
        "done"
    ]


def test_a_preset_runs_again(capsys: Output) -> None:
    assert guarded(cli, ["run", "done", "--set", "training.epochs=1"]) == 0
    assert "test accuracy" in capsys.readouterr().out
