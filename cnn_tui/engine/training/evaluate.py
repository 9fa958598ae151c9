"""Loss and predictions without training, for one network or a stack of last layers at once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from cnn_tui.engine.data.batches import Batch
from cnn_tui.engine.micro_batches import UNDIVIDED, MemoryPolicy, MicroBatches
from cnn_tui.outcome import TOP

Forward = Callable[[Tensor], Tensor]
_MOST_CLASSES = 1000  # with more, logits would be larger than the rest of a session
_MOST_LOGIT_BYTES = 2 * 2**30  # of all K networks together: those of ImageNet's validation split for 20 heads
_LARGEST_HALF = torch.finfo(torch.float16).max


@dataclass(frozen=True)
class Ranking:
    """The most probable classes of N images, k = min(5, C) of them, on the CPU.

    Attributes:
        classes: class indices, the most probable first, int32 (N, k); the first is the predicted one.
        probabilities: their softmax, float32 (N, k).
        logits: float16 (N, C); None for more than 1,000 classes, or where those of all K networks take over 2 GiB.
    """

    classes: Tensor
    probabilities: Tensor
    logits: Tensor | None


@dataclass(frozen=True)
class Evaluation:
    """The predictions of a network for N images, in their order.

    Attributes:
        loss: mean cross entropy, without label smoothing.
        actual, predicted: class indices, int64 (N,).
        confidence: softmax of the predicted class, float32 (N,).
        ranking: the most probable classes, where they were asked for.
    """

    loss: float
    actual: Tensor
    predicted: Tensor
    confidence: Tensor
    ranking: Ranking | None = None

    @property
    def accuracy(self) -> float:
        """The fraction of correct predictions."""
        return float((self.actual == self.predicted).double().mean())


class _Rankings:
    """Collects the rankings of K networks for N images, in arrays that are allocated once."""

    def __init__(self, images: int) -> None:
        self._images = images
        self._classes = self._probabilities = torch.empty(0)
        self._logits: Tensor | None = None

    def add(self, start: int, logits: Tensor, probabilities: Tensor, predicted: Tensor) -> None:
        """Add images from the one at ``start`` on, or replace them.

        Args:
            logits, probabilities: float32 (K, B, C).
            predicted: classes, int64 (K, B).
        """
        if not start:
            self._allocate(logits.shape[0], logits.shape[2])
        ranked = _ranked(logits, predicted, self._classes.shape[2])
        batch = slice(start, start + logits.shape[1])
        self._classes[:, batch] = ranked.int().cpu()
        self._probabilities[:, batch] = probabilities.gather(2, ranked).cpu()
        if self._logits is not None:
            self._logits[:, batch] = logits.clamp(-_LARGEST_HALF, _LARGEST_HALF).half().cpu()

    def of_each(self) -> list[Ranking]:
        """The ranking of each network."""
        logits = self._logits if self._logits is not None else [None] * len(self._classes)
        return [Ranking(*one) for one in zip(self._classes, self._probabilities, logits, strict=True)]

    def _allocate(self, networks: int, classes: int) -> None:
        shape = networks, self._images, min(TOP, classes)
        self._classes = torch.empty(shape, dtype=torch.int32)
        self._probabilities = torch.empty(shape)
        if classes <= _MOST_CLASSES and networks * self._images * classes * 2 <= _MOST_LOGIT_BYTES:
            self._logits = torch.empty(networks, self._images, classes, dtype=torch.float16)


def _ranked(logits: Tensor, predicted: Tensor, count: int) -> Tensor:
    """The ``count`` most probable classes, (K, B, count), the predicted one first, equal ones in their order.

    A few maxima over all rows at a time are many times faster than ``topk``, which sorts row by row.
    """
    left = logits.permute(2, 0, 1).clone(memory_format=torch.contiguous_format)
    ranked = [predicted]
    while len(ranked) < count:
        left.scatter_(0, ranked[-1].unsqueeze(0), -torch.inf)
        ranked.append(left.max(dim=0).indices)
    return torch.stack(ranked, dim=2)


class _Measured(NamedTuple):
    """K networks on B images: summed losses (K,), and classes and confidences (K, B)."""

    losses: Tensor
    actual: Tensor
    predicted: Tensor
    confidence: Tensor


def evaluation_micro_batches(memory: MemoryPolicy) -> MicroBatches:
    """For :func:`evaluate`, whose results do not depend on how many images are computed at once."""
    return MicroBatches(memory, "An evaluation batch", "with the same result up to rounding")


@torch.inference_mode()
def evaluate(
    forward: Forward,
    batches: Iterator[Batch],
    micro_batches: MicroBatches = UNDIVIDED,
    *,
    ranked: int | None = None,
) -> Generator[int, None, list[Evaluation]]:
    """Run ``forward`` over all batches, at least one.

    Args:
        forward: maps inputs to logits (K, B, C), K being the number of training runs.
        batches: inputs and labels, (B,) if all K runs see the same images, else (K, B).
        micro_batches: how many of a batch's images are computed at once.
        ranked: the number of images in all batches, to rank the classes of each; None to leave rankings out.

    Yields:
        The number of images done, after each batch.
    """
    parts: list[_Measured] = []
    rankings = None if ranked is None else _Rankings(ranked)
    done = 0
    for inputs, labels in batches:
        count = labels.shape[-1]
        parts += micro_batches.run(count, partial(_measure, forward, inputs, labels, rankings, done))
        done += count
        yield done
    losses, *columns = zip(*parts, strict=True)
    actual, predicted, confidence = (torch.cat(column, dim=1).cpu() for column in columns)
    means = torch.stack(losses).sum(dim=0).div(done).tolist()
    each_ranking = rankings.of_each() if rankings is not None else [None] * len(means)
    return [Evaluation(*one) for one in zip(means, actual, predicted, confidence, each_ranking, strict=True)]


def _measure(
    forward: Forward, inputs: Tensor, labels: Tensor, rankings: _Rankings | None, done: int, slices: Sequence[slice]
) -> list[_Measured]:
    """Run ``forward`` on a batch that comes after ``done`` images, slice by slice."""
    parts = []
    for rows in slices:
        own = inputs[rows] if labels.ndim == 1 else inputs[:, rows]
        logits = forward(own).float().contiguous()  # softmax over strided classes takes 20 times as long
        targets = labels[..., rows].expand(logits.shape[:2])
        each = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        losses = each.view_as(targets).double().sum(dim=1)
        probabilities = logits.softmax(dim=2)
        confidence, predicted = probabilities.max(dim=2)
        if rankings is not None:
            rankings.add(done + rows.start, logits, probabilities, predicted)
        parts.append(_Measured(losses, targets, predicted, confidence))
    return parts
