"""Last layers applied at every position of a feature map, one or many at once: SqueezeNet's 1x1 convolution.

Such a layer is a product with the features of each position, followed by a ReLU and the mean over the positions. Its
gradient is that of a linear layer that is given only the positions where the ReLU is active, and an image's part of the
gradient depends on no other image of the batch.

The features take hundreds of kilobytes per image, so that a step is bound by how often it passes over them. Threads
therefore take slices of a batch, each in parts that stay in a core's cache from gathering to gradient, and dropout is a
bit mask on the words of the features. The threads meet once per step: if they met in every operation, they
would mostly wait for each other wherever other programs use the cores, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial

import torch
from torch import Tensor, nn

from cnn_tui.config.experiment import TrainingConfig
from cnn_tui.engine.control import ShouldStop
from cnn_tui.engine.device import one_thread
from cnn_tui.engine.features.feature_batches import FeatureBatches
from cnn_tui.engine.models.stochastic import SeededDropout, bit_mask
from cnn_tui.engine.training.head_stack import HeadStack
from cnn_tui.engine.training.learner import StepResults, TrainingSetup
from cnn_tui.engine.training.linear_layers import LinearLayers
from cnn_tui.engine.training.torch_kernels import log_softmax_gradient

_WORTH_SHARING = 2**20  # features of a batch; below it a thread takes longer to start than to work
# Of a batch in float32. Larger parts would leave the cache; with smaller ones threads wait for the interpreter's lock.
_PART_BYTES = 3 * 2**20

BatchParts = Callable[[slice], Iterator[Tensor]]
"""Yields the features (S, b, P, F) of a slice of a batch in parts, each valid until the next; called by threads."""


def stackable_on_maps(head: nn.Sequential | None, source: FeatureBatches) -> bool:
    """Whether a head is a 1x1 convolution, a ReLU and the mean over the positions, after at most one dropout."""
    if head is None or len(source.row_shape) != 2 or len(head) not in (4, 5):
        return False
    positions, channels = source.row_shape
    layer, activation, pool, flatten = head[-4:]
    return (
        all(isinstance(step, SeededDropout) and step.draws_bits((1, channels, positions, 1)) for step in head[:-4])
        and isinstance(layer, nn.Conv2d)
        and layer.kernel_size == layer.stride == (1, 1)
        and isinstance(activation, nn.ReLU)
        and isinstance(pool, nn.AdaptiveAvgPool2d)
        and pool.output_size in (1, (1, 1))
        and isinstance(flatten, nn.Flatten)
    )


class PooledLayers(LinearLayers):
    """:class:`LinearLayers` whose inputs have a dimension of P positions between images and features."""

    def __init__(
        self,
        weights: Tensor,
        biases: Tensor | None,
        configs: Sequence[TrainingConfig],
        streams: int,
        gain: float = 1.0,
    ) -> None:
        """:meth:`train_on_batches` multiplies its inputs by ``gain``, which costs nothing inside a product."""
        super().__init__(weights, biases, configs, streams)
        self._gain = gain
        self._threads = torch.get_num_threads() if weights.device.type == "cpu" else 1
        self._pool = ThreadPoolExecutor(self._threads, "maps", initializer=partial(torch.set_num_threads, 1))

    def logits(self, inputs: Tensor) -> Tensor:
        """(S, T, C, B) of inputs (S, B, P, F)."""
        responses = self._at_positions(inputs.flatten(1, 2), 1.0).relu_()
        return self._pooled(responses.view(*self._shape[:2], inputs.shape[1], -1))

    def train_on_batches(
        self, batches: Iterable[BatchParts], loss_gradients: Tensor, schedule: Tensor, elements: int
    ) -> Tensor:
        """Take the scheduled steps; the log-probabilities (steps, S, T, C, B) before each.

        Args:
            loss_gradients: as for :meth:`LinearLayers.train_steps`; ``schedule`` likewise.
            elements: the number of features per image.
        """
        rates, numbers = schedule.unbind()
        each_rate = rates.unbind() if rates.is_cuda else rates.tolist()
        results, slices = (
            loss_gradients.new_empty(loss_gradients.shape),
            self._slices(loss_gradients.shape[4], elements),
        )
        steps = zip(batches, loss_gradients.unbind(), results.unbind(), each_rate, numbers.unbind(), strict=True)
        for batch, loss_gradient, log_probabilities, rate, number in steps:
            gradients = self._gradient.new_zeros(len(slices), len(self._gradient))
            self._run(
                [
                    partial(
                        self._train_slice, batch(own), loss_gradient[..., own], log_probabilities[..., own], gradient
                    )
                    for own, gradient in zip(slices, gradients, strict=True)
                ]
            )
            torch.sum(gradients, 0, out=self._gradient)
            self._update(rate, number)
        return results

    def _slices(self, batch: int, elements: int) -> list[slice]:
        """The slices of a batch that threads take."""
        count = min(batch, self._threads) if batch * elements >= _WORTH_SHARING else 1
        ends = [batch * number // count for number in range(count + 1)]
        return [slice(*ends[number : number + 2]) for number in range(count)]

    def _run(self, tasks: Sequence[Callable[[], None]]) -> None:
        if len(tasks) == 1:
            tasks[0]()
            return
        futures = [self._pool.submit(task) for task in tasks]
        wait(futures)  # also if one of them fails: none may still work, and hold memory, when it is repeated
        for future in futures:
            future.result()

    @torch.inference_mode()  # it is set per thread
    def _train_slice(
        self, parts: Iterator[Tensor], loss_gradient: Tensor, log_probabilities: Tensor, gradient: Tensor
    ) -> None:
        """For images whose inputs come in parts, write the log-probabilities (S, T, C, B) and add to the gradient."""
        weight_gradient, bias_gradient = self._views(gradient)
        done = 0
        for part in parts:
            own = slice(done, done + part.shape[1])
            flat, positions, done = part.flatten(1, 2), part.shape[2], own.stop
            responses = self._at_positions(flat, self._gain).view(*self._shape[:2], part.shape[1], positions)
            result = torch.log_softmax(self._pooled(responses.relu_()), 2)
            log_probabilities[..., own] = result
            error = log_softmax_gradient(loss_gradient[..., own], result, 2, torch.empty_like(result)).flatten(1, 2)
            # After the ReLU the sign is its derivative; in place, a part stays in the cache.
            active = responses.sign_().mul_(error.div_(positions).unsqueeze(3)).flatten(2)
            weight_gradient.baddbmm_(active, flat, alpha=self._gain)
            if self._trains_bias:
                bias_gradient.add_(active.sum(dim=2))

    def _at_positions(self, flat: Tensor, gain: float) -> Tensor:
        """Responses (S, T*C, B*P) of inputs (S, B*P, F) before the ReLU."""
        return torch.baddbmm(self._bias_columns, self._weights, flat.transpose(1, 2), alpha=gain)

    def _pooled(self, responses: Tensor) -> Tensor:
        """Logits (S, T, C, B) of responses (S, T*C, B, P) after the ReLU."""
        logits = responses.mean(dim=3)
        if not self._same_rates:
            logits.mul_(self._scales)  # after the ReLU gives the same as before it, since scales are positive
        return logits.view(logits.shape[0], -1, self.classes, logits.shape[2])


class MapStack(HeadStack):
    """A :class:`HeadStack` on feature maps: the features of an image are (P, F), those of each of its positions."""

    _layers: PooledLayers

    def __init__(self, setup: TrainingSetup, configs: Sequence[TrainingConfig]) -> None:
        super().__init__(setup, configs)
        self._elements = self._train.row_shape.numel()
        self._words = torch.int16 if self._train.is_half else torch.int32
        self._most = self._config.batch_size

    def _frozen(self, head: nn.Sequential) -> nn.Sequential:
        return head[:-4]

    def _new_layers(self, weights: Tensor, biases: Tensor | None, configs: Sequence[TrainingConfig]) -> LinearLayers:
        # Dropout with p = 0.5 doubles what it keeps: that factor is the gain.
        return PooledLayers(weights, biases, configs, self._streams, 2.0 if self._prefixes else 1.0)

    def steps(
        self, indices: Sequence[Tensor], rate_factors: Sequence[float], should_stop: ShouldStop
    ) -> Iterator[StepResults]:
        """As in ``Learner``. The layers have threads of their own, each of which computes with one thread."""
        with one_thread():  # once per epoch: changing the number of threads takes as long as a step
            yield from super().steps(indices, rate_factors, should_stop)

    def _parts(self, indices: Tensor) -> Iterator[Tensor]:
        """One step at a time: it is long enough that calls and stop checks do not matter."""
        yield from torch.split(indices, self._config.batch_size, dim=1)

    def _take_steps(self, indices: Tensor, schedule: Tensor, slices: Sequence[slice]) -> tuple[Tensor, ...]:
        self._most = max(rows.stop - rows.start for rows in slices)  # parts add up their gradients anyway
        return self._losses_and_hits(indices, schedule)

    def _steps(self, indices: Tensor, loss_gradients: Tensor, schedule: Tensor, *_inputs: Tensor) -> Tensor:
        each = indices.view(self._streams, schedule.shape[1], -1).unbind(1)
        return self._layers.train_on_batches(map(self._batch, each), loss_gradients, schedule, self._elements)

    def _batch(self, indices: Tensor) -> BatchParts:
        """The features at a step's indices (S, B). The dropout mask is drawn now, in the order of the steps."""
        bits = [self._bits(stream, indices.shape[1], indices.device) for stream in range(self._streams)]
        return partial(self._read, indices, bits)

    def _read(self, indices: Tensor, bits: Sequence[Tensor], share: slice) -> Iterator[Tensor]:
        for start in range(share.start, share.stop, self._most):
            yield from self._read_at_once(indices, bits, slice(start, min(start + self._most, share.stop)))

    def _read_at_once(self, indices: Tensor, bits: Sequence[Tensor], share: slice) -> Iterator[Tensor]:
        count = share.stop - share.start
        together = min(count, max(1, _PART_BYTES // (4 * self._streams * self._elements)))
        if indices.device.type != "cpu":
            together = count
        # Features that come from disk or from the backbone are read for the whole slice at once.
        read = None if self._train.is_resident else [self._train.stored(own[share]) for own in indices]
        masks = torch.empty((together, 16, bits[0].shape[1]), dtype=self._words, device=indices.device)
        for start in range(0, count, together):
            own = slice(start, min(start + together, count))
            part = []
            for stream in range(self._streams):
                stored = read[stream][own] if read else self._train.stored(indices[stream, share][own])
                part.append(self._dropped(stored, bits[stream][share][own], masks).float())
            yield part[0].unsqueeze(0) if len(part) == 1 else torch.stack(part)

    def _bits(self, stream: int, batch: int, device: torch.device) -> Tensor:
        """The dropout bits of a batch's elements, int16 (B, W); W is 0 without dropout."""
        if not self._prefixes:
            return torch.empty(batch, 0)
        (dropout,) = self._prefixes[stream]
        if not isinstance(dropout, SeededDropout):
            raise TypeError("only dropout comes before a layer that sees every position")
        return dropout.bits(batch, self._elements, device)

    def _dropped(self, features: Tensor, bits: Tensor, masks: Tensor) -> Tensor:
        """Features (b, P, F) after dropout, not yet scaled; they and ``masks`` are overwritten.

        A bitwise AND on the words of the features zeroes elements in one pass.
        """
        if not self._prefixes:
            return features
        words = features.view(self._words)
        mask = bit_mask(bits, self._elements, masks).view(features.shape)
        return words.bitwise_and_(mask).view(features.dtype)

    def _prepared(self, features: Tensor) -> Tensor:
        return features
