"""The metrics of a test, each defined once.

A metric is a field of :class:`Scores` or :class:`Result` with a :class:`Metric` in its annotation: its formula, names,
number format and visibility. Reports, command line and workbench iterate over :data:`METRICS` and mention only accuracy
by name, so a new metric is a new field here.

Rows of the confusion matrix are actual classes, columns predicted ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator

from cnn_tui.outcome import TOP, Outcome, ratio

if TYPE_CHECKING:  # code that only reads scores, such as the workbench at startup, does not import numpy
    from cnn_tui.outcome import IntArray

MISSING = "–"
"""The text of a metric that was not recorded."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric.

    Attributes:
        key: the name of its field, in JSON and in CSV.
        formula: computes it from the outcome of a test; None if the outcome lacks what it needs.
        title: the full name; ``heading`` is the heading of a column, ``symbol`` an abbreviation.
        level: "summary" is shown in one-line summaries and lists, "headline" also in tables, "detail" only in complete
            lists.
        per_class: the field of :class:`ClassScores` whose macro mean it is; empty for none.
        is_loss: whether it is a loss, not a score.
        percent: whether screens show percentages; files never do.
        least_classes: with fewer classes it is meaningless and not shown.
        charted: whether it has a curve in the charts of studies.
    """

    formula: Callable[[Outcome], float | None]
    title: str
    heading: str
    symbol: str
    level: Literal["summary", "headline", "detail"] = "detail"
    per_class: Literal["", "precision", "recall", "f1"] = ""
    is_loss: bool = False
    higher_is_better: bool = True
    percent: bool = False
    least_classes: int = 1
    charted: bool = False
    key: str = ""

    @property
    def name(self) -> str:
        """The title for lists in which everything is about the test split."""
        return self.title.removeprefix("test ")

    def text(self, value: float | None, digits: int = 4) -> str:
        """A value with a fixed number of decimals."""
        return MISSING if value is None else f"{value:.{digits}f}"

    def screen_text(self, value: float | None, digits: int = 4) -> str:
        """A value for screens, which show some metrics as percentages."""
        return f"{value * 100:.2f} %" if self.percent and value is not None else self.text(value, digits)


def _accuracy(outcome: Outcome) -> float:
    return ratio(sum(outcome.hits), outcome.images)


def _cohen_kappa(outcome: Outcome) -> float:
    """Agreement beyond chance, (observed - expected) / (1 - expected), with integers until the division."""
    expected = sum(a * p for a, p in zip(outcome.support, outcome.predicted, strict=True))
    squared = outcome.images**2
    return ratio(outcome.images * sum(outcome.hits) - expected, squared - expected)


def _top5_accuracy(outcome: Outcome) -> float | None:
    if outcome.top_hits is None or len(outcome.matrix) <= TOP:
        return None
    return ratio(outcome.top_hits, outcome.images)


class ClassScores(BaseModel):
    """Precision, recall and F1 of one class; ``support`` is its number of test images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    precision: float
    recall: float
    f1: float
    support: int


