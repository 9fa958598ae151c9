"""The parts of a network with their numbers of parameters, counted from the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cnn_tui.catalog.models import ARCHITECTURES, AUXILIARY_HEADS
from cnn_tui.config.experiment import Experiment

_CATALOGUE_CLASSES = 1000


@dataclass(frozen=True)
class ModelPart:
    """One part of a network.

    Attributes:
        parameters: how many; of the last layer those of each class where the classes are not known.
        per_class: whether ``parameters`` are those of one class.
        trained: whether training changes them.
    """

    name: str
    parameters: int
    trained: bool
    per_class: bool = False


def model_parts(experiment: Experiment, classes: int | None) -> tuple[ModelPart, ...]:
    """The parts in the order in which a picture meets them.

    The backbone's number is that of the catalogue's picture size: in a vision transformer it varies a little with it.
    """
    return tuple(_parts(experiment, classes))


def _parts(experiment: Experiment, classes: int | None) -> Iterator[ModelPart]:
    architecture, trainable = experiment.model.architecture, experiment.model.trainable
    head, everything = ARCHITECTURES[architecture].head, trainable == "all"
    yield ModelPart("backbone", _backbone(architecture), everything)
    if head.hidden:
        yield ModelPart("classifier", head.hidden, trainable != "last_layer")
    auxiliary = AUXILIARY_HEADS.get(architecture)
    from_nothing = everything and experiment.model.weights == "random"
    if auxiliary and from_nothing and experiment.data.image_size >= auxiliary.min_image_size:
        yield ModelPart("auxiliary heads", auxiliary.parameters(classes or _CATALOGUE_CLASSES), True)
    yield ModelPart("last layer", head.last_layer(classes or 1), True, per_class=classes is None)


def _backbone(architecture: str) -> int:
    """Everything before the fully connected layers."""
    head, auxiliary = ARCHITECTURES[architecture].head, AUXILIARY_HEADS.get(architecture)
    total = ARCHITECTURES[architecture].parameters
    if auxiliary and auxiliary.counted:
        total -= auxiliary.parameters(_CATALOGUE_CLASSES)
    return total - head.hidden - head.last_layer(_CATALOGUE_CLASSES)
