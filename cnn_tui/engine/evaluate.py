"""A network's loss and predictions on pictures that it does not learn from."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from cnn_tui.engine.feeds import Batch

Forward = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Evaluation:
    """What a network said of N pictures, in their order.

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
        """The part that was predicted right."""
        return float((self.actual == self.predicted).double().mean())


@torch.inference_mode()
def evaluate(forward: Forward, batches: Iterator[Batch]) -> Generator[int, None, Evaluation]:
    """Run ``forward`` (inputs to logits) over all batches, of which there must be one at least.

    Yields:
        The number of pictures done, after each batch.
    """
    losses, rows = [], []
    done = 0
    for inputs, labels in batches:
        logits = forward(inputs).float()
        losses.append(functional.cross_entropy(logits, labels, reduction="sum").double())
        confidence, predicted = logits.softmax(dim=1).max(dim=1)
        rows.append((labels, predicted, confidence))
        done += len(labels)
        yield done
    actual, predicted, confidence = (torch.cat(column).cpu() for column in zip(*rows, strict=True))
    return Evaluation(float(torch.stack(losses).sum()) / done, actual, predicted, confidence)
