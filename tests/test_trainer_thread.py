"""The trainer in a thread reports the same messages as the one in a child process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from cnn_tui import paths
from cnn_tui.config.job import Job
from cnn_tui.store.sessions import read_record
from cnn_tui.trainer.protocol import Paused, Ready, Refused, Trainer
from cnn_tui.trainer.thread import ThreadTrainer
from trainer_messages import (
    WAIT_SECONDS,
    ending,
    events,
    run,
    session_id,
    tiny,
    until_batch,
    until_idle,
    until_type,
)

TrainerFactory = Callable[[str], ThreadTrainer]


@pytest.fixture
def make() -> Iterator[TrainerFactory]:
    """Create trainers by the name of their scripted run."""
    trainers: list[ThreadTrainer] = []

    def create(script: str) -> ThreadTrainer:
        trainers.append(ThreadTrainer(f"scripted_runs:{script}"))
        return trainers[-1]

    yield create
    for trainer in trainers:
        trainer.kill()
        trainer.close(finish=False)
        assert trainer.wait(WAIT_SECONDS)


def _status(session: str) -> str:
    return read_record(paths.sessions_folder() / session).status


def test_the_thread_executes_several_runs(make: TrainerFactory) -> None:
    trainer: Trainer = make("short")
    trainer.start()
    until_type(trainer, Ready)
    for _ in range(2):
        trainer.submit(run(3))
        messages = until_idle(trainer)
        assert [event.type for event in events(messages)] == ["run_started", *["batch_finished"] * 3, "run_finished"]
        assert _status(session_id(messages)) == "done"
        assert not trainer.busy


def test_the_real_engine_runs_in_the_thread() -> None:
    trainer = ThreadTrainer()
    trainer.submit(Job(preset=tiny()))
    assert until_type(trainer, Ready).torch
    messages = until_idle(trainer)
    end = ending(messages)
    assert end.status == "done", end.error
    assert _status(session_id(messages)) == "done"


def test_the_second_run_is_refused(make: TrainerFactory) -> None:
    trainer = make("short")
    trainer.submit(run(10_000))
    until_batch(trainer)
    trainer.submit(run(1))
    assert "already running" in until_type(trainer, Refused).reason
    trainer.stop()
    assert ending(until_idle(trainer)).status == "stopped"


def test_a_run_pauses_and_resumes(make: TrainerFactory) -> None:
    trainer = make("short")
    trainer.submit(run(30))
    until_batch(trainer)
    trainer.pause()
    assert until_type(trainer, Paused).paused
    assert trainer.next_message(0.3) is None
    trainer.resume()
    assert not until_type(trainer, Paused).paused
    assert ending(until_idle(trainer)).status == "done"


def test_killing_only_stops_the_run_and_reports_why(make: TrainerFactory) -> None:
    trainer = make("short")
    trainer.submit(run(10_000))
    session = session_id(until_batch(trainer))
    trainer.kill()
    assert "cannot be killed" in until_type(trainer, Refused).reason
    end = ending(until_idle(trainer))
    assert (end.status, end.result) == ("stopped", None)
    assert _status(session) == "stopped"


def test_an_expected_failure_is_reported(make: TrainerFactory) -> None:
    trainer = make("refusing")
    trainer.submit(run())
    error = ending(until_idle(trainer)).error
    assert error is not None
    assert error.title == "No images"


def test_a_bug_in_the_engine_only_ends_its_run(make: TrainerFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)
    trainer = make("broken")
    trainer.submit(run())
    messages = until_idle(trainer)
    error = ending(messages).error
    assert error is not None
    assert error.detail == "ZeroDivisionError: a bug in the engine"
    assert _status(session_id(messages)) == "failed"
    assert trainer.wait(WAIT_SECONDS)
    assert [args.exc_type for args in reported] == [ZeroDivisionError]
    trainer.submit(run(1, "good"))
    assert ending(until_idle(trainer)).status == "done"


@pytest.mark.parametrize(("finish", "status"), [(True, "done"), (False, "stopped")])
def test_closing_finishes_the_run_or_stops_and_saves_it(make: TrainerFactory, finish: bool, status: str) -> None:
    trainer = make("short")
    trainer.submit(run(60))
    session = session_id(until_batch(trainer))
    trainer.pause()
    until_type(trainer, Paused)
    trainer.close(finish)
    assert list(trainer.messages()) == []
    assert trainer.wait(WAIT_SECONDS)
    assert _status(session) == status
