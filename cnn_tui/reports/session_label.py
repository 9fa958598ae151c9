"""What a session is called where there is little room: a row of a study by its values, before the study's name."""

from __future__ import annotations

import re
from functools import cache

from cnn_tui.config.fields import experiment_fields
from cnn_tui.store.records import StudyPart

_SHORT = {"learning_rate": "lr", "batch_size": "batch", "image_size": "size", "validation_fraction": "validation"}
_TOLD_BY_VALUE = {"architecture", "dataset", "name", "schedule"}


def session_label(name: str, study: StudyPart | None) -> str:
    """A session's name; of a row of a study its values and then the study, so that cutting leaves what differs.

    "rates learning_rate=0.01 seed=2" becomes "lr 0.01 · seed 2 · rates". A row that was renamed keeps its name.
    """
    if study is None or not name.startswith(f"{study.name} "):
        return name
    values = [_shown(*pair.groups()) for pair in _pairs().finditer(name, len(study.name))]
    return " · ".join((*(values or [f"run {study.row + 1:,}"]), study.name))


@cache
def _pairs() -> re.Pattern[str]:
    """A setting of a study with its value, up to the next one."""
    settings = "|".join({spec.path.rpartition(".")[2] for spec in experiment_fields()})
    return re.compile(rf" ({settings})=(.*?)(?= (?:{settings})=|$)", re.DOTALL)


def _shown(setting: str, value: str) -> str:
    return value if setting in _TOLD_BY_VALUE else f"{_SHORT.get(setting, setting.replace('_', ' '))} {value}"
