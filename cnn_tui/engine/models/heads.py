"""An architecture's head: finding it, training parts of it, and keeping every other layer as it is.

The head is the part after the pooled or flattened features, the last layer included. torchvision's families call it
``fc``, ``classifier``, ``head`` or ``heads``; GoogLeNet and Inception have a separate dropout before it. The last layer
is a ``Linear``, in SqueezeNet a 1x1 convolution.

A frozen layer needs more than ``requires_grad=False``: in train mode BatchNorm updates its running statistics whatever
``requires_grad`` says, and dropout and stochastic depth are active. So the whole frozen backbone is in eval mode, and
the head, its frozen layers included, in train mode, where its dropout is active.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

_NAMES = ("fc", "classifier", "head", "heads")
Trainable = Literal["last_layer", "classifier", "all"]
BatchNorm = Literal["frozen", "adapt"]


def head_names(network: nn.Module) -> tuple[str, ...]:
    """The network's attributes that make up its head, in the order in which it runs them."""
    children = dict(network.named_children())
    (name,) = (name for name in _NAMES if name in children)
    return ("dropout", name) if "dropout" in children else (name,)


def head_modules(network: nn.Module) -> tuple[nn.Module, ...]:
    """The modules of :func:`head_names`."""
    return tuple(network.get_submodule(name) for name in head_names(network))


def head_steps(network: nn.Module) -> Iterator[nn.Module]:
    """The head's layers in the order in which they run, nested sequences flattened."""
    for module in head_modules(network):
        yield from _steps(module)


def linear_layers(network: nn.Module) -> dict[str, nn.Module]:
    """The head's fully connected layers by name, the last layer at the end; for SqueezeNet its last convolution."""
    found = [(name, module) for name, module in _named_head_modules(network) if isinstance(module, nn.Linear)]
    return dict(found) or dict(_convolutions(network)[-1:])


def last_layer(network: nn.Module) -> tuple[str, nn.Module]:
    """The layer that gives the logits, and its name."""
    return list(linear_layers(network).items())[-1]


def new_last_layer(network: nn.Module) -> nn.Module:
    """A layer of the last layer's shape with PyTorch's initial weights."""
    _, old = last_layer(network)
    if isinstance(old, nn.Linear):
        return nn.Linear(old.in_features, old.out_features, bias=old.bias is not None)
    if isinstance(old, nn.Conv2d):
        return nn.Conv2d(old.in_channels, old.out_channels, kernel_size=1, bias=old.bias is not None)
    raise TypeError(f"a {type(old).__name__} cannot be a last layer")


def _steps(module: nn.Module) -> Iterator[nn.Module]:
    if isinstance(module, nn.Sequential):
        for child in module:
            yield from _steps(child)
    else:
        yield module


def _convolutions(network: nn.Module) -> list[tuple[str, nn.Module]]:
    return [(name, module) for name, module in _named_head_modules(network) if isinstance(module, nn.Conv2d)]


def _named_head_modules(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for head in head_names(network):
        yield from network.get_submodule(head).named_modules(prefix=head)


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
