"""The training loop: epochs of steps, reported as events; the same for a network, a head, and many heads at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from cnn_tui.config.experiment import TrainingConfig
from cnn_tui.engine.control import RateLimiter, ShouldStop, WithResult
from cnn_tui.engine.data.batches import BatchSource
from cnn_tui.engine.data.loading import LoadedData
from cnn_tui.engine.training.checkpoint import Checkpoint, Checkpointer, CheckpointStore, state_tensors
from cnn_tui.engine.training.evaluate import Evaluation
from cnn_tui.engine.training.failures import diverged
from cnn_tui.engine.training.learner import Learner, Reading, StepTotals
from cnn_tui.engine.training.schedule import scheduled_rate
from cnn_tui.errors import TrainingError
from cnn_tui.events import BatchFinished, EpochFinished, Progress, RunResumed, WarningRaised
from cnn_tui.history import best_epoch

_UPDATES_PER_SECOND = 10  # each is two events, so that a run emits at most 20 a second

RunUpdate = RunResumed | WarningRaised | BatchFinished | Progress | EpochFinished | TrainingError
"""What a training run emits: an event, or the error that ended it."""


@dataclass(frozen=True)
class TrainingRun:
    """One training of one set of weights: its settings and its data. Several runs that ask for it may share it."""

    config: TrainingConfig
    data: LoadedData


@dataclass
class RunStats:
    """What a training run has achieved so far; ``seconds`` is its share of the time of all that are trained with it."""

    epochs: list[EpochFinished] = field(default_factory=list)
    seconds: float = 0.0
    images: int = 0
    failed: bool = False

    @property
    def best(self) -> EpochFinished | None:
        """The epoch with the lowest validation loss."""
        return best_epoch(self.epochs)


class TrainingLoop:
    """Trains the runs of a learner side by side. ``events`` is the loop; everything else is one step of it.

    The runs have the same number of images, batch size and schedule; each may end after a different number of epochs.

    Attributes:
        epochs: the highest number of epochs of any run.
        weights_version: increases whenever the weights change.
        stats: of each run.
        seconds_before: of training in earlier processes, which ``stats`` include.
        stopped: whether the user or the time limit ended the training before the last epoch.
    """

    def __init__(
        self,
        learner: Learner,
        runs: Sequence[TrainingRun],
        validation: BatchSource,
        should_stop: ShouldStop,
        checkpoints: CheckpointStore | None = None,
        has_time_for: Callable[[float], bool] = lambda _seconds: True,
    ) -> None:
        """Prepare the training; nothing is trained yet.

        Args:
            checkpoints: those of a single run; the loop continues from the one that is loaded.
            has_time_for: called after each epoch with its duration in seconds: whether another one may begin.
        """
        self._learner = learner
        self._runs = runs
        self._validation = validation
        self._should_stop = should_stop
        self._has_time_for = has_time_for
        self._config = runs[0].config
        self.epochs = max(run.config.epochs for run in runs)
        self._shuffles = {run.config.seed: torch.Generator().manual_seed(run.config.seed) for run in runs}
        self._images = _without_single(len(runs[0].data.train_indices), self._config.batch_size)
        self._steps = math.ceil(self._images / self._config.batch_size)
        self._limiter = RateLimiter(max(1, _UPDATES_PER_SECOND // len(runs)))
        self._checkpoints = Checkpointer(checkpoints, learner, self._shuffles[self._config.seed])
        self._best_state: dict[str, Tensor] | None = None
        self.stats = [RunStats() for _ in runs]
        self.weights_version = 0
        self.seconds_before = 0.0
        self.stopped = False

    def events(self) -> Iterator[tuple[int, RunUpdate]]:
        """Train until the last epoch, early stopping or a stop; yields the index of a run and its event.

        A run whose loss is no longer finite emits a :class:`TrainingError` and nothing after it.
        """
        checkpoint, begun = self._checkpoints.load(), None
        if checkpoint is not None:
            yield from self._continue_from(checkpoint)
            begun = checkpoint if checkpoint.step else None
        for epoch in range(checkpoint.epoch if checkpoint else 1, self.epochs + 1):
            if self.stopped or self._no_longer_improves(epoch - 1):
                break
            started = time.perf_counter()
            yield from self._epoch(epoch, begun)
            begun = None
            if self.stopped or all(stats.failed for stats in self.stats):
                break
            self._remember_best()
            last = epoch == self.epochs or self._no_longer_improves(epoch)
            self.stopped = not last and not self._has_time_for(time.perf_counter() - started)
            if last or self.stopped or self._checkpoints.due_after_epoch:
                self._save(epoch + 1, self._checkpoints.shuffle_state)
        if self._best_state is not None:
            self.weights_version += 1
            self._learner.restore(0, self._best_state)

    def _remember_best(self) -> None:
        """Keep the weights of the best epoch, if there is early stopping.

        Runs with early stopping are never trained together: each would need to end, and be restored, by itself.
        """
        stats = self.stats[0]
        if self._config.early_stopping_patience is not None and stats.best is stats.epochs[-1]:
            self._best_state = self._learner.state(0)

    def _no_longer_improves(self, epoch: int) -> bool:
        """Whether early stopping ends the training after an epoch."""
        patience, best = self._config.early_stopping_patience, self.stats[0].best
        return patience is not None and best is not None and epoch - best.epoch >= patience

    def _continue_from(self, checkpoint: Checkpoint) -> Iterator[tuple[int, RunUpdate]]:
        """Restore the state of the run; from here on it takes the steps that it would have taken.

        Raises:
            TrainingError: the images are others than those of the checkpoint.
        """
        data = self._runs[0].data
        yield from ((0, warning) for warning in checkpoint.data_warnings(len(data.train_indices), data.identity))
        self._best_state = checkpoint.best_state
        self.stats[0] = RunStats(list(checkpoint.epochs), checkpoint.seconds, checkpoint.images_seen)
        self.seconds_before = checkpoint.seconds
        done, total = (checkpoint.epoch - 1) * self._steps + checkpoint.step, self.epochs * self._steps
        yield 0, RunResumed(epoch=len(checkpoint.epochs), done=done, total=total)

    def _save(self, epoch: int, shuffle: Tensor, totals: StepTotals | None = None, seconds: float = 0.0) -> None:
        """Save a checkpoint.

        Args:
            epoch: the epoch in progress.
            shuffle: the state of the shuffles at its beginning.
            totals: of its steps so far, which took ``seconds``.
        """
        stats, totals, data = self.stats[0], totals or StepTotals(1), self._runs[0].data
        self._checkpoints.save(
            Checkpoint(
                epoch=epoch,
                step=totals.steps,
                images=totals.images,
                epochs=tuple(stats.epochs),
                seconds=stats.seconds + seconds,
                images_seen=stats.images,
                train_images=len(data.train_indices),
                data=data.identity,
                tensors=state_tensors(shuffle, totals.sums, self._best_state),
            )
        )

    def _epoch(self, epoch: int, begun: Checkpoint | None) -> Iterator[tuple[int, RunUpdate]]:
        """One pass over the training samples, or the rest of one, then the evaluation on the validation samples."""
        started, totals, shuffle = time.perf_counter(), StepTotals(len(self._runs)), self._checkpoints.shuffle_state
        if begun is not None:
            totals = StepTotals(1, begun.tensors["sums"], begun.images, begun.step)
        self.weights_version += 1
        for update in self._train(epoch, totals):
            yield update
            if self._checkpoints.due_within_epoch and not self.stats[0].failed:
                self._save(epoch, shuffle, totals, time.perf_counter() - started)
        reading = totals.read()
        complete, failed = reading.images == self._images, all(stats.failed for stats in self.stats)
        self.stopped = not complete and not failed
        evaluations = self._validate() if complete and not failed else None
        if self.stopped:
            self._save(epoch, shuffle, totals, time.perf_counter() - started)
        seconds = (time.perf_counter() - started) / len(self._runs)
        for index in self._active(epoch):
            self.stats[index].seconds += seconds
            self.stats[index].images += reading.images
        if complete:
            yield from self._epoch_events(epoch, reading, evaluations, seconds)

    def _epoch_events(
        self, epoch: int, reading: Reading, evaluations: list[Evaluation] | None, seconds: float
    ) -> Iterator[tuple[int, RunUpdate]]:
        for index in self._active(epoch):
            evaluation = evaluations[index] if evaluations else None
            diverges = evaluation is not None and not math.isfinite(evaluation.loss)
            if diverges or not math.isfinite(reading.losses[index]):
                yield index, self._fail(index, epoch)
                continue
            finished = EpochFinished(
                epoch=epoch,
                train_loss=reading.losses[index] / reading.images,
                train_accuracy=reading.hits[index] / reading.images,
                validation_loss=evaluation.loss if evaluation else None,
                validation_accuracy=evaluation.accuracy if evaluation else None,
                learning_rate=self._rate(index, epoch, self._steps),
                seconds=seconds,
            )
            self.stats[index].epochs.append(finished)
            yield index, finished

    def _train(self, epoch: int, totals: StepTotals) -> Iterator[tuple[int, RunUpdate]]:
        factors = [self._rate_factor(epoch, step) for step in range(totals.steps, self._steps)]
        indices = [own[totals.steps * self._config.batch_size :] for own in self._shuffled()]
        if not factors:
            return
        before = totals.read()
        for results in self._learner.steps(indices, factors, self._should_stop):
            totals.add(results)
            if self._limiter.due() or totals.steps == self._steps:
                now = totals.read()
                yield from self._batch_events(epoch, totals.steps, before, now)
                before = now
                if all(stats.failed for stats in self.stats):
                    return

    def _batch_events(self, epoch: int, step: int, before: Reading, now: Reading) -> Iterator[tuple[int, RunUpdate]]:
        """For each run the means over the steps since the last reading, and its progress."""
        images = now.images - before.images
        for index in self._active(epoch):
            if not math.isfinite(now.losses[index]):
                yield index, self._fail(index, epoch)
                continue
            yield (
                index,
                BatchFinished(
                    epoch=epoch,
                    step=step,
                    steps=self._steps,
                    loss=(now.losses[index] - before.losses[index]) / images,
                    accuracy=(now.hits[index] - before.hits[index]) / images,
                    images_per_second=images / max(now.time - before.time, 1e-9),
                    learning_rate=self._rate(index, epoch, step - 1),
                ),
            )
            total = self._runs[index].config.epochs * self._steps
            yield index, Progress(done=(epoch - 1) * self._steps + step, total=total, unit="steps")

    def _active(self, epoch: int) -> list[int]:
        """The runs that have neither failed nor finished their epochs."""
        return [
            index for index, run in enumerate(self._runs) if epoch <= run.config.epochs and not self.stats[index].failed
        ]

    def _shuffled(self) -> list[Tensor]:
        """The training indices of each run in this epoch's order; runs with the same seed share theirs."""
        by_seed: dict[int, Tensor] = {}
        for run in self._runs:
            seed, train = run.config.seed, run.data.train_indices
            if seed not in by_seed:
                by_seed[seed] = train[torch.randperm(len(train), generator=self._shuffles[seed])[: self._images]]
        return [by_seed[run.config.seed] for run in self._runs]

    def _validate(self) -> list[Evaluation] | None:
        """The evaluation on the validation samples; None if there are none or the user stops the run."""
        indices = [run.data.validation_indices for run in self._runs]
        if len(indices[0]) == 0:
            return None
        steps = WithResult(self._learner.evaluate(self._validation, indices, self._config.batch_size))
        for _ in steps:
            if self._should_stop():
                self.stopped = True
                return None
        return steps.value

    def _rate_factor(self, epoch: int, steps_done: int) -> float:
        progress = ((epoch - 1) * self._steps + steps_done) / (self.epochs * self._steps)
        return scheduled_rate(self._config.schedule, 1.0, progress)

    def _rate(self, index: int, epoch: int, steps_done: int) -> float:
        return self._runs[index].config.optimizer.learning_rate * self._rate_factor(epoch, steps_done)

    def _fail(self, index: int, epoch: int) -> TrainingError:
        self.stats[index].failed = True
        return diverged(self._runs[index].config, f"in epoch {epoch}")


def _without_single(images: int, batch_size: int) -> int:
    """The number of images per epoch: a last batch of one is left out, because BatchNorm needs a variance."""
    return images - 1 if images > batch_size > 1 and images % batch_size == 1 else images
