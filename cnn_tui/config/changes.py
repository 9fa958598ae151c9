"""Changes to presets before a run: ``--set`` overrides, updated descriptions, and absolute paths."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cnn_tui.config.experiment import Experiment
from cnn_tui.config.fields import FieldSpec, experiment_fields, field, parse_value, set_value, value_at
from cnn_tui.config.preset import Derivation, Preset, RunPreset
from cnn_tui.config.study import ReportedRow, StudyPreset, Value
from cnn_tui.config.validation_errors import error_text
from cnn_tui.errors import ConfigError

_NAMED_CHANGES = 5
_STUDY_FIELDS = ("factor", "values", "second_factor", "second_values", "repeats", "plain")


def override(experiment: Experiment, settings: Iterable[str]) -> Experiment:
    """Apply ``path=value`` settings to an experiment and validate the result.

    Raises:
        ConfigError: a setting is malformed or names no field, or the result is invalid.
    """
    settings = list(settings)
    if not settings:
        return experiment
    document = experiment.model_dump()
    for setting in settings:
        path, separator, text = setting.partition("=")
        if not separator:
            raise ConfigError(
                f"--set {setting!r} has no value", "A setting is PATH=VALUE.", "For example --set data.image_size=64"
            )
        set_value(document, path.strip(), parse_value(_known_field(path.strip()), text.strip()))
    try:
        return Experiment.model_validate(document)
    except ValidationError as error:
        raise ConfigError(f"--set {' --set '.join(settings)} is not allowed", error_text(error, Experiment)) from error


def with_experiment(preset: RunPreset, experiment: Experiment) -> RunPreset:
    """Replace the experiment of a preset; if that changes a setting, replace the description too.

    The new description names the original preset and the changed settings. Both are also stored in ``derived_from``,
    so that further changes extend the list. A preset without a description gets none.
    """
    changed = _differences(preset.experiment, experiment)
    return preset.model_copy(update={"experiment": experiment, **_description(preset, "preset", changed)})


def derived_study(study: StudyPreset, origin: StudyPreset) -> StudyPreset:
    """Describe a study that was made from ``origin``, as :func:`with_experiment` describes a preset."""
    changed = [name for name in _STUDY_FIELDS if getattr(study, name) != getattr(origin, name)]
    changed = [*_differences(origin.base, study.base), *changed]
    return study.model_copy(update=_description(origin, "study", changed))


def with_absolute_paths(experiment: Experiment) -> Experiment:
    """Make the paths in an experiment absolute.

    Relative paths start at the working directory, wherever the preset is, and ``~`` is the user's home folder.
    Symbolic links are kept: a weights file is often a link to a file without an extension.
    """
    values = {spec.path: value_at(experiment, spec.path) for spec in experiment_fields() if spec.kind == "path"}
    changed = {path: found for path, value in values.items() if (found := _absolute(path, value)) != value}
    if not changed:
        return experiment
    document = experiment.model_dump()
    for path, value in changed.items():
        set_value(document, path, value)
    try:
        return Experiment.model_validate(document)
    except ValidationError:  # an absolute path would be too long
        return experiment


def preset_with_absolute_paths(preset: RunPreset) -> RunPreset:
    """Make the paths in a preset absolute."""
    return preset.model_copy(update={"experiment": with_absolute_paths(preset.experiment)})


def study_with_absolute_paths(study: StudyPreset) -> StudyPreset:
    """Make the paths in a study absolute, including those among its values.

    Raises:
        ConfigError: two of its values are the same file.
    """
    document = {
        **dict(study),
        "base": with_absolute_paths(study.base),
        "values": _all_absolute(study.factor, study.values),
        "second_values": _all_absolute(study.second_factor, study.second_values),
        "reported": tuple(_row_with_absolute_paths(study, row) for row in study.reported),
    }
    try:
        return StudyPreset.model_validate(document)
    except ValidationError as error:
        title = f"The study {study.name} cannot be run from this folder"
        raise ConfigError(title, error_text(error, StudyPreset)) from error


def _known_field(path: str) -> FieldSpec:
    specs = {spec.path: spec for spec in experiment_fields()}
    if path not in specs:
        same_end = [known for known in specs if known.endswith("." + path)]
        likely = same_end or difflib.get_close_matches(path, specs, n=1, cutoff=0.5)
        hint = f"Did you mean {likely[0]}?" if likely else f"There are {', '.join(specs)}."
        raise ConfigError(f"--set {path} names no setting", f"An experiment has no field {path!r}.", hint)
    return specs[path]


def _differences(one: Experiment, other: Experiment) -> list[str]:
    paths = [spec.path for spec in experiment_fields()]
    return [path for path in paths if value_at(one, path) != value_at(other, path)]


def _description(origin: Preset, kind: str, changed: Sequence[str]) -> dict[str, Any]:
    """The description and ``derived_from`` after changes to the settings at these paths."""
    if not changed or not origin.description:
        return {"description": origin.description, "derived_from": origin.derived_from}
    before = origin.derived_from or Derivation(name=origin.name)
    paths = tuple(dict.fromkeys((*before.changed, *changed)))
    more = f" and {len(paths) - _NAMED_CHANGES} more" if len(paths) > _NAMED_CHANGES else ""
    text = f"From {kind} {before.name}, changed: {', '.join(paths[:_NAMED_CHANGES])}{more}."
    return {"description": text, "derived_from": Derivation(name=before.name, changed=paths)}


def _row_with_absolute_paths(study: StudyPreset, row: ReportedRow) -> ReportedRow:
    (value,) = _all_absolute(study.factor, (row.value,))
    (second,) = _all_absolute(study.second_factor, (row.second_value,))
    return row.model_copy(update={"value": value, "second_value": second})


def _all_absolute(path: str | None, values: tuple[Value, ...]) -> tuple[Value, ...]:
    return values if path is None else tuple(_absolute(path, value) for value in values)


def _absolute(path: str, value: Value) -> Value:
    """The value of the setting at ``path`` as an absolute path; unchanged if it is not a path."""
    spec = field(path)
    if spec.kind != "path" or not isinstance(value, str) or value in spec.suggestions:
        return value
    try:
        expanded = Path(value).expanduser()
        absolute = str(expanded.resolve() if ".." in expanded.parts else expanded.absolute())
        absolute.encode()  # rejects what JSON files cannot represent
    except (OSError, RuntimeError, ValueError):
        return value  # the run reports what is wrong with it
    return absolute
