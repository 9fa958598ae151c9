"""The training loop: epochs of steps, told as events; the same for a network, a head, and many heads at once."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from cnn_tui.config.experiment import TrainingConfig
from cnn_tui.engine.data.feeds import Feed
from cnn_tui.engine.data.loading import LoadedData
from cnn_tui.engine.returning import Returning
from cnn_tui.engine.stopping import ShouldStop
from cnn_tui.engine.ticker import Ticker
from cnn_tui.engine.training.evaluate import Evaluation
from cnn_tui.engine.training.learner import Learner, Steps
from cnn_tui.engine.training.optimization import scheduled_rate
from cnn_tui.errors import TrainingError
from cnn_tui.events import BatchFinished, EpochFinished, Progress
from cnn_tui.history import best_epoch

_TICKS_PER_SECOND = 10  # each tick is two events, so that a run tells at most 20 a second

Told = BatchFinished | Progress | EpochFinished | TrainingError
"""What becomes of a course: an event, or the error that ended it."""


@dataclass(frozen=True)
class Course:
    """One way through training: its settings and its pictures."""

    config: TrainingConfig
    rows: LoadedData


@dataclass
class Fit:
    """What a course came to so far; ``seconds`` is its share of the time of all that were trained with it."""

    epochs: list[EpochFinished] = field(default_factory=list)
    seconds: float = 0.0
    images: int = 0
    failed: bool = False

    @property
    def best(self) -> EpochFinished | None:
        """The epoch with the lowest validation loss."""
        return best_epoch(self.epochs)


@dataclass
class _Tally:
    """Sums over steps for K courses, kept on the device so that no step waits for them."""

    courses: int
    sums: Tensor | None = None
    pictures: int = 0
    steps: int = 0

    def add(self, done: Steps) -> None:
        both = torch.stack([done.losses, done.hits.double()])
        self.sums = both if self.sums is None else self.sums + both
        self.pictures += done.pictures
        self.steps += done.count

    def read(self) -> _Reading:
        """Waits for the device."""
        losses, hits = [[0.0] * self.courses] * 2 if self.sums is None else self.sums.tolist()
        return _Reading(time.perf_counter(), losses, hits, self.pictures)


@dataclass(frozen=True)
class _Reading:
    """Summed losses and hits of each course after so many pictures."""

    time: float
    losses: list[float]
    hits: list[float]
    pictures: int


class TrainingLoop:
    """Trains the courses of a learner side by side. ``events`` is the loop; everything else is one step of it.

    The courses have the same numbers of pictures, batches and schedule. Each may end at an epoch of its own.

    Attributes:
        epochs: of the course that has the most.
        moment: grows whenever the weights change.
        fits: what each course came to so far.
        stopped: whether a person ended it before the last epoch.
    """

    def __init__(self, learner: Learner, courses: Sequence[Course], feed: Feed, should_stop: ShouldStop) -> None:
        """``feed`` gives the validation pictures."""
        self._learner = learner
        self._courses = courses
        self._feed = feed
        self._should_stop = should_stop
        self._config = courses[0].config
        self.epochs = max(course.config.epochs for course in courses)
        self._orders = {course.config.seed: torch.Generator().manual_seed(course.config.seed) for course in courses}
        self._pictures = _without_single(len(courses[0].rows.train_indices), self._config.batch_size)
        self._steps = math.ceil(self._pictures / self._config.batch_size)
        self._ticker = Ticker(max(1, _TICKS_PER_SECOND // len(courses)))
        self.fits = [Fit() for _ in courses]
        self.moment = 0
        self.stopped = False

    def events(self) -> Iterator[tuple[int, Told]]:
        """Train until the last epoch, the end of patience or a stop; whose event it is, and the event.

        A course whose loss is no longer a number tells a :class:`TrainingError` and nothing after it.
        """
        best_state: dict[str, Tensor] | None = None
        patience = self._config.early_stopping_patience
        for epoch in range(1, self.epochs + 1):
            yield from self._epoch(epoch)
            if self.stopped or all(fit.failed for fit in self.fits):
                break
            if patience is not None:
                best = self.fits[0].best
                if best is self.fits[0].epochs[-1]:
                    best_state = self._learner.state(0)
                elif best is not None and epoch - best.epoch >= patience:
                    break
        if best_state is not None:
            self.moment += 1
            self._learner.restore(0, best_state)

    def _epoch(self, epoch: int) -> Iterator[tuple[int, Told]]:
        """One pass over the training rows and the look at the validation rows after it."""
        started, tally = time.perf_counter(), _Tally(len(self._courses))
        self.moment += 1
        yield from self._train(epoch, tally)
        reading = tally.read()
        whole, failed = reading.pictures == self._pictures, all(fit.failed for fit in self.fits)
        self.stopped = not whole and not failed
        looks = self._validate() if whole and not failed else None
        seconds = (time.perf_counter() - started) / len(self._courses)
        for place in self._going(epoch):
            self.fits[place].seconds += seconds
            self.fits[place].images += reading.pictures
        if whole:
            yield from self._ends(epoch, reading, looks, seconds)

    def _ends(
        self, epoch: int, reading: _Reading, looks: list[Evaluation] | None, seconds: float
    ) -> Iterator[tuple[int, Told]]:
        for place in self._going(epoch):
            look = looks[place] if looks else None
            if not math.isfinite(reading.losses[place]) or (look is not None and not math.isfinite(look.loss)):
                yield place, self._fail(place, epoch)
                continue
            done = EpochFinished(
                epoch=epoch,
                train_loss=reading.losses[place] / reading.pictures,
                train_accuracy=reading.hits[place] / reading.pictures,
                validation_loss=look.loss if look else None,
                validation_accuracy=look.accuracy if look else None,
                learning_rate=self._rate(place, epoch, self._steps),
                seconds=seconds,
            )
            self.fits[place].epochs.append(done)
            yield place, done

    def _train(self, epoch: int, tally: _Tally) -> Iterator[tuple[int, Told]]:
        factors = [self._factor(epoch, step) for step in range(self._steps)]
        before = tally.read()
        for done in self._learner.steps(self._shuffled(), factors, self._should_stop):
            tally.add(done)
            if self._ticker.due() or tally.steps == self._steps:
                now = tally.read()
                yield from self._ticks(epoch, tally.steps, before, now)
                before = now
                if all(fit.failed for fit in self.fits):
                    return

    def _ticks(self, epoch: int, step: int, before: _Reading, now: _Reading) -> Iterator[tuple[int, Told]]:
        """For each course the means over the steps since the last reading, and how far it is."""
        images = now.pictures - before.pictures
        for place in self._going(epoch):
            if not math.isfinite(now.losses[place]):
                yield place, self._fail(place, epoch)
                continue
            yield (
                place,
                BatchFinished(
                    epoch=epoch,
                    step=step,
                    steps=self._steps,
                    loss=(now.losses[place] - before.losses[place]) / images,
                    accuracy=(now.hits[place] - before.hits[place]) / images,
                    images_per_second=images / max(now.time - before.time, 1e-9),
                    learning_rate=self._rate(place, epoch, step - 1),
                ),
            )
            total = self._courses[place].config.epochs * self._steps
            yield place, Progress(done=(epoch - 1) * self._steps + step, total=total, unit="steps")

    def _going(self, epoch: int) -> list[int]:
        """The courses that have not come to their end."""
        return [
            place
            for place, course in enumerate(self._courses)
            if epoch <= course.config.epochs and not self.fits[place].failed
        ]

    def _shuffled(self) -> list[Tensor]:
        """The training rows of each course in this epoch's order; courses of one seed share theirs."""
        rows: dict[int, Tensor] = {}
        for course in self._courses:
            seed, train = course.config.seed, course.rows.train_indices
            if seed not in rows:
                rows[seed] = train[torch.randperm(len(train), generator=self._orders[seed])[: self._pictures]]
        return [rows[course.config.seed] for course in self._courses]

    def _validate(self) -> list[Evaluation] | None:
        """The look at the validation rows; None where there are none or a person ends it."""
        rows = [course.rows.validation_indices for course in self._courses]
        if len(rows[0]) == 0:
            return None
        looking = Returning(self._learner.look(self._feed, rows, self._config.batch_size))
        for _ in looking:
            if self._should_stop():
                self.stopped = True
                return None
        return looking.value

    def _factor(self, epoch: int, steps_done: int) -> float:
        progress = ((epoch - 1) * self._steps + steps_done) / (self.epochs * self._steps)
        return scheduled_rate(self._config.schedule, 1.0, progress)

    def _rate(self, place: int, epoch: int, steps_done: int) -> float:
        return self._courses[place].config.optimizer.learning_rate * self._factor(epoch, steps_done)

    def _fail(self, place: int, epoch: int) -> TrainingError:
        self.fits[place].failed = True
        return diverged(self._courses[place].config, f"in epoch {epoch}")


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
