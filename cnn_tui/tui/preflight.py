"""A check of an experiment before it runs: missing downloads, cached features, comparable runs.

Everything here reads files and belongs in a thread.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from cnn_tui.catalog.features import are_packed, feature_bytes, feature_shape
from cnn_tui.config.changes import with_absolute_paths
from cnn_tui.config.experiment import DataConfig, Experiment
from cnn_tui.errors import ConfigError, DataError, StorageError
from cnn_tui.formatting import pluralize, printable, quantity
from cnn_tui.store.cache_index import CachedSet, FeatureSpace, features_folder, features_for, place_features, space_for
from cnn_tui.store.downloads import Download, missing_downloads
from cnn_tui.store.image_folder import FolderLayout, images_below, read_layout
from cnn_tui.store.sessions import list_sessions
from cnn_tui.tui.estimate import Estimate, PastRun, SplitCounts, estimate

_MAX_FILES = 200_000
_MAX_SESSIONS = 300


@dataclass(frozen=True)
class Preflight:
    """An experiment and what is known before it runs.

    Attributes:
        classes: the number of classes, None if unknown.
        layout: how an image folder is interpreted; empty for other datasets and unreadable folders.
        features: the cached outputs of its frozen layers, None if there are none.
        storage: the size and location of its features, None if unknown or if it caches none.
        error: why the image folder or weights file cannot be used; empty if it can.
    """

    experiment: Experiment
    classes: int | None
    layout: str
    downloads: tuple[Download, ...]
    features: CachedSet | None
    error: str
    estimate: Estimate
    storage: FeatureSpace | None = None

    @property
    def brief(self) -> str:
        """A summary on one line, such as "12 epochs of 41 steps · no download · about 20 s"."""
        steps, epochs = self.estimate.steps_per_epoch, pluralize(self.experiment.training.epochs, "epoch")
        size = sum(download.bytes for download in self.downloads)
        download = f"{quantity(size, 'bytes')} to download" if size else "no download"
        parts = (f"{epochs} of {pluralize(steps, 'step')}" if steps else epochs, download, self.estimate.time_text)
        return " · ".join(parts)


def check(experiment: Experiment, past: Sequence[PastRun]) -> Preflight:
    """Check everything that an experiment needs."""
    classes, counts, layout, error = experiment.class_count, None, "", ""
    if experiment.data.dataset == "folder":
        try:
            found = read_layout(experiment.data.root or "")
        except DataError as cause:
            error = printable(" ".join(part for part in (f"{cause.title}.", cause.detail, cause.hint) if part))
        else:
            classes, counts = len(found.classes), _split_counts(found)
            layout = printable(found.describe(experiment.data.validation_fraction))
    resolved = with_absolute_paths(experiment)  # sessions and caches record absolute paths
    features = features_for(resolved) if resolved.features_are_stored else None
    estimated = estimate(resolved, counts, past, features is not None)
    return Preflight(
        experiment=experiment,
        classes=classes,
        layout=layout,
        downloads=missing_downloads(experiment),
        features=features,
        error=error or _weights_error(experiment.model.weights),
        estimate=estimated,
        storage=_feature_storage(experiment, estimated.images.total, features) if estimated.images else None,
    )


def past_runs() -> tuple[PastRun, ...]:
    """The latest finished runs on this machine, newest first, without those that were trained together with others."""
    try:
        records = [entry.record for entry in list_sessions()[:_MAX_SESSIONS]]
    except StorageError:
        return ()
    separate = [record for record in records if record and (record.study is None or record.study.together == 1)]
    return tuple(PastRun.of(record.experiment, record.result) for record in separate if record.result)


def folder_counts(data: DataConfig) -> SplitCounts | None:
    """The number of images in a folder, None if it cannot be read and for other datasets."""
    if data.dataset != "folder":
        return None
    try:
        return _split_counts(read_layout(data.root or ""))
    except DataError:
        return None


def _feature_storage(experiment: Experiment, images: int, cached: CachedSet | None) -> FeatureSpace | None:
    """The size and location of features; for memory, that of the machine counts, also where a GPU has its own."""
    if not experiment.features_are_stored:
        return None
    model, size, precision = experiment.model, experiment.data.image_size, experiment.training.precision
    bytes_each = feature_bytes(model.architecture, model.trainable, size, precision, model.weights)
    shape = feature_shape(model.architecture, model.trainable, size)
    at_most = precision == "auto" and not are_packed(shape, model.weights)
    try:
        disk = space_for(cached.folder if cached else features_folder())
    except ConfigError:  # the run will report it
        disk = 0
    placement = place_features(images, bytes_each, psutil.virtual_memory().available, disk)
    return FeatureSpace(images, bytes_each, at_most, placement)


def _weights_error(weights: str) -> str:
    if weights in ("imagenet", "random") or _is_file(weights):
        return ""
    return "There is no such weights file."


def _is_file(name: str) -> bool:
    try:
        return Path(name).expanduser().is_file()
    except (OSError, ValueError, RuntimeError):
        return False


def _split_counts(layout: FolderLayout) -> SplitCounts:
    test = None if layout.test is None else _file_count(layout.test)
    validation = None if layout.validation is None else _file_count(layout.validation)
    return SplitCounts(_file_count(layout.train), test, validation)


def _file_count(folder: Path) -> int:
    """The number of image files below a folder, up to a limit that keeps it fast."""
    return sum(1 for _ in itertools.islice(images_below(folder), _MAX_FILES))
