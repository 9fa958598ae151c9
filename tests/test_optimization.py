"""Learning-rate schedules and optimizers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cnn_tui.config.experiment import OptimizerConfig
from cnn_tui.engine.training.learner import make_optimizer, set_rate
from cnn_tui.engine.training.schedule import scheduled_rate


@pytest.mark.parametrize(
    ("schedule", "progress", "part"),
    [
        ("constant", 0.0, 1.0),
        ("constant", 0.99, 1.0),
        ("cosine", 0.0, 1.0),
        ("cosine", 0.5, 0.5),
        ("cosine", 1.0, 0.0),
        ("step", 0.0, 1.0),
        ("step", 0.34, 0.1),
        ("step", 0.67, 0.01),
        ("step", 1.0, 0.01),
    ],
)
def test_schedules(schedule: str, progress: float, part: float) -> None:
    assert scheduled_rate(schedule, 0.2, progress) == pytest.approx(0.2 * part, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)]
)
def test_optimizers_step_with_their_settings(name: str, kind: type[torch.optim.Optimizer]) -> None:
    weight = nn.Parameter(torch.ones(3))
    config = OptimizerConfig.model_validate({"name": name, "learning_rate": 0.5, "momentum": 0.8, "weight_decay": 0.1})
    optimizer = make_optimizer(config, [weight])
    assert isinstance(optimizer, kind)
    group = optimizer.param_groups[0]
    assert (group["lr"], group["weight_decay"]) == (0.5, 0.1)
    assert group.get("momentum", group.get("betas", (None,))[0]) == 0.8
    set_rate(optimizer, 0.0)
    weight.grad = torch.ones(3)
    optimizer.step()
    assert torch.equal(weight.detach(), torch.ones(3))
