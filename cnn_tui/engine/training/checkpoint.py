"""Checkpoints: everything that an interrupted training run needs to continue as if it had never been interrupted."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from cnn_tui.errors import TrainingError
from cnn_tui.events import EpochFinished, WarningRaised

_LEAST_SECONDS = 2.0
_MOST_SHARE = 0.05  # of the time, spent on saving checkpoints at the ends of epochs
_WITHIN_EPOCH_SECONDS = 120.0


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training run between two steps.

    Attributes:
        epoch: the number of the epoch in progress.
        step: how many of its steps were taken; 0 at its beginning, before its samples are shuffled.
        images: how many images they had.
        epochs: the complete epochs.
        seconds: of training so far; ``images_seen`` likewise.
        train_images: how many images the run is trained on; ``data`` identifies them.
        tensors: those of :func:`state_tensors`, and the learner's snapshot below "learner.".
    """

    epoch: int
    step: int
    images: int
    epochs: tuple[EpochFinished, ...]
    seconds: float
    images_seen: int
    train_images: int
    data: str
    tensors: Mapping[str, Tensor]

    @property
    def best_state(self) -> dict[str, Tensor] | None:
        """The weights of the best epoch, of a run with early stopping."""
        return with_prefix(self.tensors, "best.") or None

    def data_warnings(self, train_images: int, data: str) -> Iterator[WarningRaised]:
        """What the user should know if the run continues on these data.

        Raises:
            TrainingError: it cannot continue: another number of images has another order.
        """
        if self.train_images != train_images:
            raise TrainingError(
                "The images have changed since the run was interrupted",
                f"It was trained on {self.train_images:,} images, and there are {train_images:,} now.",
                "Bring the images back, or start the run again.",
            )
        if self.data != data:
            yield WarningRaised(
                title="The images may have changed since the run was interrupted",
                detail="Their files are not those that the run was started with.",
                hint="If they are copies with the same content, so is the result.",
            )


class CheckpointStore(Protocol):
    """Where the checkpoints of a run are kept."""

    def load(self) -> Checkpoint | None:
        """The one to continue from; None for a run from the beginning."""
        ...

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep another one; called between two steps, and may take its time. It must copy or write the tensors."""
        ...


class Resumable(Protocol):
    """What takes the steps of a training run, and can be interrupted between two of them."""

    def snapshot(self) -> dict[str, Tensor]:
        """Everything that the next steps depend on: weights, optimizer, generators. The tensors may not be copies."""
        ...

    def resume(self, snapshot: Mapping[str, Tensor]) -> None:
        """Continue from a snapshot of one with the same settings, exactly as that one would have."""
        ...


class Checkpointer:
    """Saves checkpoints of a run, often enough to lose little and so rarely that it costs little, and restores them.

    Runs that are trained together have no ``store`` and thus no checkpoints: they would each need their own.
    """

    def __init__(self, store: CheckpointStore | None, learner: Resumable, shuffles: torch.Generator) -> None:
        self._store = store
        self._learner = learner
        self._shuffles = shuffles
        self._last = time.perf_counter()
        self._cost = 0.0

    @property
    def due_after_epoch(self) -> bool:
        """Whether to save at the end of an epoch: after two seconds, if that costs at most a twentieth of the time."""
        return time.perf_counter() - self._last >= max(_LEAST_SECONDS, self._cost / _MOST_SHARE)

    @property
    def due_within_epoch(self) -> bool:
        """Whether to save between two steps of a long epoch."""
        return time.perf_counter() - self._last >= _WITHIN_EPOCH_SECONDS

    @property
    def shuffle_state(self) -> Tensor:
        """The state of the shuffles, which the order of the next epoch follows from."""
        return self._shuffles.get_state()

    def load(self) -> Checkpoint | None:
        """The checkpoint that the run continues from, if any; learner and shuffles then have its state."""
        checkpoint = self._store.load() if self._store else None
        if checkpoint is not None:
            self._learner.resume(with_prefix(checkpoint.tensors, "learner."))
            self._shuffles.set_state(checkpoint.tensors["shuffle"])
        return checkpoint

    def save(self, checkpoint: Checkpoint) -> None:
        """Save a checkpoint, to which the learner's tensors are added."""
        if self._store is None:
            return
        started = time.perf_counter()
        learner = {f"learner.{name}": tensor for name, tensor in self._learner.snapshot().items()}
        self._store.save(replace(checkpoint, tensors={**checkpoint.tensors, **learner}))
        self._last = time.perf_counter()
        self._cost = self._last - started


def state_tensors(shuffle: Tensor, sums: Tensor | None, best: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
    """The tensors of a checkpoint besides the learner's.

    Args:
        shuffle: the state of the shuffles at the beginning of the epoch.
        sums: of losses and hits of its steps so far.
        best: the weights of the best epoch, of a run with early stopping.
    """
    named = {f"best.{name}": tensor for name, tensor in (best or {}).items()}
    return {"shuffle": shuffle, **({} if sums is None else {"sums": sums}), **named}


def with_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
