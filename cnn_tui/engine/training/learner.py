"""What is trained step by step: a whole network on images, or the head of a frozen one on its features."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from cnn_tui.config.experiment import OptimizerConfig, TrainingConfig
from cnn_tui.engine.control import ShouldStop
from cnn_tui.engine.data.batches import BatchSource, Channels
from cnn_tui.engine.device import Compute
from cnn_tui.engine.micro_batches import MemoryPolicy
from cnn_tui.engine.models.build import Classifier
from cnn_tui.engine.training.checkpoint import Resumable, with_prefix
from cnn_tui.engine.training.evaluate import Evaluation, evaluate, evaluation_micro_batches
from cnn_tui.engine.training.network_step import NetworkStep

EvaluationSteps = Generator[int, None, list[Evaluation]]
"""Yields the number of images done after each batch, and returns one evaluation for each training run."""


@dataclass(frozen=True)
class StepResults:
    """The results of a few steps for each of K training runs.

    Attributes:
        count: the number of steps.
        images: the number of images that each run saw in them.
        losses: summed over the images, float64 (K,) on the device; ``hits`` likewise.
    """

    count: int
    images: int
    losses: Tensor
    hits: Tensor


@dataclass
class StepTotals:
    """Sums over steps for K runs. They stay on the device, so that no step waits for a transfer."""

    runs: int
    sums: Tensor | None = None
    images: int = 0
    steps: int = 0

    def add(self, results: StepResults) -> None:
        """Add the results of further steps."""
        both = torch.stack([results.losses, results.hits.double()])
        self.sums = both if self.sums is None else self.sums.to(both.device) + both
        self.images += results.images
        self.steps += results.count

    def read(self) -> Reading:
        """The sums on the CPU; waits for the device."""
        losses, hits = [[0.0] * self.runs] * 2 if self.sums is None else self.sums.tolist()
        return Reading(time.perf_counter(), losses, hits, self.images)


@dataclass(frozen=True)
class Reading:
    """Summed losses and hits of each run after a number of images."""

    time: float
    losses: list[float]
    hits: list[float]
    images: int


class Learner(Resumable, Protocol):
    """K training runs on the same images, each with weights of its own; usually K is 1."""

    def steps(
        self, indices: Sequence[Tensor], rate_factors: Sequence[float], should_stop: ShouldStop
    ) -> Iterator[StepResults]:
        """Train on samples of the training split, int64 (N,) for each run, one batch per step.

        Args:
            rate_factors: for each step, the fraction of its learning rate that a run uses.
            should_stop: called before each batch; ends the iteration.
        """
        ...

    def evaluate(
        self, source: BatchSource, indices: Sequence[Tensor], least_batch: int = 1, *, ranked: bool = False
    ) -> EvaluationSteps:
        """Predict samples, int64 (N,) for each run, in eval mode; ``ranked`` keeps the top classes of each."""
        ...

    def state(self, run: int) -> dict[str, Tensor]:
        """A copy of everything that training changes, by its name in the network's state dict."""
        ...

    def restore(self, run: int, state: dict[str, Tensor]) -> None:
        """Go back to a state."""
        ...


@dataclass(frozen=True)
class TrainingSetup:
    """What a learner works with.

    Attributes:
        head: takes features; None where the whole network takes images.
        train, validation, test: the batches of each split.
        normalisation: mean and standard deviation of red, green and blue, by which images were normalised.
        augmentation: the generator that the augmentation of the training images draws from.
        memory: what to do where memory does not suffice.
    """

    classifier: Classifier
    head: nn.Sequential | None
    train: BatchSource
    validation: BatchSource
    test: BatchSource
    compute: Compute
    evaluation_batch: int
    normalisation: tuple[Channels, Channels]
    augmentation: torch.Generator = field(default_factory=torch.Generator)
    memory: MemoryPolicy = field(default_factory=lambda: MemoryPolicy("fail"))


