"""Studies with the real engine: what is shared changes nothing, what was done is not done again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.models import alexnet, shufflenet_v2_x0_5, squeezenet1_1

from cnn_tui import paths
from cnn_tui.config.job import Job
from cnn_tui.config.study import StudyPreset
from cnn_tui.engine.control import Control
from cnn_tui.events import EpochFinished, JobEvent, JobFinished, RunEvent, RunFinished, RunReused, RunStarted
from cnn_tui.jobs import run_job
from cnn_tui.metrics import Result
from cnn_tui.store.sessions import load_session, read_history


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file of weights for other classes, so that the last layer starts from the seed."""
    path = tmp_path_factory.mktemp("weights") / "shufflenet.pth"
    with torch.random.fork_rng():
        torch.manual_seed(1)
        torch.save(shufflenet_v2_x0_5(num_classes=7).state_dict(), path)
    return str(path)


def study(weights: str, factor: str, values: list[Any], **changes: Any) -> StudyPreset:
    base: dict[str, dict[str, Any]] = {
        "data": {"dataset": "digits", "image_size": 32, "train_limit": 120, "test_limit": 60},
        "model": {"architecture": "shufflenet_v2_x0_5", "weights": weights, "trainable": "last_layer"},
        "training": {"epochs": 4, "batch_size": 16, "device": "cpu", "precision": "float32"},
    }
    for section, fields in changes.pop("base", {}).items():
        base[section].update(fields)
    return StudyPreset.model_validate({"name": "small", "base": base, "factor": factor, "values": values, **changes})


def results(events: list[JobEvent]) -> dict[int, Result]:
    found = {}
    for event in events:
        if isinstance(event, RunEvent) and isinstance(event.event, RunFinished) and event.event.result is not None:
            found[event.run] = event.event.result
    return found


def epochs(events: list[JobEvent]) -> dict[int, list[tuple[float | None, ...]]]:
    found: dict[int, list[tuple[float | None, ...]]] = {}
    for event in events:
        if isinstance(event, RunEvent) and isinstance(event.event, EpochFinished):
            one = event.event
            figures = (one.train_loss, one.train_accuracy, one.validation_loss, one.validation_accuracy)
            found.setdefault(event.run, []).append(figures)
    return found


def sessions(events: list[JobEvent]) -> dict[int, str]:
    return {
        event.run: event.event.session_id
        for event in events
        if isinstance(event, RunEvent) and isinstance(event.event, RunStarted)
    }


def assert_alike(one: StudyPreset) -> list[JobEvent]:
    """Run a study both ways; the events of the clever one."""
    clever = list(run_job(Job(preset=one, fresh=True), Control()))
    plain = list(run_job(Job(preset=one, plain=True, fresh=True), Control()))
    mine, theirs = results(clever), results(plain)
    assert mine.keys() == theirs.keys() == {cell.index for cell in one.cells()}
    for row, result in mine.items():
        assert result.confusion_matrix == theirs[row].confusion_matrix
        assert result.test_loss == pytest.approx(theirs[row].test_loss, rel=1e-4)
        assert result.epochs_run == theirs[row].epochs_run
    for row, figures in epochs(plain).items():
        for told, alone in zip(epochs(clever)[row], figures, strict=True):
            assert told == pytest.approx(alone, rel=1e-4)
    return clever


def together(events: list[JobEvent]) -> set[int]:
    """How many rows were trained with each."""
    parts = [load_session(paths.sessions_folder() / name).study for name in sessions(events).values()]
    return {part.together for part in parts if part is not None}


def test_one_course_gives_the_rows_of_all_numbers_of_epochs(pretrained: str) -> None:
    assert together(assert_alike(study(pretrained, "training.epochs", [1, 2, 4]))) == {3}


def test_epochs_of_a_whole_network_are_one_course_too() -> None:
    whole = {"model": {"weights": "random", "trainable": "all"}, "data": {"train_limit": 60}}
    assert together(assert_alike(study("random", "training.epochs", [1, 3], base=whole))) == {2}


def test_learning_rates_train_as_one_stack(pretrained: str) -> None:
    rates = study(pretrained, "training.optimizer.learning_rate", [0.1, 0.01, 0.001])
    assert together(assert_alike(rates)) == {3}


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_weight_decays_train_as_one_stack_with_every_optimizer(pretrained: str, name: str) -> None:
    base = {"training": {"optimizer": {"name": name, "learning_rate": 0.01}, "schedule": "cosine"}}
    assert together(assert_alike(study(pretrained, "training.optimizer.weight_decay", [0.0, 0.1], base=base))) == {2}


def test_seeds_train_as_one_stack(pretrained: str) -> None:
    rates = study(pretrained, "training.optimizer.learning_rate", [0.1, 0.01], repeats=3)
    assert together(assert_alike(rates)) == {6}


