"""``cnn-tui study``: what goes where, with which code it ends, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cnn_tui import jobs
from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded
from cnn_tui.config.job import Job
from cnn_tui.config.preset import RunPreset
from cnn_tui.engine.control import Control
from cnn_tui.errors import StorageError
from cnn_tui.events import ErrorReport, JobEvent, JobFinished, JobStarted, RunEvent, RunFinished, RunReused, RunStarted
from cnn_tui.store.session_writer import SessionWriter, new_record, new_session_folder
from cnn_tui.store.sessions import list_sessions
from samples import ENVIRONMENT, result, started
from scripted_program import PROGRAM as SCRIPTED
from scripted_runs import short
from terminal import Terminal

PROGRAM = str(Path(sys.executable).parent / "cnn-tui")
STUDY: dict[str, Any] = {
    "kind": "study",
    "name": "how-long",
    "description": "How long it takes.",
    "base": {
        "data": {"dataset": "digits", "image_size": 32, "train_limit": 80, "test_limit": 40},
        "model": {"architecture": "shufflenet_v2_x0_5", "weights": "random", "trainable": "last_layer"},
        "training": {"batch_size": 16},
    },
    "factor": "training.epochs",
    "values": [1, 2, 4],
    "reported": [{"value": 2, "accuracy": 0.5}],
}
Script = Callable[..., Iterator[JobEvent]]
Output = pytest.CaptureFixture[str]


@pytest.fixture
def preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.chdir(tmp_path)
    return write(tmp_path)


def write(folder: Path, **changes: Any) -> Path:
    path = folder / "how-long.json"
    path.write_text(json.dumps(STUDY | changes), encoding="utf-8")
    return path


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Script], list[Job]]:
    """Puts a script in the place of the engine and notes how it is asked to run."""

    def use(script: Script) -> list[Job]:
        asked: list[Job] = []

        def run(job: Job, control: Control) -> Iterator[JobEvent]:
            asked.append(job)
            return script(job, control)

        monkeypatch.setattr(jobs, "run_job", run)
        return asked

    return use


Scripted = Callable[[Script], list[Job]]


def failing(*rows: int, exit_code: int = 1) -> Script:
    """A study of which some rows fail."""

    def script(job: Job, control: Control) -> Iterator[JobEvent]:
        yield JobStarted(preset=job.preset, runs=len(job.runs))
        for index, preset in enumerate(job.runs):
            if index in rows:
                yield from broken(job, index, exit_code)
            else:
                yield from run_of(preset, index, control)
        yield JobFinished(status="failed", failed=len(rows))

    return script


def run_of(preset: RunPreset, index: int, control: Control) -> Iterator[RunEvent]:
    for event in short(Job(preset=preset), control):
        if isinstance(event, RunEvent):
            yield event.model_copy(update={"run": index})


def broken(job: Job, row: int, exit_code: int) -> Iterator[JobEvent]:
    session_id, folder = new_session_folder("broken")
    error = ErrorReport(title="Out of [memory]", detail="It was large.", exit_code=exit_code)
    with SessionWriter(folder, new_record(session_id, job.runs[row])) as writer:
        for event in (started(session_id), RunFinished(status="failed", error=error)):
            writer.record(event)
            yield RunEvent(run=row, event=event)


def interrupted(job: Job, control: Control) -> Iterator[JobEvent]:
    """A study that gets a signal in its second row."""
    for event in short(job, control):
        yield event
        if isinstance(event, RunEvent) and event.run == 1:
            signal.raise_signal(signal.SIGTERM)


def test_the_report_is_data_and_the_rest_is_talk(preset: Path, scripted: Scripted, capsys: Output) -> None:
    asked = scripted(short)
    assert guarded(cli, ["study", str(preset)]) == 0
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines()]
    accuracy = f"{result().accuracy:.4f}"
    assert [row[:2] for row in rows if row and row[0] in ("1", "2", "4")][:3] == [
        [v, accuracy] for v in ("1", "2", "4")
    ]
    assert "chosen on the test split" in out
    assert "0.500 (+0.3750)" in out
    assert "Epochs: scores on test images" in out
    assert "1/3 epochs 1: accuracy 0.8750" in err
    assert "\x1b" not in out + err
    assert [(job.preset.name, job.plain, job.fresh) for job in asked] == [("how-long", False, False)]


def test_how_it_is_asked_to_run_reaches_the_study(preset: Path, scripted: Scripted, capsys: Output) -> None:
    asked = scripted(short)
    arguments = ["--plain", "--fresh", "--name", "Other: [x]", "--set", "training.batch_size=8"]
    assert guarded(cli, ["study", str(preset), *arguments]) == 0
    (job,) = asked
    assert job.study is not None
    assert (job.study.name, job.study.base.training.batch_size) == ("Other: [x]", 8)
    assert (job.plain, job.fresh) == (True, True)
    assert capsys.readouterr().out.startswith("Other: [x]\n")


def test_json_is_one_event_per_line(preset: Path, scripted: Scripted, capsys: Output) -> None:
    scripted(short)
    assert guarded(cli, ["study", str(preset), "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[0]["type"] == "study_started"
    assert events[-1] | {"time": 0} == {
        "time": 0,
        "type": "study_finished",
        "status": "done",
        "failed": 0,
        "error": None,
    }
    ends = [event["row"] for event in events if event.get("event", {}).get("type") == "run_finished"]
    assert ends == [0, 1, 2]


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        ("r.txt", "how-long\n====="),
        ("r.md", "# how-long\n"),
        ("r.html", "<!doctype html>"),
        ("r.tex", "% how-long\n"),
        ("R.CSV", "training.epochs,status"),
    ],
)
def test_the_name_of_the_output_tells_its_format(
    name: str, beginning: str, preset: Path, scripted: Scripted, capsys: Output
) -> None:
    scripted(short)
    Path("new").mkdir()
    assert guarded(cli, ["study", str(preset), "--output", f"new/{name}"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert f"The report is in new/{name}." in err
    assert Path("new", name).read_text(encoding="utf-8").startswith(beginning)
    beside = {"r-figures"} if name == "r.tex" else set()
    assert {path.name for path in Path("new").iterdir()} == {name, *beside}


def test_a_format_is_stronger_than_a_name_and_json_goes_beside_a_file(
    preset: Path, scripted: Scripted, capsys: Output
) -> None:
    scripted(short)
    assert guarded(cli, ["study", str(preset), "--format", "csv", "--output", "r.md", "--json"]) == 0
    assert Path("r.md").read_text(encoding="utf-8").startswith("training.epochs,")
    assert capsys.readouterr().out.startswith("{")


def test_the_format_of_standard_output(preset: Path, scripted: Scripted, capsys: Output) -> None:
    scripted(short)
    assert guarded(cli, ["study", str(preset), "--format", "markdown"]) == 0
    assert "| Epochs | accuracy |" in capsys.readouterr().out


def test_a_row_that_fails_is_a_row_that_says_why(preset: Path, scripted: Scripted, capsys: Output) -> None:
    scripted(failing(1))
    assert guarded(cli, ["study", str(preset)]) == 1
    out, err = capsys.readouterr()
    (row,) = [line for line in out.splitlines() if line.startswith("2 ")]
    assert row.split() == ["2", "failed:", "Out", "of", "[memory]"]
    assert "2/3 epochs 2: failed: Out of [memory] (It was large.)" in err
    assert "3/3 epochs 4: accuracy" in err


def test_where_nothing_could_be_run_it_ends_with_the_reason_why(preset: Path, scripted: Scripted) -> None:
    scripted(failing(0, 1, 2, exit_code=3))
    assert guarded(cli, ["study", str(preset)]) == 3
    scripted(failing(0, 1, exit_code=3))
    assert guarded(cli, ["study", str(preset)]) == 1


def test_an_interrupted_study_reports_what_there_is(preset: Path, scripted: Scripted, capsys: Output) -> None:
    scripted(interrupted)
    before = signal.getsignal(signal.SIGTERM)
    assert guarded(cli, ["study", str(preset)]) == 130
    assert signal.getsignal(signal.SIGTERM) is before
    states = [line.split()[-1] for line in capsys.readouterr().out.splitlines() if line[:2] in ("1 ", "2 ", "4 ")]
    assert states[:3] == ["done", "end", "waiting"]


def test_kept_rows_are_said_and_shown(preset: Path, scripted: Scripted, capsys: Output) -> None:
    def kept(job: Job, control: Control) -> Iterator[JobEvent]:
        yield JobStarted(preset=job.preset, runs=3)
        for row in range(3):
            (session_id,) = (
                event.event.session_id
                for event in run_of(job.runs[row], row, control)
                if isinstance(event.event, RunStarted)
            )
            yield RunReused(run=row, session_id=session_id)
        yield JobFinished(status="done")

    scripted(kept)
    assert guarded(cli, ["study", str(preset)]) == 0
    out, err = capsys.readouterr()
    assert "2/3 epochs 2: kept from session 20" in err
    assert out.count("0.8750") >= 3


def test_a_disk_that_cannot_be_written_is_said(preset: Path, scripted: Scripted, capsys: Output) -> None:
    def full(job: Job, control: Control) -> Iterator[JobEvent]:
        yield JobStarted(preset=job.preset, runs=3)
        raise StorageError("The disk is full")

    scripted(full)
    assert guarded(cli, ["study", str(preset)]) == 1
    assert "error: The disk is full" in capsys.readouterr().err


BAD: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "no study": ([], ("STUDY",)),
    "an unknown one": (["repot-table1"], ("No preset is called 'repot-table1'", "report-table1")),
    "a run": (["quickstart"], ("is a run, not a study", "'cnn-tui run' runs it")),
    "the factor": (
        ["how-long.json", "--set", "training.epochs=3"],
        ("--set training.epochs=3 sets what the study varies", "how-long varies training.epochs: 1, 2, 4"),
    ),
    "no such setting": (["how-long.json", "--set", "epochs=3"], ("--set epochs names no setting", "training.epochs")),
    "a refused value": (["how-long.json", "--set", "training.batch_size=0"], ("training.batch_size", "at least 1")),
    "an impossible value": (
        ["future-more-models", "--set", "data.image_size=62", "--set", "model.weights=random"],
        ("data.image_size 62 is too small for alexnet",),
    ),
    "a value that becomes impossible": (
        ["report-table1", "--set", "data.image_size=32", "--set", "training.early_stopping_patience=3"],
        ("early_stopping_patience needs validation images",),
    ),
    "a factor that becomes meaningless": (
        ["batch-norm.json", "--set", "model.trainable=all"],
        ("batch-norm", "model.batch_norm has no effect"),
    ),
    "a row that becomes impossible": (
        ["models.json", "--set", "data.image_size=32"],
        ("models", "model.architecture alexnet cannot be", "data.image_size 32 is too small"),
    ),
    "an unknown format": (["how-long.json", "--format", "docx"], ("'docx' is not one of", "markdown")),
    "an unknown ending": (
        ["how-long.json", "--output", "r.docx"],
        ("r.docx does not imply a format", ".html", "--format"),
    ),
    "a folder": (["how-long.json", "--format", "html", "--output", "."], ("is a folder",)),
    "a folder that does not exist": (["how-long.json", "--output", "missing/r.md"], ("There is no folder", "missing")),
    "no name": (["how-long.json", "--name", ""], ("name", "at least 1")),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_with_2_and_runs_nothing(
    case: str, preset: Path, tmp_path: Path, scripted: Scripted, capsys: Output
) -> None:
    asked = scripted(short)
    for name, factor, values in (
        ("models", "model.architecture", ["resnet18", "alexnet"]),
        ("batch-norm", "model.batch_norm", ["frozen", "adapt"]),
    ):
        (tmp_path / f"{name}.json").write_text(json.dumps({"kind": "study", "factor": factor, "values": values}))
    arguments, expected = BAD[case]
    assert guarded(cli, ["study", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, asked) == ("", [])
    for words in expected:
        assert words in err


def test_a_study_is_refused_where_a_run_is_meant(preset: Path, capsys: Output) -> None:
    assert guarded(cli, ["run", str(preset)]) == 2
    assert "is a study, not a run" in capsys.readouterr().err


def test_a_real_study_keeps_its_rows(preset: Path, capfd: Output) -> None:
    assert guarded(cli, ["study", str(preset), "--format", "csv"]) == 0
    first, _ = capfd.readouterr()
    assert [line.split(",")[:2] for line in first.splitlines()[1:]] == [["1", "done"], ["2", "done"], ["4", "done"]]
    sessions = list_sessions()
    parts = [entry.record.study for entry in sessions if entry.record is not None]
    assert {(part.name, part.row) for part in parts if part} == {("how-long", row) for row in range(3)}
    assert guarded(cli, ["study", str(preset), "--format", "csv"]) == 0
    second, talk = capfd.readouterr()
    assert second == first
    assert talk.count("kept from session") == 3
    assert len(list_sessions()) == len(sessions) == 3


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_study_that_was_killed_goes_on_where_it_was(tmp_path: Path, capfd: Output) -> None:
    path = write(tmp_path, factor="training.batch_size", values=[8, 16, 32], reported=[])
    with subprocess.Popen([PROGRAM, "study", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith(b"1/3 batch_size 8: accuracy"):
            assert process.poll() is None
        process.kill()
    done = states().count("done")
    assert done >= 1
    assert guarded(cli, ["study", str(path)]) == 0
    assert capfd.readouterr().err.count("kept from session") == done
    assert states().count("done") == 3


def states() -> list[str]:
    return [entry.record.status for entry in list_sessions() if entry.record is not None]


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX pseudo-terminal")
def test_on_a_terminal_the_table_fills_and_the_report_stays(preset: Path, home: Path) -> None:
    with Terminal([*SCRIPTED, "study", str(preset)], 110, 60, env={"CNN_TUI_HOME": str(home)}) as terminal:
        terminal.expect("of 3 runs", 90)
        terminal.expect("Setup", 90)
        assert "how-long" in terminal.text
        assert terminal.wait_exit() == 0


def test_the_environment_is_in_the_report(preset: Path, scripted: Scripted, capsys: Output) -> None:
    scripted(short)
    guarded(cli, ["study", str(preset)])
    assert f"On {ENVIRONMENT.device_name} (cpu, float32)" in capsys.readouterr().out
