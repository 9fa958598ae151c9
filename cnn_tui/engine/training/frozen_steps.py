"""The frozen steps between stored features and a last layer: layers that are not trained, and dropout."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from cnn_tui.engine.models.stochastic import Randomness, SeededDropout


def converted(frozen: nn.Sequential, dtype: torch.dtype) -> nn.Sequential:
    """The frozen steps in the precision of the backbone, of which they are a part."""
    if dtype is torch.float32:
        return frozen
    return nn.Sequential(
        *(step if isinstance(step, SeededDropout) else copy.deepcopy(step).to(dtype) for step in frozen)
    )


def with_randomness(frozen: nn.Sequential, randomness: Randomness) -> nn.Sequential:
    """The frozen steps with dropout that draws from these generators."""
    return nn.Sequential(
        *(SeededDropout(step.p, randomness, step.layer) if isinstance(step, SeededDropout) else step for step in frozen)
    )


def on_each(frozen: nn.Sequential, batches: Tensor) -> Tensor:
    """The frozen steps applied to batches (N, B, ...), one after the other."""
    for step in frozen:
        if isinstance(step, SeededDropout) and step.p:
            batches = step.on_each(batches)
        else:
            batches = step(batches.flatten(0, 1)).unflatten(0, batches.shape[:2])
    return batches
