"""Optimizers and learning-rate schedules by their names in the configuration."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from cnn_tui.config.experiment import OptimizerConfig


def make_optimizer(config: OptimizerConfig, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer over ``parameters``, in its fused form: one pass over memory per step."""
    weights = list(parameters)
    if config.name == "sgd":
        return torch.optim.SGD(
            weights, config.learning_rate, momentum=config.momentum, weight_decay=config.weight_decay, fused=True
        )
    adaptive = torch.optim.AdamW if config.name == "adamw" else torch.optim.Adam
    return adaptive(
        weights,
        config.learning_rate,
        betas=(config.momentum, 0.999),
        weight_decay=config.weight_decay,
        fused=True,
    )


def scheduled_rate(schedule: str, base: float, progress: float) -> float:
    """The learning rate when ``progress`` (0 to 1) of all steps are done.

    ``cosine`` falls from ``base`` to zero along half a cosine (Loshchilov and Hutter 2017, without restarts);
    ``step`` takes a tenth after each third.
    """
    if schedule == "cosine":
        return base * 0.5 * (1 + math.cos(math.pi * progress))
    if schedule == "step":
        return base * 0.1 ** min(2, int(progress * 3))
    return base


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = rate
