"""What the disk says about an experiment before it runs: what is here, what has to come, what runs like it took.

Everything here reads files and is meant for a thread.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from cnn_tui.catalog.features import feature_bytes, feature_shape, keeps_half
from cnn_tui.config.experiment import DataConfig, Experiment
from cnn_tui.errors import ConfigError, StorageError
from cnn_tui.store.cache_index import CachedSet, features_folder, features_for, room_for
from cnn_tui.store.downloads import Download, missing_downloads
from cnn_tui.store.feature_room import FeatureRoom, place_features
from cnn_tui.store.sessions import list_sessions
from cnn_tui.tui.estimate import Estimate, PastRun, SplitCounts, estimate

_MOST_FILES = 200_000
_MOST_SESSIONS = 300


@dataclass(frozen=True)
class Survey:
    """An experiment and what is known about it beforehand.

    Attributes:
        classes: how many classes, None where nobody knows.
        features: what is kept of its frozen layers, None where nothing is or nothing can be.
        room: what its features will take and where they will be kept, None where that is not known or nothing is kept.
        problem: why the pictures or weights of one's own cannot be used, empty if they can.
    """

    experiment: Experiment
    classes: int | None
    downloads: tuple[Download, ...]
    features: CachedSet | None
    problem: str
    estimate: Estimate
    room: FeatureRoom | None = None


def survey(experiment: Experiment, past: Sequence[PastRun]) -> Survey:
    """Look at everything that an experiment needs."""
    classes, counts, problem = experiment.class_count, None, ""
    if experiment.data.dataset == "folder":
        classes, counts = _folder(experiment.data.root or "")
        problem = "" if counts else "There is no such folder, or it has no classes in it."
    features = features_for(experiment) if experiment.features_are_kept else None
    known = estimate(experiment, counts, past, features is not None)
    return Survey(
        experiment=experiment,
        classes=classes,
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
    return _folder(data.root or "")[1] if data.dataset == "folder" else None


def _room(experiment: Experiment, images: int, kept: CachedSet | None) -> FeatureRoom | None:
    """What the features of so many images will take; memory is this machine's, also where a GPU has its own."""
    if not experiment.features_are_kept:
        return None
    model, size, precision = experiment.model, experiment.data.image_size, experiment.training.precision
    each = feature_bytes(model.architecture, model.trainable, size, precision)
    at_most = precision == "auto" and not keeps_half(feature_shape(model.architecture, model.trainable, size))
    try:
        disk = room_for(kept.folder if kept else features_folder())
    except ConfigError:  # which the run will report
        disk = 0
    placement = place_features(images, each, psutil.virtual_memory().available, disk)
    return FeatureRoom(images, each, at_most, placement)


def _weights_problem(weights: str) -> str:
    if weights in ("imagenet", "random") or _is_file(weights):
        return ""
    return "There is no such weights file."


def _is_file(name: str) -> bool:
    try:
        return Path(name).expanduser().is_file()
    except (OSError, ValueError, RuntimeError):
        return False


def _folder(name: str) -> tuple[int | None, SplitCounts | None]:
    """Classes and pictures of a folder, by its files; None for what cannot be found out."""
    try:
        root = Path(name).expanduser()
        names = {entry.name for entry in _subfolders(root)}
        split = {"train", "test"} <= names
        train = root / "train" if split else root
        classes = sum(1 for _ in _subfolders(train))
        test = _files(root / "test") if split else None
        return (classes, SplitCounts(_files(train), test)) if classes else (None, None)
    except (OSError, ValueError, RuntimeError):
        return None, None


def _subfolders(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def _files(folder: Path) -> int:
    """The files below a folder's classes; counting stops where nobody would wait for it."""
    count = 0
    for _, _, names in os.walk(folder):
        count += sum(not name.startswith(".") for name in names)
        if count > _MOST_FILES:
            break
    return count
