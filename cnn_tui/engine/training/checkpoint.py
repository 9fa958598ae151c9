"""Checkpoints: everything that an interrupted training run needs to continue as if it had never been interrupted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from cnn_tui.events import EpochFinished

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
        tensors: the learner's snapshot below "learner.", the best state below "best." for early stopping, the sums of
            losses and hits of the epoch in progress as "sums", the state of the shuffles at its beginning as "shuffle".
    """

    epoch: int
    step: int
    images: int
    epochs: tuple[EpochFinished, ...]
    seconds: float
    images_seen: int
    tensors: Mapping[str, Tensor]


class CheckpointStore(Protocol):
    """Where the checkpoints of a run are kept."""

    def load(self) -> Checkpoint | None:
        """The one to continue from; None for a run from the beginning."""
        ...

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep another one; called between two steps, and may take its time. It must copy or write the tensors."""
        ...


class CheckpointTimer:
    """When to save: often enough to lose little, and so rarely that it costs little."""

    def __init__(self) -> None:
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

    def saved(self, started: float) -> None:
        """Note that saving began at ``started`` on ``time.perf_counter`` and has ended."""
        self._last = time.perf_counter()
        self._cost = self._last - started


def with_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
