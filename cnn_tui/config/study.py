"""A study: one experiment in which one setting, or two, are varied and all else stays as it is."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from cnn_tui.config.experiment import Experiment, FrozenModel
from cnn_tui.config.fields import experiment_fields
from cnn_tui.config.overrides import assign
from cnn_tui.config.preset import Preset, RunPreset
from cnn_tui.config.problems import problems


def _scalar(value: Any) -> Any:
    """Refuse what no field can hold, in one sentence where pydantic would give one for each type."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | None):
        raise PydanticCustomError("scalar", "a number, a text or null is expected")
    if isinstance(value, float) and not math.isfinite(value):
        raise PydanticCustomError("scalar", "a finite number is expected")
    return value


Value = Annotated[int | float | str | None, BeforeValidator(_scalar)]
"""What a factor can be: the value of a scalar field."""

MOST_ROWS = 10_000
_SEED = "training.seed"
_LONGEST_NAME = 200
_LONGEST_DESCRIPTION = 2000


class ReportedRow(FrozenModel):
    """Figures that were published for a value elsewhere, each from 0 to 1; None for what was not."""

    value: Value = Field(title="Value", description="The factor's value that the figures are of.")
    second_value: Value = Field(None, title="Second value", description="The second factor's, where there is one.")
    accuracy: float | None = Field(None, title="Accuracy", description="The published accuracy.", ge=0, le=1)
    macro_precision: float | None = Field(None, title="Precision", description="Its macro precision.", ge=0, le=1)
    macro_recall: float | None = Field(None, title="Recall", description="Its macro recall.", ge=0, le=1)
    macro_f1: float | None = Field(None, title="F1", description="Its macro F1.", ge=0, le=1)


