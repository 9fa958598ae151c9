"""What is kept on disk to be computed once: what it is of, how large, when last used; what goes when there is too much.

Features of frozen networks and decoded pictures are kept in sets. A set is a folder of chunks beside ``about.json``.
Reading and writing the chunks is the engine's work; this module needs no PyTorch.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from cnn_tui import paths
from cnn_tui.config.experiment import Experiment
from cnn_tui.errors import ConfigError, StorageError
from cnn_tui.store.files import LEAST_FREE_BYTES, storage_error, write_atomic

ABOUT_FILE = "about.json"
CHUNK_SUFFIX = ".safetensors"
DEFAULT_LIMIT_GB = 20.0
LIMIT_VARIABLE = "CNN_TUI_CACHE_GB"
_DISK_SHARE = 0.9  # of the disk's free space


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


class AboutPictures(BaseModel):
    """What folder decoded pictures are of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: str


@dataclass(frozen=True)
class CachedSet:
    """A set on disk; ``used`` is in seconds since the epoch, ``about`` None where its file is damaged."""

    key: str
    folder: Path
    about: AboutFeatures | AboutPictures | None
    size: int
    used: float

    @property
    def is_pictures(self) -> bool:
        """Whether it holds decoded pictures; else features."""
        return self.folder.parent == pictures_folder()


def features_folder() -> Path:
    """Where sets of features are kept."""
    return paths.cache_folder() / "features"


def pictures_folder() -> Path:
    """Where sets of decoded pictures are kept."""
    return paths.cache_folder() / "decoded"


def pictures_set(root: Path) -> Path:
    """Where the set of one folder's decoded pictures is kept."""
    return pictures_folder() / hashlib.sha256(os.fsencode(root)).hexdigest()[:16]


def cached_sets() -> list[CachedSet]:
    """All of them, the last used first."""
    found = [*_sets(features_folder(), AboutFeatures), *_sets(pictures_folder(), AboutPictures)]
    return sorted(found, key=lambda one: one.used, reverse=True)


def features_for(experiment: Experiment) -> CachedSet | None:
    """The set that an experiment would reuse, the last used if there are several; None if it has to begin one."""
    for one in cached_sets():
        if one.size and isinstance(one.about, AboutFeatures) and one.about.serves(experiment):
            return one
    return None


def describe(folder: Path, about: AboutFeatures | AboutPictures) -> None:
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
    """Remember that the set was needed now, if there is one that can be written to."""
    with contextlib.suppress(OSError):
        os.utime(folder / ABOUT_FILE)


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


def room_for(folder: Path) -> int:
    """How many bytes a set may take on disk, what it takes already included, if all other sets made room for it.

    A tenth of the disk's free space is left to others.

    Raises:
        ConfigError: the limit is no number.
    """
    limit, own = size_limit(), sum(_size(part) for part in _inside(folder) if part.name != ABOUT_FILE)
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        free = shutil.disk_usage(there).free
    except OSError:
        free = 0
    return min(limit, own + max(0, int(_DISK_SHARE * free) - LEAST_FREE_BYTES))


def make_room(keep: Path, coming: int) -> list[CachedSet]:
    """Remove the sets that were not used for longest until so many more bytes fit the limit; ``keep`` stays.

    Decoded pictures never take the place of features, which are dearer: those of one run could drive each other out
    for ever.

    Returns:
        What was removed.

    Raises:
        StorageError: they would not fit beside what stays; if ``keep`` is too large by itself, it is removed.
    """
    sets, limit = cached_sets(), size_limit()
    only_pictures = keep.parent == pictures_folder()
    mobile = [one for one in sets if one.folder != keep and (one.is_pictures or not only_pictures)]
    total = sum(one.size for one in sets) + coming
    least = total - sum(one.size for one in mobile)
    if least > limit:
        if sum(one.size for one in sets if one.folder == keep) > limit:
            shutil.rmtree(keep, ignore_errors=True)
        raise StorageError(
            "They are more than may be kept",
            f"{least / 1e9:,.2f} GB of at most {limit / 1e9:,.2f} GB.",
            f"Set {LIMIT_VARIABLE} to more gigabytes, or let 'cnn-tui cache clear' make room.",
        )
    removed = []
    for one in sorted(mobile, key=lambda one: one.used):
        if total > limit and remove(one):
            removed.append(one)
            total -= one.size
    return removed


def remove(cached: CachedSet) -> bool:
    """Delete a set; whether it is gone. A run that reads it has what it needs in memory, or open.

    Windows does not delete what is open: then the rest of it is found without a description, and goes later.
    """
    shutil.rmtree(cached.folder, ignore_errors=True)
    return not cached.folder.exists()


def _sets(folder: Path, kind: type[AboutFeatures | AboutPictures]) -> Iterator[CachedSet]:
    for path in _inside(folder):
        about, used = None, 0.0
        with contextlib.suppress(OSError, ValidationError):
            about = kind.model_validate_json((path / ABOUT_FILE).read_bytes())
            used = (path / ABOUT_FILE).stat().st_mtime
        size = sum(_size(part) for part in _inside(path) if part.name != ABOUT_FILE)
        if about is not None or size:
            yield CachedSet(path.name, path, about, size, used)


def _inside(folder: Path) -> list[Path]:
    """What is in a folder, which another process may remove meanwhile."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # A temporary file may have become another one.
        return 0
