"""Studies on both trainers: jobs like single runs, but with several sessions open at the same time."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cnn_tui import paths
from cnn_tui.config.job import Job
from cnn_tui.config.study import StudyPreset
from cnn_tui.events import JobStarted, RunFinished, RunReused
from cnn_tui.store.sessions import read_history, read_record
from cnn_tui.trainer.process import ProcessTrainer
from cnn_tui.trainer.protocol import Hello, Idle, Lost, Paused, Refused, Trainer
from cnn_tui.trainer.thread import ThreadTrainer
from trainer_messages import (
    WAIT_SECONDS,
    events,
    job_ending,
    job_events,
    run,
    session_id,
    study,
    tiny,
    until_batch,
    until_idle,
    until_type,
)

LONG = 10_000
TrainerFactory = Callable[[str], Trainer]


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[TrainerFactory]:
    """Create trainers in child processes by the name of their scripted study."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    trainers: list[Trainer] = []

    def create(script: str) -> Trainer:
        trainers.append(ProcessTrainer(runner=f"scripted_runs:{script}"))
        return trainers[-1]

    yield create
    _close(trainers)


@pytest.fixture
def in_thread() -> Iterator[TrainerFactory]:
    """Create trainers in threads by the name of their scripted study."""
    trainers: list[Trainer] = []

    def create(script: str) -> Trainer:
        trainers.append(ThreadTrainer(f"scripted_runs:{script}"))
        return trainers[-1]

    yield create
    _close(trainers)


@pytest.fixture(params=["in_process", "in_thread"])
def make(request: pytest.FixtureRequest) -> TrainerFactory:
    """Create trainers of both kinds."""
    factory: TrainerFactory = request.getfixturevalue(request.param)
    return factory


def _close(trainers: list[Trainer]) -> None:
    for trainer in trainers:
        trainer.kill()
        trainer.close(finish=False)
        assert trainer.wait(WAIT_SECONDS)


def _folder(session: str) -> Path:
    return paths.sessions_folder() / session


def _statuses(*sessions: str) -> list[str]:
    return [read_record(_folder(session)).status for session in sessions]


def test_a_study_reports_its_runs_and_another_job_can_follow(make: TrainerFactory) -> None:
    trainer = make("short")
    trainer.submit(study(1, 3))
    assert trainer.busy
    messages = until_idle(trainer)
    assert job_events(messages)[0].type == "study_started"
    for row, steps in enumerate((1, 3)):
        kinds = [event.type for event in events(messages, row)]
        assert kinds == ["run_started", *["batch_finished"] * steps, "run_finished"]
        assert _statuses(session_id(messages, row)) == ["done"]
    assert job_ending(messages).status == "done"
    assert not trainer.busy
    trainer.submit(run(1))
    until_idle(trainer)


@pytest.mark.parametrize(("plain", "fresh"), [(False, True), (True, False)])
def test_the_options_of_a_job_reach_the_trainer(make: TrainerFactory, plain: bool, fresh: bool) -> None:
    trainer = make("options")
    trainer.submit(study(1).model_copy(update={"plain": plain, "fresh": fresh}))
    started = job_events(until_idle(trainer))[0]
    assert isinstance(started, JobStarted)
    assert started.preset.name == f"plain {plain} fresh {fresh}"


def test_a_study_refuses_other_jobs_while_it_runs(make: TrainerFactory) -> None:
    trainer = make("short")
    trainer.submit(study(LONG))
    until_batch(trainer, 0)
    trainer.submit(run(1))
    assert "already running" in until_type(trainer, Refused).reason
    trainer.submit(study(1))
    assert "already running" in until_type(trainer, Refused).reason
    trainer.stop()
    assert job_ending(until_idle(trainer)).status == "stopped"
    assert len(list(paths.sessions_folder().iterdir())) == 1


def test_a_study_pauses_and_is_saved_when_stopped(make: TrainerFactory) -> None:
    trainer = make("together")
    trainer.submit(study(LONG, LONG + 1))
    first_messages = until_batch(trainer, 1)
    trainer.pause()
    assert until_type(trainer, Paused).paused
    assert trainer.next_message(0.3) is None
    trainer.stop()
    messages = until_idle(trainer)
    assert job_ending(messages).status == "stopped"
    assert _statuses(session_id(first_messages, 0), session_id(first_messages, 1)) == ["stopped", "stopped"]
    ends = [event for row in (0, 1) for event in events(messages, row) if isinstance(event, RunFinished)]
    assert [end.result is not None for end in ends] == [True, True]


def test_an_expected_failure_ends_the_study_but_not_the_trainer(make: TrainerFactory) -> None:
    trainer = make("refusing")
    trainer.submit(study(1))
    end = job_ending(until_idle(trainer))
    assert end.status == "failed"
    assert end.error is not None
    assert (end.error.title, end.error.exit_code) == ("No images", 3)
    trainer.submit(run(1))
    until_idle(trainer)


