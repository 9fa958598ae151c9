"""Settings that make no difference to an experiment, because another setting leaves nothing for them to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cnn_tui.catalog.models import ARCHITECTURES
from cnn_tui.config.experiment import Experiment


def inapplicable(experiment: Experiment) -> dict[str, str]:
    """The dotted paths of the settings that have no effect, each with the reason as a clause.

    Only the choices of ``experiment`` have to be valid: a form asks this while something else in it is wrong.
    """
    return dict(_inapplicable(experiment))


def without_effect(paths: Iterable[str], experiments: Iterable[Experiment]) -> dict[str, str]:
    """Those of ``paths`` that have no effect in any of the experiments, each with the reason in the first."""
    found = [inapplicable(experiment) for experiment in experiments]
    return {path: found[0][path] for path in paths if found and all(path in reasons for reasons in found)}


def _inapplicable(experiment: Experiment) -> Iterator[tuple[str, str]]:
    data, model = experiment.data, experiment.model
    if data.dataset != "folder":
        yield "data.root", f"the dataset is {data.dataset}"
    if model.trainable == "all":
        yield "model.batch_norm", "every layer is trained, so that none is frozen"
        yield "training.feature_cache", "every layer is trained, so that there are no features to store"
        return
    if not ARCHITECTURES[model.architecture].batch_norm:
        yield "model.batch_norm", f"{model.architecture} has no batch norm layers"
    if data.augment != "none":
        yield "training.feature_cache", f"augmentation ({data.augment}) changes the pictures in every epoch"
    elif not model.frozen_part_is_fixed:
        yield "training.feature_cache", "adapting batch norm changes what the frozen layers give in every step"
