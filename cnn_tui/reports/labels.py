"""Short texts for sessions, epochs and values, the same in tables, charts and lists."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache
from typing import Any

from cnn_tui.config.fields import experiment_fields
from cnn_tui.config.study import Value
from cnn_tui.events import EpochFinished, JobWaiting
from cnn_tui.formatting import printable
from cnn_tui.store.records import StudyPart

BEST_EPOCH_CRITERION = "validation loss"
_ABBREVIATIONS = {
    "learning_rate": "lr",
    "batch_size": "batch",
    "image_size": "size",
    "validation_fraction": "validation",
}
_CLEAR_FROM_VALUE = {"architecture", "dataset", "name", "schedule"}
_ZERO_WIDTH_JOINER = "\u200d"  # joins emoji; other invisible characters can control terminals or reorder text


def best_epoch_label(number: int, epoch: EpochFinished | None = None) -> str:
    """Text that names the best epoch with its criterion, because it need not be the epoch of the highest accuracy.

    Includes validation loss and accuracy if ``epoch`` has them.
    """
    text = f"best epoch {number:,} by {BEST_EPOCH_CRITERION}"
    if epoch is None or epoch.validation_loss is None or epoch.validation_accuracy is None:
        return text
    return f"{text} {epoch.validation_loss:.3f}; accuracy there {epoch.validation_accuracy * 100:.1f} %"


def waiting_text(event: JobWaiting) -> str:
    """What a job waits for."""
    return printable(f"Waiting until {event.holder} has ended, which uses {event.device}")


def session_label(name: str, study: StudyPart | None) -> str:
    """A short label for a session; for a run of a study, its values before the study's name.

    "rates learning_rate=0.01 seed=2" becomes "lr 0.01 · seed 2 · rates", so that truncation keeps what differs.
    A run that the user renamed keeps its name.
    """
    if study is None or not name.startswith(f"{study.name} "):
        return name
    values = [_abbreviated(*pair.groups()) for pair in _setting_pairs().finditer(name, len(study.name))]
    return " · ".join((*(values or [f"run {study.row + 1:,}"]), study.name))


def setting_text(value: Any) -> str:
    """A setting's value, a dash for none."""
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def value_text(value: Value) -> str:
    """A value as it is written in a preset: small numbers in decimals, null as none."""
    if value is None:
        return "none"
    if isinstance(value, float) and 1e-7 <= abs(value) < 1e7:
        return f"{Decimal(repr(value)).normalize():f}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def visible(text: str) -> str:
    """One line of text in which each invisible character, which could control a terminal, is U+FFFD."""
    return "".join(char if char.isprintable() or char == _ZERO_WIDTH_JOINER else "\ufffd" for char in text)


@cache
def _setting_pairs() -> re.Pattern[str]:
    """Match a setting in a run's name with its value, which ends before the next setting."""
    settings = "|".join({spec.path.rpartition(".")[2] for spec in experiment_fields()})
    return re.compile(rf" ({settings})=(.*?)(?= (?:{settings})=|$)", re.DOTALL)


def _abbreviated(setting: str, value: str) -> str:
    if setting in _CLEAR_FROM_VALUE:
        return value
    return f"{_ABBREVIATIONS.get(setting, setting.replace('_', ' '))} {value}"
