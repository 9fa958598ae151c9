"""Linear layers that are applied at every position of a feature map, as SqueezeNet's last layer is.

Its 1x1 convolution is a product with the features of each position; a ReLU and the mean over the positions follow. The
gradient is that of a linear layer which is given the positions that the ReLU lets through, and an image's part of it
depends on no other image of the batch. So threads take shares of a batch, each in parts that stay in a core's cache
from the forward product to the gradient. They meet once a step: if they met in every operation, they would wait for
each other most of the time where other programs use the cores too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import torch
from torch import Tensor

from cnn_tui.config.experiment import TrainingConfig
from cnn_tui.engine.linear_layers import LinearLayers

_WORTH_SHARING = 2**20  # features of a batch; below it, a thread takes longer to begin than to work

Batch = Callable[[slice], Iterator[Tensor]]
"""Gives the features (S, b, P, F) of a slice of a batch in parts, each valid until the next; called by threads."""


class PooledLayers(LinearLayers):
    """See :class:`LinearLayers`; inputs have a dimension of P positions between images and features."""

    def __init__(
        self,
        weights: Tensor,
        biases: Tensor | None,
        configs: Sequence[TrainingConfig],
        streams: int,
        gain: float = 1.0,
    ) -> None:
        """``gain`` is what :meth:`learn_batches` multiplies its inputs by, which costs nothing inside a product."""
        super().__init__(weights, biases, configs, streams)
        self._gain = gain
        self._threads = torch.get_num_threads() if weights.device.type == "cpu" else 1
        self._pool = ThreadPoolExecutor(self._threads, "maps", initializer=partial(torch.set_num_threads, 1))

    def logits(self, inputs: Tensor) -> Tensor:
        """(S, T, C, B) of inputs (S, B, P, F)."""
        responses = self._at_positions(inputs.flatten(1, 2), 1.0).relu_()
        return self._logits_of(responses.view(*self._shape[:2], inputs.shape[1], -1))

    def learn_batches(self, batches: Iterable[Batch], pulls: Tensor, schedule: Tensor, elements: int) -> Tensor:
        """Take the scheduled steps; log-probabilities (steps, S, T, C, B) before each.

        Args:
            pulls: see :meth:`LinearLayers.learn`; ``schedule`` likewise.
            elements: how many features an image has.
        """
        rates, numbers = schedule.unbind()
        each_rate = rates.unbind() if rates.is_cuda else rates.tolist()
        said, shares = pulls.new_empty(pulls.shape), self._shares(pulls.shape[4], elements)
        steps = zip(batches, pulls.unbind(), said.unbind(), each_rate, numbers.unbind(), strict=True)
        for batch, pull, log_probabilities, rate, number in steps:
            gradients = self._gradient.new_zeros(len(shares), len(self._gradient))
            work = [
                partial(self._learn_share, batch(own), pull[..., own], log_probabilities[..., own], gradient)
                for own, gradient in zip(shares, gradients, strict=True)
            ]
            self._do(work)
            torch.sum(gradients, 0, out=self._gradient)
            self._update(rate, number)
        return said

    def _shares(self, batch: int, elements: int) -> list[slice]:
        """The slices of a batch that threads take."""
        count = min(batch, self._threads) if batch * elements >= _WORTH_SHARING else 1
        ends = [batch * number // count for number in range(count + 1)]
        return [slice(*ends[number : number + 2]) for number in range(count)]

    def _do(self, work: Sequence[Callable[[], None]]) -> None:
        if len(work) == 1:
            work[0]()
            return
        for done in [self._pool.submit(one) for one in work]:
            done.result()

    @torch.inference_mode()  # which is each thread's own
    def _learn_share(self, parts: Iterator[Tensor], pull: Tensor, log_probabilities: Tensor, gradient: Tensor) -> None:
        """Of images whose inputs come in parts write the log-probabilities (S, T, C, B), and add up the gradient."""
        weight_gradient, bias_gradient = self._views(gradient)
        done = 0
        for part in parts:
            own = slice(done, done + part.shape[1])
            flat, positions, done = part.flatten(1, 2), part.shape[2], own.stop
            responses = self._at_positions(flat, self._gain).view(*self._shape[:2], part.shape[1], positions)
            said = torch.log_softmax(self._logits_of(responses.relu_()), 2)
            log_probabilities[..., own] = said
            error = torch._log_softmax_backward_data(pull[..., own], said, 2, pull.dtype).flatten(1, 2)
            let_through = responses.sign_().mul_(error.div_(positions).unsqueeze(3)).flatten(2)
            weight_gradient.baddbmm_(let_through, flat, alpha=self._gain)
            if self._trains_bias:
                bias_gradient.add_(let_through.sum(dim=2))

    def _at_positions(self, flat: Tensor, gain: float) -> Tensor:
        """Responses (S, T*C, B*P) of inputs (S, B*P, F) before the ReLU."""
        return torch.baddbmm(self._bias_columns, self._weights, flat.transpose(1, 2), alpha=gain)

    def _logits_of(self, responses: Tensor) -> Tensor:
        """Logits (S, T, C, B) of responses (S, T*C, B, P) after the ReLU."""
        logits = responses.mean(dim=3)
        if not self._alike:
            logits.mul_(self._scales)  # after the ReLU as before it, since scales are positive
        return logits.view(logits.shape[0], -1, self.classes, logits.shape[2])
