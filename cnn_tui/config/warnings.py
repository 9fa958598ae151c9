"""Warnings about experiments that are valid but probably not intended, and settings that have no effect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cnn_tui.catalog.models import ARCHITECTURES
from cnn_tui.config.experiment import Experiment
from cnn_tui.config.fields import field, value_at


@dataclass(frozen=True)
class SettingWarning:
    """A warning about the settings at the dotted paths in ``fields``."""

    title: str
    detail: str
    fields: tuple[str, ...]


def experiment_warnings(experiment: Experiment) -> tuple[SettingWarning, ...]:
    """All warnings about an experiment, those that affect its result first."""
    return tuple(_warnings(experiment))


def unused_settings(experiment: Experiment) -> dict[str, str]:
    """The dotted paths of settings that have no effect because of others, each with the reason as a clause.

    Only the choices in ``experiment`` have to be valid, so that a form can call this with other fields invalid.
    """
    return dict(_unused(experiment))


def unused_in_all(paths: Iterable[str], experiments: Iterable[Experiment]) -> dict[str, str]:
    """Those of ``paths`` that have no effect in any of the experiments, each with the reason in the first."""
    found = [unused_settings(experiment) for experiment in experiments]
    return {path: found[0][path] for path in paths if found and all(path in reasons for reasons in found)}


def _warnings(experiment: Experiment) -> Iterator[SettingWarning]:
    data, model, training = experiment.data, experiment.model, experiment.training
    if model.weights == "random" and model.trainable != "all":
        yield SettingWarning(
            "Random weights stay frozen",
            "The last layers are trained on top of an untrained network. Train all layers, or start from ImageNet "
            "weights.",
            ("model.weights", "model.trainable"),
        )
    if model.trainable == "classifier" and ARCHITECTURES[model.architecture].linear_layers == 1:
        yield SettingWarning(
            "Classifier is the last layer",
            f"{model.architecture} has one fully connected layer, so 'classifier' trains the same as 'last_layer'.",
            ("model.trainable",),
        )
    if model.trainable != "all" and training.feature_cache == "auto" and not experiment.features_are_fixed:
        cause = (
            f"Augmentation '{data.augment}' changes the images in every epoch"
            if data.augment != "none"
            else "Adapting batch norm changes the output of the frozen layers in every step"
        )
        yield SettingWarning(
            "The feature cache is off",
            f"{cause}, so the frozen layers run in each epoch.",
            ("data.augment" if data.augment != "none" else "model.batch_norm", "training.feature_cache"),
        )
    for path, reason in unused_settings(experiment).items():
        spec = field(path)
        if value_at(experiment, path) != spec.default:
            yield SettingWarning(f"{spec.title} has no effect", f"{reason[0].upper()}{reason[1:]}.", (path,))


def _unused(experiment: Experiment) -> Iterator[tuple[str, str]]:
    data, model = experiment.data, experiment.model
    if data.dataset != "folder":
        yield "data.root", f"the dataset is {data.dataset}"
    if model.trainable == "all":
        yield "model.batch_norm", "all layers are trained, so none is frozen"
        yield "training.feature_cache", "all layers are trained, so there are no features to store"
        return
    if not ARCHITECTURES[model.architecture].batch_norm:
        yield "model.batch_norm", f"{model.architecture} has no batch norm layers"
    if data.augment != "none":
        yield "training.feature_cache", f"augmentation ({data.augment}) changes the images in every epoch"
    elif not model.frozen_part_is_fixed:
        yield "training.feature_cache", "adapting batch norm changes the output of the frozen layers in every step"
