"""The best epoch in words, never without what it was chosen by: it need not be the one of the highest accuracy."""

from __future__ import annotations

from cnn_tui.events import EpochFinished

CRITERION = "validation loss"


def best_epoch_words(number: int, epoch: EpochFinished | None = None) -> str:
    """Which epoch was the best, by what, and, where ``epoch`` tells them, with its loss and accuracy in validation."""
    words = f"best epoch {number:,} by {CRITERION}"
    if epoch is None or epoch.validation_loss is None or epoch.validation_accuracy is None:
        return words
    return f"{words} {epoch.validation_loss:.3f}; accuracy there {epoch.validation_accuracy * 100:.1f} %"
