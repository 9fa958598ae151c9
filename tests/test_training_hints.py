"""Hints about the curves: which are given, and when there is none."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_tui.events import BatchFinished, EpochFinished, RunFinished
from cnn_tui.history import RunHistory
from cnn_tui.tui.training_hints import rising_epochs, training_hint

Epoch = tuple[float, float, float | None, float | None]
"""Loss and accuracy in training, then in validation."""


def history(epochs: Sequence[Epoch], losses: Sequence[float] = ()) -> RunHistory:
    """A run of these epochs, its first one with steps of these losses."""
    run = RunHistory()
    for step, loss in enumerate(losses, start=1):
        run.apply(
            BatchFinished(
                epoch=1,
                step=step,
                steps=len(losses),
                loss=loss,
                accuracy=0.1,
                images_per_second=1.0,
                learning_rate=0.001,
            )
        )
    for number, (train_loss, train_accuracy, validation_loss, validation_accuracy) in enumerate(epochs, start=1):
        run.apply(
            EpochFinished(
                epoch=number,
                train_loss=train_loss,
                train_accuracy=train_accuracy,
                validation_loss=validation_loss,
                validation_accuracy=validation_accuracy,
                learning_rate=0.001,
                seconds=1.0,
            )
        )
    return run


def hint_text(run: RunHistory) -> str:
    found = training_hint(run)
    return found.text if found else ""


def falling(validation: Sequence[float]) -> list[Epoch]:
    """Training that goes well, with these validation losses."""
    return [(2.0 / number, 0.5, loss, 0.5) for number, loss in enumerate(validation, start=1)]


def test_no_hint_before_the_first_epoch_or_while_the_loss_falls() -> None:
    assert training_hint(RunHistory()) is None
    assert hint_text(history(falling([2.0, 1.5, 1.2]))) == ""


@pytest.mark.parametrize("rises", [3, 4])
def test_a_rising_validation_loss_is_reported_with_the_best_epoch(rises: int) -> None:
    run = history(falling([2.0, 1.0, *(1.1 + 0.1 * number for number in range(rises))]))
    assert hint_text(run).startswith(f"Validation loss has risen for {rises} epochs; the best was epoch 2.")


def test_two_rises_or_an_interruption_are_not_reported() -> None:
    assert hint_text(history(falling([1.0, 1.1, 1.2]))) == ""
    assert hint_text(history(falling([1.0, 1.1, 1.2, 1.15, 1.2]))) == ""


@given(st.lists(st.floats(0, 10), max_size=20))
def test_rises_are_those_at_the_end(losses: list[float]) -> None:
    rises = rising_epochs(history(falling(losses)).epochs)
    tail = losses[len(losses) - rises - 1 :]
    assert tail == sorted(set(tail))
    assert rises == max(0, len(losses) - 1) or losses[-rises - 1] <= losses[-rises - 2]


def test_the_gap_between_training_and_validation_is_reported_in_points() -> None:
    run = history([(2.0, 0.4, 2.0, 0.4), (0.5, 0.92, 1.0, 0.80)])
    assert hint_text(run).startswith("Training accuracy is 12 points above validation")
    assert hint_text(history([(2.0, 0.4, 2.0, 0.4), (0.5, 0.88, 1.0, 0.80)])) == ""


def test_a_first_epoch_without_a_falling_loss_points_to_the_learning_rate() -> None:
    stuck = [2.3, 2.31, 2.29, 2.3, 2.3, 2.31, 2.3, 2.29]
    moving = [2.3, 2.2, 2.0, 1.9, 1.8, 1.7, 1.5, 1.4]
    assert hint_text(history([(2.3, 0.1, None, None)], stuck)).startswith(
        "Training loss did not fall in the first epoch"
    )
    assert hint_text(history([(1.9, 0.3, None, None)], moving)) == ""
    assert hint_text(history([(2.3, 0.1, None, None)], stuck[:4])) == ""


def test_a_loss_that_never_fell_is_reported_unless_the_accuracy_is_high() -> None:
    assert "has not fallen in 2 epochs" in hint_text(history([(2.3, 0.1, None, None), (2.29, 0.1, None, None)]))
    assert hint_text(history([(0.01, 0.99, None, None), (0.01, 0.99, None, None)])) == ""


def test_a_diverging_loss_points_to_a_high_learning_rate() -> None:
    run = history([(2.3, 0.1, None, None), (0.5, 0.8, None, None), (1.9, 0.3, None, None)])
    assert hint_text(run) == ("Training loss has risen from 0.5 in epoch 2 to 1.9: the learning rate may be too high.")


def test_a_best_epoch_long_ago_is_reported() -> None:
    assert "since epoch 1" in hint_text(history(falling([1.0, 1.2, 1.1, 1.2, 1.1, 1.15])))


def test_the_best_epoch_is_reported_at_the_end() -> None:
    run = history([(2.0, 0.5, 1.0, 0.5), (1.0, 0.6, 0.5, 0.9), (0.9, 0.7, 0.6, 0.8)])
    run.apply(RunFinished(status="done"))
    assert hint_text(run) == "Best epoch 2 by validation loss 0.500; accuracy there 90.0 %. 3 epochs were trained."
    improving = history(falling([1.0, 0.5]))
    improving.apply(RunFinished(status="done"))
    assert hint_text(improving).endswith("It was the last one: more epochs may help.")
    found = training_hint(improving)
    assert found is not None
    assert not found.caution
