"""Loading the data of a run: its images, and which are for training, validation and testing."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from cnn_tui.catalog.datasets import DATASETS
from cnn_tui.config.experiment import DataConfig
from cnn_tui.engine.cache_slot import CacheSlot
from cnn_tui.engine.control import ShouldStop
from cnn_tui.engine.data.batches import Channels, channel_statistics
from cnn_tui.engine.data.dataset_readers import Split
from cnn_tui.engine.data.datasets import dataset_identity, dataset_stamp, load_dataset
from cnn_tui.engine.data.duplicates import Duplicates
from cnn_tui.engine.data.folder_image_set import FolderImageSet
from cnn_tui.engine.data.folder_listing import class_names, scan
from cnn_tui.engine.data.image_set import ImageSet, MemoryImageSet
from cnn_tui.engine.data.image_source import DeviceSource, ImageSource, MemorySource
from cnn_tui.engine.data.sample_selection import Labels, Selection, select_samples, selected_indices
from cnn_tui.engine.data.value_range import ValueRange
from cnn_tui.errors import DataError
from cnn_tui.events import Event, Phase, WarningRaised
from cnn_tui.formatting import display, pluralize
from cnn_tui.store.image_folder import read_layout

_MAX_NAMED = 10


@dataclass(frozen=True)
class LoadedData:
    """The data of a run.

    Attributes:
        train: the training split, of which ``train_indices`` and ``validation_indices`` can be read; a validation split
            of the dataset itself is its last part.
        test: the test split, of which ``test_indices`` can be read; the same object if a folder has no splits.
        sample_indices: samples that represent the whole training split, if they were requested.
        identity: a hash of the images, but not of the indices: the key for what is computed from them.
        value_range: by which images with more than eight bits were scaled, None if there are none.
    """

    train: ImageSource
    test: ImageSource
    train_indices: Tensor
    validation_indices: Tensor
    test_indices: Tensor
    sample_indices: Tensor
    classes: tuple[str, ...]
    identity: str
    value_range: ValueRange | None

    def statistics(self) -> tuple[Channels, Channels]:
        """Mean and standard deviation of red, green and blue over the sample, in 0..1; grey counts as all three.

        They describe the training split and not the run's part of it, so that features computed with them stay valid
        for other limits.
        """
        if not len(self.sample_indices):
            raise ValueError("the images were loaded without the sample")
        return channel_statistics(self.train, self.sample_indices)

    def to(self, device: torch.device) -> LoadedData:
        """The same with the images on a device, unless they are decoded on demand."""
        one_split, parts = self.test is self.train, [self.train_indices, self.validation_indices, self.sample_indices]
        indices = torch.unique(torch.cat([*parts, self.test_indices] if one_split else parts))
        train = _on(device, self.train, indices)
        return replace(self, train=train, test=train if one_split else _on(device, self.test, self.test_indices))


def _on(device: torch.device, source: ImageSource, indices: Tensor) -> ImageSource:
    if device.type != "cpu" and isinstance(source, MemorySource):
        return DeviceSource(source, indices, device)
    return source


def class_count(config: DataConfig) -> int:
    """The number of classes, found without opening or downloading any image.

    Raises:
        DataError: the folder is missing or has fewer than two classes.
    """
    count = DATASETS[config.dataset].classes
    return len(class_names(_root(config))) if count is None else count


def load(
    config: DataConfig,
    seed: int,
    should_stop: ShouldStop,
    cache: CacheSlot[ImageSet] | None = None,
    sampled: bool = False,
) -> Generator[Event, None, LoadedData]:
    """Load the data of one run; see :func:`load_for_seeds`."""
    return (yield from load_for_seeds(config, [seed], should_stop, cache, sampled))[seed]


def load_for_seeds(
    config: DataConfig,
    seeds: Collection[int],
    should_stop: ShouldStop,
    cache: CacheSlot[ImageSet] | None = None,
    sampled: bool = False,
) -> Generator[Event, None, dict[int, LoadedData]]:
    """Load the images that ``config`` selects, once, with the indices that each seed selects.

    Of a folder only selected images are read, and the headers of a few that show the size. Unreadable images are
    replaced by others where there is a limit. Images in the cache are used if their files have not changed. With
    ``sampled`` the samples for channel statistics are loaded, too.

    Raises:
        DataError: the images are not available or not usable.
        StorageError: a downloaded archive cannot be unpacked.
        Stopped: ``should_stop`` returned True.
    """
    cache = cache or CacheSlot()
    open_set = _open_folder if config.dataset == "folder" else _open_official
    images = yield from open_set(config, should_stop, cache)
    selections, unreadable = yield from _load_selected(images, config, seeds, sampled, should_stop)
    yield from _unreadable_warning(unreadable)
    yield from _value_warnings(images, selections.values())
    for own in selections.values():
        _require_enough(config, images, own, bool(unreadable))
    yield from _duplicates_warning(images, selections.values(), should_stop)
    train, test = images.sources()
    facts = images.classes, images.identity, images.value_range
    return {
        seed: LoadedData(train, test, own.train, own.validation, own.test, own.sample, *facts)
        for seed, own in selections.items()
    }


def _load_selected(
    images: ImageSet, config: DataConfig, seeds: Collection[int], sampled: bool, should_stop: ShouldStop
) -> Generator[Event, None, tuple[dict[int, Selection], list[str]]]:
    """The selection of each seed, and the unreadable files.

    Whether an image can be read is known only once it is decoded, so selecting and loading alternate until every
    selected image is readable. In most folders the first pass is the only one.
    """
    labels, unreadable = images.labels, dict[int, str]()
    usable = torch.ones(len(labels), dtype=torch.bool)
    while True:
        selections = {seed: select_samples(labels, config, seed, usable, sampled) for seed in seeds}
        needed = _needed(labels, selections.values())
        found = yield from images.load(needed, should_stop)
        if not found:
            return selections, [unreadable[index] for index in sorted(unreadable)]
        unreadable |= found
        usable[list(found)] = False


def _needed(labels: Labels, selections: Iterable[Selection]) -> Tensor:
    """The indices of all images in any of the selections, in ascending order."""
    needed: Tensor = torch.unique(torch.cat([selected_indices(labels, own) for own in selections]))
    return needed


def united(parts: Sequence[LoadedData]) -> LoadedData:
    """The same images with the indices of all parts; training and validation are not distinguished."""
    if len(parts) == 1:
        return parts[0]
    train = torch.unique(torch.cat([torch.cat([part.train_indices, part.validation_indices]) for part in parts]))
    test = torch.unique(torch.cat([part.test_indices for part in parts]))
    return replace(parts[0], train_indices=train, validation_indices=torch.arange(0), test_indices=test)


def _open_official(
    config: DataConfig, should_stop: ShouldStop, cache: CacheSlot[ImageSet]
) -> Generator[Event, None, ImageSet]:
    name = config.dataset
    cached = cache.get(dataset_stamp(name))
    if cached is not None:
        yield Phase(name="loading", detail=DATASETS[name].title)
        return cached
    data = yield from load_dataset(name, should_stop)
    train, test = (_in_memory(split, data.classes) for split in (data.train, data.test))
    images = MemoryImageSet(train, test, dataset_identity(name))
    cache.put(dataset_stamp(name), images)
    return images


def _in_memory(split: Split, classes: tuple[str, ...]) -> MemorySource:
    pixels = np.ascontiguousarray(split.images.transpose(0, 2, 3, 1))
    images = torch.from_numpy(pixels if pixels.flags.writeable else pixels.copy())
    return MemorySource(images.permute(0, 3, 1, 2), torch.from_numpy(split.labels.astype(np.int64)), classes)


def _open_folder(
    config: DataConfig, should_stop: ShouldStop, cache: CacheSlot[ImageSet]
) -> Generator[Event, None, ImageSet]:
    root = _root(config)
    layout = read_layout(root).describe(config.validation_fraction)
    yield Phase(name="loading", detail=f"{config.root}: {layout}")
    listing = scan(root, should_stop)
    yield from listing.warnings()
    key = (listing.identity, config.image_size)
    images = cache.get(key)
    if images is None:
        images = FolderImageSet(listing, config.image_size)
        cache.put(key, images)
    return images


def _unreadable_warning(unreadable: Sequence[str]) -> Iterator[Event]:
    if unreadable:
        left_out = pluralize(len(unreadable), "unreadable image was", "unreadable images were")
        yield WarningRaised(title=f"{left_out} left out", detail=_shortened(unreadable))


def _duplicates_warning(
    images: ImageSet, selections: Collection[Selection], should_stop: ShouldStop
) -> Iterator[Event]:
    duplicates = Duplicates()
    found = images.duplicate_candidates(_needed(images.labels, selections), should_stop)
    for own in selections:
        duplicates.add(images.labels, own, *found)
    warning = duplicates.warning(images.name)
    if warning is not None:
        yield warning


def _value_warnings(images: ImageSet, selections: Iterable[Selection]) -> Iterator[Event]:
    """Warnings about unusual pixel values in the images of a run."""
    if images.value_range is not None:
        yield WarningRaised(
            title="Images with more than 8 bits were scaled",
            detail=f"Values {images.value_range} became 0 to 255, alike in all such images; others became 0 or 255",
            hint="The range is the one that training images use, where they have more than 8 bits.",
        )
    constant = images.constant_images(_needed(images.labels, selections))
    if constant:
        yield WarningRaised(
            title=f"{pluralize(len(constant), 'image has', 'images have')} a single value",
            detail=_shortened(constant),
            hint="They show nothing, but are used like the others.",
        )


def _shortened(files: Sequence[str]) -> str:
    """The first of many files, on one line."""
    more = [f"and {len(files) - _MAX_NAMED:,} more"] if len(files) > _MAX_NAMED else []
    return "; ".join([*files[:_MAX_NAMED], *more])


def _require_enough(config: DataConfig, images: ImageSet, selection: Selection, damaged: bool) -> None:
    """Refuse a folder with so few readable images that a class or the test split has none."""
    present, limit, where = set(images.labels.train[selection.train].tolist()), config.train_limit, config.root or ""
    missing = [name for label, name in enumerate(images.classes) if label not in present]
    if missing and damaged and (limit is None or limit >= len(images.classes)):
        detail = f"{display(where)}: {', '.join(repr(name) for name in missing[:_MAX_NAMED])}"
        title = "A class has no readable images for training"
        raise DataError(title, detail, "Put intact images there or remove its folder.")
    if images.labels.own_validation and not len(selection.validation):
        raise DataError("No validation image can be read", display(where), "Put intact images there.")
    if not len(selection.test) and damaged:
        raise DataError("No test image can be read", display(where), "Put intact images there.")
    if not len(selection.test):
        raise DataError(
            "There are too few images",
            f"Each of the {len(images.classes)} classes has one, so that none is left for testing.",
            "Put more images into the classes' folders.",
        )


def _root(config: DataConfig) -> str:
    if config.root is None:
        raise DataError("No folder is set", "The dataset 'folder' needs data.root.", "Set data.root to your folder.")
    return config.root
