"""The training loop: epochs of steps, told as events, the same for a whole network and for a head on features."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from cnn_tui.config.experiment import TrainingConfig
from cnn_tui.engine.device import Compute
from cnn_tui.engine.evaluate import Evaluation, evaluate
from cnn_tui.engine.feeds import Batch, Feed
from cnn_tui.engine.learner import Learner
from cnn_tui.engine.optimization import make_optimizer, scheduled_rate, set_rate
from cnn_tui.engine.stopping import ShouldStop
from cnn_tui.engine.ticker import Ticker
from cnn_tui.errors import TrainingError
from cnn_tui.events import BatchFinished, EpochFinished, Event, Progress
from cnn_tui.history import best_epoch

_TICKS_PER_SECOND = 10  # each tick is two events, so that a run tells at most 20 a second


@dataclass(frozen=True)
class Fit:
    """What training came to; ``stopped`` when a person ended it before its last epoch."""

    epochs: tuple[EpochFinished, ...]
    seconds: float
    images: int
    stopped: bool

    @property
    def best(self) -> EpochFinished | None:
        """The epoch with the lowest validation loss."""
        return best_epoch(list(self.epochs))


@dataclass(frozen=True)
class Splits:
    """Which rows of the training split are learnt from and which are kept aside, and where each come from."""

    train_feed: Feed
    validation_feed: Feed
    train: Tensor
    validation: Tensor


class _Totals:
    """Sums over steps, kept on the device so that no step waits for them."""

    def __init__(self, device: torch.device) -> None:
        self._sums = torch.zeros(2, dtype=torch.float64, device=device)
        self.count = 0

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Count a batch of B pictures with their mean loss."""
        hits = (logits.detach().argmax(dim=1) == labels).sum()
        self._sums += torch.stack([loss.detach().double() * len(labels), hits.double()])
        self.count += len(labels)

    def read(self) -> tuple[float, float, int]:
        """Summed loss, hits and pictures so far; waits for the device."""
        loss, hits = self._sums.tolist()
        return loss, hits, self.count


