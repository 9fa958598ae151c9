"""Paths in settings, made to mean the same file from everywhere.

A relative path is taken from the folder that the program was started in, wherever the preset lies, and ``~`` is the
user's home. Links are kept as they are: a file of weights is often a link to one without a name.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from cnn_tui.config.experiment import Experiment
from cnn_tui.config.fields import experiment_fields, field, value_at
from cnn_tui.config.overrides import assign
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.problems import problems
from cnn_tui.config.study import ReportedRow, StudyPreset, Value
from cnn_tui.errors import ConfigError


def located(experiment: Experiment) -> Experiment:
    """An experiment with absolute paths."""
    values = {spec.path: value_at(experiment, spec.path) for spec in experiment_fields() if spec.kind == "path"}
    changed = {path: found for path, value in values.items() if (found := _located(path, value)) != value}
    if not changed:
        return experiment
    document = experiment.model_dump()
    for path, value in changed.items():
        assign(document, path, value)
    try:
        return Experiment.model_validate(document)
    except ValidationError:  # a path that would be too long
        return experiment


def located_preset(preset: RunPreset) -> RunPreset:
    """A preset with absolute paths."""
    return preset.model_copy(update={"experiment": located(preset.experiment)})


def located_study(study: StudyPreset) -> StudyPreset:
    """A study with absolute paths, in its values too.

    Raises:
        ConfigError: two of its values are the same file.
    """
    document = {
        **dict(study),
        "base": located(study.base),
        "values": _all_located(study.factor, study.values),
        "second_values": _all_located(study.second_factor, study.second_values),
        "reported": tuple(_located_row(study, row) for row in study.reported),
    }
    try:
        return StudyPreset.model_validate(document)
    except ValidationError as error:
        reasons = "\n".join(str(problem) for problem in problems(error, StudyPreset))
        raise ConfigError(f"The study {study.name} cannot be run from this folder", reasons) from error


def _located_row(study: StudyPreset, row: ReportedRow) -> ReportedRow:
    (value,) = _all_located(study.factor, (row.value,))
    (second,) = _all_located(study.second_factor, (row.second_value,))
    return row.model_copy(update={"value": value, "second_value": second})


def _all_located(path: str | None, values: tuple[Value, ...]) -> tuple[Value, ...]:
    return values if path is None else tuple(_located(path, value) for value in values)


def _located(path: str, value: Value) -> Value:
    """The value of the setting at ``path`` as an absolute path, as it is where it is none."""
    spec = field(path)
    if spec.kind != "path" or not isinstance(value, str) or value in spec.suggestions:
        return value
    try:
        where = Path(value).expanduser()
        found = str(where.resolve() if ".." in where.parts else where.absolute())
        found.encode()  # refuses what no JSON file can hold
    except (OSError, RuntimeError, ValueError):
        return value  # for the run to say what is wrong with it
    return found
