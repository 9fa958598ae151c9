"""Cached features and decoded images on disk: their contents, sizes and last use, and the space for more.

Features of frozen networks and decoded images are cached in sets. A set is a folder of chunks with an ``about.json``.
The engine reads and writes the chunks; this module needs no PyTorch.
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
MEMORY_SHARE = 0.5  # of the free memory, for features
_DISK_SHARE = 0.9  # of the free disk space
_ROW_OVERHEAD = 256  # bytes of a file per image, at most, in addition to its features


class FeatureSetInfo(BaseModel):
    """The contents of a set of features.

    Attributes:
        pictures: number of images in all splits, whether their features are computed or not.
        seed: of random weights; None for weights that do not depend on it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: str
    weights: str
    trainable: str
    dataset: str
    root: str | None
    image_size: int
    precision: str
    pictures: int
    seed: int | None = None

    @classmethod
    def of(cls, experiment: Experiment, precision: str, images: int) -> Self:
        """Describe the features of an experiment's frozen layers, computed in this precision."""
        data, model = experiment.data, experiment.model
        return cls(
            architecture=model.architecture,
            weights=model.weights,
            trainable=model.trainable,
            dataset=data.dataset,
            root=data.root,
            image_size=data.image_size,
            precision=precision,
            pictures=images,
            seed=experiment.training.seed if model.weights == "random" else None,
        )

    def matches(self, experiment: Experiment) -> bool:
        """Whether an experiment would use this set, judged by its settings; the images may have changed since."""
        same = self == self.of(experiment, self.precision, self.pictures)
        return same and experiment.training.precision in ("auto", self.precision)


class DecodedSetInfo(BaseModel):
    """The contents of a set of decoded images: the folder they were read from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: str


@dataclass(frozen=True)
class CachedSet:
    """A set on disk.

    Attributes:
        about: None if its description is missing or damaged.
        size: in bytes.
        used: when it was last used, in seconds since the epoch.
    """

    key: str
    folder: Path
    about: FeatureSetInfo | DecodedSetInfo | None
    size: int
    used: float

    @property
    def is_decoded(self) -> bool:
        """Whether it contains decoded images rather than features."""
        return self.folder.parent == decoded_folder()


@dataclass(frozen=True)
class Placement:
    """The number of images whose features are stored, in memory or else on disk, to be read in each epoch."""

    images: int
    in_memory: bool


@dataclass(frozen=True)
class FeatureSpace:
    """The space that the features of a run need.

    Attributes:
        images: number of images.
        each: bytes of features per image.
        at_most: whether the number of images is an upper bound.
    """

    images: int
    each: int
    at_most: bool
    placement: Placement

    @property
    def bytes(self) -> int:
        """The size of the features that are stored."""
        return self.placement.images * self.each


def features_folder() -> Path:
    """The folder of the sets of features."""
    return paths.cache_folder() / "features"


def decoded_folder() -> Path:
    """The folder of the sets of decoded images."""
    return paths.cache_folder() / "decoded"


def decoded_set_folder(root: Path) -> Path:
    """The folder of the set with the decoded images of ``root``."""
    return decoded_folder() / hashlib.sha256(os.fsencode(root)).hexdigest()[:16]


def cached_sets() -> list[CachedSet]:
    """All sets, the most recently used first."""
    found = [*_sets(features_folder(), FeatureSetInfo), *_sets(decoded_folder(), DecodedSetInfo)]
    return sorted(found, key=lambda one: one.used, reverse=True)


def features_for(experiment: Experiment) -> CachedSet | None:
    """The most recently used set with features for an experiment, None if it needs a new one."""
    for one in cached_sets():
        if one.size and isinstance(one.about, FeatureSetInfo) and one.about.matches(experiment):
            return one
    return None


def begin_set(folder: Path, about: FeatureSetInfo | DecodedSetInfo) -> None:
    """Create a set's folder and description.

    Raises:
        StorageError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error
    write_atomic(folder / ABOUT_FILE, about.model_dump_json(indent=2))


def mark_used(folder: Path) -> None:
    """Set the time of a set's last use to now, if possible."""
    with contextlib.suppress(OSError):
        os.utime(folder / ABOUT_FILE)


