"""Which runs of a study are trained as one computation."""

from __future__ import annotations

from typing import Any

import pytest

from cnn_tui.config.experiment import Experiment
from cnn_tui.config.fields import set_value
from cnn_tui.config.study import training_groups

RATE, DECAY = "training.optimizer.learning_rate", "training.optimizer.weight_decay"


def experiment(**changes: Any) -> Experiment:
    """The default experiment with dotted paths changed, dots written as double underscores."""
    document = Experiment().model_dump()
    for path, value in changes.items():
        set_value(document, path.replace("__", "."), value)
    return Experiment.model_validate(document)


def varied(path: str, values: list[Any], **changes: Any) -> list[Experiment]:
    name = path.replace(".", "__")
    return [experiment(**{**changes, name: value}) for value in values]


@pytest.mark.parametrize(
    ("path", "values", "changes", "groups"),
    [
        ("training.epochs", [1, 3, 80], {}, 1),
        ("training.epochs", [1, 3, 80], {"model__trainable": "all"}, 1),
        ("training.epochs", [1, 3, 80], {"training__feature_cache": "off"}, 1),
        ("training.epochs", [1, 3], {"training__schedule": "cosine"}, 2),
        ("training.epochs", [1, 3], {"training__early_stopping_patience": 2}, 2),
        (RATE, [0.1, 0.01], {}, 1),
        (RATE, [0.1, 0.01], {"training__schedule": "cosine"}, 1),
        (RATE, [0.1, 0.01], {"model__trainable": "all"}, 2),
        (RATE, [0.1, 0.01], {"model__architecture": "vgg16", "model__trainable": "classifier"}, 2),
        (RATE, [0.1, 0.01], {"model__trainable": "classifier"}, 1),
        (RATE, [0.1, 0.01], {"data__augment": "flip"}, 2),
        (RATE, [0.1, 0.01], {"model__batch_norm": "adapt"}, 2),
        (RATE, [0.1, 0.01], {"training__feature_cache": "off"}, 2),
        (RATE, [0.1, 0.01], {"training__early_stopping_patience": 2}, 2),
        ("training.epochs", [1, 3], {"training__max_minutes": 5}, 2),
        (RATE, [0.1, 0.01], {"training__max_minutes": 5}, 2),
        (DECAY, [0.0, 0.1], {}, 1),
        ("training.seed", [0, 1], {}, 1),
        ("training.seed", [0, 1], {"model__weights": "random"}, 2),
        ("training.seed", [0, 1], {"model__trainable": "all"}, 2),
        ("training.batch_size", [16, 32], {}, 2),
        ("training.optimizer.momentum", [0.8, 0.9], {}, 2),
        ("training.label_smoothing", [0.0, 0.1], {}, 2),
        ("model.architecture", ["resnet18", "vgg16"], {}, 2),
        ("data.train_limit", [100, 200], {}, 2),
    ],
)
def test_runs_that_differ_in_one_setting(path: str, values: list[Any], changes: dict[str, Any], groups: int) -> None:
    assert len(training_groups(varied(path, values, **changes))) == groups


def test_groups_keep_the_order_of_the_rows() -> None:
    rows = [
        *varied("training.epochs", [1, 3], training__batch_size=16),
        *varied("training.epochs", [1, 3], training__batch_size=32),
        *varied(RATE, [0.1], training__batch_size=16),
    ]
    assert training_groups(rows) == ((0, 1, 4), (2, 3))
