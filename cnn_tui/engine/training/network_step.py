"""The gradient of a training step of a network, by automatic differentiation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from cnn_tui.engine.device import Compute
from cnn_tui.engine.micro_batches import MemoryPolicy, MicroBatches, Undo
from cnn_tui.engine.models.build import Classifier
from cnn_tui.engine.models.heads import batch_norms


class NetworkStep:
    """Computes the gradient of the mean loss of a batch; where memory does not suffice, in micro-batches.

    The gradient is then the sum of theirs, and dropout draws the numbers that it would draw for the batch. Only layers
    that take statistics of a batch, which is BatchNorm, see the micro-batches.
    """

    def __init__(
        self,
        classifier: Classifier,
        head: nn.Sequential | None,
        compute: Compute,
        label_smoothing: float,
        memory: MemoryPolicy,
    ) -> None:
        """``head`` takes features; None where the whole network takes images."""
        self._classifier = classifier
        self._head = head
        self._compute = compute
        self._label_smoothing = label_smoothing
        self._parameters = classifier.trainable_parameters()
        takes_statistics = classifier.config.trainable == "all" or classifier.config.batch_norm == "adapt"
        norms = batch_norms(classifier.network).values() if takes_statistics else ()
        # The number of batches, an integer, has no effect on a running statistic with a momentum.
        self._statistics = [buffer for norm in norms for buffer in norm.buffers() if buffer.is_floating_point()]
        self._saved_statistics = [buffer.clone() for buffer in self._statistics]
        self.micro_batches = _micro_batches(memory, bool(self._statistics))

    def __call__(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Set the gradients for inputs (B, ...) and labels (B,); the summed loss, float64 (1,), and hits, (1,)."""
        return self.micro_batches.run(len(labels), partial(self._add_up, inputs, labels), self._save)

    def _save(self) -> Undo:
        """What the forward pass changes: the generators of dropout and the running statistics of BatchNorm."""
        randomness = self._classifier.randomness
        generators = randomness.state()
        if self._statistics:
            torch._foreach_copy_(self._saved_statistics, self._statistics)

        def undo() -> bool:
            randomness.restore(generators)
            if self._statistics:
                torch._foreach_copy_(self._statistics, self._saved_statistics)
            return True

        return undo

    def _add_up(self, inputs: Tensor, labels: Tensor, slices: Sequence[slice]) -> tuple[Tensor, Tensor]:
        for parameter in self._parameters:
            parameter.grad = None
        results = []
        for rows in slices:
            with self._classifier.randomness.micro_batch(rows, len(labels)):
                results.append(self._backward(inputs[rows], labels[rows], len(labels)))
        losses, hits = zip(*results, strict=True)
        return torch.stack(losses).sum(dim=0), torch.stack(hits).sum(dim=0)

    def _backward(self, inputs: Tensor, labels: Tensor, batch: int) -> tuple[Tensor, Tensor]:
        """Add the gradient of a micro-batch of a batch of so many images; its summed loss and hits."""
        logits, auxiliary = self._outputs(inputs)
        loss = self._loss(logits, labels)
        total = loss
        for outputs, weight in auxiliary:
            total = total + weight * self._loss(outputs, labels)
        torch.autograd.backward(total * (len(labels) / batch))
        hits = (logits.detach().argmax(dim=1) == labels).sum()
        return (loss.detach().double() * len(labels)).view(1), hits.view(1)

    def _outputs(self, inputs: Tensor) -> tuple[Tensor, tuple[tuple[Tensor, float], ...]]:
        """Logits (B, classes), and those of auxiliary heads with their weights in the loss."""
        if self._head is not None:
            # No autocast: a head is so small that float32 costs nothing.
            return self._head(inputs), ()
        with self._compute.autocast():
            return self._classifier.training_outputs(inputs)

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(logits.float(), labels, label_smoothing=self._label_smoothing)


def _micro_batches(memory: MemoryPolicy, takes_statistics: bool) -> MicroBatches:
    if takes_statistics:  # for a variance they need two images
        consequence = "from which BatchNorm takes its statistics: the result is not exactly that of whole batches"
        return MicroBatches(memory, "A training step", consequence, least=2)
    return MicroBatches(memory, "A training step", "and their gradients added up: the same result up to rounding")