def last_used(folder: Path) -> float | None:
    """The time of a set's last use in seconds since the epoch, None if it does not exist."""
    try:
        return (folder / ABOUT_FILE).stat().st_mtime
    except OSError:
        return None


def size_limit() -> int:
    """The size limit of all sets together in bytes, from ``CNN_TUI_CACHE_GB``.

    Raises:
        ConfigError: the variable is not a valid number.
    """
    text = os.environ.get(LIMIT_VARIABLE, "")
    try:
        gigabytes = float(text) if text else DEFAULT_LIMIT_GB
    except ValueError:
        gigabytes = -1.0
    if not 0 <= gigabytes < 1e9:
        raise ConfigError(f"{LIMIT_VARIABLE} is {text!r}", "It must be a number of gigabytes.", "For example 20.")
    return int(gigabytes * 1e9)


def space_for(folder: Path) -> int:
    """The size in bytes that a set can grow to if all others are evicted.

    A tenth of the free disk space is left to other programs.

    Raises:
        ConfigError: the limit is not a valid number.
    """
    limit, own, free = size_limit(), _chunks_size(folder), 0
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free
    return min(limit, own + max(0, int(_DISK_SHARE * free) - LEAST_FREE_BYTES))


def place_features(images: int, each: int, memory: int, disk: int) -> Placement:
    """Decide how many images' features are stored, and where.

    Memory is preferred, then the disk, from which reading takes seconds where computing takes minutes. If both are too
    small, the larger one is used.

    Args:
        each: bytes of features per image.
        memory: free memory in bytes.
        disk: bytes that these features can use on disk, including what they use already.
    """
    in_memory = min(images, int(MEMORY_SHARE * memory) // max(1, each))
    on_disk = min(images, disk // (each + _ROW_OVERHEAD))
    if in_memory == images or in_memory > on_disk:
        return Placement(max(0, in_memory), True)
    return Placement(max(0, on_disk), False)


def evict(keep: Path, needed: int) -> list[CachedSet]:
    """Remove the least recently used sets until ``needed`` more bytes fit into the limit, except ``keep``.

    Decoded images do not evict features, which take longer to compute: the two could evict each other in every run.

    Returns:
        The removed sets.

    Raises:
        StorageError: they would not fit; ``keep`` is also removed if it exceeds the limit alone.
    """
    sets, limit = cached_sets(), size_limit()
    only_decoded = keep.parent == decoded_folder()
    removable = [one for one in sets if one.folder != keep and (one.is_decoded or not only_decoded)]
    total = sum(one.size for one in sets) + needed
    least = total - sum(one.size for one in removable)
    if least > limit:
        if sum(one.size for one in sets if one.folder == keep) > limit:
            shutil.rmtree(keep, ignore_errors=True)
        raise StorageError(
            "The cache is too small",
            f"{least / 1e9:,.2f} GB are needed, and the limit is {limit / 1e9:,.2f} GB.",
            f"Increase {LIMIT_VARIABLE}, or free space with 'cnn-tui cache clear'.",
        )
    removed = []
    for one in sorted(removable, key=lambda one: one.used):
        if total > limit and remove(one):
            removed.append(one)
            total -= one.size
    return removed


def remove(cached: CachedSet) -> bool:
    """Delete a set and return whether it is gone; files that a run has open under Windows are left for later."""
    shutil.rmtree(cached.folder, ignore_errors=True)
    return not cached.folder.exists()


def _sets(folder: Path, kind: type[FeatureSetInfo | DecodedSetInfo]) -> Iterator[CachedSet]:
    for path in _list(folder):
        about, used = None, 0.0
        with contextlib.suppress(OSError, ValidationError):
            about = kind.model_validate_json((path / ABOUT_FILE).read_bytes())
            used = (path / ABOUT_FILE).stat().st_mtime
        size = _chunks_size(path)
        if about is not None or size:
            yield CachedSet(path.name, path, about, size, used)


def _list(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # another process may have removed it
        return []


def _chunks_size(folder: Path) -> int:
    size = 0
    for path in _list(folder):
        with contextlib.suppress(OSError):  # another process may have renamed or removed it
            size += path.stat().st_size if path.name != ABOUT_FILE else 0
    return size