class NetworkLearner:
    """One training run by automatic differentiation. A :class:`Learner` with K = 1."""

    def __init__(self, setup: TrainingSetup, config: TrainingConfig) -> None:
        self._setup = setup
        self._config = config
        self._classifier = setup.classifier
        self._optimizer = make_optimizer(config.optimizer, self._classifier.trainable_parameters())
        self._gradients = NetworkStep(setup.classifier, setup.head, setup.compute, config.label_smoothing, setup.memory)
        self._evaluation = evaluation_micro_batches(setup.memory)

    def steps(
        self, indices: Sequence[Tensor], rate_factors: Sequence[float], should_stop: ShouldStop
    ) -> Iterator[StepResults]:
        """As in :class:`Learner`; one step at a time."""
        self._classifier.train_mode()
        batches = self._setup.train.batches(indices[0], self._config.batch_size)
        for factor in rate_factors:
            if should_stop():  # before the next batch, whose augmentation draws random numbers
                return
            inputs, labels = next(batches)
            set_rate(self._optimizer, self._config.optimizer.learning_rate * factor)
            losses, hits = self._gradients(inputs, labels)
            self._optimizer.step()
            yield StepResults(1, len(labels), losses, hits)

    def evaluate(
        self, source: BatchSource, indices: Sequence[Tensor], least_batch: int = 1, *, ranked: bool = False
    ) -> EvaluationSteps:
        """As in :class:`Learner`."""
        self._classifier.eval_mode()
        batch = max(self._gradients.micro_batches.limited(least_batch), self._setup.evaluation_batch)
        batches = source.batches(indices[0], batch)
        return evaluate(self._predict, batches, self._evaluation, ranked=len(indices[0]) if ranked else None)

    def state(self, run: int) -> dict[str, Tensor]:
        """As in :class:`Learner`."""
        return self._classifier.copied_state()

    @torch.no_grad()
    def restore(self, run: int, state: dict[str, Tensor]) -> None:
        """As in :class:`Learner`."""
        for name, tensor in self._classifier.trained_state().items():
            tensor.copy_(state[name])

    def snapshot(self) -> dict[str, Tensor]:
        """As in :class:`Learner`."""
        weights, dropout = self._classifier.trained_state(), self._classifier.randomness.state()
        return {
            **{f"weights.{name}": tensor.detach() for name, tensor in weights.items()},
            **{f"optimizer.{name}": tensor for name, tensor in _optimizer_tensors(self._optimizer).items()},
            **{f"dropout.{key}": state for key, state in dropout.items()},
            "augmentation": self._setup.augmentation.get_state(),
        }

    def resume(self, snapshot: Mapping[str, Tensor]) -> None:
        """As in :class:`Learner`."""
        self.restore(0, with_prefix(snapshot, "weights."))
        _load_optimizer(self._optimizer, with_prefix(snapshot, "optimizer."))
        self._classifier.randomness.restore(with_prefix(snapshot, "dropout."))
        self._setup.augmentation.set_state(snapshot["augmentation"])

    def _predict(self, inputs: Tensor) -> Tensor:
        """Logits (1, B, classes)."""
        if self._setup.head is not None:
            logits: Tensor = self._setup.head(inputs)
            return logits.unsqueeze(0)
        with self._setup.compute.autocast():
            logits = self._classifier.network(inputs)
            return logits.unsqueeze(0)


def make_optimizer(config: OptimizerConfig, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer over ``parameters``, in its fused form: one pass over memory per step."""
    weights = list(parameters)
    if config.name == "sgd":
        return torch.optim.SGD(
            weights, config.learning_rate, momentum=config.momentum, weight_decay=config.weight_decay, fused=True
        )
    adaptive = torch.optim.AdamW if config.name == "adamw" else torch.optim.Adam
    return adaptive(
        weights,
        config.learning_rate,
        betas=(config.momentum, 0.999),
        weight_decay=config.weight_decay,
        fused=True,
    )


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The moments and step counts of each parameter, by its number and their names."""
    states = optimizer.state_dict()["state"].items()
    return {f"{number}.{name}": value for number, state in states for name, value in state.items() if value is not None}


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    states: dict[int, dict[str, Tensor]] = {}
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        like = parameters[int(number)]
        # Fused kernels expect moments in the memory format of their parameter; a step count has another shape.
        states.setdefault(int(number), {})[name] = (
            torch.empty_like(like).copy_(tensor) if tensor.shape == like.shape and tensor.ndim else tensor.clone()
        )
    optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = rate
