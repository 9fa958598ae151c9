"""The frozen part of a network, run without gradients in the fastest form the device has."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.fx.proxy import TraceError

from cnn_tui.catalog.features import keeps_half
from cnn_tui.engine.device import Compute, free_memory
from cnn_tui.engine.models.bn_fusion import convert_weights, fuse_batch_norm

_CPU_PIXELS = 8 * 224 * 224  # of one batch: larger ones no longer fit in the caches
_GPU_BYTES_PER_PIXEL = 640  # input and output of VGG's first layers, the widest at full resolution
_GPU_SHARE = 0.25  # of the free memory that one batch may take
_LARGEST_BATCH = 512
_SMALLEST_MAXIMUM = 2.0**-4  # largest value of a float16 row: its normal numbers begin at 2**-14, ten bits below


@dataclass(frozen=True)
class Backbone:
    """A frozen part and the precision it runs in: normalised images (B, 3, S, S) to features (B, ...).

    Attributes:
        origin: identifies its weights: equal origins give equal features. None if unknown.
    """

    module: nn.Module
    compute: Compute
    origin: Hashable = None

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """The features, in the precision of the arithmetic."""
        with self.compute.autocast():
            features: Tensor = self._fused(images)
        return features.to(self.compute.dtype)

    def storable(self, images: Tensor) -> Tensor:
        """The features as they are stored: (B, F), or (B, P, C) for maps of P positions; large maps in float16."""
        features = self(images)
        if features.ndim > 2:
            features = features.flatten(2).transpose(1, 2).contiguous()
        return rounded_to_half(features) if keeps_half(features.shape[1:]) else features

    def fingerprint(self) -> bytes:
        """A hash of its layers and of every weight and statistic."""
        digest = hashlib.sha256(repr(self.module).encode())
        for name, tensor in self.module.state_dict().items():
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
        return digest.digest()

    @functools.cached_property
    def _fused(self) -> nn.Module:
        try:
            module = fuse_batch_norm(self.module)
        except TraceError:  # control flow that depends on the images
            return self.module
        return module if self.compute.dtype is torch.float32 else convert_weights(module, self.compute.dtype)


def rounded_to_half(features: Tensor) -> Tensor:
    """Features (B, ...) rounded to float16 where that can hold a whole row; other rows keep their values.

    The values of a row depend on nothing but itself, so that they are the same whenever it is computed.
    """
    if features.dtype is not torch.float32:
        return features
    largest = features.abs().flatten(1).amax(1)
    fits = (largest <= torch.finfo(torch.float16).max) & ((largest >= _SMALLEST_MAXIMUM) | (largest == 0))
    half = features.half()
    if bool(fits.all()):
        return half
    return torch.where(fits.view(-1, *[1] * (features.ndim - 1)), half.float(), features)


def feature_batch(image_size: int, device: torch.device) -> int:
    """The number of images of this size that go through a backbone at once."""
    pixels = _CPU_PIXELS
    if device.type != "cpu":
        pixels = int(_GPU_SHARE * free_memory(device)) // _GPU_BYTES_PER_PIXEL
    return max(1, min(_LARGEST_BATCH, pixels // image_size**2))
