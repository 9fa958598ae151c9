"""The cut between what gives the same for a picture in every epoch and what does not.

The cut is the deepest such point: the head's layers are walked in order, and the first that is trained or draws
random numbers begins the second half. ResNet is cut after its average pool, VGG with ``last_layer`` after the first
fully connected layer and its ReLU, VGG with ``classifier`` and AlexNet after the flatten.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile

from torch import nn
from torchvision.models import SqueezeNet

from cnn_tui.engine.models.build import Classifier
from cnn_tui.engine.models.freezing import batch_norms
from cnn_tui.engine.models.heads import head_names, head_steps
from cnn_tui.engine.models.stochastic import is_stochastic
from cnn_tui.errors import TrainingError


@dataclass(frozen=True)
class Cut:
    """A network in two halves, which share its weights: ``head(backbone(pictures))`` are its logits.

    Attributes:
        backbone: maps normalised pictures (N, 3, S, S) to features, (N, F) or for SqueezeNet (N, C, H, W). It is
            deterministic, and nothing of it is trained.
        head: maps features to logits (N, classes).
    """

    backbone: nn.Module
    head: nn.Sequential


def cut(classifier: Classifier) -> Cut:
    """Cut a classifier in two.

    Raises:
        TrainingError: no part of it gives the same for a picture in every epoch.
    """
    network, config = classifier.network, classifier.config
    if config.trainable == "all":
        raise _no_cut(config.architecture, "every layer is trained")
    if config.batch_norm == "adapt" and batch_norms(network):
        raise _no_cut(config.architecture, "its batch norm adapts, which changes what the frozen layers give")
    steps = tuple(head_steps(network))
    fixed = tuple(takewhile(_is_fixed, steps))
    return Cut(_backbone(network, fixed), _head(network, steps[len(fixed) :]))


def _is_fixed(step: nn.Module) -> bool:
    trained = any(parameter.requires_grad for parameter in step.parameters())
    return not trained and not any(is_stochastic(module) for module in step.modules())


def _backbone(network: nn.Module, fixed: tuple[nn.Module, ...]) -> nn.Module:
    if isinstance(network, SqueezeNet):
        return nn.Sequential(network.features, *fixed)
    first, *rest = head_names(network)
    return _replaced(network, {first: nn.Sequential(*fixed)} | {name: nn.Identity() for name in rest})


def _head(network: nn.Module, steps: tuple[nn.Module, ...]) -> nn.Sequential:
    # SqueezeNet alone flattens after its head.
    return nn.Sequential(*steps, nn.Flatten()) if isinstance(network, SqueezeNet) else nn.Sequential(*steps)


def _replaced(network: nn.Module, children: Mapping[str, nn.Module]) -> nn.Module:
    """A copy that shares everything with the network but these children."""
    shallow = copy.copy(network)
    shallow._modules = {**network._modules, **children}
    return shallow


def _no_cut(architecture: str, reason: str) -> TrainingError:
    return TrainingError(
        "Features cannot be computed once", f"{architecture}: {reason}.", "Set training.feature_cache to off."
    )
