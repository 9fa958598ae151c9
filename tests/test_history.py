"""The state of a run and of a job, built from their events."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_tui.config.job import Job
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.events import (
    BatchFinished,
    ErrorReport,
    Event,
    JobFinished,
    JobStarted,
    Phase,
    Progress,
    RunEvent,
    RunFinished,
    RunResumed,
    RunReused,
    WarningRaised,
)
from cnn_tui.history import MOST_BATCHES, JobHistory, RunHistory
from samples import ENVIRONMENT, batch, epoch, result, started, story
from strategies import events


def folded(*told: Event) -> RunHistory:
    history = RunHistory()
    for event in told:
        history.apply(event)
    return history


def progress(done: int, total: int | None, time: float) -> Progress:
    return Progress(done=done, total=total, unit="images", time=time)


def test_nothing_is_known_before_the_first_event() -> None:
    history = RunHistory()
    assert (history.phase, history.result, history.error, history.best_epoch) == (None, None, None, None)
    assert history.seconds_left() is None


def test_a_whole_run() -> None:
    history = folded(*story("an-id"))
    assert (history.session_id, history.environment, history.started) == ("an-id", ENVIRONMENT, 100.0)
    assert [event.epoch for event in history.epochs] == [1, 2]
    assert len(history.batches) == 1
    assert history.result == result()
    assert history.phase is None
    assert (history.phases[0].ended, history.phases[0].fraction) == (110.0, 1.0)


def test_a_phase_ends_where_the_next_begins() -> None:
    history = folded(started(), Phase(name="loading", time=101), Phase(name="training", time=105))
    loading, training = history.phases
    assert (loading.ended, training.ended) == (105, None)
    assert history.phase is training


def test_progress_belongs_to_the_present_phase() -> None:
    history = folded(Phase(name="loading", time=100), progress(25, 100, 102), Phase(name="features", time=103))
    assert history.phases[0].progress is not None
    assert history.phase is not None
    assert history.phase.progress is None
    assert history.phase.fraction is None


@pytest.mark.parametrize(
    ("done", "total", "fraction"), [(25, 100, 0.25), (0, 100, 0.0), (120, 100, 1.0), (5, None, None), (0, 0, None)]
)
def test_the_fraction_of_a_phase(done: int, total: int | None, fraction: float | None) -> None:
    phase = folded(Phase(name="loading", time=100), progress(done, total, 101)).phase
    assert phase is not None
    assert phase.fraction == fraction


def test_the_time_left_follows_the_pace() -> None:
    assert folded(Phase(name="features", time=100), progress(25, 100, 110)).seconds_left() == pytest.approx(30)


def test_the_time_of_an_interruption_is_not_that_of_the_run() -> None:
    history = folded(
        started(),  # at 100
        Phase(name="loading", time=100),
        Phase(name="training", time=102),
        progress(50, 100, 110),
        Phase(name="loading", time=5000),
        Phase(name="training", time=5003),
        RunResumed(epoch=5, done=50, total=100, time=5003),
        progress(60, 100, 5010),
    )
    assert history.started is not None
    assert history.updated is not None
    assert history.updated - history.started == pytest.approx(10 + 10)
    assert [phase.ended for phase in history.phases] == [102, 110, 5003, None]


def test_steps_before_an_interruption_do_not_count_for_the_pace() -> None:
    resumed = RunResumed(epoch=5, done=50, total=100, time=100)
    history = folded(Phase(name="training", time=100), resumed, progress(60, 100, 110))
    assert history.seconds_left() == pytest.approx(40)


@pytest.mark.parametrize(("done", "total", "time"), [(25, 100, 100.1), (0, 100, 150), (25, None, 150)])
def test_no_time_left_is_told_without_a_pace(done: int, total: int | None, time: float) -> None:
    assert folded(Phase(name="features", time=100), progress(done, total, time)).seconds_left() is None


def test_progress_before_any_phase_is_no_failure() -> None:
    assert folded(progress(1, 2, 100)).phases == []


def test_the_best_epoch_is_the_first_with_the_lowest_validation_loss() -> None:
    history = folded(epoch(1, 0.5), epoch(2, 0.25), epoch(3, 0.25), epoch(4, 0.75))
    assert history.best_epoch == epoch(2, 0.25)


def test_a_validation_loss_of_zero_is_the_best() -> None:
    assert folded(epoch(1, 0.5), epoch(2, 0.0)).best_epoch == epoch(2, 0.0)


def test_without_validation_no_epoch_is_best() -> None:
    assert folded(epoch(1, None), epoch(2, None)).best_epoch is None


def test_warnings_and_failures_are_kept() -> None:
    warning, error = WarningRaised(title="careful"), ErrorReport(title="broken")
    history = folded(warning, RunFinished(status="failed", error=error))
    assert (history.warnings, history.error, history.result) == ([warning], error, None)


@given(st.lists(events(), max_size=8))
def test_no_order_of_events_breaks_the_fold(told: list[Event]) -> None:
    history = folded(*told)
    assert history.updated == (told[-1].time if told else None)
    left = history.seconds_left()
    assert left is None or left >= 0


def step(number: int, steps: int) -> BatchFinished:
    return batch(step=number, steps=steps)


@pytest.mark.parametrize("steps", [MOST_BATCHES, MOST_BATCHES + 1, 20_000, 100_000])
def test_a_long_run_keeps_a_bounded_number_of_batches_that_are_evenly_spaced(steps: int) -> None:
    history = RunHistory()
    for number in range(1, steps + 1):
        history.apply(step(number, steps))
        assert history.batches[-1].step == number
    kept = [event.step for event in history.batches]
    assert MOST_BATCHES / 2 <= len(kept) <= MOST_BATCHES
    assert (kept[0], kept[-1]) == (1, steps)
    gaps = [later - earlier for earlier, later in pairwise(kept)]
    assert len(set(gaps[:-1])) == 1
    assert 0 < gaps[-1] <= gaps[0]


RUN = Job(preset=RunPreset(name="one"))
STUDY = Job(preset=StudyPreset(name="three", factor="training.epochs", values=(1, 2, 3)))
LOST = ErrorReport(title="lost")


def test_a_job_counts_reused_running_and_ended_runs() -> None:
    history = JobHistory(STUDY)
    history.apply(JobStarted(preset=STUDY.preset, runs=3))
    history.apply(RunReused(run=2, session_id="earlier"))
    first = history.apply(RunEvent(run=0, event=started("a")))
    second = history.apply(RunEvent(run=1, event=started("b")))
    assert (list(history.running), history.reused, history.ended) == ([0, 1], 1, {2: "earlier"})
    assert (history.current, history.current_run) == (1, second)
    assert history.apply(RunEvent(run=1, event=RunFinished(status="failed", error=LOST))) is second
    assert (history.current, history.current_run) == (0, first)
    history.apply(RunEvent(run=0, event=RunFinished(status="done", result=result())))
    assert (history.current, history.current_run) == (0, first)
    assert history.ended == {2: "earlier", 1: "b", 0: "a"}
    assert history.errors == {1: LOST}
    history.apply(JobFinished(status="failed", failed=1))
    assert list(history.end_all(LOST)) == []


@pytest.mark.parametrize("job", [RUN, STUDY])
def test_every_open_run_and_the_job_end_with_the_error(job: Job) -> None:
    history = JobHistory(job)
    for run in range(len(job.runs)):
        history.apply(RunEvent(run=run, event=started(f"session-{run}")))
    *ends, last = history.end_all(LOST)
    assert [
        (end.run, end.event.status, end.event.error)
        for end in ends
        if isinstance(end, RunEvent) and isinstance(end.event, RunFinished)
    ] == [(run, "failed", LOST) for run in range(len(job.runs))]
    assert isinstance(last, JobFinished)
    assert (last.status, last.failed, last.error) == ("failed", len(job.runs), LOST)


def test_a_run_that_never_started_ends_too_and_a_study_without_runs_just_ends() -> None:
    assert [event.type for event in JobHistory(RUN).end_all(LOST)] == ["row_event", "study_finished"]
    assert [event.type for event in JobHistory(STUDY).end_all(LOST)] == ["study_finished"]


def test_job_events_keep_their_names_in_json() -> None:
    document = RunEvent(run=1, event=started()).model_dump(mode="json", by_alias=True)
    assert (document["type"], document["row"], document["event"]["type"]) == ("row_event", 1, "run_started")
    document = JobStarted(preset=STUDY.preset, runs=3).model_dump(mode="json", by_alias=True)
    assert (document["type"], document["rows"], document["study"]["name"]) == ("study_started", 3, "three")
