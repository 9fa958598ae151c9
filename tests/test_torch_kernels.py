"""PyTorch's private kernels and their public fallbacks, which must give the same numbers."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from cnn_tui.config.experiment import OptimizerConfig
from cnn_tui.engine.training.torch_kernels import (
    log_softmax_gradient,
    optimizer_step,
    private_log_softmax_gradient,
    private_step,
    public_log_softmax_gradient,
    public_step,
)

OPTIMIZERS: list[dict[str, Any]] = [
    {"name": "sgd", "momentum": 0.0},
    {"name": "sgd", "momentum": 0.9},
    {"name": "adam", "momentum": 0.9},
    {"name": "adamw", "momentum": 0.5},
]
RATES = (0.1, 0.05, 0.0, 0.2, 0.01)


@pytest.mark.parametrize("settings", OPTIMIZERS)
def test_both_optimizer_steps_give_the_same_numbers(settings: dict[str, Any]) -> None:
    config, start = OptimizerConfig.model_validate(settings), torch.randn(1000)
    results = []
    for make_step in (private_step, public_step):
        values, gradient = start.clone(), torch.empty(1000)
        step, generator = make_step(config, values, gradient), torch.Generator().manual_seed(1)
        with torch.inference_mode():  # as in training
            for number, rate in enumerate(RATES, 1):
                gradient.copy_(torch.randn(1000, generator=generator))
                step(rate, torch.tensor(float(number)))
        results.append(values)
    assert torch.equal(*results)
    assert not torch.equal(results[0], start)


@pytest.mark.parametrize("shape", [(2, 3, 10, 8), (1, 1, 2, 1)])
def test_both_gradients_of_log_softmax_are_those_of_autograd(shape: tuple[int, ...]) -> None:
    logits = torch.randn(shape, requires_grad=True)
    upstream, log_probabilities = -torch.rand(shape), torch.log_softmax(logits, 2)
    (expected,) = torch.autograd.grad(log_probabilities, logits, upstream)
    for gradient in (private_log_softmax_gradient, public_log_softmax_gradient):
        out = torch.empty(shape)
        result = gradient(upstream, log_probabilities.detach(), 2, out)
        assert result.data_ptr() == out.data_ptr()
        torch.testing.assert_close(out, expected, rtol=1e-6, atol=1e-6)


def test_this_release_of_torch_has_the_private_kernels() -> None:
    assert optimizer_step is private_step
    assert log_softmax_gradient is private_log_softmax_gradient
