"""What a person should know about an experiment that is allowed but may not be what was meant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cnn_tui.catalog.models import ARCHITECTURES
from cnn_tui.config.experiment import Experiment
from cnn_tui.config.fields import field, value_at
from cnn_tui.config.inapplicable import inapplicable


@dataclass(frozen=True)
class Notice:
    """A remark about the settings at the dotted paths in ``fields``."""

    title: str
    detail: str
    fields: tuple[str, ...]


def notices(experiment: Experiment) -> tuple[Notice, ...]:
    """All remarks on an experiment, those that change its meaning first."""
    return tuple(_notices(experiment))


def _notices(experiment: Experiment) -> Iterator[Notice]:
    data, model, training = experiment.data, experiment.model, experiment.training
    if model.weights == "random" and model.trainable != "all":
        yield Notice(
            "Random weights stay frozen",
            "Only the last layers learn, on top of a network that has learnt nothing. Train all layers, or start from "
            "ImageNet's weights.",
            ("model.weights", "model.trainable"),
        )
    if model.trainable == "classifier" and ARCHITECTURES[model.architecture].linear_layers == 1:
        yield Notice(
            "Classifier is the last layer",
            f"{model.architecture} has one fully connected layer, so 'classifier' trains the same as 'last_layer'.",
            ("model.trainable",),
        )
    if model.trainable != "all" and training.feature_cache == "auto" and not experiment.features_are_fixed:
        cause = (
            f"Augmentation '{data.augment}' changes the pictures in every epoch"
            if data.augment != "none"
            else "Adapting batch norm changes the frozen layers' output in every step"
        )
        yield Notice(
            "The feature store is off",
            f"{cause}, so the frozen layers run in each epoch.",
            ("data.augment" if data.augment != "none" else "model.batch_norm", "training.feature_cache"),
        )
    for path, reason in inapplicable(experiment).items():
        spec = field(path)
        if value_at(experiment, path) != spec.default:
            yield Notice(f"{spec.title} has no effect", f"{reason[0].upper()}{reason[1:]}.", (path,))
