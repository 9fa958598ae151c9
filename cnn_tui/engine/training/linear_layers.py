"""Linear layers that learn side by side, without automatic differentiation.

The gradient of the cross entropy of a linear layer is known: with features X (B, F), targets T and softmax P (B, C)
it is (P - T)'X / B. Many last layers that see the same batches are one matrix with more rows, so that a step costs
little more than for one; layers of other seeds, whose batches have the same shape, are a batch of such matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor

from cnn_tui.config.experiment import OptimizerConfig, TrainingConfig

_EPSILON = 1e-8  # Adam's, as in torch.optim
_SECOND_BETA = 0.999


class LinearLayers:
    """Weights and biases of all layers in one flat buffer, as are gradients and moments: a rule is one pass.

    What is kept of a layer is its values divided by its scale, its learning rate in terms of the first layer's. A step
    of the first layer's rate on those, with the gradient of the values themselves, is a step of its own rate on these:
    so one fused call serves layers of all rates. With one rate for all there is nothing to scale.
    """

    def __init__(self, weights: Tensor, biases: Tensor | None, configs: Sequence[TrainingConfig], streams: int) -> None:
        """``weights`` (K, C, F) and ``biases`` (K, C) to begin with."""
        count, self.classes, self.inputs = weights.shape
        self._optimizer = configs[0].optimizer
        self._shape = (streams, count // streams * self.classes, self.inputs)
        self._trains_bias = biases is not None
        self._rate = configs[0].optimizer.learning_rate
        scales = weights.new_tensor([config.optimizer.learning_rate / self._rate for config in configs]).unsqueeze(1)
        self._alike = bool((scales == 1).all())
        biases = torch.zeros(count, self.classes, device=weights.device) if biases is None else biases
        self._values = torch.cat([(weights / scales.unsqueeze(2)).flatten(), (biases / scales).flatten()])
        self._weights, self._biases = self._views(self._values)
        self._bias_columns = self._biases.unsqueeze(2)
        self._gradient = torch.zeros_like(self._values)
        self._weight_gradient, self._bias_gradient = self._views(self._gradient)
        self._scales = scales.expand(-1, self.classes).reshape(streams, -1, 1)
        self._decay = self._spread(
            [config.optimizer.weight_decay * config.optimizer.learning_rate / self._rate for config in configs]
        )
        self._done = 0
        self._step = _fused_step(self._optimizer, self._values, self._gradient)

    def logits(self, inputs: Tensor) -> Tensor:
        """(S, T, C, B) of inputs (S, B, F)."""
        streams, rows, _ = self._shape
        logits = inputs.new_empty(streams, rows, inputs.shape[1])
        self._say(inputs.transpose(1, 2), logits)
        return logits.view(streams, -1, self.classes, inputs.shape[1])

    def schedule(self, factors: Sequence[float]) -> Tensor:
        """Of the next steps, (2, steps): their rates, some factors of the layers' own, and their numbers."""
        rates = [factor * self._rate for factor in factors]
        numbers = range(self._done + 1, self._done + len(factors) + 1)
        self._done += len(factors)
        return torch.tensor([rates, numbers], device=self._values.device)

    def learn(self, inputs: Iterable[Tensor], pulls: Tensor, schedule: Tensor) -> Tensor:
        """Take the scheduled steps; log-probabilities (steps, S, T, C, B) before each.

        All is written into place, because a step takes about as long to call as to compute.

        Args:
            inputs: (steps, S, B, F) in parts.
            pulls: -targets / B, of their shape: the gradient of the mean loss with respect to the log-probabilities.
            schedule: see :meth:`schedule`.
        """
        rates, numbers = schedule.unbind()
        # What is recorded on a GPU reads its rates there; on a processor the kernel takes a number and asks less.
        each_rate = rates.unbind() if rates.is_cuda else rates.tolist()
        said = pulls.new_empty(pulls.shape)
        logits, error = torch.empty_like(said[0]), torch.empty_like(said[0])
        flat_logits, flat_error = logits.flatten(1, 2), error.flatten(1, 2)  # views (S, T*C, B)
        steps = zip(_both_ways(inputs), pulls.unbind(), said.unbind(), each_rate, numbers.unbind(), strict=True)
        for (pictures, columns), pull, log_probabilities, rate, number in steps:
            self._say(columns, flat_logits)
            torch.log_softmax(logits, 2, out=log_probabilities)
            torch._log_softmax_backward_data(pull, log_probabilities, 2, pull.dtype, out=error)
            torch.bmm(flat_error, pictures, out=self._weight_gradient)
            if self._trains_bias:
                torch.sum(flat_error, dim=2, out=self._bias_gradient)
            self._update(rate, number)
        return said

    def _say(self, inputs: Tensor, logits: Tensor) -> None:
        """Logits (S, T*C, B) of inputs (S, F, B). Classes come before pictures: as a product it is much faster."""
        torch.bmm(self._weights, inputs, out=logits).add_(self._bias_columns)
        if not self._alike:
            logits.mul_(self._scales)

    def _update(self, rate: Tensor | float, number: Tensor) -> None:
        if self._decay is not None and self._optimizer.name == "adamw":
            self._values.mul_(1 - rate * self._decay)
        elif self._decay is not None:
            self._gradient.addcmul_(self._values, self._decay)
        self._step(rate, number)

    def read(self, place: int) -> tuple[Tensor, Tensor | None]:
        """Weight (C, F) and bias (C,) of one layer."""
        weight, bias, scale = self._of(place)
        return weight * scale, bias * scale if self._trains_bias else None

    def write(self, place: int, weight: Tensor, bias: Tensor | None) -> None:
        """Put other values into one layer."""
        own_weight, own_bias, scale = self._of(place)
        own_weight.copy_(weight / scale)
        if bias is not None:
            own_bias.copy_(bias / scale)

    def _of(self, place: int) -> tuple[Tensor, Tensor, Tensor]:
        weight = self._weights.view(-1, self.classes, self.inputs)[place]
        return weight, self._biases.view(-1, self.classes)[place], self._scales.view(-1, self.classes)[place, 0]

    def _views(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (S, T*C, F) and biases (S, T*C) in a flat buffer."""
        streams, rows, inputs = self._shape
        size = streams * rows * inputs
        return flat[:size].view(self._shape), flat[size:].view(streams, rows)

    def _spread(self, settings: Sequence[float]) -> Tensor | None:
        """A setting of each layer beside every one of its values; None where it is 0 for all."""
        if not any(settings):
            return None
        each = self._values.new_tensor(settings).unsqueeze(1)
        size = self.classes * self.inputs
        return torch.cat([each.expand(-1, size).flatten(), each.expand(-1, self.classes).flatten()])


def _both_ways(parts: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches (S, B, F) of parts (steps, S, B, F), and the same with pictures as columns, (S, F, B)."""
    for part in parts:
        yield from zip(part.unbind(), part.transpose(2, 3).unbind(), strict=True)


def _fused_step(config: OptimizerConfig, values: Tensor, gradient: Tensor) -> Callable[[Tensor | float, Tensor], None]:
    """The optimizer's step, given its rate and number, by the kernels of ``torch.optim`` without its bookkeeping, which
    costs more than the arithmetic. Weight decay, which layers have of their own, is not among it.
    """
    first = torch.zeros_like(values)
    if config.name == "sgd":
        momenta = [first] if config.momentum else []

        def sgd(rate: Tensor | float, _number: Tensor) -> None:
            torch._fused_sgd_(
                [values],
                [gradient],
                momenta,
                weight_decay=0.0,
                momentum=config.momentum,
                lr=rate,
                dampening=0.0,
                nesterov=False,
                maximize=False,
                is_first_step=False,
            )

        return sgd
    second = torch.zeros_like(values)

    def adam(rate: Tensor | float, number: Tensor) -> None:
        torch._fused_adam_(
            [values],
            [gradient],
            [first],
            [second],
            [],
            [number],
            lr=rate,
            beta1=config.momentum,
            beta2=_SECOND_BETA,
            weight_decay=0.0,
            eps=_EPSILON,
            amsgrad=False,
            maximize=False,
        )

    return adam
