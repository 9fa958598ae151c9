"""Batches for a network: a split's images augmented, resized, scaled and normalised on the device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from cnn_tui.engine.data.image_source import ImageSource

Batch = tuple[Tensor, Tensor]
"""Inputs (B, ...) and labels, int64 (B,)."""
Augmentation = Literal["none", "flip", "crop_flip"]
Channels = tuple[float, float, float]

_SHIFT_DIVISOR = 8  # a random crop shifts by up to an eighth of the side
_STATISTICS_BATCH = 1024
_STATISTICS_DIGITS = 5
_MIN_STD = 1 / 255


class BatchSource(Protocol):
    """Samples of one split as (inputs, labels) on the device."""

    def batches(self, indices: Tensor, batch_size: int) -> Iterator[Batch]:
        """The samples at ``indices``, int64 (N,), in that order; the last batch may be smaller."""
        ...


@dataclass(frozen=True)
class ImageBatches:
    """Images resized and normalised on the device: float32 (B, 3, S, S)."""

    source: ImageSource
    preprocess: Preprocess
    device: torch.device

    def batches(self, indices: Tensor, batch_size: int) -> Iterator[Batch]:
        """The prepared images at ``indices`` with their labels, in that order."""
        for images, labels in self.source.batches(indices, batch_size):
            yield (
                self.preprocess(images.to(self.device, non_blocking=True)),
                labels.to(self.device, non_blocking=True),
            )


class Preprocess:
    """Turns uint8 batches (B, C, H, W), C 1 or 3, into float32 (B, 3, S, S) with channels last in memory.

    The values are those of Pillow's bilinear resize within one grey level (for noise, one value in millions differs by
    two), divided by 255, minus ``mean``, divided by ``std`` (of red, green and blue in 0..1). Augmentation comes before
    the resize and draws from ``generator`` only, on any device; a shift pads with the reflected border.
    """

    def __init__(
        self,
        image_size: int,
        mean: Channels,
        std: Channels,
        augment: Augmentation = "none",
        generator: torch.Generator | None = None,
    ) -> None:
        if augment != "none" and generator is None:
            raise ValueError("augmentation needs a generator of its own")
        self._size = image_size
        self._augment = augment
        self._generator = generator
        scale = 1 / (255 * torch.tensor(std, dtype=torch.float64))
        # Repeated for one row of pixels, which is contiguous in memory: broadcasting over 3 channels is slower.
        self._scale = scale.float().repeat(image_size)
        self._shift = (-torch.tensor(mean, dtype=torch.float64) * 255 * scale).float().repeat(image_size)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Prepare one batch on the device that it is on."""
        if self._augment != "none":
            images = self._augmented(images)
        return self._normalised(_resized(images, self._size))

    def _normalised(self, images: Tensor) -> Tensor:
        device = images.device
        if self._scale.device != device:
            self._scale, self._shift = self._scale.to(device), self._shift.to(device)
        pixels = images.permute(0, 2, 3, 1).expand(-1, -1, -1, 3)
        rows = pixels.to(torch.float32, memory_format=torch.contiguous_format).reshape(-1, 3 * self._size)
        torch.addcmul(self._shift, rows, self._scale, out=rows)
        return rows.view(-1, self._size, self._size, 3).permute(0, 3, 1, 2)

    def _augmented(self, images: Tensor) -> Tensor:
        count, _, height, width = images.shape
        rows = torch.arange(height, device=images.device).expand(count, height)
        columns = torch.arange(width, device=images.device).expand(count, width)
        if self._augment == "crop_flip":
            rows = _reflected(rows + self._draw(count, height // _SHIFT_DIVISOR, images.device), height)
            columns = _reflected(columns + self._draw(count, width // _SHIFT_DIVISOR, images.device), width)
        flipped = self._draw(count, 1, images.device, lowest=0) == 1
        columns = torch.where(flipped, columns.flip(1), columns)
        which = torch.arange(count, device=images.device).view(-1, 1, 1)
        pixels = images.permute(0, 2, 3, 1)
        return pixels[which, rows.unsqueeze(2), columns.unsqueeze(1)].permute(0, 3, 1, 2)

    def _draw(self, count: int, highest: int, device: torch.device, lowest: int | None = None) -> Tensor:
        """One integer from ``lowest`` (default ``-highest``) to ``highest`` for each image, (count, 1)."""
        low = -highest if lowest is None else lowest
        source = self._generator.device if self._generator is not None else device
        return torch.randint(low, highest + 1, (count, 1), generator=self._generator, device=source).to(device)


def channel_statistics(source: ImageSource, indices: Tensor) -> tuple[Channels, Channels]:
    """Mean and standard deviation of red, green and blue of these images, in 0..1; grey counts as all three."""
    total, squares, count = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64), 0
    for images, _ in source.batches(indices, _STATISTICS_BATCH):
        values = (images.float() / 255).expand(-1, 3, -1, -1)
        total += values.sum(dim=(0, 2, 3)).cpu()
        squares += values.square().sum(dim=(0, 2, 3)).cpu()
        count += values.numel() // 3
    mean = total / count
    deviation = (squares / count - mean.square()).clamp(min=0).sqrt().clamp(min=_MIN_STD)
    return _channels(mean), _channels(deviation)


def _channels(values: Tensor) -> Channels:
    # Rounded, because the last digits of sums differ between devices, and the values are part of the features' key.
    red, green, blue = (round(value, _STATISTICS_DIGITS) for value in values.tolist())
    return red, green, blue


def _resized(images: Tensor, size: int) -> Tensor:
    """Resize to a square as Pillow does: bilinear with antialiasing, rounded to grey levels."""
    height, width = images.shape[-2:]
    if (height, width) == (size, size):
        return images
    if images.device.type == "cpu":
        dense = images.contiguous(memory_format=torch.channels_last)
        return functional.interpolate(dense, size=(size, size), mode="bilinear", antialias=True)
    # Only the CPU has a uint8 kernel. Antialiasing changes nothing when enlarging, and the plain kernel is faster.
    smaller = size < max(height, width)
    resized = functional.interpolate(images.float(), size=(size, size), mode="bilinear", antialias=smaller)
    return resized.round_()


def _reflected(positions: Tensor, length: int) -> Tensor:
    """Positions at most ``length - 1`` outside 0..length-1, mirrored at the first and the last position."""
    return (length - 1) - ((length - 1) - positions.abs()).abs()
