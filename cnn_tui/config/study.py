"""A study: an experiment with one or two settings varied, its runs, and which of them can be trained together."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from cnn_tui.catalog.models import ARCHITECTURES
from cnn_tui.config.experiment import Experiment, FrozenModel, rule_violation
from cnn_tui.config.fields import experiment_fields, set_value
from cnn_tui.config.preset import Preset, RunPreset
from cnn_tui.config.validation_errors import field_errors


def _scalar(value: Any) -> Any:
    """Reject non-scalars with one message; pydantic would report one for each type of the union."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | None):
        raise PydanticCustomError("scalar", "a number, a text or null is expected")
    if isinstance(value, float) and not math.isfinite(value):
        raise PydanticCustomError("scalar", "a finite number is expected")
    return value


Value = Annotated[int | float | str | None, BeforeValidator(_scalar)]
"""A value of a factor: the value of a scalar field."""

MOST_ROWS = 10_000
_SEED = "training.seed"
NOT_VARIED = frozenset({"training.max_minutes"})
"""Settings that cannot be factors: a run that reaches its time limit is incomplete, and its result up to chance."""
_LONGEST_NAME = 200
_LONGEST_DESCRIPTION = 2000


class ReportedRow(FrozenModel):
    """Published results for a value, as fractions; None if not published."""

    value: Value = Field(title="Value", description="The factor's value that was published.")
    second_value: Value = Field(None, title="Second value", description="The second factor's value, if there is one.")
    accuracy: float | None = Field(None, title="Accuracy", description="The published accuracy.", ge=0, le=1)
    macro_precision: float | None = Field(None, title="Precision", description="Its macro precision.", ge=0, le=1)
    macro_recall: float | None = Field(None, title="Recall", description="Its macro recall.", ge=0, le=1)
    macro_f1: float | None = Field(None, title="F1", description="Its macro F1.", ge=0, le=1)


