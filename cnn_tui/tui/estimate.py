"""What a run will take: pictures, steps, memory and time, from the settings and from past runs. No I/O in here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cnn_tui.catalog.datasets import DATASETS
from cnn_tui.config.experiment import DataConfig, Experiment
from cnn_tui.metrics import Result
from cnn_tui.tui.model_parts import model_parts

_FOLDER_TEST_PART = 0.2
_FLOAT_BYTES = 4
_OPTIMIZER_STATES = {"adam": 2, "adamw": 2, "sgd": 1}
_RUNS_CONSIDERED = 3


@dataclass(frozen=True)
class SplitCounts:
    """How many pictures there are.

    Attributes:
        test: None where the training split has to give its fifth.
        validation: None where it is cut from the training split.
    """

    train: int
    test: int | None
    validation: int | None = None


@dataclass(frozen=True)
class Pictures:
    """How many pictures a run uses."""

    train: int
    validation: int
    test: int

    @property
    def total(self) -> int:
        """All of them together."""
        return self.train + self.validation + self.test


@dataclass(frozen=True)
class PastRun:
    """What a run on this machine took; times in seconds."""

    experiment: Experiment
    images_per_second: float
    train_seconds: float
    total_seconds: float
    peak_memory_bytes: int

    @classmethod
    def of(cls, experiment: Experiment, result: Result) -> PastRun:
        """The figures of a result."""
        return cls(
            experiment,
            result.images_per_second,
            result.train_seconds,
            result.total_seconds,
            result.peak_memory_bytes,
        )


@dataclass(frozen=True)
class Estimate:
    """What is known beforehand; None for what is not.

    Attributes:
        memory_bytes: the peak of the last run like this one.
        least_memory_bytes: what weights, gradients and optimizer take at any rate.
        seconds: from start to result, by past runs like this one; ``runs`` is how many.
    """

    pictures: Pictures | None
    steps_per_epoch: int | None
    steps: int | None
    memory_bytes: int | None
    least_memory_bytes: int
    seconds: float | None
    runs: int


def estimate(
    experiment: Experiment, counts: SplitCounts | None = None, past: Sequence[PastRun] = (), kept: bool = False
) -> Estimate:
    """Estimate a run.

    Args:
        counts: the pictures of a folder; those of the catalogue's datasets are known.
        past: runs of this machine, the newest first.
        kept: whether features of its frozen layers are kept.
    """
    used = pictures(experiment.data, counts)
    steps = None if used is None else steps_per_epoch(used.train, experiment.training.batch_size)
    alike = comparable(experiment, past)
    prepared = [run for run in alike if kept and used and _had_to_prepare(run, experiment, used, counts)]
    seconds = [_seconds_like(experiment, used, counts, run, bool(prepared)) for run in prepared or alike if used]
    return Estimate(
        pictures=used,
        steps_per_epoch=steps,
        steps=None if steps is None else steps * experiment.training.epochs,
        memory_bytes=_memory(experiment, alike),
        least_memory_bytes=_least_memory(experiment),
        seconds=(min(seconds) if prepared else _median(seconds)) if seconds else None,
        runs=len(seconds),
    )


def pictures(data: DataConfig, counts: SplitCounts | None) -> Pictures | None:
    """How the pictures are divided; None where nobody knows how many there are."""
    dataset = DATASETS[data.dataset]
    if dataset.train is not None:
        counts = SplitCounts(dataset.train, dataset.test)
    if counts is None:
        return None
    test = round(counts.train * _FOLDER_TEST_PART) if counts.test is None else counts.test
    train = counts.train - test if counts.test is None else counts.train
    validation = None if counts.validation is None else data.own_validation_count(train, counts.validation)
    if data.train_limit is not None:
        train = min(train, data.train_limit)
    if data.test_limit is not None:
        test = min(test, data.test_limit)
    if validation is not None:
        return Pictures(train, validation, test)
    validation = max(1, round(train * data.validation_fraction)) if data.validation_fraction else 0
    return Pictures(train - validation, validation, test)


def steps_per_epoch(train: int, batch_size: int) -> int:
    """The batches of an epoch; a last one of a single picture is left out, as in training."""
    if train > batch_size > 1 and train % batch_size == 1:
        train -= 1
    return math.ceil(train / batch_size)


def comparable(experiment: Experiment, past: Sequence[PastRun]) -> list[PastRun]:
    """The newest runs that cost as much for each picture, those with the same batch size before all others."""
    alike = [run for run in past if run.images_per_second > 0 and _cost(run.experiment) == _cost(experiment)]
    batch_size = experiment.training.batch_size
    same = [run for run in alike if run.experiment.training.batch_size == batch_size]
    return (same or alike)[:_RUNS_CONSIDERED]


def _cost(experiment: Experiment) -> tuple[object, ...]:
    """The settings that decide what a picture costs."""
    training = experiment.training
    stored = experiment.features_are_stored
    model = experiment.model.architecture, experiment.model.trainable
    return *model, experiment.data.image_size, stored, training.device, training.precision


def _had_to_prepare(run: PastRun, experiment: Experiment, used: Pictures, counts: SplitCounts | None) -> bool:
    """Whether a run needed the same features for as many pictures at least, so that little of them can be missing."""
    data, then = run.experiment.data, _used_by(run, experiment, counts)
    same = (data.dataset, data.root, run.experiment.model.weights)
    wanted = (experiment.data.dataset, experiment.data.root, experiment.model.weights)
    return same == wanted and then is not None and then.total >= used.total


def _used_by(run: PastRun, experiment: Experiment, counts: SplitCounts | None) -> Pictures | None:
    """The pictures of a past run, of which a folder may have had others than now."""
    return pictures(run.experiment.data, counts if run.experiment.data.root == experiment.data.root else None)


def _median(seconds: Sequence[float]) -> float:
    import statistics  # brings fractions and decimal along, which the first picture need not wait for

    return statistics.median(seconds)


def _seconds_like(
    experiment: Experiment, used: Pictures, counts: SplitCounts | None, run: PastRun, prepared: bool
) -> float:
    """Training at that run's pace, and as long for all else as it took: for as many pictures, unless it is prepared."""
    then = _used_by(run, experiment, counts)
    scale = used.total / then.total if then and then.total and not prepared else 1.0
    rest = max(0.0, run.total_seconds - run.train_seconds)
    return experiment.training.epochs * used.train / run.images_per_second + rest * scale


def _memory(experiment: Experiment, alike: Sequence[PastRun]) -> int | None:
    batch_size = experiment.training.batch_size
    peaks = [run.peak_memory_bytes for run in alike if run.experiment.training.batch_size == batch_size]
    return next((peak for peak in peaks if peak > 0), None)


def _least_memory(experiment: Experiment) -> int:
    parts = model_parts(experiment, experiment.class_count)
    trained = sum(part.parameters for part in parts if part.trained)
    states = 1 + _OPTIMIZER_STATES[experiment.training.optimizer.name]
    return _FLOAT_BYTES * (sum(part.parameters for part in parts) + trained * states)
