"""From stored pictures to a network's input: resized, augmented, scaled and normalised, batch by batch."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Augmentation = Literal["none", "flip", "crop_flip"]
Channels = tuple[float, float, float]

_LARGEST_SHIFT = 8  # the part of a side: an eighth


class Preprocess:
    """Turns uint8 batches (B, C, H, W), C 1 or 3, into float32 (B, 3, S, S) with channels last in memory.

    The values are those of Pillow's bilinear resize within one grey level (of noise, one value in millions is two
    away), divided by 255, less ``mean``, divided by ``std`` (of red, green and blue in 0..1). Augmentation happens
    before the resize and draws from ``generator`` only, of any device; a shift fills what it uncovers with the
    reflected border.
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
        # One row of pixels: rows are contiguous in memory, so that the arithmetic runs at full width.
        self._scale = scale.float().repeat(image_size)
        self._shift = (-torch.tensor(mean, dtype=torch.float64) * 255 * scale).float().repeat(image_size)

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        """Prepare one batch, on the device where it is."""
        if self._augment != "none":
            pictures = self._augmented(pictures)
        return self._normalised(_resized(pictures, self._size))

    def _normalised(self, pictures: Tensor) -> Tensor:
        device = pictures.device
        if self._scale.device != device:
            self._scale, self._shift = self._scale.to(device), self._shift.to(device)
        pixels = pictures.permute(0, 2, 3, 1).expand(-1, -1, -1, 3)
        rows = pixels.to(torch.float32, memory_format=torch.contiguous_format).reshape(-1, 3 * self._size)
        torch.addcmul(self._shift, rows, self._scale, out=rows)
        return rows.view(-1, self._size, self._size, 3).permute(0, 3, 1, 2)

    def _augmented(self, pictures: Tensor) -> Tensor:
        count, _, height, width = pictures.shape
        rows = torch.arange(height, device=pictures.device).expand(count, height)
        columns = torch.arange(width, device=pictures.device).expand(count, width)
        if self._augment == "crop_flip":
            rows = _reflected(rows + self._draw(count, height // _LARGEST_SHIFT, pictures.device), height)
            columns = _reflected(columns + self._draw(count, width // _LARGEST_SHIFT, pictures.device), width)
        flipped = self._draw(count, 1, pictures.device, lowest=0) == 1
        columns = torch.where(flipped, columns.flip(1), columns)
        which = torch.arange(count, device=pictures.device).view(-1, 1, 1)
        pixels = pictures.permute(0, 2, 3, 1)
        return pixels[which, rows.unsqueeze(2), columns.unsqueeze(1)].permute(0, 3, 1, 2)

    def _draw(self, count: int, highest: int, device: torch.device, lowest: int | None = None) -> Tensor:
        """One whole number from ``lowest`` (else ``-highest``) to ``highest`` for each picture, (count, 1)."""
        low = -highest if lowest is None else lowest
        source = self._generator.device if self._generator is not None else device
        return torch.randint(low, highest + 1, (count, 1), generator=self._generator, device=source).to(device)


def _resized(pictures: Tensor, size: int) -> Tensor:
    """Resize to a square as Pillow does: bilinear, over all pixels that a smaller one covers, to whole grey levels."""
    height, width = pictures.shape[-2:]
    if (height, width) == (size, size):
        return pictures
    if pictures.device.type == "cpu":
        dense = pictures.contiguous(memory_format=torch.channels_last)
        return functional.interpolate(dense, size=(size, size), mode="bilinear", antialias=True)
    # Only the processor has a kernel for bytes. Enlarging covers no more pixels, so the plain kernel will do.
    smaller = size < max(height, width)
    resized = functional.interpolate(pictures.float(), size=(size, size), mode="bilinear", antialias=smaller)
    return resized.round_()


def _reflected(positions: Tensor, length: int) -> Tensor:
    """Positions at most ``length - 1`` outside 0..length-1, mirrored at the first and the last place."""
    return (length - 1) - ((length - 1) - positions.abs()).abs()
