"""The sentence below the curves: when it is said, and when it is not."""

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
    story = RunHistory()
    for step, loss in enumerate(losses, start=1):
        story.apply(
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
        story.apply(
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
    return story


def said(story: RunHistory) -> str:
    found = training_hint(story)
    return found.text if found else ""


def falling(validation: Sequence[float]) -> list[Epoch]:
    """Training that goes well, with these validation losses."""
    return [(2.0 / number, 0.5, loss, 0.5) for number, loss in enumerate(validation, start=1)]


def test_nothing_is_said_before_the_first_epoch_or_while_all_is_well() -> None:
    assert training_hint(RunHistory()) is None
    assert said(history(falling([2.0, 1.5, 1.2]))) == ""


@pytest.mark.parametrize("rises", [3, 4])
def test_a_validation_loss_that_rises_is_told_with_the_best_epoch(rises: int) -> None:
    story = history(falling([2.0, 1.0, *(1.1 + 0.1 * number for number in range(rises))]))
    assert said(story).startswith(f"Validation loss has risen for {rises} epochs; the best was epoch 2.")


def test_two_rises_or_a_break_are_not_told() -> None:
    assert said(history(falling([1.0, 1.1, 1.2]))) == ""
    assert said(history(falling([1.0, 1.1, 1.2, 1.15, 1.2]))) == ""


@given(st.lists(st.floats(0, 10), max_size=20))
def test_rises_are_those_at_the_end(losses: list[float]) -> None:
    rises = rising_epochs(history(falling(losses)).epochs)
    tail = losses[len(losses) - rises - 1 :]
    assert tail == sorted(set(tail))
    assert rises == max(0, len(losses) - 1) or losses[-rises - 1] <= losses[-rises - 2]


def test_the_gap_between_training_and_validation_is_told_in_points() -> None:
    story = history([(2.0, 0.4, 2.0, 0.4), (0.5, 0.92, 1.0, 0.80)])
    assert said(story).startswith("Training accuracy is 12 points above validation")
    assert said(history([(2.0, 0.4, 2.0, 0.4), (0.5, 0.88, 1.0, 0.80)])) == ""


def test_a_first_epoch_in_which_the_loss_did_not_move_points_to_the_learning_rate() -> None:
    stuck = [2.3, 2.31, 2.29, 2.3, 2.3, 2.31, 2.3, 2.29]
    moving = [2.3, 2.2, 2.0, 1.9, 1.8, 1.7, 1.5, 1.4]
    assert said(history([(2.3, 0.1, None, None)], stuck)).startswith("Training loss did not fall in the first epoch")
    assert said(history([(1.9, 0.3, None, None)], moving)) == ""
    assert said(history([(2.3, 0.1, None, None)], stuck[:4])) == ""


def test_a_loss_that_never_fell_is_told_in_later_epochs_unless_there_is_nothing_left_to_learn() -> None:
    assert "has not fallen in 2 epochs" in said(history([(2.3, 0.1, None, None), (2.29, 0.1, None, None)]))
    assert said(history([(0.01, 0.99, None, None), (0.01, 0.99, None, None)])) == ""


def test_a_loss_that_goes_up_again_says_that_the_learning_rate_may_be_too_high() -> None:
    story = history([(2.3, 0.1, None, None), (0.5, 0.8, None, None), (1.9, 0.3, None, None)])
    assert said(story) == ("Training loss has risen from 0.5 in epoch 2 to 1.9: the learning rate may be too high.")


def test_a_best_epoch_long_ago_is_told() -> None:
    assert "since epoch 1" in said(history(falling([1.0, 1.2, 1.1, 1.2, 1.1, 1.15])))


def test_at_the_end_it_says_which_epoch_was_the_best() -> None:
    story = history([(2.0, 0.5, 1.0, 0.5), (1.0, 0.6, 0.5, 0.9), (0.9, 0.7, 0.6, 0.8)])
    story.apply(RunFinished(status="done"))
    assert said(story) == "Best epoch 2 by validation loss 0.500; accuracy there 90.0 %. 3 epochs were trained."
    improving = history(falling([1.0, 0.5]))
    improving.apply(RunFinished(status="done"))
    assert said(improving).endswith("It was the last one: more epochs may help.")
    found = training_hint(improving)
    assert found is not None
    assert not found.caution
