"""Runs with a time limit, by a clock that moves a second whenever a run asks whether to stop."""

from __future__ import annotations

import pytest

from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded
from cnn_tui.config.changes import override
from cnn_tui.config.job import Job
from cnn_tui.config.study import StudyPreset
from cnn_tui.engine.control import Control
from cnn_tui.engine.training.train import train
from cnn_tui.errors import ConfigError
from cnn_tui.events import BatchFinished, EpochFinished, Event, JobFinished, RunEvent, RunReused, WarningRaised
from cnn_tui.jobs import run_job
from cnn_tui.store.records import resumed_experiment
from cnn_tui.store.sessions import all_records, load_session
from test_resume import FROZEN, TUNED, assert_same, events_of, newest, preset, resumed
from test_train import ending, experiment, figures, tiny_run

SECOND = 1 / 60
# Epochs of TUNED and of the tiny experiment take four and three seconds: one for each batch and for the validation.


class Clock:
    """Stands in for the module ``time``."""

    def __init__(self) -> None:
        self.seconds = 0

    def perf_counter(self) -> float:
        return self.seconds

    def asked_to_stop(self) -> bool:
        self.seconds += 1
        return False


class SlowControl(Control):
    """The control of a run by the user, who does not stop it."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def should_stop(self) -> bool:
        return self._clock.asked_to_stop()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in ("time_limit", "loop"):
        monkeypatch.setattr(f"cnn_tui.engine.training.{module}.time", made)
    return made


def status_of(job: Job, clock: Clock) -> str:
    """How a job ends."""
    finished = [*run_job(job, SlowControl(clock))][-1]
    assert isinstance(finished, JobFinished)
    return finished.status


def the_warning(events: list[Event]) -> WarningRaised:
    (found,) = [event for event in events if isinstance(event, WarningRaised)]
    assert found.title == "The time limit is reached"
    return found


def test_a_limit_that_is_not_reached_changes_nothing(clock: Clock) -> None:
    events = list(train(experiment(training__max_minutes=30), clock.asked_to_stop))
    assert ending(events).status == "done"
    assert figures(events) == figures(tiny_run())
    assert not [event for event in events if isinstance(event, WarningRaised)]


def test_a_run_stops_before_an_epoch_that_would_not_fit(clock: Clock) -> None:
    events = list(train(experiment(training__epochs=50, training__max_minutes=8 * SECOND), clock.asked_to_stop))
    assert figures(events) == figures(tiny_run())
    assert not [event for event in events if isinstance(event, BatchFinished) and event.epoch == 3]
    assert "2 of 50 epochs are complete" in the_warning(events).detail
    finished = ending(events)
    assert finished.status == "stopped"
    assert finished.result is not None
    assert finished.result.epochs_run == 2


@pytest.mark.parametrize("seconds", [0.5, 1, 2])
def test_the_limit_holds_within_the_first_epoch(seconds: float, clock: Clock) -> None:
    events = list(train(experiment(training__max_minutes=seconds * SECOND), clock.asked_to_stop))
    assert "0 of 2 epochs" in the_warning(events).detail or "1 of 2 epochs" in the_warning(events).detail
    assert clock.seconds == int(seconds) + 1
    finished = ending(events)
    assert finished.status == "stopped"
    assert finished.result is not None


def test_the_last_epoch_needs_no_time_after_it(clock: Clock) -> None:
    events = list(train(experiment(training__max_minutes=6 * SECOND), clock.asked_to_stop))
    assert ending(events).status == "done"


def test_a_user_who_stops_a_run_is_not_told_of_a_limit(clock: Clock) -> None:
    events = list(train(experiment(training__max_minutes=3 * SECOND), lambda: True))
    assert ending(events).status == "stopped"
    assert not [event for event in events if isinstance(event, WarningRaised)]


def test_a_limit_that_is_reached_before_the_training_is_said_too(clock: Clock) -> None:
    limited = override(preset(FROZEN).experiment, [f"training.max_minutes={0.5 * SECOND}"])
    events = list(train(limited, clock.asked_to_stop))
    assert "has not begun" in the_warning(events).detail
    assert (ending(events).status, ending(events).result) == ("stopped", None)


@pytest.mark.parametrize(("seconds", "processes"), [(5, 3), (2, 6)])
def test_a_run_that_is_resumed_with_the_same_limit_ends_like_one_without(
    seconds: int, processes: int, clock: Clock
) -> None:
    events_of(Job(preset=preset(TUNED)))
    whole = newest()
    job = Job(preset=preset([*TUNED, f"training.max_minutes={seconds * SECOND}"], "limited"))
    for remaining in reversed(range(processes)):
        assert status_of(job, clock) == ("stopped" if remaining else "done")
        record = newest()
        assert record.result is not None
        job = resumed(record) if remaining else job
    assert_same(whole, newest())


def test_a_run_is_resumed_with_another_limit(clock: Clock) -> None:
    job = Job(preset=preset([*TUNED, f"training.max_minutes={5 * SECOND}"]))
    assert status_of(job, clock) == "stopped"
    record = newest()
    with pytest.raises(ConfigError, match="max_minutes"):
        resumed_experiment(record, None, 1, "-1")
    free = resumed_experiment(record, None, 1, "none")
    assert free == record.experiment.without_time_limit
    events_of(Job(preset=preset(TUNED).model_copy(update={"experiment": free}), resume=record.id))
    assert load_session(record.id).status == "done"


def test_a_study_goes_on_with_its_stopped_runs_under_another_limit(clock: Clock) -> None:
    def study(minutes: float) -> StudyPreset:
        base = override(preset(TUNED).experiment, [f"training.max_minutes={minutes}", "training.epochs=2"])
        return StudyPreset(name="s", base=base, factor="training.optimizer.learning_rate", values=(0.01, 0.001))

    def ran(minutes: float) -> tuple[str, int, set[int]]:
        events = [*run_job(Job(preset=study(minutes)), SlowControl(clock))]
        reused = sum(isinstance(event, RunReused) for event in events)
        inner = [event.event for event in events if isinstance(event, RunEvent)]
        trained = {event.epoch for event in inner if isinstance(event, EpochFinished)}
        assert isinstance(events[-1], JobFinished)
        return events[-1].status, reused, trained

    assert ran(5 * SECOND) == ("stopped", 0, {1})
    assert ran(30) == ("done", 0, {1, 2})
    assert ran(20) == ("done", 2, set())
    assert len(all_records()) == 2


def test_a_limit_cannot_be_varied() -> None:
    with pytest.raises(ValueError, match="cannot be varied"):
        StudyPreset(name="s", base=preset(TUNED).experiment, factor="training.max_minutes", values=(1, 2))


def test_the_exit_code_says_that_the_time_was_over(capfd: pytest.CaptureFixture[str]) -> None:
    options = [part for setting in [*FROZEN, "training.max_minutes=0.00001"] for part in ("--set", setting)]
    assert guarded(cli, ["run", "quickstart", *options]) == 124
    assert "time limit is reached" in capfd.readouterr().err
