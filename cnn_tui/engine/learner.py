"""What is trained: a whole network on pictures, or the head of a frozen one on its features."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from cnn_tui.engine.device import Compute
from cnn_tui.engine.models import Classifier

Outputs = tuple[Tensor, tuple[tuple[Tensor, float], ...]]


class Learner:
    """A classifier in training.

    Args:
        head: the part that maps features to logits when the feed gives features; None when it gives pictures.
        evaluation_batch: how many rows at a time are run without gradients.
    """

    def __init__(self, classifier: Classifier, head: nn.Module | None, compute: Compute, evaluation_batch: int) -> None:
        self._classifier = classifier
        self._head = head
        self._compute = compute
        self.evaluation_batch = evaluation_batch

    def parameters(self) -> Iterator[nn.Parameter]:
        """The weights that change."""
        return iter(self._classifier.trainable_parameters())

    def train_mode(self) -> None:
        """Let dropout and batch statistics act where they are meant to."""
        self._classifier.train_mode()

    def training_outputs(self, inputs: Tensor) -> Outputs:
        """Logits (B, classes), and those of auxiliary heads with their weights in the loss."""
        if self._head is not None:
            # A head is small: float32 costs it nothing.
            return self._head(inputs), ()
        with self._compute.autocast():
            return self._classifier.training_outputs(inputs)

    def predict(self, inputs: Tensor) -> Tensor:
        """Logits (B, classes) as at test time."""
        self._classifier.eval_mode()
        if self._head is not None:
            return self._logits(self._head, inputs)
        with self._compute.autocast():
            return self._logits(self._classifier.network, inputs)

    @staticmethod
    def _logits(module: nn.Module, inputs: Tensor) -> Tensor:
        logits: Tensor = module(inputs)
        return logits

    def state(self) -> dict[str, Tensor]:
        """A copy of everything that training changes."""
        return {name: tensor.detach().clone() for name, tensor in self._classifier.trained_state().items()}

    @torch.no_grad()
    def restore(self, state: dict[str, Tensor]) -> None:
        """Go back to a state."""
        for name, tensor in self._classifier.trained_state().items():
            tensor.copy_(state[name])
