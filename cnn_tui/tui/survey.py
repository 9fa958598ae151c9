"""What the disk says about an experiment before it runs: what is here, what has to come, what runs like it took.

Everything here reads files and is meant for a thread.
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
from cnn_tui.formatting import printable
from cnn_tui.store.cache_index import CachedSet, FeatureSpace, features_folder, features_for, place_features, space_for
from cnn_tui.store.downloads import Download, missing_downloads
from cnn_tui.store.image_folder import FolderLayout, image_names_below, read_layout
from cnn_tui.store.sessions import list_sessions
from cnn_tui.tui.estimate import Estimate, PastRun, SplitCounts, estimate

_MOST_FILES = 200_000
_MOST_SESSIONS = 300


@dataclass(frozen=True)
class Survey:
    """An experiment and what is known about it beforehand.

    Attributes:
        classes: how many classes, None where nobody knows.
        layout: how a folder of pictures is understood, empty for other datasets and where it is not.
        features: what is kept of its frozen layers, None where nothing is or nothing can be.
        room: what its features will take and where they will be kept, None where that is not known or nothing is kept.
        problem: why the pictures or weights of one's own cannot be used, empty if they can.
    """

    experiment: Experiment
    classes: int | None
    layout: str
    downloads: tuple[Download, ...]
    features: CachedSet | None
    problem: str
    estimate: Estimate
    room: FeatureSpace | None = None


def survey(experiment: Experiment, past: Sequence[PastRun]) -> Survey:
    """Look at everything that an experiment needs."""
    classes, counts, layout, problem = experiment.class_count, None, "", ""
    if experiment.data.dataset == "folder":
        try:
            found = read_layout(experiment.data.root or "")
        except DataError as error:
            problem = printable(" ".join(part for part in (f"{error.title}.", error.detail, error.hint) if part))
        else:
            classes, counts = len(found.classes), _counts(found)
            layout = printable(found.describe(experiment.data.validation_fraction))
    wanted = with_absolute_paths(experiment)  # as runs on record have it
    features = features_for(wanted) if wanted.features_are_stored else None
    known = estimate(wanted, counts, past, features is not None)
    return Survey(
        experiment=experiment,
        classes=classes,
        layout=layout,
        downloads=missing_downloads(experiment),
        features=features,
        problem=problem or _weights_problem(experiment.model.weights),
        estimate=known,
        room=_room(experiment, known.pictures.total, features) if known.pictures else None,
    )


def past_runs() -> tuple[PastRun, ...]:
    """What the latest runs on this machine took, the newest first.

    Those without a result are left out, and those that shared their time with others.
    """
    try:
        records = [entry.record for entry in list_sessions()[:_MOST_SESSIONS]]
    except StorageError:
        return ()
    alone = [record for record in records if record and (record.study is None or record.study.together == 1)]
    return tuple(PastRun.of(record.experiment, record.result) for record in alone if record.result)


def split_counts(data: DataConfig) -> SplitCounts | None:
    """How many pictures a folder has, None where nobody knows and for datasets of the catalogue."""
    if data.dataset != "folder":
        return None
    try:
        return _counts(read_layout(data.root or ""))
    except DataError:
        return None


def _room(experiment: Experiment, images: int, kept: CachedSet | None) -> FeatureSpace | None:
    """What the features of so many images will take; memory is this machine's, also where a GPU has its own."""
    if not experiment.features_are_stored:
        return None
    model, size, precision = experiment.model, experiment.data.image_size, experiment.training.precision
    each = feature_bytes(model.architecture, model.trainable, size, precision, model.weights)
    at_most = precision == "auto" and not are_packed(
        feature_shape(model.architecture, model.trainable, size), model.weights
    )
    try:
        disk = space_for(kept.folder if kept else features_folder())
    except ConfigError:  # which the run will report
        disk = 0
    placement = place_features(images, each, psutil.virtual_memory().available, disk)
    return FeatureSpace(images, each, at_most, placement)


def _weights_problem(weights: str) -> str:
    if weights in ("imagenet", "random") or _is_file(weights):
        return ""
    return "There is no such weights file."


def _is_file(name: str) -> bool:
    try:
        return Path(name).expanduser().is_file()
    except (OSError, ValueError, RuntimeError):
        return False


def _counts(layout: FolderLayout) -> SplitCounts:
    """How many pictures a folder's splits have, by the names of their files."""
    validation = None if layout.validation is None else _files(layout.validation)
    return SplitCounts(_files(layout.train), None if layout.test is None else _files(layout.test), validation)


def _files(folder: Path) -> int:
    """The pictures below a folder; counting stops where nobody would wait for it."""
    return sum(1 for _ in itertools.islice(image_names_below(folder), _MOST_FILES))
