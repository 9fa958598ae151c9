"""The trainer as a real child process: failures with scripted runs, successful runs with the real engine."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cnn_tui import paths
from cnn_tui.config.job import Job
from cnn_tui.store.sessions import load_session, read_history, read_record
from cnn_tui.trainer.process import ProcessTrainer
from cnn_tui.trainer.protocol import Hello, Idle, JobUpdate, Lost, Message, Paused, Ready, Refused, Trainer
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

TrainerFactory = Callable[[str], ProcessTrainer]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[TrainerFactory]:
    """Create trainers by the name of their scripted run."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    trainers: list[ProcessTrainer] = []

    def create(script: str) -> ProcessTrainer:
        trainers.append(ProcessTrainer(runner=f"scripted_runs:{script}"))
        return trainers[-1]

    yield create
    for trainer in trainers:
        trainer.kill()
        trainer.close(finish=False)
        assert trainer.wait(WAIT_SECONDS)


def _folder(session: str) -> Path:
    return paths.sessions_folder() / session


def test_one_child_executes_several_runs(make: TrainerFactory) -> None:
    trainer: Trainer = make("short")
    trainer.start()
    pid = until_type(trainer, Hello).pid
    assert until_type(trainer, Ready) == Ready(pid=pid)
    assert pid != os.getpid()
    for _ in range(2):
        assert not trainer.busy
        trainer.submit(run(3))
        assert trainer.busy
        messages = until_idle(trainer)
        assert [event.type for event in events(messages)] == ["run_started", *["batch_finished"] * 3, "run_finished"]
        assert not any(isinstance(message, Hello) for message in messages)
        assert load_session(_folder(session_id(messages))).status == "done"
    assert trainer.alive


def test_the_real_engine_runs_in_the_child() -> None:
    trainer = ProcessTrainer()
    trainer.submit(Job(preset=tiny()))
    ready = until_type(trainer, Ready)
    assert ready.torch
    assert ready.device_name
    messages = until_idle(trainer)
    end = ending(messages)
    assert end.status == "done", end.error
    assert end.result is not None
    record = load_session(_folder(session_id(messages)))
    assert record.status == "done"
    assert record.result == end.result
    trainer.submit(Job(preset=tiny(epochs=10_000)))
    session = session_id(until_batch(trainer))
    trainer.close(finish=False)
    assert trainer.wait(WAIT_SECONDS)
    stopped = load_session(_folder(session))
    assert stopped.status == "stopped"
    assert stopped.result is not None


def test_the_second_run_is_refused(make: TrainerFactory) -> None:
    trainer = make("short")
    trainer.submit(run(10_000, "first"))
    until_batch(trainer)
    trainer.submit(run(1, "second"))
    assert "already running" in until_type(trainer, Refused).reason
    trainer.stop()
    assert ending(until_idle(trainer)).status == "stopped"
    assert len(list(paths.sessions_folder().iterdir())) == 1


def test_stopping_tests_the_model_and_stopping_twice_does_not(make: TrainerFactory) -> None:
    trainer = make("short")
    trainer.submit(run(10_000))
    until_batch(trainer)
    trainer.stop()
    assert ending(until_idle(trainer)).result is not None
    trainer.submit(run(10_000))
    until_batch(trainer)
    trainer.pause()
    until_type(trainer, Paused)
    trainer.stop()
    trainer.stop()
    assert ending(until_idle(trainer)).status == "stopped"


def test_a_paused_run_waits_until_it_is_resumed(make: TrainerFactory) -> None:
    trainer = make("short")
    trainer.submit(run(30))
    until_batch(trainer)
    trainer.pause()
    assert until_type(trainer, Paused).paused
    assert trainer.next_message(0.3) is None
    trainer.resume()
    messages = until_idle(trainer)
    assert messages[0] == Paused(paused=False)
    assert ending(messages).status == "done"


def test_output_goes_to_the_log_of_the_session_and_never_into_the_protocol(make: TrainerFactory) -> None:
    trainer = make("noisy")
    trainer.submit(run(2))
    messages = until_idle(trainer)
    assert [event.type for event in events(messages)] == ["run_started", *["batch_finished"] * 2, "run_finished"]
    log = (_folder(session_id(messages)) / "trainer.log").read_text()
    for line in ("printed by Python", "written to descriptor 1", "printed by C", "printed by another process"):
        assert log.count(f"{line}\n") == 4
    assert "a warning" in log
    assert "read ''" in log
    assert "before" not in log
    assert "printed before the run" in (paths.data_folder() / "trainer.log").read_text()


def _assert_lost(messages: list[Message], reason: str) -> Lost:
    """The run failed, then the trainer was reported as lost, then it is ready for the next run."""
    assert [type(message) for message in messages[-3:]] == [JobUpdate, Lost, Idle]
    error = ending(messages).error
    lost = messages[-2]
    assert isinstance(lost, Lost)
    assert error is not None
    assert error == lost.error
    assert reason in error.title
    return lost


