"""Kernels of PyTorch that have no public name, each with a public fallback that gives the same numbers.

A step of a last layer takes some 30 microseconds, less than the bookkeeping of ``torch.optim`` and autograd around it.
The kernels are called directly for that reason alone. Which form is used is decided once, at import, by trying the
private one on a tiny example: a release of PyTorch that renames or changes it costs speed and breaks nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from cnn_tui.config.experiment import OptimizerConfig


class OptimizerStep(Protocol):
    """The optimizer over one flat buffer of values."""

    def __call__(self, rate: Tensor | float, number: Tensor) -> None:
        """Take one step, given its learning rate and its number, counted from 1 (float32 scalar)."""
        ...

    def state(self) -> dict[str, Tensor]:
        """The tensors that the steps so far left, for :meth:`restore`; the tensors themselves, not copies."""
        ...

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue from a state."""
        ...


_EPSILON = 1e-8  # Adam's, as in torch.optim
_SECOND_BETA = 0.999
_FAILURES = (AttributeError, TypeError, RuntimeError, NotImplementedError)


def private_log_softmax_gradient(gradient: Tensor, log_probabilities: Tensor, dim: int, out: Tensor) -> Tensor:
    """A :data:`log_softmax_gradient`, by the kernel of autograd."""
    return torch._log_softmax_backward_data(gradient, log_probabilities, dim, gradient.dtype, out=out)


def public_log_softmax_gradient(gradient: Tensor, log_probabilities: Tensor, dim: int, out: Tensor) -> Tensor:
    """A :data:`log_softmax_gradient`, by its formula, in three passes over memory in place of one."""
    torch.exp(log_probabilities, out=out)
    return torch.sub(gradient, out.mul_(gradient.sum(dim, keepdim=True)), out=out)


def private_step(config: OptimizerConfig, values: Tensor, gradient: Tensor) -> OptimizerStep:
    """An :data:`optimizer_step`, by the fused kernels of ``torch.optim``."""
    return _PrivateSgd(config, values, gradient) if config.name == "sgd" else _PrivateAdam(config, values, gradient)


class _Moments:
    """Tensors in the shape of the values that an optimizer keeps between steps."""

    def __init__(self, values: Tensor, names: Sequence[str]) -> None:
        self._moments = {name: torch.zeros_like(values) for name in names}

    def state(self) -> dict[str, Tensor]:
        return dict(self._moments)

    def restore(self, state: Mapping[str, Tensor]) -> None:
        for name, moment in self._moments.items():
            moment.copy_(state[name])  # in place: a CUDA graph has its address


class _PrivateSgd(_Moments):
    def __init__(self, config: OptimizerConfig, values: Tensor, gradient: Tensor) -> None:
        super().__init__(values, ["momentum_buffer"] if config.momentum else [])
        self._config, self._values, self._gradient = config, values, gradient

    def __call__(self, rate: Tensor | float, number: Tensor) -> None:
        torch._fused_sgd_(
            [self._values],
            [self._gradient],
            list(self._moments.values()),
            weight_decay=0.0,
            momentum=self._config.momentum,
            lr=rate,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=False,
        )


class _PrivateAdam(_Moments):
    def __init__(self, config: OptimizerConfig, values: Tensor, gradient: Tensor) -> None:
        super().__init__(values, ["exp_avg", "exp_avg_sq"])
        self._config, self._values, self._gradient = config, values, gradient

    def __call__(self, rate: Tensor | float, number: Tensor) -> None:
        first, second = self._moments.values()
        torch._fused_adam_(
            [self._values],
            [self._gradient],
            [first],
            [second],
            [],
            [number],
            lr=rate,
            beta1=self._config.momentum,
            beta2=_SECOND_BETA,
            weight_decay=0.0,
            eps=_EPSILON,
            amsgrad=False,
            maximize=False,
        )


def public_step(config: OptimizerConfig, values: Tensor, gradient: Tensor) -> OptimizerStep:
    """An :data:`optimizer_step`, by the classes of ``torch.optim``, which call the same kernels."""
    return _PublicStep(config, values, gradient)


class _PublicStep:
    def __init__(self, config: OptimizerConfig, values: Tensor, gradient: Tensor) -> None:
        self._values, self._gradient = values, gradient
        self._optimizer: torch.optim.Optimizer
        if config.name == "sgd":
            self._optimizer = torch.optim.SGD([values], lr=0.0, momentum=config.momentum, fused=True)
        else:
            # In a CUDA graph the step count has to live on the device, which is what capturable means.
            betas, on_gpu = (config.momentum, _SECOND_BETA), values.is_cuda
            self._optimizer = torch.optim.Adam(
                [values], lr=0.0, betas=betas, eps=_EPSILON, fused=True, capturable=on_gpu
            )

    def __call__(self, rate: Tensor | float, number: Tensor) -> None:
        (group,) = self._optimizer.param_groups
        self._values.grad, group["lr"] = self._gradient, rate
        self._optimizer.step()

    def state(self) -> dict[str, Tensor]:
        return {name: value for name, value in self._optimizer.state[self._values].items() if value is not None}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self._optimizer.state[self._values] = {name: tensor.clone() for name, tensor in state.items()}


def _works(trial: Callable[[], object]) -> bool:
    try:
        trial()
    except _FAILURES:
        return False
    return True


def _try_steps() -> None:
    for name in ("sgd", "adam"):
        config = OptimizerConfig.model_validate({"name": name})
        private_step(config, torch.zeros(2), torch.ones(2))(0.1, torch.tensor(1.0))


def _try_gradient() -> None:
    example = torch.zeros(1, 2)
    private_log_softmax_gradient(example, example, 1, torch.empty(1, 2))


optimizer_step: Callable[[OptimizerConfig, Tensor, Tensor], OptimizerStep] = (
    private_step if _works(_try_steps) else public_step
)
"""Makes the optimizer's step over flat ``values`` and their ``gradient``, without weight decay.

Adam and AdamW are the same without weight decay, which the last layers apply themselves (see ``LinearLayers``).
"""

log_softmax_gradient: Callable[[Tensor, Tensor, int, Tensor], Tensor] = (
    private_log_softmax_gradient if _works(_try_gradient) else public_log_softmax_gradient
)
"""The gradient with respect to the logits, given that with respect to the log-probabilities; written to ``out``."""