class Scores(BaseModel):
    """Everything computed from one confusion matrix, including the metrics that an older record lacks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accuracy: Annotated[
        float,
        Metric(
            formula=_accuracy,
            title="test accuracy",
            heading="accuracy",
            symbol="acc",
            level="summary",
            percent=True,
            charted=True,
        ),
    ]
    macro_precision: Annotated[
        float,
        Metric(
            formula=lambda outcome: outcome.macro(outcome.precision),
            title="macro precision",
            heading="precision",
            symbol="P",
            level="headline",
            per_class="precision",
            charted=True,
        ),
    ]
    macro_recall: Annotated[
        float,
        Metric(
            formula=lambda outcome: outcome.macro(outcome.recall),
            title="macro recall",
            heading="recall",
            symbol="R",
            level="headline",
            per_class="recall",
            charted=True,
        ),
    ]
    macro_f1: Annotated[
        float,
        Metric(
            formula=lambda outcome: outcome.macro(outcome.f1),
            title="macro F1",
            heading="F1",
            symbol="F1",
            level="summary",
            per_class="f1",
            charted=True,
        ),
    ]
    # Equal to macro recall by definition, also without the classes that have no images. It is listed because many know
    # it by this name, but not in headlines and charts, to which it adds nothing.
    balanced_accuracy: Annotated[
        float,
        Metric(
            formula=lambda outcome: outcome.macro(outcome.recall),
            title="balanced accuracy",
            heading="balanced",
            symbol="bal",
            percent=True,
        ),
    ]
    cohen_kappa: Annotated[float, Metric(formula=_cohen_kappa, title="Cohen's kappa", heading="kappa", symbol="kappa")]
    classes: tuple[str, ...]
    confusion_matrix: tuple[tuple[int, ...], ...]
    per_class: tuple[ClassScores, ...]

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:
        """Compute the metrics that an earlier version did not record; leave a damaged record to field validation."""
        if not isinstance(data, dict):
            return data
        missing = METRICS.keys() & cls.model_fields.keys() - data.keys()
        if not missing:
            return data
        try:
            outcome = Outcome(data["confusion_matrix"])
            computed = {key: METRICS[key].formula(outcome) for key in missing}
        except (KeyError, TypeError, ValueError, IndexError, ArithmeticError):
            return data
        return data | {key: value for key, value in computed.items() if value is not None}

    @property
    def unsupported(self) -> tuple[str, ...]:
        """The classes without test images, which the macro means exclude."""
        return tuple(row.name for row in self.per_class if row.support == 0)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics that are meaningful for its number of classes."""
        return tuple(one for one in METRICS.values() if len(self.classes) >= one.least_classes)

    def value(self, metric: Metric) -> float | None:
        """The value of a metric, None if it was not recorded."""
        value: float | None = getattr(self, metric.key, None)
        return value


class Result(Scores):
    """The result of a run: its scores on the test split, and its cost (times in seconds)."""

    top5_accuracy: Annotated[
        float | None,
        Metric(
            formula=_top5_accuracy,
            title="top-5 accuracy",
            heading="top-5",
            symbol="top-5",
            percent=True,
            least_classes=TOP + 1,
        ),
    ] = None
    test_loss: Annotated[
        float,
        Metric(
            formula=lambda outcome: outcome.loss,
            title="test loss",
            heading="loss",
            symbol="loss",
            level="summary",
            is_loss=True,
            higher_is_better=False,
        ),
    ]
    best_epoch: int | None
    epochs_run: int
    train_seconds: float
    total_seconds: float
    images_per_second: float
    peak_memory_bytes: int


METRICS: dict[str, Metric] = {
    key: replace(metric, key=key)
    for key, field in Result.model_fields.items()
    for metric in field.metadata
    if isinstance(metric, Metric)
}
"""All metrics by key, in display order."""
ACCURACY = METRICS["accuracy"]
"""The first metric everywhere, by which studies choose the best value if there is no validation."""
SUMMARY = tuple(metric for metric in METRICS.values() if metric.level == "summary")
HEADLINE = tuple(metric for metric in METRICS.values() if metric.level in ("summary", "headline"))
DETAILS = tuple(metric for metric in METRICS.values() if metric.level == "detail")
SCORES = tuple(metric for metric in METRICS.values() if not metric.is_loss)
"""The metrics of studies."""
LISTED = tuple(metric for metric in SUMMARY if not metric.is_loss)
"""The metrics with a column in lists of sessions."""
MACRO_MEANS = tuple(metric for metric in METRICS.values() if metric.per_class)
"""The means over classes, which have a column in tables of classes."""


def score(matrix: IntArray, classes: Sequence[str]) -> Scores:
    """Compute the scores of a square matrix of counts."""
    fields = result_fields(Outcome(matrix.tolist()), classes)
    return Scores(**{key: value for key, value in fields.items() if key in Scores.model_fields})


def result_fields(outcome: Outcome, classes: Sequence[str]) -> dict[str, Any]:
    """The fields of a :class:`Result` that are computed from the outcome of its test.

    Macro F1 is the mean of the per-class F1, as in scikit-learn's ``average="macro"``.
    """
    if len(outcome.matrix) != len(classes) or any(len(row) != len(classes) for row in outcome.matrix):
        raise ValueError(f"a matrix of {len(outcome.matrix)} rows does not fit {len(classes)} classes")
    columns = zip(classes, outcome.precision, outcome.recall, outcome.f1, outcome.support, strict=True)
    return {
        **{key: metric.formula(outcome) for key, metric in METRICS.items()},
        "classes": tuple(classes),
        "confusion_matrix": tuple(map(tuple, outcome.matrix)),
        "per_class": tuple(
            ClassScores(name=name, precision=p, recall=r, f1=f, support=n) for name, p, r, f, n in columns
        ),
    }