def test_a_grid_of_rates_and_epochs_is_one_computation(pretrained: str) -> None:
    grid = study(
        pretrained,
        "training.epochs",
        [1, 3],
        second_factor="training.optimizer.learning_rate",
        second_values=[0.1, 0.001],
    )
    assert together(assert_alike(grid)) == {4}


def test_dropout_draws_for_each_seed_as_it_would_alone(tmp_path: Path) -> None:
    path = tmp_path / "alexnet.pth"
    with torch.random.fork_rng():
        torch.manual_seed(2)
        torch.save(alexnet(num_classes=3).state_dict(), path)
    base = {
        "model": {"architecture": "alexnet"},
        "data": {"image_size": 64, "train_limit": 40, "test_limit": 20},
        "training": {"epochs": 2},
    }
    assert together(assert_alike(study(str(path), "training.seed", [0, 5], base=base))) == {2}


def test_heads_that_do_not_stack_share_features_and_begin_each_as_alone(tmp_path: Path) -> None:
    path = tmp_path / "squeezenet.pth"
    with torch.random.fork_rng():
        torch.manual_seed(3)
        torch.save(squeezenet1_1(num_classes=3).state_dict(), path)
    base = {"model": {"architecture": "squeezenet1_1"}, "data": {"train_limit": 40}, "training": {"epochs": 2}}
    rates = study(str(path), "training.optimizer.learning_rate", [0.1, 0.001], base=base, repeats=2)
    assert together(assert_alike(rates)) == {4}


def test_epochs_do_not_nest_where_the_schedule_knows_them(pretrained: str) -> None:
    falling = study(pretrained, "training.epochs", [2, 4], base={"training": {"schedule": "cosine"}})
    assert together(assert_alike(falling)) == {1}


def test_rows_are_sessions_with_their_own_settings_and_story(pretrained: str) -> None:
    events = list(run_job(Job(preset=study(pretrained, "training.epochs", [1, 3])), Control()))
    for row, asked in enumerate((1, 3)):
        folder = paths.sessions_folder() / sessions(events)[row]
        record, history = load_session(folder), read_history(folder)
        assert record.experiment.training.epochs == asked == len(history.epochs)
        assert record.status == "done"
        assert record.study is not None
        assert (record.study.name, record.study.row) == ("small", row)
        assert record.validation is not None
        assert record.validation.loss == history.epochs[-1].validation_loss
        progress = history.phases[-2].progress
        assert progress is not None
        assert progress.done == progress.total
        assert (folder / "weights.safetensors").exists()


def test_finished_rows_are_kept_and_new_values_are_added(pretrained: str) -> None:
    first = list(run_job(Job(preset=study(pretrained, "training.epochs", [1, 2])), Control()))
    again = list(run_job(Job(preset=study(pretrained, "training.epochs", [2, 3, 1])), Control()))
    kept = {event.run: event.session_id for event in again if isinstance(event, RunReused)}
    assert kept == {0: sessions(first)[1], 2: sessions(first)[0]}
    assert results(again).keys() == {1}
    alone = list(run_job(Job(preset=study(pretrained, "training.epochs", [1, 2], plain=True)), Control()))
    assert not [event for event in alone if isinstance(event, RunReused)]


def test_a_row_that_diverges_fails_and_the_others_go_on(pretrained: str) -> None:
    base = {"training": {"optimizer": {"name": "sgd", "weight_decay": 10.0}}}
    events = list(
        run_job(
            Job(preset=study(pretrained, "training.optimizer.learning_rate", [1000.0, 0.001], base=base)), Control()
        )
    )
    ends = {
        told.run: told.event for told in events if isinstance(told, RunEvent) and isinstance(told.event, RunFinished)
    }
    assert {row: end.status for row, end in ends.items()} == {0: "failed", 1: "done"}
    assert ends[0].error is not None
    assert "learning_rate=100" in ends[0].error.hint
    finished = events[-1]
    assert isinstance(finished, JobFinished)
    assert (finished.status, finished.failed) == ("failed", 1)


def test_a_stopped_study_tests_what_it_has_and_goes_on_later(pretrained: str) -> None:
    asked = study(pretrained, "training.epochs", [1, 2, 2000])
    control, events = Control(), []
    for event in run_job(Job(preset=asked), control):
        events.append(event)
        if isinstance(event, RunEvent) and isinstance(event.event, EpochFinished) and event.event.epoch == 3:
            control.stop()
    assert isinstance(events[-1], JobFinished)
    assert events[-1].status == "stopped"
    assert results(events).keys() == {0, 1, 2}
    shorter = study(pretrained, "training.epochs", [1, 2, 4])
    again = list(run_job(Job(preset=shorter), Control()))
    assert {event.run for event in again if isinstance(event, RunReused)} == {0, 1}
    assert results(again).keys() == {2}
