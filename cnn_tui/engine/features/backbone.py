"""The frozen part of a network, run without gradients as fast as the device can."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.fx.proxy import TraceError

from cnn_tui.catalog.features import keeps_half
from cnn_tui.engine.data.feeds import Batch, Feed
from cnn_tui.engine.device import Compute, free_memory
from cnn_tui.engine.models.bn_fusion import folded, with_weights_in

_PROCESSOR_PIXELS = 8 * 224 * 224  # of one batch: more of them leave the caches
_GPU_BYTES_PER_PIXEL = 640  # VGG's first layers, the widest at full size, with their input and output
_GPU_SHARE = 0.25  # of the free memory that one batch may take
_LARGEST_BATCH = 512
_LEAST_LARGEST = 2.0**-4  # of a row in float16, whose normal numbers begin at 2**-14


@dataclass(frozen=True)
class Backbone:
    """A frozen part and how it is run: normalised pictures (B, 3, S, S) to features (B, ...).

    Attributes:
        origin: what decided its weights: the same origin, the same features. None where that is not known.
    """

    module: nn.Module
    compute: Compute
    origin: Hashable = None

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        """The features, in the precision of the arithmetic."""
        with self.compute.autocast():
            features: Tensor = self._fast(pictures)
        return features.to(self.compute.dtype)

    def rows(self, pictures: Tensor) -> Tensor:
        """The features as they are kept: (B, F), or (B, P, C) of maps of P positions; large maps in half precision."""
        features = self(pictures)
        if features.ndim > 2:
            features = features.flatten(2).transpose(1, 2).contiguous()
        return in_half(features) if keeps_half(features.shape[1:]) else features

    def fingerprint(self) -> bytes:
        """A hash of its layers and of every weight and statistic."""
        digest = hashlib.sha256(repr(self.module).encode())
        for name, tensor in self.module.state_dict().items():
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
        return digest.digest()

    @functools.cached_property
    def _fast(self) -> nn.Module:
        try:
            module = folded(self.module)
        except TraceError:  # its layers depend on what is in the pictures
            return self.module
        return module if self.compute.dtype is torch.float32 else with_weights_in(module, self.compute.dtype)


@dataclass(frozen=True)
class BackboneFeed:
    """Features computed anew for every batch: of pictures that change, or where they cannot be kept."""

    pictures: Feed
    backbone: Backbone

    def batches(self, rows: Tensor, batch_size: int) -> Iterator[Batch]:
        """See :class:`Feed`; features (B, ...) as float32."""
        for pictures, labels in self.pictures.batches(rows, batch_size):
            yield self.backbone(pictures).float(), labels


def in_half(features: Tensor) -> Tensor:
    """Rows (B, ...) rounded to float16, or none of them: a row whose values it cannot hold stays as it is.

    What a row becomes depends on nothing but itself, so that it is the same whenever it is computed.
    """
    if features.dtype is not torch.float32:
        return features
    largest = features.abs().flatten(1).amax(1)
    fits = (largest <= torch.finfo(torch.float16).max) & ((largest >= _LEAST_LARGEST) | (largest == 0))
    half = features.half()
    if bool(fits.all()):
        return half
    return torch.where(fits.view(-1, *[1] * (features.ndim - 1)), half.float(), features)


def feature_batch(image_size: int, device: torch.device) -> int:
    """How many pictures of this side go through a backbone at once."""
    pixels = _PROCESSOR_PIXELS
    if device.type != "cpu":
        pixels = int(_GPU_SHARE * free_memory(device)) // _GPU_BYTES_PER_PIXEL
    return max(1, min(_LARGEST_BATCH, pixels // image_size**2))
