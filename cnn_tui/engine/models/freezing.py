"""Which layers of a network are trained, and keeping the others exactly as they are.

A frozen layer needs more than ``requires_grad=False``: in train mode BatchNorm updates its running statistics whatever
``requires_grad`` says, and dropout and stochastic depth are active. So the whole frozen backbone is in eval mode, and
the head, its frozen layers included, in train mode, where its dropout is active.
"""

from __future__ import annotations

from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from cnn_tui.engine.models.heads import head_modules, last_layer, linear_layers

Trainable = Literal["last_layer", "classifier", "all"]
BatchNorm = Literal["frozen", "adapt"]


def trained_layers(network: nn.Module, trainable: Trainable) -> dict[str, nn.Module]:
    """The layers whose weights change, by name; ``{"": network}`` where all do."""
    if trainable == "all":
        return {"": network}
    return linear_layers(network) if trainable == "classifier" else dict([last_layer(network)])


def freeze(network: nn.Module, trainable: Trainable) -> None:
    """Require gradients for the trained layers' weights only."""
    network.requires_grad_(False)
    for layer in trained_layers(network, trainable).values():
        layer.requires_grad_(True)


def set_train_mode(network: nn.Module, trainable: Trainable, batch_norm: BatchNorm) -> None:
    """Put the trained parts into train mode, and the rest into eval mode."""
    network.train(trainable == "all")
    if trainable == "all":
        return
    for module in head_modules(network):
        module.train()
    for module in batch_norms(network).values():
        module.train(batch_norm == "adapt")


def batch_norms(network: nn.Module) -> dict[str, nn.Module]:
    """The network's BatchNorm layers by name."""
    return {name: module for name, module in network.named_modules() if isinstance(module, _BatchNorm)}