class StudyPreset(Preset):
    """A preset of kind "study". With a second factor it is a grid: every value of the one with every of the other."""

    kind: Literal["study"] = Field("study", title="Kind", description="What the preset holds.")
    base: Experiment = Field(default_factory=Experiment, title="Base", description="The experiment that is varied.")
    factor: str = Field(title="Factor", description="The setting that is varied, as a dotted path.")
    values: tuple[Value, ...] = Field(
        title="Values", description="What it is set to, one after the other.", strict=False
    )
    second_factor: str | None = Field(None, title="Second factor", description="Another setting that is varied too.")
    second_values: tuple[Value, ...] = Field(
        (), title="Second values", description="What the second factor is set to.", strict=False
    )
    repeats: int = Field(
        1, title="Repeats", description="How many seeds each value is run with, from the base's on.", ge=1, le=1000
    )
    plain: bool = Field(
        False,
        title="Plain",
        description="Train every row on its own, so that its time is its own. Otherwise rows that can share work do.",
    )
    reported: tuple[ReportedRow, ...] = Field(
        (), title="Reported", description="Figures published elsewhere, shown beside ours.", strict=False
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        self._check_factor("factor", self.factor, "values", self.values)
        if self.second_factor is not None:
            self._check_factor("second_factor", self.second_factor, "second_values", self.second_values)
            if self.second_factor == self.factor:
                raise _misfit(f"both factors are {self.factor}", "second_factor", "factor")
        elif self.second_values:
            raise _misfit("there are second_values and no second_factor", "second_factor", "second_values")
        if _SEED in (self.factor, self.second_factor) and self.repeats > 1:
            raise _misfit(f"repeats are seeds, and {_SEED} is varied already", "repeats", "factor")
        rows = len(self.values) * max(1, len(self.second_values)) * self.repeats
        if rows > MOST_ROWS:
            raise _misfit(f"{rows:,} rows are too many; a study has at most {MOST_ROWS:,}", "values", "repeats")
        for experiment in (cell.experiment for cell in self.cells()):
            self._check_meaning(experiment)
        self._check_reported()
        return self

    def cells(self) -> Iterator[Cell]:
        """All runs, in the order of the table: the second factor's values outside, the seeds inside.

        Raises:
            PydanticCustomError: a value is not allowed; for a study that was validated it never is.
        """
        index = 0
        for second in self.second_values or (None,):
            for value in self.values:
                for repeat in range(self.repeats):
                    yield Cell(self.name, index, value, second, repeat, self._experiment(value, second, repeat))
                    index += 1

    def _experiment(self, value: Value, second: Value, repeat: int) -> Experiment:
        document = self.base.model_dump()
        assign(document, self.factor, value)
        described = f"{self.factor} {_shown(value)}"
        if self.second_factor is not None:
            assign(document, self.second_factor, second)
            described += f" with {self.second_factor} {_shown(second)}"
        document["training"]["seed"] += repeat
        try:
            return Experiment.model_validate(document)
        except ValidationError as error:
            reason = "; ".join(str(problem) for problem in problems(error, Experiment))
            raise _misfit(f"{described} cannot be: {reason}", "values", "base") from error

    def _check_factor(self, name: str, path: str, values_name: str, values: tuple[Value, ...]) -> None:
        known = [spec.path for spec in experiment_fields()]
        if path not in known:
            likely = [one for one in known if one.endswith(f".{path}")] or difflib.get_close_matches(path, known, n=1)
            hint = f"; did you mean {likely[0]}?" if likely else f"; there are {', '.join(known)}"
            raise _misfit(f"{name}: an experiment has no setting {path!r}{hint}", name)
        if not values:
            raise _misfit(f"{values_name} is empty: name one value at least", values_name)
        if len(set(values)) < len(values):
            repeated = next(value for value in values if values.count(value) > 1)
            raise _misfit(f"{values_name}: {_shown(repeated)} is there more than once", values_name)

    def _check_meaning(self, experiment: Experiment) -> None:
        """Refuse a factor that another setting makes meaningless, so that all rows would be the same."""
        reasons = {
            "data.root": "data.root is only for the dataset 'folder'" if experiment.data.dataset != "folder" else "",
            "model.batch_norm": "nothing is frozen where every layer is trained",
            "training.feature_cache": "there is nothing to store where every layer is trained",
        }
        if experiment.model.trainable != "all":
            reasons["model.batch_norm"] = reasons["training.feature_cache"] = ""
        for name, path in (("factor", self.factor), ("second_factor", self.second_factor or "")):
            if reasons.get(path):
                raise _misfit(f"{name}: {path} makes no difference: {reasons[path]}", name, "base")

    def _check_reported(self) -> None:
        there = {(cell.value, cell.second_value) for cell in self.cells()}
        for row in self.reported:
            if (row.value, row.second_value) not in there:
                raise _misfit(f"reported: {_shown(row.value)} is none of the study's values", "reported", "values")


@dataclass(frozen=True)
class Cell:
    """One run of a study.

    Attributes:
        index: its place among all of them.
        repeat: which of the value's seeds it has, from 0.
    """

    study: str
    index: int
    value: Value
    second_value: Value
    repeat: int
    experiment: Experiment

    def preset(self, study: StudyPreset) -> RunPreset:
        """The run as a preset of its own, named after the study and its values, which its description tells."""
        parts = [f"{study.factor.rpartition('.')[2]}={_shown(self.value)}"]
        if study.second_factor is not None:
            parts.append(f"{study.second_factor.rpartition('.')[2]}={_shown(self.second_value)}")
        if study.repeats > 1:
            parts.append(f"seed={self.experiment.training.seed}")
        name = " ".join([self.study, *parts])[:_LONGEST_NAME]
        return RunPreset(name=name, description=self._description(study), experiment=self.experiment)

    def _description(self, study: StudyPreset) -> str:
        settings = [f"{study.factor} {_shown(self.value)}"]
        if study.second_factor is not None:
            settings.append(f"{study.second_factor} {_shown(self.second_value)}")
        if study.repeats > 1:
            settings.append(f"{_SEED} {self.experiment.training.seed}")
        return f"A row of the study {self.study}: {', '.join(settings)}."[:_LONGEST_DESCRIPTION]


def _shown(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else "none" if value is None else str(value)


def _misfit(reason: str, *fields: str) -> PydanticCustomError:
    return PydanticCustomError("misfit", "{reason}", {"reason": reason, "fields": fields})
