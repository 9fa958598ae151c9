"""A study that is made from what stands in Setup's form. No widget and no I/O in here."""

from __future__ import annotations

from collections.abc import Sequence

from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.tui.forms.study_form import factor_title
from cnn_tui.tui.screens.studies_files import StudyEntry

SOURCE = "new, not saved"
"""Where a draft comes from, in words."""
_FACTOR = "training.optimizer.learning_rate"
_LONGEST_NAME = 200
_BY = " by "


def draft(preset: RunPreset | None, factor: str = _FACTOR) -> StudyPreset:
    """A study of a preset to begin with: its learning rate and a tenth and ten times of it, or another factor."""
    preset = preset or RunPreset()
    rate = preset.experiment.training.optimizer.learning_rate
    rates = tuple(value for value in (rate / 10, rate, rate * 10) if 0 < value <= 1000)
    present: object = preset.experiment
    for part in factor.split("."):
        present = getattr(present, part)
    values = tuple(float(f"{value:g}") for value in rates) if factor == _FACTOR else (present,)
    base = preset.experiment
    study = StudyPreset.model_validate({"name": preset.name, "base": base, "factor": factor, "values": values})
    return named(study)


def named(study: StudyPreset) -> StudyPreset:
    """A draft under a name that says what it varies."""
    end = f"{_BY}{_varied(study)}"
    stem = study.name.rpartition(_BY)[0] or study.name
    return study.model_copy(update={"name": stem[: _LONGEST_NAME - len(end)] + end})


def well_named(study: StudyPreset) -> bool:
    """Whether a draft's name still says what it varies."""
    return study.name.endswith(f"{_BY}{_varied(study)}")


def with_own(entries: Sequence[StudyEntry], new: StudyPreset, latest: StudyPreset | None) -> tuple[StudyEntry, ...]:
    """All entries with the draft at the top, and the study that ran last if it is none of the others."""
    top = [StudyEntry("draft", "new: from Setup's form", "draft", new)]
    if latest is not None and all(entry.study != latest for entry in entries):
        top.append(StudyEntry("latest", latest.name, "latest", latest))
    return (*top, *entries)


def _varied(study: StudyPreset) -> str:
    titles = [factor_title(path).lower() for path in (study.factor, study.second_factor) if path]
    return " and ".join(titles)
