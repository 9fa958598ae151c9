"""Which kept features an experiment would reuse, as far as its settings tell."""

from __future__ import annotations

import os
from typing import Any

import pytest

from cnn_tui.config.experiment import Experiment
from cnn_tui.store.feature_index import AboutFeatures, describe, features_folder, features_for


def experiment(**changes: Any) -> Experiment:
    parts: dict[str, dict[str, Any]] = {
        "data": {"dataset": "digits", "image_size": 32},
        "model": {"architecture": "resnet18", "weights": "random", "trainable": "last_layer"},
        "training": {},
    }
    for name, value in changes.items():
        section, field = name.split("__")
        parts[section][field] = value
    return Experiment.model_validate(parts)


def keep(key: str, of: Experiment, precision: str = "float32", used: float = 0.0) -> None:
    folder = features_folder() / key
    describe(folder, AboutFeatures.of(of, precision, 1797))
    os.utime(folder / "about.json", (used, used))


def test_nothing_is_there_at_first() -> None:
    assert features_for(experiment()) is None


@pytest.mark.parametrize(
    "change", [{"training__optimizer": {"learning_rate": 0.5}}, {"training__epochs": 3}, {"data__train_limit": 100}]
)
def test_other_hyperparameters_and_limits_reuse_them(change: dict[str, Any]) -> None:
    keep("a", experiment())
    found = features_for(experiment(**change))
    assert found is not None
    assert found.key == "a"


@pytest.mark.parametrize(
    "change",
    [
        {"model__architecture": "resnet34"},
        {"model__weights": "imagenet"},
        {"model__trainable": "classifier"},
        {"data__image_size": 64},
        {"data__dataset": "mnist"},
        {"training__seed": 1},
        {"training__precision": "bfloat16"},
    ],
)
def test_another_network_other_pictures_and_another_precision_do_not(change: dict[str, Any]) -> None:
    keep("a", experiment())
    assert features_for(experiment(**change)) is None


def test_a_seed_makes_no_difference_to_trained_weights() -> None:
    keep("a", experiment(model__weights="imagenet"))
    assert features_for(experiment(model__weights="imagenet", training__seed=1)) is not None


def test_the_last_used_of_several_is_meant() -> None:
    keep("a", experiment(), "float32", used=10.0)
    keep("b", experiment(), "bfloat16", used=20.0)
    found = features_for(experiment())
    assert found is not None
    assert found.key == "b"
