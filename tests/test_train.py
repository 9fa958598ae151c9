"""The engine on real scanned digits: what it tells, what it learns, and what it leaves alone."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.models import shufflenet_v2_x0_5

from cnn_tui.config.experiment import Experiment
from cnn_tui.engine.control import never
from cnn_tui.engine.data import loading
from cnn_tui.engine.device import compute
from cnn_tui.engine.models.build import build, load_weights
from cnn_tui.engine.training.learner import NetworkLearner
from cnn_tui.engine.training.loop import TrainingLoop, TrainingRun
from cnn_tui.engine.training.setup import set_up
from cnn_tui.engine.training.train import train
from cnn_tui.engine.training.train_group import Artifacts
from cnn_tui.events import BatchFinished, EpochFinished, Event, Phase, RunFinished, RunStarted

TINY: dict[str, Any] = {
    "data": {"dataset": "digits", "image_size": 32, "train_limit": 80, "test_limit": 40, "validation_fraction": 0.2},
    "model": {"architecture": "shufflenet_v2_x0_5", "weights": "random", "trainable": "all"},
    "training": {"epochs": 2, "batch_size": 32, "device": "cpu", "precision": "float32"},
}


def experiment(**changes: Any) -> Experiment:
    """The tiny experiment with dotted paths changed, dots written as double underscores."""
    document = {section: dict(fields) for section, fields in TINY.items()}
    for path, value in changes.items():
        section, _, name = path.partition("__")
        target = document[section]
        if "__" in name:
            outer, _, name = name.partition("__")
            target = target.setdefault(outer, {})
        target[name] = value
    return Experiment.model_validate(document)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file of weights for ten classes, as a person would have saved it."""
    path = tmp_path_factory.mktemp("weights") / "shufflenet.pth"
    with torch.random.fork_rng():
        torch.manual_seed(1)
        torch.save(shufflenet_v2_x0_5(num_classes=10).state_dict(), path)
    return str(path)


def figures(events: list[Event]) -> list[tuple[Any, ...]]:
    """What a run measured, without what depends on the clock."""
    return [
        (event.epoch, event.train_loss, event.train_accuracy, event.validation_loss, event.validation_accuracy)
        for event in events
        if isinstance(event, EpochFinished)
    ]


def ending(events: list[Event]) -> RunFinished:
    (finished,) = [event for event in events if isinstance(event, RunFinished)]
    assert events[-1] is finished
    return finished


def after_batches(count: int) -> Callable[[], bool]:
    """A stop that comes when it was asked for this often."""
    asked = iter(range(10_000))
    return lambda: next(asked) >= count


@functools.cache
def tiny_run() -> list[Event]:
    """The run of the tiny experiment, once for all tests that compare with it."""
    return list(train(experiment()))


def test_events_come_in_the_agreed_order() -> None:
    events = list(train(experiment(), session_id="s1"))
    assert isinstance(events[0], RunStarted)
    assert events[0].session_id == "s1"
    assert [event.name for event in events if isinstance(event, Phase)][-2:] == ["training", "testing"]
    assert [event.epoch for event in events if isinstance(event, EpochFinished)] == [1, 2]
    result = ending(events).result
    assert result is not None
    assert sum(map(sum, result.confusion_matrix)) == 40
    assert result.epochs_run == 2


def test_it_learns() -> None:
    events = list(train(experiment(model__architecture="resnet18", data__train_limit=200)))
    losses = [row[1] for row in figures(events)]
    assert losses[-1] < 0.5 * losses[0]
    result = ending(events).result
    assert result is not None
    assert result.accuracy > 0.6


def test_the_same_seed_gives_the_same_history_and_another_seed_another() -> None:
    first, again = tiny_run(), list(train(experiment()))
    other = list(train(experiment(training__seed=1)))
    assert figures(first) == figures(again)
    assert ending(first).result is not None
    assert figures(first) != figures(other)


def test_validation_is_absent_where_none_is_kept() -> None:
    events = list(train(experiment(data__validation_fraction=0.0)))
    assert all(row[3] is None and row[4] is None for row in figures(events))
    result = ending(events).result
    assert result is not None
    assert result.best_epoch is None


def test_a_stopped_run_is_tested_on_what_it_has_learnt() -> None:
    events = list(train(experiment(training__epochs=50), after_batches(12)))
    finished = ending(events)
    assert finished.status == "stopped"
    assert finished.result is not None
    assert 0 < finished.result.epochs_run < 50


def test_an_abandoned_run_is_not_tested() -> None:
    events = list(train(experiment(training__epochs=50), after_batches(12), should_abandon=lambda: True))
    assert ending(events).status == "stopped"
    assert ending(events).result is None


