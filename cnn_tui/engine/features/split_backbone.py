"""Splitting a network into a backbone whose output never changes during training, and a head that is trained.

The split is at the deepest possible point: the head's layers are walked in order, and the first that is trained or
stochastic starts the head. ResNet is split after its average pool, VGG with ``last_layer`` after the first fully
connected layer and its ReLU, VGG with ``classifier`` and AlexNet after the flatten.
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
class SplitNetwork:
    """A network in two parts, which share its weights: ``head(backbone(images))`` are its logits.

    Attributes:
        backbone: maps normalised images (N, 3, S, S) to features, (N, F) or for SqueezeNet (N, C, H, W). It is
            deterministic and frozen.
        head: maps features to logits (N, classes).
    """

    backbone: nn.Module
    head: nn.Sequential


def split_backbone(classifier: Classifier) -> SplitNetwork:
    """Split a classifier into backbone and head.

    Raises:
        TrainingError: no part of it gives the same output in every epoch.
    """
    network, config = classifier.network, classifier.config
    if config.trainable == "all":
        raise _not_splittable(config.architecture, "every layer is trained")
    if config.batch_norm == "adapt" and batch_norms(network):
        raise _not_splittable(config.architecture, "its batch norm adapts, which changes what the frozen layers give")
    steps = tuple(head_steps(network))
    fixed = tuple(takewhile(_is_fixed, steps))
    return SplitNetwork(_backbone(network, fixed), _head(network, steps[len(fixed) :]))


def _is_fixed(step: nn.Module) -> bool:
    trained = any(parameter.requires_grad for parameter in step.parameters())
    return not trained and not any(is_stochastic(module) for module in step.modules())


def _backbone(network: nn.Module, fixed: tuple[nn.Module, ...]) -> nn.Module:
    if isinstance(network, SqueezeNet):
        return nn.Sequential(network.features, *fixed)
    # The network's own forward is kept, as it flattens or pools between its children: only the head is replaced.
    first, *rest = head_names(network)
    return _with_children(network, {first: nn.Sequential(*fixed)} | {name: nn.Identity() for name in rest})


def _head(network: nn.Module, steps: tuple[nn.Module, ...]) -> nn.Sequential:
    # SqueezeNet is the only one that flattens after its head.
    return nn.Sequential(*steps, nn.Flatten()) if isinstance(network, SqueezeNet) else nn.Sequential(*steps)


def _with_children(network: nn.Module, children: Mapping[str, nn.Module]) -> nn.Module:
    """A shallow copy of the network with some children replaced; everything else is shared."""
    shallow = copy.copy(network)
    shallow._modules = {**network._modules, **children}
    return shallow


def _not_splittable(architecture: str, reason: str) -> TrainingError:
    return TrainingError(
        "Features cannot be computed once", f"{architecture}: {reason}.", "Set training.feature_cache to off."
    )
