"""PyTorch's private kernels and their public fallbacks, which must give the same numbers."""

from __future__ import annotations

from collections.abc import Callable
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


@pytest.mark.parametrize("settings", OPTIMIZERS)
@pytest.mark.parametrize("make_step", [private_step, public_step])
def test_an_optimizer_continues_from_its_state(settings: dict[str, Any], make_step: Callable[..., Any]) -> None:
    config = OptimizerConfig.model_validate(settings)
    gradients = torch.randn(len(RATES), 1000)

    def steps(values: torch.Tensor, first: int, last: int, state: dict[str, torch.Tensor] | None = None) -> Any:
        gradient = torch.empty(1000)
        step = make_step(config, values, gradient)
        if state is not None:
            step.restore(state)
        for number in range(first, last):
            gradient.copy_(gradients[number])
            step(RATES[number], torch.tensor(number + 1.0))
        return step

    start = torch.randn(1000)
    whole, parts = start.clone(), start.clone()
    steps(whole, 0, len(RATES))
    state = {name: tensor.clone() for name, tensor in steps(parts, 0, 2).state().items()}
    steps(parts, 2, len(RATES), state)
    assert torch.equal(whole, parts)


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
