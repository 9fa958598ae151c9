"""Constructing torchvision networks for any number of classes and image size, with or without memory for weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torchvision.models import get_model

AUXILIARY_WEIGHTS = {"googlenet": 0.3, "inception_v3": 0.4}
"""The architectures with auxiliary heads, and the weight of each of these in the training loss."""
_INITIALISATIONS = {
    getattr(torch.Tensor, name)
    for name in ("normal_", "uniform_", "zero_", "fill_", "erfinv_", "mul_", "add_", "clamp_")
} | {nn.init.uniform_, nn.init.normal_, nn.init.constant_, nn.init.kaiming_uniform_}


def skeleton(
    architecture: str, classes: int, image_size: int, *, auxiliary: bool = False, imagenet_input: bool = False
) -> nn.Module:
    """A network of the catalogue on PyTorch's meta device: weights have shapes and no memory.

    Args:
        auxiliary: with the auxiliary heads of GoogLeNet and Inception, which help training from random weights.
        imagenet_input: GoogLeNet and Inception convert ImageNet's normalisation to the one that their weights expect.
    """
    with _OnMetaDevice():
        return construct(architecture, classes, image_size, auxiliary, imagenet_input)


def construct(architecture: str, classes: int, image_size: int, auxiliary: bool, imagenet_input: bool) -> nn.Module:
    """A network of the catalogue with weights in memory; arguments as for :func:`skeleton`."""
    options = constructor_options(architecture, image_size, auxiliary, imagenet_input)
    network: nn.Module = get_model(architecture, weights=None, num_classes=classes, **options)
    return network


def constructor_options(architecture: str, image_size: int, auxiliary: bool, imagenet_input: bool) -> dict[str, Any]:
    """The arguments of torchvision's function besides the number of classes; arguments as for :func:`skeleton`."""
    if architecture.startswith("vit_"):
        return {"image_size": image_size}
    if architecture.startswith("maxvit_"):
        return {"input_size": (image_size, image_size)}
    if architecture in AUXILIARY_WEIGHTS:
        return {"aux_logits": auxiliary, "transform_input": imagenet_input, "init_weights": False}
    return {}


class _OnMetaDevice(TorchFunctionMode):
    """Creates new weights on the meta device; computed tables, such as Swin's relative positions, stay real.

    ``torch.device("meta")`` as a context would put those on the meta device, too, and lose them. Initialising weights
    without memory is skipped: it changes nothing and takes half of the construction time.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in _INITIALISATIONS:
            weights = kwargs["tensor"] if "tensor" in kwargs else args[0]  # torch.nn.init passes everything by name
            if weights.is_meta:
                return weights
        if func in (torch.empty, torch.zeros, torch.ones) and kwargs.get("device") is None:
            kwargs["device"] = "meta"
        return func(*args, **kwargs)
