"""The pictures of a run: where they come from, and which of them are for training, validation and testing."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from cnn_tui.amounts import some
from cnn_tui.catalog.datasets import DATASETS
from cnn_tui.config.experiment import DataConfig
from cnn_tui.engine.data.channels import channel_statistics
from cnn_tui.engine.data.datasets import Split, load_official, official_identity, official_stamp
from cnn_tui.engine.data.folder_image_set import FolderSet
from cnn_tui.engine.data.folder_listing import class_names, scan
from cnn_tui.engine.data.image_set import MemorySet, PictureSet
from cnn_tui.engine.data.image_source import DeviceSource, MemorySource, PictureSource
from cnn_tui.engine.data.preprocess import Channels
from cnn_tui.engine.data.repeats import Repeats
from cnn_tui.engine.data.rows import Labels, Rows, choose, places
from cnn_tui.engine.data.value_range import ValueRange
from cnn_tui.engine.stopping import ShouldStop
from cnn_tui.engine.warm import Memory
from cnn_tui.errors import DataError
from cnn_tui.events import Event, Phase, WarningRaised
from cnn_tui.store.folder_layout import read_layout
from cnn_tui.store.names import display

_MOST_NAMED = 10


@dataclass(frozen=True)
class LoadedData:
    """The pictures of a run.

    Attributes:
        train: the training split, of which ``train_indices`` and ``validation_indices`` are the rows that can be used;
            a validation split of its own is the last part of it.
        test: the test split, likewise ``test_indices``. A folder without splits of its own is both.
        sample_indices: rows of the training split that stand for all of it, where they were asked for.
        identity: a hash of the pictures, for what is computed from them; it says nothing about the rows.
        value_range: what pictures with more than eight bits are scaled by, None where there are none.
    """

    train: PictureSource
    test: PictureSource
    train_indices: Tensor
    validation_indices: Tensor
    test_indices: Tensor
    sample_indices: Tensor
    classes: tuple[str, ...]
    identity: str
    value_range: ValueRange | None

    def statistics(self) -> tuple[Channels, Channels]:
        """Mean and standard deviation of red, green and blue over the sample, in 0..1; grey counts as all three.

        They are the training split's own and not the run's, so that what is computed with them serves other limits.
        """
        if not len(self.sample_indices):
            raise ValueError("the pictures were loaded without the sample")
        return channel_statistics(self.train, self.sample_indices)

    def to(self, device: torch.device) -> LoadedData:
        """The same with the pictures of its rows on a device, where they are in memory at all."""
        one_split, own = self.test is self.train, [self.train_indices, self.validation_indices, self.sample_indices]
        rows = torch.unique(torch.cat([*own, self.test_indices] if one_split else own))
        train = _on(device, self.train, rows)
        return replace(self, train=train, test=train if one_split else _on(device, self.test, self.test_indices))


def _on(device: torch.device, source: PictureSource, rows: Tensor) -> PictureSource:
    if device.type != "cpu" and isinstance(source, MemorySource):
        return DeviceSource(source, rows, device)
    return source


def class_count(config: DataConfig) -> int:
    """How many classes the pictures have, found without opening or fetching any.

    Raises:
        DataError: the folder is missing or has no two classes.
    """
    count = DATASETS[config.dataset].classes
    return len(class_names(_root(config))) if count is None else count


def load(
    config: DataConfig, seed: int, should_stop: ShouldStop, memory: Memory | None = None, sampled: bool = False
) -> Generator[Event, None, LoadedData]:
    """Get the pictures that ``config`` asks for and choose the rows, by ``seed``; see :func:`load_for_seeds`."""
    return (yield from load_for_seeds(config, [seed], should_stop, memory, sampled))[seed]


def load_for_seeds(
    config: DataConfig,
    seeds: Collection[int],
    should_stop: ShouldStop,
    memory: Memory | None = None,
    sampled: bool = False,
) -> Generator[Event, None, dict[int, LoadedData]]:
    """Get the pictures that ``config`` asks for, once, with the rows that each seed chooses.

    Of a folder only the pictures that were chosen are read, and the heads of a few that show what size they have. Under
    a limit others take the places of those that cannot be read. With a memory, files that are as they were in the run
    before are not read again. With ``sampled`` the rows by which the colours are measured are got, too.

    Raises:
        DataError: the pictures are not to be had or not usable.
        StorageError: a downloaded archive cannot be unpacked.
        Stopped: ``should_stop`` said so.
    """
    memory = memory or Memory()
    opening = _open_folder if config.dataset == "folder" else _open_official
    pictures = yield from opening(config, should_stop, memory)
    rows, unreadable = yield from _readable(pictures, config, seeds, sampled, should_stop)
    yield from _unreadable_warning(unreadable)
    yield from _value_warnings(pictures, rows.values())
    for own in rows.values():
        _require_enough(config, pictures, own, bool(unreadable))
    yield from _repeats_warning(pictures, rows.values(), should_stop)
    train, test = pictures.sources()
    facts = pictures.classes, pictures.identity, pictures.value_range
    return {
        seed: LoadedData(train, test, own.train, own.validation, own.test, own.sample, *facts)
        for seed, own in rows.items()
    }


def _readable(
    pictures: PictureSet, config: DataConfig, seeds: Collection[int], sampled: bool, should_stop: ShouldStop
) -> Generator[Event, None, tuple[dict[int, Rows], list[str]]]:
    """Rows of each seed whose pictures can be read, and what was found to be unreadable on the way."""
    labels, unreadable = pictures.labels, dict[int, str]()
    usable = torch.ones(len(labels), dtype=torch.bool)
    while True:
        rows = {seed: choose(labels, config, seed, usable, sampled) for seed in seeds}
        needed = _needed(labels, rows.values())
        found = yield from pictures.require(needed, should_stop)
        if not found:
            return rows, [unreadable[place] for place in sorted(unreadable)]
        unreadable |= found
        usable[list(found)] = False


def _needed(labels: Labels, rows: Iterable[Rows]) -> Tensor:
    """The places of all pictures that some rows stand for, in ascending order."""
    needed: Tensor = torch.unique(torch.cat([places(labels, own) for own in rows]))
    return needed


def united(parts: Sequence[LoadedData]) -> LoadedData:
    """The same pictures with the rows of all parts; those for training and for validation are not told apart."""
    if len(parts) == 1:
        return parts[0]
    train = torch.unique(torch.cat([torch.cat([part.train_indices, part.validation_indices]) for part in parts]))
    test = torch.unique(torch.cat([part.test_indices for part in parts]))
    return replace(parts[0], train_indices=train, validation_indices=torch.arange(0), test_indices=test)


def _open_official(config: DataConfig, should_stop: ShouldStop, memory: Memory) -> Generator[Event, None, PictureSet]:
    name = config.dataset
    known = memory.pictures.recall(official_stamp(name))
    if known is not None:
        yield Phase(name="loading", detail=DATASETS[name].title)
        return known
    data = yield from load_official(name, should_stop)
    train, test = (_in_memory(split, data.classes) for split in (data.train, data.test))
    pictures = MemorySet(train, test, official_identity(name))
    memory.pictures.keep(official_stamp(name), pictures)
    return pictures


def _in_memory(split: Split, classes: tuple[str, ...]) -> MemorySource:
    rows = np.ascontiguousarray(split.pictures.transpose(0, 2, 3, 1))
    pictures = torch.from_numpy(rows if rows.flags.writeable else rows.copy())
    return MemorySource(pictures.permute(0, 3, 1, 2), torch.from_numpy(split.labels.astype(np.int64)), classes)


def _open_folder(config: DataConfig, should_stop: ShouldStop, memory: Memory) -> Generator[Event, None, PictureSet]:
    root = _root(config)
    layout = read_layout(root).describe(config.validation_fraction)
    yield Phase(name="loading", detail=f"{config.root}: {layout}")
    listing = scan(root, should_stop)
    yield from listing.warnings()
    key = (listing.identity, config.image_size)
    pictures = memory.pictures.recall(key)
    if pictures is None:
        pictures = FolderSet(listing, config.image_size)
        memory.pictures.keep(key, pictures)
    return pictures


def _unreadable_warning(unreadable: Sequence[str]) -> Iterator[Event]:
    if unreadable:
        left_out = some(len(unreadable), "unreadable picture was", "unreadable pictures were")
        yield WarningRaised(title=f"{left_out} left out", detail=_some(unreadable))


def _repeats_warning(pictures: PictureSet, rows: Collection[Rows], should_stop: ShouldStop) -> Iterator[Event]:
    repeats = Repeats()
    found = pictures.repeated(_needed(pictures.labels, rows), should_stop)
    for own in rows:
        repeats.add(pictures.labels, own, *found)
    warning = repeats.warning(pictures.name)
    if warning is not None:
        yield warning


def _value_warnings(pictures: PictureSet, rows: Iterable[Rows]) -> Iterator[Event]:
    """What stands out in the values of the pictures of a run."""
    if pictures.value_range is not None:
        yield WarningRaised(
            title="Pictures with more than 8 bits were scaled",
            detail=f"Values {pictures.value_range} became 0 to 255, alike in all such pictures; others became 0 or 255",
            hint="The range is the one that training pictures use, where they have more than 8 bits.",
        )
    constant = pictures.constant(_needed(pictures.labels, rows))
    if constant:
        yield WarningRaised(
            title=f"{some(len(constant), 'picture is', 'pictures are')} one single value",
            detail=_some(constant),
            hint="There is nothing to see in them; they were not left out.",
        )


def _some(files: Sequence[str]) -> str:
    """The first of many files, on the one line that every reader of warnings has for them."""
    more = [f"and {len(files) - _MOST_NAMED:,} more"] if len(files) > _MOST_NAMED else []
    return "; ".join([*files[:_MOST_NAMED], *more])


def _require_enough(config: DataConfig, pictures: PictureSet, rows: Rows, damaged: bool) -> None:
    """Refuse a folder with so few pictures that can be read that a class or the test split has none."""
    present, limit, where = set(pictures.labels.train[rows.train].tolist()), config.train_limit, config.root or ""
    lacking = [name for label, name in enumerate(pictures.classes) if label not in present]
    if lacking and damaged and (limit is None or limit >= len(pictures.classes)):
        detail = f"{display(where)}: {', '.join(repr(name) for name in lacking[:_MOST_NAMED])}"
        title = "A class has no readable pictures for training"
        raise DataError(title, detail, "Put sound pictures there or remove its folder.")
    if pictures.labels.own_validation and not len(rows.validation):
        raise DataError("No validation picture can be read", display(where), "Put sound pictures there.")
    if not len(rows.test) and damaged:
        raise DataError("No test picture can be read", display(where), "Put sound pictures there.")
    if not len(rows.test):
        raise DataError(
            "There are too few pictures",
            f"Each of the {len(pictures.classes)} classes has one, so that none is left for testing.",
            "Put more pictures into the classes' folders.",
        )


def _root(config: DataConfig) -> str:
    if config.root is None:
        raise DataError("No folder is named", "The dataset 'folder' needs data.root.", "Set data.root to your folder.")
    return config.root
