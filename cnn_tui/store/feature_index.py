"""The feature sets kept on disk: what they are of, how large, when last used; and which go when there are too many.

A set is a folder of chunks, each named by its checksum, beside ``about.json``. Reading and writing the chunks is
the engine's work; this module needs no PyTorch.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from cnn_tui import paths
from cnn_tui.config.experiment import Experiment
from cnn_tui.errors import ConfigError, StorageError
from cnn_tui.store.files import storage_error, write_atomic

ABOUT_FILE = "about.json"
CHUNK_SUFFIX = ".safetensors"
DEFAULT_LIMIT_GB = 20.0
LIMIT_VARIABLE = "CNN_TUI_CACHE_GB"


class AboutFeatures(BaseModel):
    """What a feature set is of: what a person would recognise it by."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: str
    weights: str
    trainable: str
    dataset: str
    root: str | None
    image_size: int
    precision: str
    pictures: int
    """In all splits together, computed or not."""
    seed: int | None = None
    """What random weights were drawn from; None for weights that do not depend on it."""

    @classmethod
    def of(cls, experiment: Experiment, precision: str, pictures: int) -> Self:
        """What an experiment's frozen layers give in a precision."""
        data, model = experiment.data, experiment.model
        return cls(
            architecture=model.architecture,
            weights=model.weights,
            trainable=model.trainable,
            dataset=data.dataset,
            root=data.root,
            image_size=data.image_size,
            precision=precision,
            pictures=pictures,
            seed=experiment.training.seed if model.weights == "random" else None,
        )

    def serves(self, experiment: Experiment) -> bool:
        """Whether an experiment would look here, as far as its settings tell; its pictures may have changed since."""
        alike = self == self.of(experiment, self.precision, self.pictures)
        return alike and experiment.training.precision in ("auto", self.precision)


@dataclass(frozen=True)
class FeatureSet:
    """A feature set on disk; ``used`` is in seconds since the epoch, ``about`` None where its file is damaged."""

    key: str
    folder: Path
    about: AboutFeatures | None
    size: int
    used: float


def features_folder() -> Path:
    """Where feature sets are kept."""
    return paths.cache_folder() / "features"


def feature_sets() -> list[FeatureSet]:
    """All of them, the last used first."""
    folder = features_folder()
    found = [_read(path) for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    return sorted(found, key=lambda one: one.used, reverse=True)


def features_for(experiment: Experiment) -> FeatureSet | None:
    """The set that an experiment would reuse, the last used if there are several; None if it has to begin one."""
    return next((one for one in feature_sets() if one.about is not None and one.about.serves(experiment)), None)


def describe(folder: Path, about: AboutFeatures) -> None:
    """Begin a set.

    Raises:
        StorageError: the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error
    write_atomic(folder / ABOUT_FILE, about.model_dump_json(indent=2))


def mark_used(folder: Path) -> None:
    """Remember that the set was needed now."""
    about = folder / ABOUT_FILE
    if about.exists():
        os.utime(about)


def last_used(folder: Path) -> float | None:
    """When a set was needed last, in seconds since the epoch; None if there is none."""
    try:
        return (folder / ABOUT_FILE).stat().st_mtime
    except OSError:
        return None


def size_limit() -> int:
    """How many bytes all sets together may take, from ``CNN_TUI_CACHE_GB``.

    Raises:
        ConfigError: the variable is no number.
    """
    text = os.environ.get(LIMIT_VARIABLE, "")
    try:
        gigabytes = float(text) if text else DEFAULT_LIMIT_GB
    except ValueError:
        gigabytes = -1.0
    if not 0 <= gigabytes < 1e9:
        raise ConfigError(f"{LIMIT_VARIABLE} is {text!r}", "It must be a number of gigabytes.", "For example 20.")
    return int(gigabytes * 1e9)


def make_room(keep: Path) -> list[FeatureSet]:
    """Remove the sets that were not used for longest until all fit the limit; ``keep`` stays. What was removed.

    Raises:
        StorageError: ``keep`` is larger than that by itself; it has been removed.
    """
    sets, limit = feature_sets(), size_limit()
    total, removed = sum(one.size for one in sets), []
    for one in sorted(sets, key=lambda one: (one.folder == keep, one.used)):
        if total <= limit:
            break
        remove(one)
        removed.append(one)
        total -= one.size
        if one.folder == keep:
            raise StorageError(
                "The features are too large to be kept",
                f"{one.size / 1e9:,.2f} GB of at most {limit / 1e9:,.2f} GB.",
                f"Set {LIMIT_VARIABLE} to more gigabytes.",
            )
    return removed


def remove(feature_set: FeatureSet) -> None:
    """Delete a set. A run that reads it has its features in memory already."""
    shutil.rmtree(feature_set.folder, ignore_errors=True)


def ago(seconds: float) -> str:
    """How long ago a time was, in words."""
    passed = max(0.0, time.time() - seconds)
    for length, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if passed >= length:
            count = int(passed // length)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return f"{passed:.0f} s ago"


def _read(folder: Path) -> FeatureSet:
    size = sum(path.stat().st_size for path in _chunks(folder))
    try:
        content = (folder / ABOUT_FILE).read_bytes()
        used = (folder / ABOUT_FILE).stat().st_mtime
        about = AboutFeatures.model_validate_json(content)
    except (OSError, ValidationError):
        return FeatureSet(folder.name, folder, None, size, 0.0)
    return FeatureSet(folder.name, folder, about, size, used)


def _chunks(folder: Path) -> Iterator[Path]:
    return folder.glob(f"*{CHUNK_SUFFIX}")
