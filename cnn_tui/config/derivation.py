"""What becomes of a preset's description when its settings are changed: it would describe something else.

It then says which preset this came from and what was changed. Both are kept beside it, so that further changes make
one such sentence anew. A preset without a description stays without one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnn_tui.config.experiment import Experiment
from cnn_tui.config.fields import experiment_fields, value_at
from cnn_tui.config.preset import Derivation, Preset, RunPreset
from cnn_tui.config.study import StudyPreset

_SHOWN = 5
_STUDY_FIELDS = ("factor", "values", "second_factor", "second_values", "repeats", "plain")


def with_experiment(preset: RunPreset, experiment: Experiment) -> RunPreset:
    """A preset with another experiment in it; the description stays where that is the same one."""
    changed = _differences(preset.experiment, experiment)
    return preset.model_copy(update={"experiment": experiment, **_described(preset, "preset", changed)})


def redescribed(study: StudyPreset, origin: StudyPreset) -> StudyPreset:
    """A study that was made from ``origin``; the description stays where nothing was changed."""
    changed = [name for name in _STUDY_FIELDS if getattr(study, name) != getattr(origin, name)]
    changed = [*_differences(origin.base, study.base), *changed]
    return study.model_copy(update=_described(origin, "study", changed))


def _differences(one: Experiment, other: Experiment) -> list[str]:
    paths = [spec.path for spec in experiment_fields()]
    return [path for path in paths if value_at(one, path) != value_at(other, path)]


def _described(origin: Preset, kind: str, changed: Sequence[str]) -> dict[str, Any]:
    """The fields that tell where a preset came from, after changes to the settings at these paths."""
    if not changed or not origin.description:
        return {"description": origin.description, "derived_from": origin.derived_from}
    before = origin.derived_from or Derivation(name=origin.name)
    paths = tuple(dict.fromkeys((*before.changed, *changed)))
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    text = f"From {kind} {before.name}, changed: {', '.join(paths[:_SHOWN])}{more}."
    return {"description": text, "derived_from": Derivation(name=before.name, changed=paths)}
