"""The layers of a network, and which of them each setting of ``trainable`` trains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import torch
from torch import Tensor, nn
from torchvision.models.vision_transformer import Encoder

from cnn_tui.engine.models.heads import Trainable, trained_layers
from cnn_tui.engine.models.skeleton import skeleton

_DEPTH = 2


@dataclass(frozen=True)
class Layer:
    """A layer, or a block of them.

    Attributes:
        kind: its class, or "3 x CNBlock" for a sequence of such blocks.
        output_shape: for one image, without the batch dimension; for a single tensor of weights its own shape.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class TrainedPart:
    """What one value of ``model.trainable`` trains; no layer names mean all of them."""

    trainable: Trainable
    layers: tuple[str, ...]
    parameters: int


@dataclass(frozen=True)
class Summary:
    """A network as it is used here, without the auxiliary heads of GoogLeNet and Inception."""

    classes: int
    image_size: int
    parameters: int
    layers: tuple[Layer, ...]
    trained_parts: tuple[TrainedPart, ...]


def summary(architecture: str, classes: int, image_size: int) -> Summary:
    """Summarise a network on the meta device, which computes shapes without weights or images."""
    network = skeleton(architecture, classes, image_size).to("meta").eval()
    return Summary(
        classes,
        image_size,
        _count(network),
        tuple(_layers(network, image_size)),
        tuple(_trained_part(network, trainable) for trainable in get_args(Trainable)),
    )


def _trained_part(network: nn.Module, trainable: Trainable) -> TrainedPart:
    layers = trained_layers(network, trainable)
    return TrainedPart(trainable, tuple(filter(None, layers)), sum(map(_count, layers.values())))


def _layers(network: nn.Module, image_size: int) -> Iterator[Layer]:
    rows = dict(_rows(network, "", 1))
    shapes: dict[str, tuple[int, ...]] = {}
    for name, row in rows.items():
        if isinstance(row, nn.Module):
            row.register_forward_hook(_recorder(name, shapes))
    with torch.no_grad():
        network(torch.zeros(2, 3, image_size, image_size, device="meta"))
    for name, row in rows.items():
        if isinstance(row, nn.Module):
            yield Layer(name, _kind(row), shapes[name], _count(row))
        else:
            yield Layer(name, "Parameter", tuple(row.shape), row.numel())


def _rows(module: nn.Module, prefix: str, depth: int) -> Iterator[tuple[str, nn.Module | nn.Parameter]]:
    """A module's own weights and its children by name; sequences of layers flattened, blocks kept whole."""
    for name, parameter in module.named_parameters(prefix.removesuffix("."), recurse=False):
        yield name, parameter
    for name, child in module.named_children():
        if isinstance(child, Encoder):
            yield from _rows(child, f"{prefix}{name}.", depth)
        elif isinstance(child, nn.Sequential | nn.ModuleList) and depth < _DEPTH:
            yield from _rows(child, f"{prefix}{name}.", depth + 1)
        else:
            yield f"{prefix}{name}", child


def _kind(module: nn.Module) -> str:
    """A module's class; for a sequence of blocks of one class, their number and class."""
    kinds = {type(child).__name__ for child in module.children()}
    if isinstance(module, nn.Sequential) and len(kinds) == 1:
        return f"{len(module)} x {kinds.pop()}"
    return type(module).__name__


def _recorder(name: str, shapes: dict[str, tuple[int, ...]]) -> Any:
    def record(_module: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> None:
        shapes[name] = tuple(output.shape[1:])

    return record


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
