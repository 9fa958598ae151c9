"""Which runs of a study can share work and still come to the same: what is trained once for several of them."""

from __future__ import annotations

from collections.abc import Sequence

from cnn_tui.catalog.models import ARCHITECTURES
from cnn_tui.config.experiment import Experiment


def trained_together(experiments: Sequence[Experiment]) -> tuple[tuple[int, ...], ...]:
    """The places of the experiments in groups, each of which is one computation; in the order of their first.

    Runs that differ only in their number of epochs are one run that is tested on the way. Where last layers are
    trained on stored features, runs that differ in learning rate, weight decay or seed have the same batches or
    batches of the same shape: their last layers are trained as one stack.
    """
    groups: dict[Experiment, list[int]] = {}
    for place, experiment in enumerate(experiments):
        groups.setdefault(_shared(experiment), []).append(place)
    return tuple(tuple(group) for group in groups.values())


def same_training(experiment: Experiment) -> Experiment:
    """What decides how the weights go: all but the number of epochs, where that does not decide anything before."""
    training = experiment.training
    if training.schedule != "constant" or training.early_stopping_patience is not None:
        return experiment
    return _with_training(experiment, epochs=1)


def _shared(experiment: Experiment) -> Experiment:
    shared = same_training(experiment)
    if not stacks(experiment):
        return shared
    optimizer = shared.training.optimizer.model_copy(update={"learning_rate": 1.0, "weight_decay": 0.0})
    # Random weights, and all that follows from them, are of the seed.
    seed = shared.training.seed if shared.model.weights == "random" else 0
    return _with_training(shared, optimizer=optimizer, seed=seed)


def stacks(experiment: Experiment) -> bool:
    """Whether only a fully connected last layer is trained, on features that are computed once."""
    training, model = experiment.training, experiment.model
    return (
        experiment.features_are_fixed
        and training.feature_cache == "auto"
        and training.early_stopping_patience is None
        and (model.trainable == "last_layer" or ARCHITECTURES[model.architecture].linear_layers == 1)
    )


def _with_training(experiment: Experiment, **changes: object) -> Experiment:
    return experiment.model_copy(update={"training": experiment.training.model_copy(update=changes)})
