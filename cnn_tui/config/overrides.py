"""``--set data.image_size=64``: single settings laid over a preset's experiment."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from cnn_tui.config.experiment import Experiment
from cnn_tui.config.fields import FieldSpec, experiment_fields
from cnn_tui.config.problems import problems
from cnn_tui.errors import ConfigError


def override(experiment: Experiment, settings: Iterable[str]) -> Experiment:
    """An experiment with ``path=value`` settings applied, validated as a whole.

    Raises:
        ConfigError: a setting is not of this form, names no field, or the whole is not allowed.
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
        assign(document, path.strip(), parse(_spec(path.strip()), text.strip()))
    try:
        return Experiment.model_validate(document)
    except ValidationError as error:
        reasons = "\n".join(str(problem) for problem in problems(error, Experiment))
        raise ConfigError(f"--set {' --set '.join(settings)} is not allowed", reasons) from error


def assign(document: dict[str, Any], path: str, value: Any) -> None:
    """Put a value at a dotted path of a nested document."""
    *parents, name = path.split(".")
    for parent in parents:
        document = document.setdefault(parent, {})
    document[name] = value


def parse(spec: FieldSpec, text: str) -> Any:
    """Read what a person typed for a field; what cannot be read is passed on as text, for validation to refuse."""
    if spec.optional and text in ("", "null", "none"):
        return None
    if spec.kind in ("integer", "number"):
        try:
            value = json.loads(text.replace("_", ""))
        except ValueError:
            return text
        return value if isinstance(value, int | float) and not isinstance(value, bool) else text
    return text


def _spec(path: str) -> FieldSpec:
    specs = {spec.path: spec for spec in experiment_fields()}
    if path not in specs:
        ends = [known for known in specs if known.endswith("." + path)]
        likely = ends or difflib.get_close_matches(path, specs, n=1, cutoff=0.5)
        hint = f"Did you mean {likely[0]}?" if likely else f"There are {', '.join(specs)}."
        raise ConfigError(f"--set {path} names no setting", f"An experiment has no field {path!r}.", hint)
    return specs[path]
