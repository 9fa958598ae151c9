"""What a teacher would say about the curves, in one sentence. Pure: it reads a history and nothing else."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cnn_tui.events import BatchFinished, EpochFinished
from cnn_tui.formatting import pluralize
from cnn_tui.history import RunHistory, best_epoch
from cnn_tui.reports.labels import best_epoch_label

_RISING_EPOCHS = 3
_STALE_EPOCHS = 5
_GAP_POINTS = 10
_MOVED = 0.02  # a fall of the loss by less than this part is none
_LEARNT = 0.9  # from this accuracy on there is little left to learn
_BLOWN_UP = 1.5
_FEWEST_STEPS = 8
_RATE = "the learning rate may be too high or too low"


@dataclass(frozen=True)
class Insight:
    """A sentence; ``caution`` where something may be wrong."""

    text: str
    caution: bool = True


def insight(history: RunHistory) -> Insight | None:
    """The most important thing to say about a run at this moment, None if there is nothing."""
    if not history.epochs or history.error is not None:  # what went wrong is told as such, with its own next step
        return None
    remarks = (_summary,) if history.finished is not None else _WHILE_TRAINING
    return next((found for remark in remarks if (found := remark(history)) is not None), None)


def _stuck(history: RunHistory) -> Insight | None:
    """The loss did not fall: within the first epoch, or since."""
    epochs = history.epochs
    if epochs[-1].train_accuracy >= _LEARNT:
        return None
    if len(epochs) > 1:
        if epochs[-1].train_loss > (1 - _MOVED) * epochs[0].train_loss:
            return Insight(f"Training loss has not fallen in {len(epochs)} epochs: {_RATE}.")
        return None
    losses = _first_epoch_losses(history.batches)
    if losses and losses[1] > (1 - _MOVED) * losses[0]:
        return Insight(f"Loss did not move in the first epoch: {_RATE}.")
    return None


def _first_epoch_losses(batches: Sequence[BatchFinished]) -> tuple[float, float] | None:
    """The mean loss of the first and of the last quarter of the first epoch's steps; None where too few were told."""
    losses = [batch.loss for batch in batches if batch.epoch == 1]
    if len(losses) < _FEWEST_STEPS:
        return None
    quarter = len(losses) // 4
    return statistics.fmean(losses[:quarter]), statistics.fmean(losses[-quarter:])


def _blown_up(history: RunHistory) -> Insight | None:
    last, best = history.epochs[-1], min(history.epochs, key=lambda epoch: epoch.train_loss)
    if last.train_loss > _BLOWN_UP * best.train_loss and last.train_accuracy < best.train_accuracy - 0.05:
        fall = f"from {best.train_loss:.3g} in epoch {best.epoch} to {last.train_loss:.3g}"
        return Insight(f"Training loss has gone up {fall}: the learning rate may be too high.")
    return None


def _rising(history: RunHistory) -> Insight | None:
    rises, best = rising_epochs(history.epochs), best_epoch(history.epochs)
    if rises < _RISING_EPOCHS or best is None:
        return None
    return Insight(
        f"Validation loss has risen for {rises} epochs; the best was epoch {best.epoch}. "
        "The model is learning its training pictures by heart."
    )


def rising_epochs(epochs: Sequence[EpochFinished]) -> int:
    """For how many epochs up to the last the validation loss has risen without a break."""
    losses = [epoch.validation_loss for epoch in epochs if epoch.validation_loss is not None]
    rises = 0
    while rises + 1 < len(losses) and losses[-1 - rises] > losses[-2 - rises]:
        rises += 1
    return rises


def _gap(history: RunHistory) -> Insight | None:
    last = history.epochs[-1]
    if last.validation_accuracy is None:
        return None
    points = round(100 * (last.train_accuracy - last.validation_accuracy))
    if points < _GAP_POINTS:
        return None
    return Insight(
        f"Training accuracy is {points} points above validation: the model knows its training pictures better "
        "than new ones."
    )


def _stale(history: RunHistory) -> Insight | None:
    best, last = best_epoch(history.epochs), history.epochs[-1]
    if best is None or last.epoch - best.epoch < _STALE_EPOCHS:
        return None
    waited = last.epoch - best.epoch
    return Insight(f"Validation loss has not improved for {waited} epochs, since epoch {best.epoch}.", caution=False)


def _summary(history: RunHistory) -> Insight | None:
    """What the epochs came to, once the run is over."""
    best, last = best_epoch(history.epochs), history.epochs[-1]
    if best is None or best.validation_accuracy is None:
        return None
    words = best_epoch_label(best.epoch, best).capitalize()
    if best.epoch == last.epoch:
        return Insight(f"{words}. It was the last one: more epochs may help.", caution=False)
    return Insight(f"{words}. {pluralize(last.epoch, 'epoch')} were trained.", caution=False)


_WHILE_TRAINING: tuple[Callable[[RunHistory], Insight | None], ...] = (_stuck, _blown_up, _rising, _gap, _stale)
