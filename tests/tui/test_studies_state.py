"""The state of a running study, estimates, lists of values, drafts and past studies, without a screen."""

from __future__ import annotations

import pytest

from cnn_tui.config.experiment import Experiment
from cnn_tui.config.fields import field
from cnn_tui.config.job import Job
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.events import ErrorReport, JobEvent, JobFinished, JobStarted, RunEvent, RunFinished, RunReused
from cnn_tui.store.records import SessionRecord
from cnn_tui.trainer.protocol import Idle, JobUpdate, Paused, Refused
from cnn_tui.tui.estimate import estimate_study
from cnn_tui.tui.forms.value_lists import first_value, format_values, parse_values
from cnn_tui.tui.job_state import JobState
from cnn_tui.tui.screens.studies_editor import named_after_factors, new_study
from cnn_tui.tui.screens.studies_files import past_studies
from cnn_tui.tui.widgets.title_bar import run_text
from study_records import record, row_started, study

STUDY = study(values=[1, 2, 3])


def state_after(*events: JobEvent) -> JobState:
    """The state of a study of three runs after some events."""
    state = JobState(Job(preset=STUDY))
    for event in events:
        state.apply(JobUpdate(event=event))
    return state


def test_the_shown_run_is_the_running_one_that_started_last() -> None:
    state = state_after()
    assert (state.stage, state.run.number, run_text(state.run)) == ("starting", "1/3", "1/3 · starting…")
    state = state_after(JobStarted(preset=STUDY, runs=3), *row_started(STUDY, 0), *row_started(STUDY, 1))
    assert list(state.running) == [0, 1]
    assert run_text(state.run) == "2/3 · epoch 1/2 · 50 %"
    state.apply(JobUpdate(event=RunEvent(run=1, event=RunFinished(status="done"))))
    assert state.run.number == "1/3"
    state.apply(JobUpdate(event=RunEvent(run=0, event=RunFinished(status="done"))))
    assert state.run.number == "1/3"
    assert run_text(state.run) == "1/3 · done"
    assert state.active


def test_ended_runs_are_known_by_their_sessions() -> None:
    state = state_after(RunReused(run=2, session_id="earlier"), *row_started(STUDY, 0))
    before = state.milestone
    state.apply(JobUpdate(event=RunEvent(run=0, event=RunFinished(status="failed"))))
    assert state.history.ended == {2: "earlier", 0: "20261123T001500Z-0"}
    assert state.milestone != before


def test_pause_and_stop_affect_every_running_run() -> None:
    state = state_after(*row_started(STUDY, 0), *row_started(STUDY, 1))
    state.apply(Paused(paused=True))
    assert {run.stage for run in state.running.values()} == {state.stage} == {"paused"}
    state.apply(Paused(paused=False))
    state.stop()
    state.apply(JobUpdate(event=row_started(STUDY, 1)[-1]))
    assert {run.stage for run in state.running.values()} == {state.stage} == {"stopping"}


def test_a_study_ends_with_its_last_event_or_with_the_trainer() -> None:
    lost = ErrorReport(title="gone")
    state = state_after(JobFinished(status="failed", failed=1, error=lost))
    assert (state.active, state.run.active, state.error) == (False, False, lost)
    for message in (Idle(), Refused(reason="busy")):
        state = state_after()
        state.apply(message)
        assert not state.active


def test_runs_that_share_work_take_as_long_as_the_longest() -> None:
    epochs = [cell.experiment for cell in study(values=[1, 5, 20]).cells()]

    def by_epochs(experiment: Experiment) -> float | None:
        return 2.0 * experiment.training.epochs

    shared = estimate_study(3, epochs, False, by_epochs)
    assert (shared.computations, shared.seconds) == (1, 40.0)
    assert shared.text == "3 runs in 1 computation · about 40 s"
    alone = estimate_study(4, epochs, True, by_epochs)
    assert (alone.computations, alone.seconds) == (3, 52.0)
    assert alone.text == "3 of 4 runs left · about 52 s"
    unknown = estimate_study(3, epochs, True, lambda one: 1.0 if one.training.epochs > 1 else None)
    assert unknown.text == "3 runs · time unknown"
    assert estimate_study(3, [], False, by_epochs).text == "all 3 runs finished"


@pytest.mark.parametrize(
    ("path", "text", "values"),
    [
        ("training.optimizer.learning_rate", "0.0001, 1e-3,0.01", (0.0001, 0.001, 0.01)),
        ("training.epochs", "1, 3, 10,", (1, 3, 10)),
        ("training.epochs", "", ()),
        ("data.train_limit", "100, none", (100, None)),
        ("model.architecture", "resnet18, vgg16", ("resnet18", "vgg16")),
        ("training.epochs", "1, x, , 2", (1, "x", "", 2)),
    ],
)
def test_lists_are_parsed_by_the_type_of_their_field(path: str, text: str, values: tuple[object, ...]) -> None:
    assert parse_values(path, text) == values


def test_a_formatted_list_is_parsed_to_the_same_values() -> None:
    rates = (0.1, 0.0001, 1e-6)
    assert parse_values("training.optimizer.learning_rate", format_values(rates)) == rates


@pytest.mark.parametrize(
    ("path", "typed", "first"),
    [
        ("training.epochs", "1, 3, 5", 1),
        ("training.optimizer.learning_rate", "0.1,0.01", 0.1),
        ("training.epochs", "1,", None),
        ("training.epochs", "1, x", None),
        ("training.epochs", 3, None),
        ("model.weights", "random, imagenet", None),
    ],
)
def test_only_numbers_in_a_numeric_field_are_a_list(path: str, typed: object, first: object) -> None:
    assert first_value(field(path), typed) == first


def test_a_draft_is_named_after_its_factors() -> None:
    rates = new_study(RunPreset(name="pets"))
    assert (rates.name, rates.values) == ("pets by learning rate", (0.0001, 0.001, 0.01))
    epochs = StudyPreset.model_validate({**dict(rates), "factor": "training.epochs", "values": (1, 2)})
    assert named_after_factors(epochs).name == "pets by epochs"
    assert new_study(RunPreset(name="x" * 200), "training.epochs").name.endswith("x by epochs")


def _records(preset: StudyPreset) -> list[SessionRecord]:
    rows = range(len(list(preset.cells())))
    return [record(preset, row, 0.5) for row in rows]


@pytest.mark.parametrize(
    "preset",
    [
        study(),
        study(factor="training.optimizer.learning_rate", values=[0.1, 0.01], repeats=3),
        study(second_factor="training.batch_size", second_values=[8, 16]),
        study(factor="training.seed", values=[0, 1]),
        study(factor="model.architecture", values=["resnet18", "vgg16"]),
        study(values=[7]),
    ],
)
def test_a_study_is_reconstructed_from_its_sessions(preset: StudyPreset) -> None:
    (found,) = past_studies(_records(preset)[::-1])
    assert [cell.experiment for cell in found.cells()] == [cell.experiment for cell in preset.cells()]
    assert (found.name, found.factor, found.second_factor) == (preset.name, preset.factor, preset.second_factor)
    assert found.repeats == preset.repeats


def test_a_partial_study_is_reconstructed_from_the_existing_sessions() -> None:
    (found,) = past_studies(_records(study(repeats=2))[:3])
    assert found.values == (1, 3)


def test_sessions_that_differ_in_more_than_two_settings_are_not_a_study() -> None:
    one, other = study(), study(base={"data": {"dataset": "digits"}, "model": {"architecture": "vgg16"}})
    assert list(past_studies([record(one, 0, 0.5), record(other, 2, 0.5)])) == []
