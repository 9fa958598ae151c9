"""A hint about the curves of a run, such as overfitting or a learning rate that is too high. Pure: reads a history."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from cnn_tui.events import BatchFinished, EpochFinished
from cnn_tui.formatting import pluralize
from cnn_tui.history import RunHistory, best_epoch
from cnn_tui.reports.labels import best_epoch_label

_RISING_EPOCHS = 3
_STALE_EPOCHS = 5
_GAP_POINTS = 10
_MIN_FALL = 0.02  # as a fraction of the loss; a smaller fall is noise
_LEARNED = 0.9  # from this accuracy on, a flat loss is no problem
_DIVERGED = 1.5
_MIN_STEPS = 8
_RATE = "the learning rate may be too high or too low"


@dataclass(frozen=True)
class Hint:
    """One or two sentences; ``caution`` if something may be wrong."""

    text: str
    caution: bool = True


def training_hint(history: RunHistory) -> Hint | None:
    """The most important hint about a run, None if there is none; errors have their own next step."""
    if not history.epochs or history.error is not None:
        return None
    checks = (_summary,) if history.finished is not None else (_stuck, _diverged, _rising, _gap, _stale)
    return next((hint for check in checks if (hint := check(history)) is not None), None)


def rising_epochs(epochs: Sequence[EpochFinished]) -> int:
    """The number of epochs up to the last in which the validation loss has risen without interruption."""
    losses = [epoch.validation_loss for epoch in epochs if epoch.validation_loss is not None]
    rises = 0
    while rises + 1 < len(losses) and losses[-1 - rises] > losses[-2 - rises]:
        rises += 1
    return rises


def _stuck(history: RunHistory) -> Hint | None:
    """The loss did not fall within the first epoch, or since."""
    epochs = history.epochs
    if epochs[-1].train_accuracy >= _LEARNED:
        return None
    if len(epochs) > 1:
        if epochs[-1].train_loss > (1 - _MIN_FALL) * epochs[0].train_loss:
            return Hint(f"Training loss has not fallen in {len(epochs)} epochs: {_RATE}.")
        return None
    losses = _first_epoch_losses(history.batches)
    if losses and losses[1] > (1 - _MIN_FALL) * losses[0]:
        return Hint(f"Training loss did not fall in the first epoch: {_RATE}.")
    return None


def _first_epoch_losses(batches: Sequence[BatchFinished]) -> tuple[float, float] | None:
    """The mean losses of the first and last quarter of the first epoch's steps, None if there are too few."""
    losses = [batch.loss for batch in batches if batch.epoch == 1]
    if len(losses) < _MIN_STEPS:
        return None
    quarter = len(losses) // 4
    return statistics.fmean(losses[:quarter]), statistics.fmean(losses[-quarter:])


def _diverged(history: RunHistory) -> Hint | None:
    last, best = history.epochs[-1], min(history.epochs, key=lambda epoch: epoch.train_loss)
    if last.train_loss > _DIVERGED * best.train_loss and last.train_accuracy < best.train_accuracy - 0.05:
        rise = f"from {best.train_loss:.3g} in epoch {best.epoch} to {last.train_loss:.3g}"
        return Hint(f"Training loss has risen {rise}: the learning rate may be too high.")
    return None


def _rising(history: RunHistory) -> Hint | None:
    rises, best = rising_epochs(history.epochs), best_epoch(history.epochs)
    if rises < _RISING_EPOCHS or best is None:
        return None
    return Hint(
        f"Validation loss has risen for {rises} epochs; the best was epoch {best.epoch}. The model is overfitting: it "
        "memorizes its training images."
    )


def _gap(history: RunHistory) -> Hint | None:
    last = history.epochs[-1]
    if last.validation_accuracy is None:
        return None
    points = round(100 * (last.train_accuracy - last.validation_accuracy))
    if points < _GAP_POINTS:
        return None
    return Hint(
        f"Training accuracy is {points} points above validation accuracy: the model knows its training images better "
        "than new ones."
    )


def _stale(history: RunHistory) -> Hint | None:
    best, last = best_epoch(history.epochs), history.epochs[-1]
    if best is None or last.epoch - best.epoch < _STALE_EPOCHS:
        return None
    epochs = last.epoch - best.epoch
    return Hint(f"Validation loss has not improved for {epochs} epochs, since epoch {best.epoch}.", caution=False)


def _summary(history: RunHistory) -> Hint | None:
    """The best epoch of a finished run."""
    best, last = best_epoch(history.epochs), history.epochs[-1]
    if best is None or best.validation_accuracy is None:
        return None
    text = best_epoch_label(best.epoch, best).capitalize()
    if best.epoch == last.epoch:
        return Hint(f"{text}. It was the last one: more epochs may help.", caution=False)
    return Hint(f"{text}. {pluralize(last.epoch, 'epoch')} were trained.", caution=False)
