"""A run on features computed once is the run that computes them in every epoch, for every architecture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from cnn_tui.catalog.models import ARCHITECTURES
from cnn_tui.config.experiment import Experiment
from cnn_tui.engine.joint import Artifacts
from cnn_tui.engine.train import train
from cnn_tui.events import Event, Phase
from test_features_cut import CASES, least_size
from test_train import ending, experiment, figures

FEW = [
    ("resnet18", "last_layer"),
    ("densenet121", "last_layer"),
    ("mobilenet_v3_small", "last_layer"),
    ("mobilenet_v3_small", "classifier"),
    ("squeezenet1_1", "last_layer"),
    ("vit_b_32", "last_layer"),
]
LARGEST = 150_000_000  # weights: two networks of more do not fit everywhere


def settings(name: str, trainable: str, **changes: Any) -> Experiment:
    """Two epochs on some digits, at the least size that the architecture takes."""
    return experiment(
        model__architecture=name,
        model__trainable=trainable,
        data__image_size=least_size(name),
        data__train_limit=40,
        data__test_limit=20,
        training__batch_size=8,
        **changes,
    )


def run(setting: Experiment) -> tuple[list[Event], torch.Tensor]:
    """The events of a run, and what it says of each test picture."""
    kept: list[Artifacts] = []

    def keep(artifacts: Artifacts) -> Iterator[Event]:
        kept.append(artifacts)
        yield from ()

    events = list(train(setting, keep=keep))
    assert ending(events).status == "done", ending(events).error
    return events, kept[0].evaluation.predicted


def assert_exact(name: str, trainable: str) -> None:
    stored, predicted = run(settings(name, trainable))
    plain, expected = run(settings(name, trainable, training__feature_cache="off"))
    assert "features" in [event.name for event in stored if isinstance(event, Phase)]
    for with_store, without in zip(figures(stored), figures(plain), strict=True):
        assert with_store == pytest.approx(without, rel=1e-4)
    assert (predicted == expected).double().mean() >= 0.999


@pytest.mark.parametrize(("name", "trainable"), FEW)
def test_a_run_on_stored_features_is_the_same_run(name: str, trainable: str) -> None:
    assert_exact(name, trainable)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "trainable"), [case for case in CASES if ARCHITECTURES[case[0]].parameters < LARGEST])
def test_the_whole_catalogue_runs_the_same_on_stored_features(name: str, trainable: str) -> None:
    assert_exact(name, trainable)
