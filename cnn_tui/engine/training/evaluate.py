"""Loss and predictions without training, for one network or a stack of last layers at once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from cnn_tui.engine.data.batches import Batch

Forward = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Evaluation:
    """The predictions of a network for N images, in their order.

    Attributes:
        loss: mean cross entropy, without label smoothing.
        actual, predicted: class indices, int64 (N,).
        confidence: softmax of the predicted class, float32 (N,).
    """

    loss: float
    actual: Tensor
    predicted: Tensor
    confidence: Tensor

    @property
    def accuracy(self) -> float:
        """The fraction of correct predictions."""
        return float((self.actual == self.predicted).double().mean())


@torch.inference_mode()
def evaluate(forward: Forward, batches: Iterator[Batch]) -> Generator[int, None, list[Evaluation]]:
    """Run ``forward`` over all batches, at least one.

    Args:
        forward: maps inputs to logits (K, B, C), K being the number of training runs.
        batches: inputs and labels, (B,) if all K runs see the same images, else (K, B).

    Yields:
        The number of images done, after each batch.
    """
    losses, rows = [], []
    done = 0
    for inputs, labels in batches:
        logits = forward(inputs).float()
        targets = labels.expand(logits.shape[:2])
        each = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        losses.append(each.view_as(targets).double().sum(dim=1))
        confidence, predicted = logits.softmax(dim=2).max(dim=2)
        rows.append((targets, predicted, confidence))
        done += targets.shape[1]
        yield done
    actual, predicted, confidence = (torch.cat(column, dim=1).cpu() for column in zip(*rows, strict=True))
    means = torch.stack(losses).sum(dim=0).div(done).tolist()
    return [Evaluation(*one) for one in zip(means, actual, predicted, confidence, strict=True)]
