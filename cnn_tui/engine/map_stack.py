"""Last layers that see every position of a feature map, one or many at once: SqueezeNet's convolution.

Its features are hundreds of kilobytes a picture, and a step is bound by how often it goes over them. Here each batch
comes in parts that stay in a core's cache, from the gathering to the gradient, and dropout is a mask of the features
in the precision in which they are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from cnn_tui.config.experiment import TrainingConfig
from cnn_tui.engine.device import one_thread
from cnn_tui.engine.feeds import FeatureFeed
from cnn_tui.engine.learner import Material, Steps
from cnn_tui.engine.linear_layers import LinearLayers
from cnn_tui.engine.pooled_layers import Batch, PooledLayers
from cnn_tui.engine.stack import HeadStack
from cnn_tui.engine.stochastic import SeededDropout, bit_mask
from cnn_tui.engine.stopping import ShouldStop

_PART_BYTES = 3 * 2**19  # of a batch in float32, which stay in a core's own cache
_WORDS = {2: torch.int16, 4: torch.int32}


def stackable_on_maps(head: nn.Sequential | None, feed: FeatureFeed) -> bool:
    """Whether a head is a 1x1 convolution, a ReLU and the mean over the positions, behind one dropout at most."""
    if head is None or len(feed.row_shape) != 2 or len(head) not in (4, 5):
        return False
    positions, channels = feed.row_shape
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


class MapStack(HeadStack):
    """See :class:`HeadStack`; the features of a picture are (P, F), those of each of its positions."""

    _layers: PooledLayers

    def __init__(self, material: Material, configs: Sequence[TrainingConfig]) -> None:
        super().__init__(material, configs)
        self._elements = self._train.row_shape.numel()

    def _frozen(self, head: nn.Sequential) -> nn.Sequential:
        return head[:-4]

    def _new_layers(self, weights: Tensor, biases: Tensor | None, configs: Sequence[TrainingConfig]) -> LinearLayers:
        return PooledLayers(weights, biases, configs, self._streams, 2.0 if self._prefixes else 1.0)

    def steps(self, rows: Sequence[Tensor], factors: Sequence[float], should_stop: ShouldStop) -> Iterator[Steps]:
        """See ``Learner``. The layers have threads of their own, each of which computes alone."""
        with one_thread():  # once an epoch: changing the number of threads takes as long as a step
            yield from super().steps(rows, factors, should_stop)

    def _parts(self, rows: Tensor) -> Iterator[Tensor]:
        """A step at a time: it is long enough to be called for, and to be asked before whether it shall be."""
        yield from torch.split(rows, self._config.batch_size, dim=1)

    @torch.inference_mode()
    def _learnt(self, rows: Tensor, schedule: Tensor) -> tuple[Tensor, ...]:
        return self._learn(rows, schedule)

    def _steps(self, rows: Tensor, pulls: Tensor, schedule: Tensor, *_inputs: Tensor) -> Tensor:
        each = rows.view(self._streams, schedule.shape[1], -1).unbind(1)
        return self._layers.learn_batches(map(self._batch, each), pulls, schedule, self._elements)

    def _batch(self, rows: Tensor) -> Batch:
        """The features of a step's rows (S, B), of which dropout draws at once what it leaves."""
        bits = [self._bits(stream, rows.shape[1], rows.device) for stream in range(self._streams)]
        return partial(self._read, rows, bits)

    def _read(self, rows: Tensor, bits: Sequence[Tensor], share: slice) -> Iterator[Tensor]:
        count = share.stop - share.start
        together = min(count, max(1, _PART_BYTES // (4 * self._streams * self._elements)))
        if rows.device.type != "cpu":
            together = count
        # What has to come from disk or through the network comes for the whole share.
        there = None if self._train.is_resident else [self._train.kept(own[share]) for own in rows]
        features = torch.empty((self._streams, together, *self._train.row_shape), device=rows.device)
        room = torch.empty((together, 16, bits[0].shape[1]), dtype=torch.int16, device=rows.device)
        for start in range(0, count, together):
            own = slice(start, min(start + together, count))
            part = features[:, : own.stop - own.start]
            for stream, target in enumerate(part):
                kept = there[stream][own] if there else self._train.kept(rows[stream, share][own])
                target.copy_(self._dropped(kept, bits[stream][share][own], room))
            yield part

    def _bits(self, stream: int, batch: int, device: torch.device) -> Tensor:
        """What decides about a batch's elements, int16 (B, W); nothing of it where there is no dropout."""
        if not self._prefixes:
            return torch.empty(batch, 0)
        (dropout,) = self._prefixes[stream]
        if not isinstance(dropout, SeededDropout):
            raise TypeError("only dropout comes before a layer that sees every position")
        return dropout.bits(batch, self._elements, device)

    def _dropped(self, features: Tensor, bits: Tensor, room: Tensor) -> Tensor:
        """What dropout leaves of features (b, P, F), which are overwritten; not yet scaled."""
        if not self._prefixes:
            return features
        words = features.view(_WORDS[features.element_size()])
        mask = bit_mask(bits, self._elements, room).view(features.shape)
        return words.bitwise_and_(mask).view(features.dtype)

    def _prepared(self, features: Tensor) -> Tensor:
        return features