@pytest.mark.parametrize("finish", [True, False])
def test_closing_finishes_the_study_or_stops_and_saves_it(make: TrainerFactory, finish: bool) -> None:
    trainer = make("together")
    trainer.submit(study(60, 61))
    first_messages = until_batch(trainer, 1)
    trainer.close(finish)
    assert trainer.wait(WAIT_SECONDS)
    expected = "done" if finish else "stopped"
    assert _statuses(session_id(first_messages, 0), session_id(first_messages, 1)) == [expected, expected]


@pytest.mark.parametrize("killed", [True, False])
def test_a_dead_child_loses_every_open_session_but_no_finished_one(in_process: TrainerFactory, killed: bool) -> None:
    trainer = in_process("together")
    trainer.submit(study(1, LONG, LONG + 1))
    pid = until_type(trainer, Hello).pid
    first_messages = until_batch(trainer, 2)
    first_messages += until_batch(trainer, 2)
    first_messages += until_batch(trainer, 2)
    if killed:
        trainer.kill()
    else:
        os.kill(pid, signal.SIGKILL)
    messages = first_messages + until_idle(trainer)
    end, lost = job_ending(messages), messages[-2]
    assert isinstance(lost, Lost)
    assert isinstance(messages[-1], Idle)
    assert (end.status, end.failed, end.error) == ("failed", 2, lost.error)
    expected = "killed" if killed else "failed"
    assert lost.status == expected
    sessions = [session_id(messages, row) for row in range(3)]
    assert _statuses(*sessions) == ["done", expected, expected]
    assert lost.session_id == sessions[2]
    for row in (1, 2):
        last = events(messages, row)[-1]
        assert isinstance(last, RunFinished)
        assert last.error == lost.error
        history = read_history(_folder(sessions[row]))
        assert history.error == lost.error
    trainer.submit(study(1))
    assert job_ending(until_idle(trainer)).status == "done"


def test_output_goes_to_the_session_that_started_last(in_process: TrainerFactory) -> None:
    trainer = in_process("together")
    trainer.submit(study(1, 2))
    messages = until_idle(trainer)
    first, last = (_folder(session_id(messages, row)) / "trainer.log" for row in (0, 1))
    assert first.read_text() == "row 0: run_started\n"
    assert last.read_text().splitlines()[-1] == "row 1: run_finished"
    assert "row 0: run_finished" in last.read_text()


def test_a_bug_in_a_child_ends_the_study_with_its_traceback(in_process: TrainerFactory) -> None:
    trainer = in_process("broken_together")
    trainer.submit(study(LONG, LONG + 1))
    messages = until_idle(trainer)
    error = job_ending(messages).error
    assert error is not None
    assert "ZeroDivisionError: a bug in the engine" in error.detail
    assert _statuses(session_id(messages, 0), session_id(messages, 1)) == ["failed", "failed"]


def test_a_bug_in_a_thread_only_ends_the_study(in_thread: TrainerFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)
    trainer = in_thread("broken_together")
    trainer.submit(study(LONG, LONG + 1))
    messages = until_idle(trainer)
    end = job_ending(messages)
    assert (end.status, end.failed) == ("failed", 2)
    assert end.error is not None
    assert end.error.detail == "ZeroDivisionError: a bug in the engine"
    assert _statuses(session_id(messages, 0), session_id(messages, 1)) == ["failed", "failed"]
    assert trainer.wait(WAIT_SECONDS)
    assert [args.exc_type for args in reported] == [ZeroDivisionError]


def test_the_real_engine_runs_a_study_in_the_child(tmp_path: Path) -> None:
    import torch
    from torchvision.models import shufflenet_v2_x0_5

    torch.manual_seed(0)
    torch.save(shufflenet_v2_x0_5().state_dict(), tmp_path / "weights.pth")
    base = tiny(epochs=2).experiment.model_dump()
    base["model"] |= {
        "architecture": "shufflenet_v2_x0_5",
        "weights": str(tmp_path / "weights.pth"),
        "trainable": "last_layer",
    }
    rates = StudyPreset.model_validate(
        {"name": "rates", "base": base, "factor": "training.optimizer.learning_rate", "values": [0.001, 0.01]}
    )
    trainer = ProcessTrainer()
    trainer.submit(Job(preset=rates))
    messages = until_idle(trainer)
    assert job_ending(messages).status == "done"
    sessions = [session_id(messages, row) for row in range(2)]
    assert _statuses(*sessions) == ["done", "done"]
    trainer.submit(Job(preset=rates))
    reused = [event.session_id for event in job_events(until_idle(trainer)) if isinstance(event, RunReused)]
    assert reused == sessions
    trainer.close(finish=True)
    assert trainer.wait(WAIT_SECONDS)