class StudyPreset(Preset):
    """A preset of kind "study". With a second factor it is a grid of all combinations of the two."""

    kind: Literal["study"] = Field("study", title="Kind", description="The kind of the preset.")
    base: Experiment = Field(default_factory=Experiment, title="Base", description="The experiment that is varied.")
    factor: str = Field(title="Factor", description="The setting to vary, as a dotted path.")
    values: tuple[Value, ...] = Field(title="Values", description="The values of the factor.", strict=False)
    second_factor: str | None = Field(None, title="Second factor", description="A second setting to vary.")
    second_values: tuple[Value, ...] = Field(
        (), title="Second values", description="The values of the second factor.", strict=False
    )
    repeats: int = Field(
        1, title="Repeats", description="The number of seeds for each value, counted from the base's.", ge=1, le=1000
    )
    plain: bool = Field(
        False,
        title="Plain",
        description="Train every run separately, so that its time is measured alone. Otherwise runs share work.",
    )
    reported: tuple[ReportedRow, ...] = Field(
        (), title="Reported", description="Published results to show next to the study's.", strict=False
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        self._check_factor("factor", self.factor, "values", self.values)
        if self.second_factor is not None:
            self._check_factor("second_factor", self.second_factor, "second_values", self.second_values)
            if self.second_factor == self.factor:
                raise rule_violation(f"both factors are {self.factor}", "second_factor", "factor")
        elif self.second_values:
            raise rule_violation("there are second_values and no second_factor", "second_factor", "second_values")
        if _SEED in (self.factor, self.second_factor) and self.repeats > 1:
            raise rule_violation(f"repeats are seeds, and {_SEED} is varied already", "repeats", "factor")
        rows = len(self.values) * max(1, len(self.second_values)) * self.repeats
        if rows > MOST_ROWS:
            message = f"{rows:,} rows are too many; a study has at most {MOST_ROWS:,}"
            raise rule_violation(message, "values", "repeats")
        for experiment in (cell.experiment for cell in self.cells()):
            self._check_effect(experiment)
        self._check_reported()
        return self

    def cells(self) -> Iterator[Cell]:
        """All runs in the order of the table: the second factor's values outermost, the seeds innermost.

        Raises:
            PydanticCustomError: a value is not allowed; never for a validated study.
        """
        index = 0
        for second in self.second_values or (None,):
            for value in self.values:
                for repeat in range(self.repeats):
                    yield Cell(self.name, index, value, second, repeat, self._experiment(value, second, repeat))
                    index += 1

    def _experiment(self, value: Value, second: Value, repeat: int) -> Experiment:
        document = self.base.model_dump()
        set_value(document, self.factor, value)
        setting = f"{self.factor} {_shown(value)}"
        if self.second_factor is not None:
            set_value(document, self.second_factor, second)
            setting += f" with {self.second_factor} {_shown(second)}"
        document["training"]["seed"] += repeat
        try:
            return Experiment.model_validate(document)
        except ValidationError as error:
            reason = "; ".join(map(str, field_errors(error, Experiment)))
            raise rule_violation(f"{setting} cannot be used: {reason}", "values", "base") from error

    def _check_factor(self, name: str, path: str, values_name: str, values: tuple[Value, ...]) -> None:
        known = [spec.path for spec in experiment_fields()]
        if path not in known:
            likely = [one for one in known if one.endswith(f".{path}")] or difflib.get_close_matches(path, known, n=1)
            hint = f"; did you mean {likely[0]}?" if likely else f"; there are {', '.join(known)}"
            raise rule_violation(f"{name}: an experiment has no setting {path!r}{hint}", name)
        if path in NOT_VARIED:
            raise rule_violation(f"{name}: {path} only says when a run is stopped, and cannot be varied", name)
        if not values:
            raise rule_violation(f"{values_name} is empty: at least one value is needed", values_name)
        if len(set(values)) < len(values):
            repeated = next(value for value in values if values.count(value) > 1)
            raise rule_violation(f"{values_name}: {_shown(repeated)} is listed more than once", values_name)

    def _check_effect(self, experiment: Experiment) -> None:
        """Reject a factor that has no effect because of another setting, so that all rows would be the same."""
        reasons = {
            "data.root": "data.root is only for the dataset 'folder'" if experiment.data.dataset != "folder" else "",
            "model.batch_norm": "all layers are trained, so none is frozen",
            "training.feature_cache": "all layers are trained, so there are no features to store",
        }
        if experiment.model.trainable != "all":
            reasons["model.batch_norm"] = reasons["training.feature_cache"] = ""
        for name, path in (("factor", self.factor), ("second_factor", self.second_factor or "")):
            if reasons.get(path):
                raise rule_violation(f"{name}: {path} has no effect: {reasons[path]}", name, "base")

    def _check_reported(self) -> None:
        combinations = {(cell.value, cell.second_value) for cell in self.cells()}
        for row in self.reported:
            if (row.value, row.second_value) not in combinations:
                message = f"reported: {_shown(row.value)} is not one of the study's values"
                raise rule_violation(message, "reported", "values")


@dataclass(frozen=True)
class Cell:
    """One run of a study.

    Attributes:
        index: its position among all runs.
        repeat: the index of its seed among the value's seeds.
    """

    study: str
    index: int
    value: Value
    second_value: Value
    repeat: int
    experiment: Experiment

    def preset(self, study: StudyPreset) -> RunPreset:
        """The run as a separate preset, with the study and the values in its name and description."""
        settings = [(study.factor, _shown(self.value))]
        if study.second_factor is not None:
            settings.append((study.second_factor, _shown(self.second_value)))
        if study.repeats > 1:
            settings.append((_SEED, str(self.experiment.training.seed)))
        parts = [f"{path.rpartition('.')[2]}={value}" for path, value in settings]
        described = ", ".join(f"{path} {value}" for path, value in settings)
        return RunPreset(
            name=" ".join([self.study, *parts])[:_LONGEST_NAME],
            description=f"A row of the study {self.study}: {described}."[:_LONGEST_DESCRIPTION],
            experiment=self.experiment,
        )


def training_groups(experiments: Sequence[Experiment]) -> tuple[tuple[int, ...], ...]:
    """Group the indices of experiments that are trained as one computation, in the order of their first members.

    Runs that differ only in their number of epochs are one run with several tests. Last layers on stored features
    that differ in learning rate, weight decay or seed have the same batches, or batches of the same shape, and are
    trained as one stack.
    """
    groups: dict[Experiment, list[int]] = {}
    for index, experiment in enumerate(experiments):
        key = training_key(experiment)
        if is_stackable(experiment):
            optimizer = key.training.optimizer.model_copy(update={"learning_rate": 1.0, "weight_decay": 0.0})
            # Random weights, and the features computed with them, depend on the seed.
            seed = key.training.seed if key.model.weights == "random" else 0
            key = _with_training(key, optimizer=optimizer, seed=seed)
        groups.setdefault(key, []).append(index)
    return tuple(map(tuple, groups.values()))


def training_key(experiment: Experiment) -> Experiment:
    """The experiment without its number of epochs, unless earlier epochs depend on it by schedule or early stopping.

    A run with a time limit keeps it, too: the time that it takes has to be its own.
    """
    training = experiment.training
    alone = training.early_stopping_patience is not None or training.max_minutes is not None
    if training.schedule != "constant" or alone:
        return experiment
    return _with_training(experiment, epochs=1)


def is_stackable(experiment: Experiment) -> bool:
    """Whether training changes only a fully connected last layer, on features that are computed once."""
    model = experiment.model
    return (
        experiment.features_are_stored
        and experiment.training.early_stopping_patience is None
        and experiment.training.max_minutes is None
        and (model.trainable == "last_layer" or ARCHITECTURES[model.architecture].linear_layers == 1)
    )


def _with_training(experiment: Experiment, **changes: object) -> Experiment:
    return experiment.model_copy(update={"training": experiment.training.model_copy(update=changes)})


def _shown(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else "none" if value is None else str(value)