class TrainingLoop:
    """Trains a learner. ``events`` is the loop; everything else is one step of it."""

    def __init__(
        self,
        learner: Learner,
        splits: Splits,
        config: TrainingConfig,
        compute: Compute,
        should_stop: ShouldStop,
    ) -> None:
        self._learner = learner
        self._splits = splits
        self._config = config
        self._compute = compute
        self._should_stop = should_stop
        self._optimizer = make_optimizer(config.optimizer, learner.parameters())
        self._order = torch.Generator().manual_seed(config.seed)
        self._pictures = _without_single(len(splits.train), config.batch_size)
        self._steps = math.ceil(self._pictures / config.batch_size)
        self._ticker = Ticker(_TICKS_PER_SECOND)
        self._stopped = False

    def events(self) -> Generator[Event, None, Fit]:
        """Train until the last epoch, the end of patience or a stop.

        Raises:
            TrainingError: the loss is no longer a number.
        """
        epochs: list[EpochFinished] = []
        best_state: dict[str, Tensor] | None = None
        images, started = 0, time.perf_counter()
        for epoch in range(1, self._config.epochs + 1):
            done, seen = yield from self._epoch(epoch)
            images += seen
            if done is not None:
                epochs.append(done)
                yield done
            if self._stopped:
                break
            if self._config.early_stopping_patience is not None:
                best = best_epoch(epochs)
                if best is done:
                    best_state = self._learner.state()
                elif best is not None and epoch - best.epoch >= self._config.early_stopping_patience:
                    break
        if best_state is not None:
            self._learner.restore(best_state)
        return Fit(tuple(epochs), time.perf_counter() - started, images, self._stopped)

    def _epoch(self, epoch: int) -> Generator[Event, None, tuple[EpochFinished | None, int]]:
        """One pass over the training rows and the look at the validation rows after it."""
        started = time.perf_counter()
        totals = _Totals(self._compute.device)
        yield from self._train(epoch, totals)
        loss, hits, seen = totals.read()
        if not seen or (self._stopped and seen < self._pictures):
            return None, seen
        self._check(loss, epoch)
        validation = self._validate()
        if validation is not None:
            self._check(validation.loss, epoch)
        return EpochFinished(
            epoch=epoch,
            train_loss=loss / seen,
            train_accuracy=hits / seen,
            validation_loss=validation.loss if validation else None,
            validation_accuracy=validation.accuracy if validation else None,
            learning_rate=self._rate(epoch, self._steps),
            seconds=time.perf_counter() - started,
        ), seen

    def _train(self, epoch: int, totals: _Totals) -> Generator[Event, None, None]:
        self._learner.train_mode()
        order = torch.randperm(len(self._splits.train), generator=self._order)[: self._pictures]
        rows = self._splits.train[order]
        told = (time.perf_counter(), 0.0, 0.0, 0)
        for step, batch in enumerate(self._splits.train_feed.batches(rows, self._config.batch_size), start=1):
            if self._should_stop():
                self._stopped = True
                return
            set_rate(self._optimizer, self._rate(epoch, step - 1))
            totals.add(*self._step(batch))
            if self._ticker.due() or step == self._steps:
                now = (time.perf_counter(), *totals.read())
                self._check(now[1], epoch)
                yield self._batch_event(epoch, step, told, now)
                yield Progress(
                    done=(epoch - 1) * self._steps + step, total=self._config.epochs * self._steps, unit="steps"
                )
                told = now

    def _step(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        inputs, labels = batch
        logits, auxiliary = self._learner.training_outputs(inputs)
        loss = self._loss(logits, labels)
        total = loss
        for outputs, weight in auxiliary:
            total = total + weight * self._loss(outputs, labels)
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(total)
        self._optimizer.step()
        return loss, logits, labels

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(logits.float(), labels, label_smoothing=self._config.label_smoothing)

    def _validate(self) -> Evaluation | None:
        """The look at the validation rows; None where there are none or a person ends it."""
        if len(self._splits.validation) == 0:
            return None
        batch_size = max(self._config.batch_size, self._learner.evaluation_batch)
        looking = evaluate(
            self._learner.predict, self._splits.validation_feed.batches(self._splits.validation, batch_size)
        )
        while not self._should_stop():
            try:
                next(looking)
            except StopIteration as finished:
                evaluation: Evaluation = finished.value
                return evaluation
        self._stopped = True
        return None

    def _rate(self, epoch: int, steps_done: int) -> float:
        progress = ((epoch - 1) * self._steps + steps_done) / (self._config.epochs * self._steps)
        return scheduled_rate(self._config.schedule, self._config.optimizer.learning_rate, progress)

    def _batch_event(
        self, epoch: int, step: int, before: tuple[float, float, float, int], now: tuple[float, float, float, int]
    ) -> BatchFinished:
        """The means over the steps since the last one that was told."""
        seconds, loss, hits, images = (later - earlier for later, earlier in zip(now, before, strict=True))
        return BatchFinished(
            epoch=epoch,
            step=step,
            steps=self._steps,
            loss=loss / images,
            accuracy=hits / images,
            images_per_second=images / max(seconds, 1e-9),
            learning_rate=self._rate(epoch, step - 1),
        )

    def _check(self, loss: float, epoch: int) -> None:
        if not math.isfinite(loss):
            raise diverged(self._config, f"in epoch {epoch}")


def diverged(config: TrainingConfig, when: str) -> TrainingError:
    """The error for a loss that is infinite or not a number."""
    rate = config.optimizer.learning_rate
    return TrainingError(
        f"The loss is no longer a number {when}",
        f"With training.optimizer.learning_rate {rate:g} the weights grew beyond all bounds.",
        f"Try a tenth of it: --set training.optimizer.learning_rate={rate / 10:g}",
    )


def _without_single(pictures: int, batch_size: int) -> int:
    """How many pictures an epoch takes: a last batch of one is left out, since BatchNorm finds no variance in it."""
    return pictures - 1 if pictures > batch_size > 1 and pictures % batch_size == 1 else pictures
