"""What is trained step by step: a whole network on pictures, or the head of a frozen one on its features."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from cnn_tui.config.experiment import TrainingConfig
from cnn_tui.engine.data.feeds import Feed
from cnn_tui.engine.device import Compute
from cnn_tui.engine.models.build import Classifier
from cnn_tui.engine.stopping import ShouldStop
from cnn_tui.engine.training.evaluate import Evaluation, evaluate
from cnn_tui.engine.training.optimization import make_optimizer, set_rate

Looking = Generator[int, None, list[Evaluation]]
"""Tells the number of pictures done, and returns what each course of training says of its own."""


@dataclass(frozen=True)
class Steps:
    """What a few steps came to, for each of K courses of training.

    Attributes:
        count: the number of steps.
        pictures: how many each course saw in them.
        losses: summed over the pictures, float64 (K,) on the device; ``hits`` likewise.
    """

    count: int
    pictures: int
    losses: Tensor
    hits: Tensor


class Learner(Protocol):
    """K courses of training on the same pictures, each with weights of its own; most often K is 1."""

    def steps(self, rows: Sequence[Tensor], factors: Sequence[float], should_stop: ShouldStop) -> Iterator[Steps]:
        """Train on the rows of the training split, int64 (N,) for each course, a batch a step.

        Args:
            factors: the part of its learning rate that a course takes in each step.
            should_stop: asked before each batch; ends the iteration.
        """
        ...

    def look(self, feed: Feed, rows: Sequence[Tensor], least_batch: int = 1) -> Looking:
        """Predict rows of a feed, int64 (N,) for each course, as at test time."""
        ...

    def state(self, course: int) -> dict[str, Tensor]:
        """A copy of everything that training changes, by its name in the network's state dict."""
        ...

    def restore(self, course: int, state: dict[str, Tensor]) -> None:
        """Go back to a state."""
        ...


@dataclass(frozen=True)
class Material:
    """What a learner works with: the splits' feeds, and the head that takes their features, None for pictures."""

    classifier: Classifier
    head: nn.Sequential | None
    train: Feed
    validation: Feed
    test: Feed
    compute: Compute
    evaluation_batch: int


class NetworkLearner:
    """One course of training by automatic differentiation. See :class:`Learner`."""

    def __init__(self, material: Material, config: TrainingConfig) -> None:
        self._material = material
        self._config = config
        self._classifier = material.classifier
        self._optimizer = make_optimizer(config.optimizer, self._classifier.trainable_parameters())

    def steps(self, rows: Sequence[Tensor], factors: Sequence[float], should_stop: ShouldStop) -> Iterator[Steps]:
        """See :class:`Learner`."""
        self._classifier.train_mode()
        batches = self._material.train.batches(rows[0], self._config.batch_size)
        for factor, (inputs, labels) in zip(factors, batches, strict=True):
            if should_stop():
                return
            set_rate(self._optimizer, self._config.optimizer.learning_rate * factor)
            loss, logits = self._step(inputs, labels)
            hits = (logits.detach().argmax(dim=1) == labels).sum()
            yield Steps(1, len(labels), (loss.detach().double() * len(labels)).view(1), hits.view(1))

    def look(self, feed: Feed, rows: Sequence[Tensor], least_batch: int = 1) -> Looking:
        """See :class:`Learner`."""
        self._classifier.eval_mode()
        return evaluate(self._predict, feed.batches(rows[0], max(least_batch, self._material.evaluation_batch)))

    def state(self, course: int) -> dict[str, Tensor]:
        """See :class:`Learner`."""
        return self._classifier.copied_state()

    @torch.no_grad()
    def restore(self, course: int, state: dict[str, Tensor]) -> None:
        """See :class:`Learner`."""
        for name, tensor in self._classifier.trained_state().items():
            tensor.copy_(state[name])

    def _step(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        logits, auxiliary = self._outputs(inputs)
        loss = self._loss(logits, labels)
        total = loss
        for outputs, weight in auxiliary:
            total = total + weight * self._loss(outputs, labels)
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(total)
        self._optimizer.step()
        return loss, logits

    def _outputs(self, inputs: Tensor) -> tuple[Tensor, tuple[tuple[Tensor, float], ...]]:
        """Logits (B, classes), and those of auxiliary heads with their weights in the loss."""
        if self._material.head is not None:
            # A head is small: float32 costs it nothing.
            return self._material.head(inputs), ()
        with self._material.compute.autocast():
            return self._classifier.training_outputs(inputs)

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(logits.float(), labels, label_smoothing=self._config.label_smoothing)

    def _predict(self, inputs: Tensor) -> Tensor:
        """Logits (1, B, classes)."""
        if self._material.head is not None:
            logits: Tensor = self._material.head(inputs)
            return logits.unsqueeze(0)
        with self._material.compute.autocast():
            logits = self._classifier.network(inputs)
            return logits.unsqueeze(0)
