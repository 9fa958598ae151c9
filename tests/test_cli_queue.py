"""Jobs in the background from the command line: ``--detach``, ``queue``, and the control of sessions."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from cnn_tui import paths
from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.store.job_queue import read_queue
from cnn_tui.store.sessions import all_records
from scripted_program import PROGRAM as SCRIPTED
from services import running_entry, scripted_service, until

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs Unix domain sockets")
Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _presets(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted_service(monkeypatch, "short")
    for name, epochs in (("long", 5000), ("short", 3)):
        save(RunPreset.model_validate({"name": name, "experiment": {"training": {"epochs": epochs}}}))


def save(preset: RunPreset | StudyPreset) -> None:
    folder = paths.user_presets_folder()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{preset.name}.json").write_text(preset.model_dump_json(), encoding="utf-8")


def program(*arguments: str) -> int:
    return guarded(cli, list(arguments))


def states() -> list[tuple[str, str]]:
    return [(entry.name, entry.state) for entry in read_queue()]


def test_detached_runs_wait_in_the_queue_and_can_be_controlled(capsys: Output) -> None:
    assert program("queue") == 0
    assert "Nothing runs" in capsys.readouterr().err
    assert program("run", "long", "short", "--detach") == 0
    assert capsys.readouterr().out == "job 1: long runs on cpu\njob 2: short waits in the queue\n"
    save(StudyPreset(name="rates", factor="training.epochs", values=(3, 4)))
    assert program("queue", "add", "rates", "short", "--next", "--json") == 0
    added = capsys.readouterr().out
    assert added.count('"id"') == 2
    assert states() == [("long", "running"), ("rates", "waiting"), ("short (2)", "waiting"), ("short", "waiting")]
    assert program("queue", "move", "2") == 0
    assert program("queue", "move", "3", "3") == 0
    assert states() == [("long", "running"), ("short", "waiting"), ("rates", "waiting"), ("short (2)", "waiting")]
    assert program("queue", "remove", "3", "4") == 0
    entry = running_entry()
    session = entry.sessions[0]
    capsys.readouterr()
    assert program("sessions", "list") == 0
    assert "running on cpu" in capsys.readouterr().out
    assert program("sessions", "pause", session) == 0
    until(lambda: read_queue()[0].paused)
    assert program("queue") == 0
    assert "paused" in capsys.readouterr().out
    assert program("sessions", "go-on", session) == 0
    until(lambda: not read_queue()[0].paused)
    assert program("sessions", "stop", "latest") == 0
    until(lambda: not read_queue())
    assert {record.name: record.status for record in all_records()} == {"long": "stopped", "short": "done"}
    assert program("sessions", "stop", session) == 2
    assert "is stopped" in capsys.readouterr().err


def test_a_detached_study_is_a_job(capsys: Output) -> None:
    save(StudyPreset(name="rates", factor="training.epochs", values=(3, 4)))
    assert program("study", "rates", "--detach", "--json") == 0
    assert json.loads(capsys.readouterr().out)["job"]["preset"]["kind"] == "study"
    until(lambda: not read_queue())
    assert [record.status for record in all_records()] == ["done"] * 2


def test_after_needs_detach_and_no_job_is_an_error(capsys: Output) -> None:
    assert program("run", "short", "--after", "true") == 2
    assert "--after needs --detach" in capsys.readouterr().err
    assert program("queue", "remove", "9") == 4
    assert "No job 9 in the queue" in capsys.readouterr().err
    assert program("queue", "clear") == 0
    assert capsys.readouterr().out == "removed 0 jobs\n"


def test_a_killed_job_is_saved_as_such(capsys: Output) -> None:
    assert program("run", "long", "--detach") == 0
    session = running_entry().sessions[0]
    assert program("sessions", "kill", session) == 0
    until(lambda: not read_queue())
    assert all_records()[0].status == "killed"


def test_a_run_of_another_program_is_controlled_by_signals(capsys: Output) -> None:
    with subprocess.Popen([*SCRIPTED, "run", "long", "--json"], stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        running.stdout.readline()
        assert program("sessions", "pause", "latest") == 2
        assert "not in the background service" in capsys.readouterr().err
        assert program("sessions", "stop", "latest") == 0
        running.stdout.read()
    assert running.returncode == 130
    assert all_records()[0].status == "stopped"
    assert read_queue() == []


def test_training_waits_for_the_device_unless_beside(home: Path, capsys: Output) -> None:
    from cnn_tui.config.job import Job
    from cnn_tui.engine.control import Control
    from cnn_tui.events import JobFinished, JobStarted, JobWaiting
    from cnn_tui.jobs import run_job
    from cnn_tui.store.device_lock import DeviceLock
    from trainer_messages import tiny

    other = DeviceLock("cpu", "another run")
    assert other.acquire()
    preset = tiny()
    control = Control()
    events = run_job(Job(preset=preset), control)
    assert isinstance(next(events), JobStarted)
    waiting = next(events)
    assert isinstance(waiting, JobWaiting)
    assert (waiting.device, waiting.holder) == ("cpu", f"another run (process {os.getpid()})")
    control.stop()
    assert [(type(event), event.status) for event in events if isinstance(event, JobFinished)] == [
        (JobFinished, "stopped")
    ]
    assert all_records() == []
    events = run_job(Job(preset=preset), Control())
    next(events)
    next(events)
    other.release()
    assert list(events)[-1].type == "study_finished"
    assert other.acquire()  # given back
    beside = list(run_job(Job(preset=preset, beside=True), Control()))
    assert not any(isinstance(event, JobWaiting) for event in beside)
    assert [record.status for record in all_records()] == ["done", "done"]
    other.release()


def test_waiting_is_said(capsys: Output, home: Path) -> None:
    """The reporters of the command line say what a run waits for."""
    from cnn_tui.cli.reporters import make_reporter
    from cnn_tui.config.job import Job
    from cnn_tui.events import JobWaiting
    from cnn_tui.reports.job_progress import JobProgress

    for as_json in (True, False):
        progress = JobProgress(Job(preset=RunPreset(name="waits")))
        event = JobWaiting(device="cpu", holder="long (process 1)")
        progress.apply(event)
        with make_reporter(progress, as_json) as reporter:
            reporter.report(event)
        out, err = capsys.readouterr()
        assert out == ""
        assert "Waiting until long (process 1) has ended, which uses cpu" in err.replace("\n", " ")
