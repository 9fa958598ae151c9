"""Estimates of a run or study: images, steps, parameters, memory and time, from settings and past runs. No I/O here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cnn_tui.catalog.datasets import DATASETS
from cnn_tui.catalog.models import ARCHITECTURES, AUXILIARY_HEADS
from cnn_tui.config.experiment import DataConfig, Experiment
from cnn_tui.config.study import training_groups
from cnn_tui.formatting import duration, pluralize
from cnn_tui.metrics import Result

_FOLDER_TEST_FRACTION = 0.2
_FLOAT_BYTES = 4
_OPTIMIZER_STATES = {"adam": 2, "adamw": 2, "sgd": 1}
_MAX_RUNS = 3
_IMAGENET_CLASSES = 1000


@dataclass(frozen=True)
class SplitCounts:
    """The number of images in each split of a dataset.

    Attributes:
        test: None if the test images are a fifth of the training split.
        validation: None if the validation images are a part of the training split.
    """

    train: int
    test: int | None
    validation: int | None = None


@dataclass(frozen=True)
class ImageCounts:
    """The number of images that a run uses."""

    train: int
    validation: int
    test: int

    @property
    def total(self) -> int:
        """The sum of the three."""
        return self.train + self.validation + self.test


@dataclass(frozen=True)
class ModelPart:
    """One part of a network.

    Attributes:
        parameters: of the last layer, those of one class if the number of classes is unknown.
        per_class: whether ``parameters`` are those of one class.
    """

    name: str
    parameters: int
    trained: bool
    per_class: bool = False


@dataclass(frozen=True)
class PastRun:
    """The measurements of a run on this machine; times in seconds."""

    experiment: Experiment
    images_per_second: float
    train_seconds: float
    total_seconds: float
    peak_memory_bytes: int

    @classmethod
    def of(cls, experiment: Experiment, result: Result) -> PastRun:
        """The measurements in a result."""
        return cls(
            experiment,
            result.images_per_second,
            result.train_seconds,
            result.total_seconds,
            result.peak_memory_bytes,
        )


@dataclass(frozen=True)
class Estimate:
    """An estimate of a run; None for what is unknown.

    Attributes:
        memory_bytes: the peak of the last comparable run.
        min_memory_bytes: the memory of weights, gradients and optimizer state.
        seconds: from start to result, from the number of comparable ``runs``.
    """

    images: ImageCounts | None
    steps_per_epoch: int | None
    steps: int | None
    memory_bytes: int | None
    min_memory_bytes: int
    seconds: float | None
    runs: int

    @property
    def time_text(self) -> str:
        """The time, such as "about 20 s"."""
        return "time unknown" if self.seconds is None else f"about {duration(max(1.0, self.seconds))}"


@dataclass(frozen=True)
class StudyEstimate:
    """An estimate of a study.

    Attributes:
        left: the number of runs without a session.
        computations: the number of trainings for these; runs that share one count once.
        seconds: the time of these, None if it is unknown for any.
    """

    runs: int
    left: int
    computations: int
    seconds: float | None

    @property
    def text(self) -> str:
        """The estimate on one line."""
        if not self.left:
            return f"all {pluralize(self.runs, 'run')} finished" if self.runs > 1 else "its run is finished"
        partly = self.left < self.runs
        runs = f"{self.left:,} of {pluralize(self.runs, 'run')} left" if partly else pluralize(self.runs, "run")
        shared = f" in {pluralize(self.computations, 'computation')}" if self.computations < self.left else ""
        time = "time unknown" if self.seconds is None else f"about {duration(max(1.0, self.seconds))}"
        return f"{runs}{shared} · {time}"


def estimate(
    experiment: Experiment,
    counts: SplitCounts | None = None,
    past: Sequence[PastRun] = (),
    features_cached: bool = False,
) -> Estimate:
    """Estimate a run.

    Args:
        counts: the images of a folder; those of other datasets are in the catalog.
        past: runs on this machine, the newest first.
        features_cached: whether the outputs of its frozen layers are cached.
    """
    images = image_counts(experiment.data, counts)
    steps = None if images is None else steps_per_epoch(images.train, experiment.training.batch_size)
    runs = _comparable(experiment, past)
    cached = [run for run in runs if features_cached and images and _used_features(run, experiment, images, counts)]
    seconds = [_seconds_like(run, experiment, images, counts, bool(cached)) for run in cached or runs if images]
    return Estimate(
        images=images,
        steps_per_epoch=steps,
        steps=None if steps is None else steps * experiment.training.epochs,
        memory_bytes=_peak_memory(experiment, runs),
        min_memory_bytes=_min_memory(experiment),
        seconds=(min(seconds) if cached else _median(seconds)) if seconds else None,
        runs=len(seconds),
    )


def estimate_study(
    runs: int, left: Sequence[Experiment], separately: bool, seconds_of: Callable[[Experiment], float | None]
) -> StudyEstimate:
    """Estimate the rest of a study.

    Args:
        runs: the number of all runs of the study.
        left: the experiments that have no session.
        separately: whether every run is trained on its own.
        seconds_of: the time of one run, if known. Runs that are trained together take that of the longest.
    """
    groups = [(index,) for index in range(len(left))] if separately else training_groups(left)
    longest = [max((left[index] for index in group), key=lambda run: run.training.epochs) for group in groups]
    times = [seconds_of(experiment) for experiment in longest]
    known = [time for time in times if time is not None]
    return StudyEstimate(runs, len(left), len(groups), sum(known) if len(known) == len(times) else None)


def image_counts(data: DataConfig, counts: SplitCounts | None) -> ImageCounts | None:
    """The number of images for training, validation and test; None if the size of the dataset is unknown."""
    dataset = DATASETS[data.dataset]
    if dataset.train is not None:
        counts = SplitCounts(dataset.train, dataset.test)
    if counts is None:
        return None
    test = round(counts.train * _FOLDER_TEST_FRACTION) if counts.test is None else counts.test
    train = counts.train - test if counts.test is None else counts.train
    validation = None if counts.validation is None else data.own_validation_count(train, counts.validation)
    if data.train_limit is not None:
        train = min(train, data.train_limit)
    if data.test_limit is not None:
        test = min(test, data.test_limit)
    if validation is not None:
        return ImageCounts(train, validation, test)
    validation = max(1, round(train * data.validation_fraction)) if data.validation_fraction else 0
    return ImageCounts(train - validation, validation, test)


def steps_per_epoch(train: int, batch_size: int) -> int:
    """The number of batches in an epoch; as in training, a last batch of a single image is left out."""
    if train > batch_size > 1 and train % batch_size == 1:
        train -= 1
    return math.ceil(train / batch_size)


def model_parts(experiment: Experiment, classes: int | None) -> list[ModelPart]:
    """The parts of a network from input to output.

    The count of the backbone is that for the catalog's image size, on which that of a vision transformer depends a
    little.
    """
    architecture, trainable = experiment.model.architecture, experiment.model.trainable
    head, auxiliary = ARCHITECTURES[architecture].head, AUXILIARY_HEADS.get(architecture)
    backbone = ARCHITECTURES[architecture].parameters - head.hidden - head.last_layer(_IMAGENET_CLASSES)
    if auxiliary and auxiliary.counted:
        backbone -= auxiliary.parameters(_IMAGENET_CLASSES)
    parts = [ModelPart("backbone", backbone, trainable == "all")]
    if head.hidden:
        parts.append(ModelPart("classifier", head.hidden, trainable != "last_layer"))
    from_scratch = trainable == "all" and experiment.model.weights == "random"
    if auxiliary and from_scratch and experiment.data.image_size >= auxiliary.min_image_size:
        parts.append(ModelPart("auxiliary heads", auxiliary.parameters(classes or _IMAGENET_CLASSES), True))
    return [*parts, ModelPart("last layer", head.last_layer(classes or 1), True, per_class=classes is None)]


def _comparable(experiment: Experiment, past: Sequence[PastRun]) -> list[PastRun]:
    """The newest runs with the same cost per image, and with the same batch size if there are any."""
    runs = [run for run in past if run.images_per_second > 0 and _cost_key(run.experiment) == _cost_key(experiment)]
    return (_with_batch_size_of(experiment, runs) or runs)[:_MAX_RUNS]


def _with_batch_size_of(experiment: Experiment, runs: Sequence[PastRun]) -> list[PastRun]:
    return [run for run in runs if run.experiment.training.batch_size == experiment.training.batch_size]


def _cost_key(experiment: Experiment) -> tuple[object, ...]:
    """The settings that determine the cost per image."""
    model, training = experiment.model, experiment.training
    return (
        *(model.architecture, model.trainable, experiment.data.image_size),
        *(experiment.features_are_stored, training.device, training.precision),
    )


def _used_features(run: PastRun, experiment: Experiment, images: ImageCounts, counts: SplitCounts | None) -> bool:
    """Whether a run needed the features that an experiment needs, so that few of them can be missing."""
    if _features_key(run.experiment) != _features_key(experiment):
        return False
    used = _images_of(run, experiment, counts)
    return used is not None and used.total >= images.total


def _features_key(experiment: Experiment) -> tuple[object, ...]:
    return experiment.data.dataset, experiment.data.root, experiment.model.weights


def _images_of(run: PastRun, experiment: Experiment, counts: SplitCounts | None) -> ImageCounts | None:
    """The images of a past run; unknown for other folders, and a folder may have changed since."""
    return image_counts(run.experiment.data, counts if run.experiment.data.root == experiment.data.root else None)


def _seconds_like(
    run: PastRun, experiment: Experiment, images: ImageCounts, counts: SplitCounts | None, features_cached: bool
) -> float:
    """Training at the speed of a run, plus the rest of its time, which grows with the images unless it is cached."""
    used = _images_of(run, experiment, counts)
    scale = images.total / used.total if used and used.total and not features_cached else 1.0
    rest = max(0.0, run.total_seconds - run.train_seconds)
    return experiment.training.epochs * images.train / run.images_per_second + rest * scale


def _median(seconds: Sequence[float]) -> float:
    import statistics  # imports fractions and decimal, which would delay the first paint

    return statistics.median(seconds)


def _peak_memory(experiment: Experiment, runs: Sequence[PastRun]) -> int | None:
    peaks = [run.peak_memory_bytes for run in _with_batch_size_of(experiment, runs)]
    return next((peak for peak in peaks if peak > 0), None)


def _min_memory(experiment: Experiment) -> int:
    parts = model_parts(experiment, experiment.class_count)
    trained = sum(part.parameters for part in parts if part.trained)
    states = 1 + _OPTIMIZER_STATES[experiment.training.optimizer.name]
    return _FLOAT_BYTES * (sum(part.parameters for part in parts) + trained * states)