def test_a_loss_beyond_all_bounds_fails_with_a_next_step() -> None:
    wild = experiment(training__optimizer__name="sgd", training__optimizer__learning_rate=1000.0, training__epochs=20)
    finished = ending(list(train(wild)))
    assert finished.status == "failed"
    assert finished.error is not None
    assert "epoch" in finished.error.title
    assert "learning_rate=100" in finished.error.hint


def test_missing_pictures_fail_with_exit_code_3(tmp_path: Path) -> None:
    events = list(train(experiment(data__dataset="folder", data__root=str(tmp_path / "none"))))
    error = ending(events).error
    assert error is not None
    assert error.exit_code == 3
    assert str(tmp_path / "none") in error.detail


def test_early_stopping_goes_back_to_the_best_epoch() -> None:
    hasty = experiment(
        training__epochs=40, training__early_stopping_patience=2, training__optimizer__learning_rate=0.02
    )
    events = list(train(hasty))
    rows = figures(events)
    assert len(rows) < 40
    best = min(rows, key=lambda row: row[3])
    assert len(rows) == best[0] + 2
    result = ending(events).result
    assert result is not None
    assert result.best_epoch == best[0]


@pytest.mark.parametrize("augment", ["flip", "crop_flip"])
def test_augmentation_draws_from_the_seed(augment: str) -> None:
    changed = experiment(data__augment=augment)
    first, again = figures(list(train(changed))), figures(list(train(changed)))
    assert first == again
    assert first != figures(tiny_run())


def test_features_computed_once_change_nothing(pretrained: str) -> None:
    frozen = {"model__weights": pretrained, "model__trainable": "last_layer", "training__epochs": 4}
    stored = list(train(experiment(**frozen)))
    plain = list(train(experiment(**frozen, training__feature_cache="off")))
    assert "features" in [event.name for event in stored if isinstance(event, Phase)]
    assert "features" not in [event.name for event in plain if isinstance(event, Phase)]
    for with_store, without in zip(figures(stored), figures(plain), strict=True):
        assert with_store == pytest.approx(without, rel=1e-4)
    one, other = ending(stored).result, ending(plain).result
    assert one is not None
    assert other is not None
    assert one.confusion_matrix == other.confusion_matrix


@pytest.mark.parametrize("batch_norm", ["frozen", "adapt"])
def test_frozen_weights_stay_and_batch_statistics_move_only_when_they_may(pretrained: str, batch_norm: str) -> None:
    before, after = _states_around_training(
        experiment(
            model__weights=pretrained,
            model__trainable="last_layer",
            model__batch_norm=batch_norm,
            training__feature_cache="off",
        )
    )
    moved = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    statistics = {name for name in moved if "running_" in name or "num_batches" in name}
    assert moved - statistics == {"fc.weight", "fc.bias"}
    assert bool(statistics) == (batch_norm == "adapt")


def _states_around_training(setting: Experiment) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    chosen = compute(setting.training)
    classifier = build(setting.model, 10, setting.data.image_size, setting.training.seed)
    loaded = _value(loading.load(setting.data, setting.training.seed, never, sampled=True))
    list(load_weights(classifier))
    material = _value(set_up(setting, classifier, loaded, chosen, never))
    before = {name: tensor.clone() for name, tensor in classifier.network.state_dict().items()}
    learner = NetworkLearner(material, setting.training)
    loop = TrainingLoop(learner, [TrainingRun(setting.training, loaded)], material.validation, never)
    list(loop.events())
    assert loop.stats[0].images > 0
    return before, classifier.network.state_dict()


def _value(steps: Any) -> Any:
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            return finished.value


def test_a_last_batch_of_one_picture_does_no_harm() -> None:
    odd = experiment(data__train_limit=33, data__validation_fraction=0.0, training__epochs=1)
    events = list(train(odd))
    assert ending(events).status == "done"
    assert [event.steps for event in events if isinstance(event, BatchFinished)][-1] == 1


def test_single_picture_batches_say_what_batch_norm_needs() -> None:
    finished = ending(list(train(experiment(training__batch_size=1, training__epochs=1))))
    assert finished.status == "failed"
    assert finished.error is not None
    assert "BatchNorm" in finished.error.title


def test_what_is_kept_is_what_was_trained(pretrained: str) -> None:
    kept: list[Artifacts] = []

    def keep(artifacts: Artifacts) -> Iterator[Event]:
        kept.append(artifacts)
        yield from ()

    list(train(experiment(model__weights=pretrained, model__trainable="last_layer"), save=keep))
    assert set(kept[0].weights) == {"fc.weight", "fc.bias"}
    assert len(kept[0].evaluation.actual) == len(kept[0].index) == 40
    assert torch.equal(kept[0].evaluation.actual, kept[0].images.labels[kept[0].index])
