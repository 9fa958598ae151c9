"""What the colours of pictures measure."""

from __future__ import annotations

import torch
from torch import Tensor

from cnn_tui.engine.data.image_source import PictureSource
from cnn_tui.engine.data.preprocess import Channels

_BATCH = 1024
_DIGITS = 5
_LEAST_DEVIATION = 1 / 255


def channel_statistics(source: PictureSource, rows: Tensor) -> tuple[Channels, Channels]:
    """Mean and standard deviation of red, green and blue over these rows, in 0..1; grey counts as all three."""
    total, squares, count = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64), 0
    for pictures, _ in source.batches(rows, _BATCH):
        values = (pictures.float() / 255).expand(-1, 3, -1, -1)
        total += values.sum(dim=(0, 2, 3)).cpu()
        squares += values.square().sum(dim=(0, 2, 3)).cpu()
        count += values.numel() // 3
    mean = total / count
    deviation = (squares / count - mean.square()).clamp(min=0).sqrt().clamp(min=_LEAST_DEVIATION)
    return _channels(mean), _channels(deviation)


def _channels(values: Tensor) -> Channels:
    # Rounded, because sums differ in their last digits from device to device, and stored features go by these.
    red, green, blue = (round(value, _DIGITS) for value in values.tolist())
    return red, green, blue
