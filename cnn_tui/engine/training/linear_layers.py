"""Linear layers trained side by side, without automatic differentiation.

The gradient of the cross entropy of a linear layer is known: with features X (B, F), targets T and softmax P (B, C)
it is (P - T)'X / B. Many last layers that see the same batches are one matrix with more rows, so that a step costs
little more than for one. Layers of other seeds see other batches of the same shape; they are a batch of such matrices.

Shapes: K layers in S streams of T, a stream being the layers of one seed; B images of F features, C classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from cnn_tui.config.experiment import TrainingConfig
from cnn_tui.engine.training.checkpoint import with_prefix
from cnn_tui.engine.training.torch_kernels import log_softmax_gradient, optimizer_step


class LinearLayers:
    """Weights and biases of all layers in one flat buffer, likewise gradients and moments: an update is one pass.

    The fused optimizer kernel takes one learning rate for a whole buffer. Layers with other rates are stored divided by
    a scale, which is their rate relative to the first layer's. A step at the first layer's rate on the scaled values,
    with the gradient of the unscaled ones, is then a step at the layer's own rate on the unscaled values.

    Attributes:
        steps_taken: see :meth:`schedule`.
        updates: increases whenever code of this class changes the weights.
    """

    def __init__(self, weights: Tensor, biases: Tensor | None, configs: Sequence[TrainingConfig], streams: int) -> None:
        """``weights`` (K, C, F) and ``biases`` (K, C) are the initial ones."""
        count, self.classes, self.inputs = weights.shape
        self._optimizer = configs[0].optimizer
        self._shape = (streams, count // streams * self.classes, self.inputs)
        self._trains_bias = biases is not None
        self._rate = configs[0].optimizer.learning_rate
        scales = weights.new_tensor([config.optimizer.learning_rate / self._rate for config in configs]).unsqueeze(1)
        self._same_rates = bool((scales == 1).all())
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
        self.steps_taken = 0
        self.updates = 0
        self._step = optimizer_step(self._optimizer, self._values, self._gradient)

    def logits(self, inputs: Tensor) -> Tensor:
        """(S, T, C, B) of inputs (S, B, F)."""
        streams, rows, _ = self._shape
        logits = inputs.new_empty(streams, rows, inputs.shape[1])
        self._forward(inputs.transpose(1, 2), logits)
        return logits.view(streams, -1, self.classes, inputs.shape[1])

    def schedule(self, rate_factors: Sequence[float]) -> Tensor:
        """Learning rates and numbers of the next steps, (2, steps); a factor multiplies every layer's own rate.

        Whoever takes them counts them in ``steps_taken``: a CUDA graph takes steps without running this code.
        """
        rates = [factor * self._rate for factor in rate_factors]
        numbers = range(self.steps_taken + 1, self.steps_taken + len(rate_factors) + 1)
        return torch.tensor([rates, numbers], device=self._values.device)

    def train_steps(self, inputs: Iterable[Tensor], loss_gradients: Tensor, schedule: Tensor) -> Tensor:
        """Take the scheduled steps; the log-probabilities (steps, S, T, C, B) before each.

        Everything is written into preallocated buffers: a step takes about as long to call as to compute.

        Args:
            inputs: (steps, S, B, F) in parts.
            loss_gradients: of the mean loss with respect to the log-probabilities, in their shape: -targets / B.
            schedule: from :meth:`schedule`.
        """
        rates, numbers = schedule.unbind()
        # A CUDA graph has to read the rates on the device; on the CPU the kernel takes a number with less overhead.
        each_rate = rates.unbind() if rates.is_cuda else rates.tolist()
        results = loss_gradients.new_empty(loss_gradients.shape)
        logits, error = torch.empty_like(results[0]), torch.empty_like(results[0])
        flat_logits, flat_error = logits.flatten(1, 2), error.flatten(1, 2)  # views (S, T*C, B)
        steps = zip(
            _with_transposed(inputs),
            loss_gradients.unbind(),
            results.unbind(),
            each_rate,
            numbers.unbind(),
            strict=True,
        )
        for (batch, columns), loss_gradient, log_probabilities, rate, number in steps:
            self._forward(columns, flat_logits)
            torch.log_softmax(logits, 2, out=log_probabilities)
            log_softmax_gradient(loss_gradient, log_probabilities, 2, error)
            torch.bmm(flat_error, batch, out=self._weight_gradient)
            if self._trains_bias:
                torch.sum(flat_error, dim=2, out=self._bias_gradient)
            self._update(rate, number)
        return results

    def _forward(self, inputs: Tensor, logits: Tensor) -> None:
        """Write the logits (S, T*C, B) of inputs (S, F, B). As a product this layout is much faster than (B, T*C)."""
        torch.bmm(self._weights, inputs, out=logits).add_(self._bias_columns)
        if not self._same_rates:
            logits.mul_(self._scales)

    def clear_gradient(self) -> None:
        """Begin a step whose gradient comes from several parts of a batch."""
        self._gradient.zero_()

    def add_gradient(self, inputs: Tensor, loss_gradient: Tensor) -> Tensor:
        """Add that of the inputs (S, b, F) of a part of a batch; its log-probabilities (S, T, C, b).

        Args:
            loss_gradient: of the mean loss of the whole batch with respect to them, in their shape.
        """
        log_probabilities = torch.log_softmax(self.logits(inputs), 2)
        error = log_softmax_gradient(loss_gradient, log_probabilities, 2, torch.empty_like(log_probabilities))
        flat_error = error.flatten(1, 2)
        self._weight_gradient.baddbmm_(flat_error, inputs)
        if self._trains_bias:
            self._bias_gradient.add_(flat_error.sum(dim=2))
        return log_probabilities

    def take_step(self, rate: Tensor, number: Tensor) -> None:
        """Take a scheduled step with the gradient so far."""
        self._update(rate if rate.is_cuda else float(rate), number)

    def _update(self, rate: Tensor | float, number: Tensor) -> None:
        self.updates += 1
        # Weight decay is applied here and not by the kernel, which takes one value for all layers.
        if self._decay is not None and self._optimizer.name == "adamw":
            self._values.mul_(1 - rate * self._decay)
        elif self._decay is not None:
            self._gradient.addcmul_(self._values, self._decay)
        self._step(rate, number)

    def read(self, layer: int) -> tuple[Tensor, Tensor | None]:
        """Weight (C, F) and bias (C,) of one layer."""
        weight, bias, scale = self._layer(layer)
        return weight * scale, bias * scale if self._trains_bias else None

    def write(self, layer: int, weight: Tensor, bias: Tensor | None) -> None:
        """Replace the values of one layer."""
        own_weight, own_bias, scale = self._layer(layer)
        own_weight.copy_(weight / scale)
        if bias is not None:
            own_bias.copy_(bias / scale)

    def snapshot(self) -> dict[str, Tensor]:
        """Everything that the next steps depend on; the tensors themselves, not copies."""
        state = {f"optimizer.{name}": tensor for name, tensor in self._step.state().items()}
        return {"values": self._values, "steps": torch.tensor(self.steps_taken), **state}

    def resume(self, snapshot: Mapping[str, Tensor]) -> None:
        """Continue from a snapshot of the same layers."""
        self._values.copy_(snapshot["values"])
        self.steps_taken = int(snapshot["steps"])
        self._step.restore(with_prefix(snapshot, "optimizer."))

    def _layer(self, layer: int) -> tuple[Tensor, Tensor, Tensor]:
        """Views of the scaled weight (C, F) and bias (C,) of one layer, and its scale."""
        weight = self._weights.view(-1, self.classes, self.inputs)[layer]
        return weight, self._biases.view(-1, self.classes)[layer], self._scales.view(-1, self.classes)[layer, 0]

    def _views(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (S, T*C, F) and biases (S, T*C) in a flat buffer."""
        streams, rows, inputs = self._shape
        size = streams * rows * inputs
        return flat[:size].view(self._shape), flat[size:].view(streams, rows)

    def _spread(self, settings: Sequence[float]) -> Tensor | None:
        """One setting per layer, repeated for each of its values in the flat buffer; None if it is 0 for all."""
        if not any(settings):
            return None
        each = self._values.new_tensor(settings).unsqueeze(1)
        size = self.classes * self.inputs
        return torch.cat([each.expand(-1, size).flatten(), each.expand(-1, self.classes).flatten()])


def _with_transposed(parts: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches (S, B, F) of parts (steps, S, B, F), each with its transpose (S, F, B)."""
    for part in parts:
        yield from zip(part.unbind(), part.transpose(2, 3).unbind(), strict=True)
