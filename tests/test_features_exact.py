"""A run on features computed once is the run of the whole network in every epoch, for every architecture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

from cnn_tui.catalog.models import ARCHITECTURES
from cnn_tui.config.changes import override
from cnn_tui.config.experiment import Experiment
from cnn_tui.engine.control import WithResult, never
from cnn_tui.engine.data import loading
from cnn_tui.engine.data.batches import ImageBatches, Preprocess
from cnn_tui.engine.device import compute
from cnn_tui.engine.models.build import build
from cnn_tui.engine.training.learner import NetworkLearner, TrainingSetup
from cnn_tui.engine.training.loop import TrainingLoop, TrainingRun
from cnn_tui.engine.training.train import train
from cnn_tui.engine.training.train_group import Artifacts
from cnn_tui.errors import TrainingError
from cnn_tui.events import Event, Phase
from test_split_backbone import CASES, empty_classifier, fill_weights, least_size
from test_train import ending, experiment, figures

FEW = [
    ("resnet18", "last_layer"),
    ("densenet121", "last_layer"),
    ("mobilenet_v3_small", "last_layer"),
    ("mobilenet_v3_small", "classifier"),
    ("squeezenet1_1", "last_layer"),
    ("vit_b_32", "last_layer"),
]
ENOUGH_FOR_A_GPU = {"data__train_limit": 40, "data__test_limit": 20}


def is_large(case: tuple[str, str]) -> bool:
    """Whether it is left to the slow tests, which take many minutes and, for the largest, 12 GiB of memory."""
    return ARCHITECTURES[case[0]].parameters > 30_000_000 and case not in FEW


@pytest.fixture
def state(name: str) -> dict[str, Tensor]:
    """Weights that let a signal through, which the initial ones of some architectures do not."""
    whole = empty_classifier(name)
    fill_weights(whole)
    return {key: tensor.clone() for key, tensor in whole.network.state_dict().items()}


@pytest.fixture
def weights(tmp_path: Path, state: dict[str, Tensor]) -> Iterator[Path]:
    """A file of them."""
    path = tmp_path / "filled.safetensors"
    safetensors.torch.save_file(state, path)
    yield path
    path.unlink()  # the catalogue's together would be too much for many a disk


def settings(name: str, trainable: str, weights: Path, **changes: Any) -> Experiment:
    """Two epochs of two batches, one of them smaller, on digits of the least size that the architecture takes."""
    images = {"data__train_limit": 15, "data__test_limit": 8}
    return experiment(
        model__architecture=name,
        model__weights=str(weights),
        model__trainable=trainable,
        data__image_size=least_size(name),
        training__batch_size=8,
        training__optimizer__learning_rate=1e-4,
        **(images | changes),
    )


def run(setting: Experiment) -> tuple[list[Event], Tensor]:
    """The events of a run, and what it says of each test image."""
    kept: list[Artifacts] = []

    def keep(artifacts: Artifacts) -> Iterator[Event]:
        kept.append(artifacts)
        yield from ()

    events = list(train(setting, save=keep))
    assert ending(events).status == "done", ending(events).error
    return events, kept[0].evaluation.predicted


def losses(events: list[Event]) -> list[float]:
    return [loss for _, train_loss, _, validation_loss, _ in figures(events) for loss in (train_loss, validation_loss)]


def run_whole(setting: Experiment, state: dict[str, Tensor]) -> tuple[list[Event], Tensor]:
    """The epochs of the whole network, layer by layer as torchvision has it, and what it says of each test image."""
    seed, chosen = setting.training.seed, compute(setting.training)
    classifier = build(setting.model, 10, setting.data.image_size, seed)
    classifier.fill(state)
    steps = WithResult(loading.load(setting.data, seed, never))
    list(steps)
    loaded = steps.value
    assert classifier.mean is not None
    assert classifier.std is not None
    preprocess = Preprocess(setting.data.image_size, classifier.mean, classifier.std)
    train_feed, test_feed = (ImageBatches(source, preprocess, chosen.device) for source in (loaded.train, loaded.test))
    material = TrainingSetup(
        classifier, None, train_feed, train_feed, test_feed, chosen, 20, (classifier.mean, classifier.std)
    )
    learner = NetworkLearner(material, setting.training)
    loop = TrainingLoop(learner, [TrainingRun(setting.training, loaded)], train_feed, never)
    events: list[Event] = [event for _, event in loop.events() if not isinstance(event, TrainingError)]
    looking = WithResult(learner.evaluate(test_feed, [loaded.test_indices]))
    list(looking)
    return events, looking.value[0].predicted


@pytest.mark.parametrize(("name", "trainable"), FEW)
def test_a_run_without_the_store_is_the_same_run(name: str, trainable: str, weights: Path) -> None:
    stored, predicted = run(settings(name, trainable, weights))
    anew, expected = run(settings(name, trainable, weights, training__feature_cache="off"))
    assert "features" not in [event.name for event in anew if isinstance(event, Phase)]
    assert losses(stored) == pytest.approx(losses(anew), rel=1e-5)
    assert torch.equal(predicted, expected)


@pytest.mark.parametrize("name", ["resnet18"])
def test_frozen_layers_see_pictures_that_change_in_every_epoch(weights: Path) -> None:
    # At a rate of nearly nothing, so that what changes from one epoch to the next is the images.
    changes = {"model__weights": str(weights), "model__trainable": "last_layer", "model__architecture": "resnet18"}
    still = {"training__optimizer__learning_rate": 1e-12, "data__validation_fraction": 0.0}
    varied, _ = run(experiment(**changes, **still, data__augment="crop_flip"))
    same, _ = run(experiment(**changes, **still, training__feature_cache="off"))
    first, second = (row[1] for row in figures(varied))
    assert abs(first - second) > 1e-4 * first
    first, second = (row[1] for row in figures(same))
    assert first == pytest.approx(second, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "trainable"),
    [pytest.param(*case, marks=[pytest.mark.slow] if is_large(case) else []) for case in CASES],
)
def test_the_whole_catalogue_runs_the_same_on_stored_features(
    name: str, trainable: str, state: dict[str, Tensor], weights: Path
) -> None:
    # Adam's first steps are as large for a gradient of rounding as for a true one, in VGG's layers too many.
    descent = ["training.optimizer.name=sgd", "training.optimizer.learning_rate=0.001"]
    setting = override(settings(name, trainable, weights), descent)
    stored, predicted = run(setting)
    whole, expected = run_whole(setting, state)
    assert "features" in [event.name for event in stored if isinstance(event, Phase)]
    assert losses(stored) == pytest.approx(losses(whole), rel=1e-4)
    assert (predicted == expected).double().mean() >= 0.999


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", ["resnet18"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_gpu_computes_features_once_and_finds_them_again(name: str, precision: str, weights: Path) -> None:
    changes = {"training__device": "cuda", "training__precision": precision, **ENOUGH_FOR_A_GPU}
    first, predicted = run(settings(name, "last_layer", weights, **changes))
    again, same = run(settings(name, "last_layer", weights, **changes))
    details = [event.detail for event in first + again if isinstance(event, Phase) and event.name == "features"]
    assert details[0].startswith("computed once for these images")
    assert details[1].startswith("reused")
    assert figures(first) == figures(again)
    assert torch.equal(predicted, same)
    plain, expected = run(settings(name, "last_layer", weights, training__feature_cache="off", **changes))
    tolerance = 1e-2 if precision == "float32" else 1e-1
    assert losses(first) == pytest.approx(losses(plain), rel=tolerance)
    assert (predicted == expected).double().mean() >= 0.9


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", ["resnet18"])
def test_a_gpu_learns_by_recorded_steps_what_a_processor_learns_by_its_own(name: str, weights: Path) -> None:
    # Batches of one, so that there are enough steps to record; the third epoch replays them.
    changes = ["training.batch_size=1", "training.epochs=4", "training.precision=float32"]
    setting = override(settings(name, "last_layer", weights, **ENOUGH_FOR_A_GPU), changes)
    recorded, predicted = run(override(setting, ["training.device=cuda"]))
    eager, expected = run(override(setting, ["training.device=cpu"]))
    assert losses(recorded) == pytest.approx(losses(eager), rel=1e-2)
    assert (predicted == expected).double().mean() >= 0.9