def test_the_session_of_a_killed_child_fails_and_the_next_run_gets_a_new_child(make: TrainerFactory) -> None:
    trainer = make("short")
    trainer.submit(run(10_000))
    pid = until_type(trainer, Hello).pid
    session = session_id(until_batch(trainer))
    os.kill(pid, signal.SIGKILL)
    lost = _assert_lost(until_idle(trainer), "SIGKILL")
    assert (lost.status, lost.session_id) == ("failed", session)
    record = read_record(_folder(session))
    assert (record.status, record.error, record.pid) == ("failed", lost.error, None)
    history = read_history(_folder(session))
    assert history.finished is not None
    assert history.finished.error == lost.error
    assert not trainer.alive
    trainer.submit(run(2))
    assert until_type(trainer, Hello).pid != pid
    assert ending(until_idle(trainer)).status == "done"


def test_killing_the_trainer_marks_the_run_as_killed(make: TrainerFactory) -> None:
    trainer = make("short")
    trainer.submit(run(10_000))
    session = session_id(until_batch(trainer))
    trainer.kill()
    lost = _assert_lost(until_idle(trainer), "killed")
    assert (lost.status, lost.session_id) == ("killed", session)
    assert read_record(_folder(session)).status == "killed"


def test_an_idle_child_that_dies_is_replaced_silently(make: TrainerFactory) -> None:
    trainer = make("short")
    trainer.start()
    pid = until_type(trainer, Ready).pid
    trainer.kill()
    trainer.submit(run(2))
    messages = until_idle(trainer)
    assert ending(messages).status == "done"
    assert any(isinstance(message, Ready) and message.pid != pid for message in messages)


def test_a_crash_is_reported_with_the_end_of_the_log(make: TrainerFactory) -> None:
    trainer = make("crashing")
    trainer.submit(run())
    lost = _assert_lost(until_idle(trainer), "SIGSEGV")
    assert "about to crash" in lost.error.detail
    assert "Segmentation fault" in lost.log_tail
    trainer.submit(run(1, "good"))
    assert ending(until_idle(trainer)).status == "done"


def test_a_bug_in_the_engine_is_reported_with_its_traceback(make: TrainerFactory) -> None:
    trainer = make("broken")
    trainer.submit(run())
    messages = until_idle(trainer)
    lost = _assert_lost(messages, "exit code 1")
    assert "ZeroDivisionError: a bug in the engine" in lost.error.detail
    assert read_record(_folder(session_id(messages))).status == "failed"


def test_an_unreported_session_is_found_by_its_process(make: TrainerFactory) -> None:
    trainer = make("early")
    trainer.submit(run())
    lost = _assert_lost(until_idle(trainer), "exit code 7")
    assert lost.session_id is not None
    assert read_record(_folder(lost.session_id)).error == lost.error


def test_a_run_fails_if_the_engine_cannot_be_loaded(make: TrainerFactory) -> None:
    trainer = make("missing")
    trainer.submit(run())
    assert "missing" in _assert_lost(until_idle(trainer), "exit code 1").log_tail


def test_the_child_survives_a_failure_before_the_run_starts(make: TrainerFactory) -> None:
    trainer = make("refusing")
    trainer.submit(run())
    error = ending(until_idle(trainer)).error
    assert error is not None
    assert (error.title, error.hint, error.exit_code) == ("No images", "Add images.", 3)
    assert trainer.alive


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
    record = read_record(_folder(session))
    assert record.status == status
    assert record.result is not None


def test_a_stopped_run_is_still_tested_after_closing(make: TrainerFactory) -> None:
    trainer = make("short")
    trainer.submit(run(10_000))
    session = session_id(until_batch(trainer))
    trainer.stop()
    trainer.close(finish=False)
    assert trainer.wait(WAIT_SECONDS)
    assert read_record(_folder(session)).result is not None


def test_closing_while_the_engine_loads_ends_the_child() -> None:
    trainer = ProcessTrainer()
    trainer.start()
    trainer.close(finish=True)
    assert trainer.wait(WAIT_SECONDS)
    assert not trainer.alive


def test_sigterm_stops_and_saves_the_run_and_ends_the_child(make: TrainerFactory) -> None:
    trainer = make("short")
    trainer.submit(run(10_000))
    pid = until_type(trainer, Hello).pid
    session = session_id(until_batch(trainer))
    os.kill(pid, signal.SIGTERM)
    messages = until_idle(trainer)
    assert isinstance(trainer.next_message(WAIT_SECONDS), Lost)
    assert ending(messages).status == "stopped"
    assert read_record(_folder(session)).result is not None


def test_signals_of_the_terminal_do_not_reach_the_run(make: TrainerFactory) -> None:
    trainer = make("short")
    trainer.submit(run(100))
    pid = until_type(trainer, Hello).pid
    until_batch(trainer)
    assert os.getpgid(pid) == pid
    assert os.getsid(pid) == pid
    os.kill(pid, signal.SIGHUP)
    os.kill(pid, signal.SIGINT)
    assert ending(until_idle(trainer)).status == "done"
