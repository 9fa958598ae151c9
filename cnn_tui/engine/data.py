"""The pictures of a run: where they come from, and which of them are for training, validation and testing."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import psutil
import torch
from torch import Tensor

from cnn_tui.catalog.datasets import DATASETS
from cnn_tui.config.experiment import DataConfig
from cnn_tui.engine import decoded_cache
from cnn_tui.engine.channels import channel_statistics
from cnn_tui.engine.datasets import Split, load_official, official_identity, official_stamp
from cnn_tui.engine.decode import Decoded, UnevenSizesError, UnreadablePictureError, check_all, decode_all, picture_size
from cnn_tui.engine.folder import Listing, class_names, display, scan
from cnn_tui.engine.preprocess import Channels
from cnn_tui.engine.sources import FolderSource, MemorySource, PictureSource
from cnn_tui.engine.splits import FOLDER_TEST_FRACTION, split_test, split_validation, stratified_subset
from cnn_tui.engine.stopping import ShouldStop
from cnn_tui.engine.warm import Memory
from cnn_tui.errors import DataError, StorageError
from cnn_tui.events import Event, Phase, WarningRaised

_LARGEST_SHARE = 0.5  # of the memory that is available
_SAMPLE = 64  # pictures that show whether all have one size
_STATISTICS_ON_DEMAND = 4096  # pictures at most, where each has to be decoded for it
_TEST_LIMIT_SEED = 0
_MOST_NAMED = 10


@dataclass(frozen=True)
class LoadedData:
    """The pictures of a run.

    Attributes:
        train: the whole training split; ``train_indices`` and ``validation_indices`` are rows of it.
        test: the whole test split, of which ``test_indices`` are rows. A folder without splits of its own is both.
        identity: a hash of the pictures, for what is computed from them; it says nothing about the rows.
    """

    train: PictureSource
    test: PictureSource
    train_indices: Tensor
    validation_indices: Tensor
    test_indices: Tensor
    classes: tuple[str, ...]
    identity: str

    def statistics(self) -> tuple[Channels, Channels]:
        """Mean and standard deviation of red, green and blue over the training pictures, in 0..1.

        Grey counts as all three. Of pictures that are decoded on demand some thousands stand for all.
        """
        rows = self.train_indices
        if isinstance(self.train, FolderSource):
            rows = rows[:: max(1, len(rows) // _STATISTICS_ON_DEMAND)]
        return channel_statistics(self.train, rows)

    def to(self, device: torch.device) -> LoadedData:
        """The same with its pictures on a device, where they are in memory at all."""
        train = self.train.to(device)
        return replace(self, train=train, test=train if self.test is self.train else self.test.to(device))


def class_count(config: DataConfig) -> int:
    """How many classes the pictures have, found without opening or fetching any.

    Raises:
        DataError: the folder is missing or has no two classes.
    """
    count = DATASETS[config.dataset].classes
    return len(class_names(_root(config))) if count is None else count


@dataclass(frozen=True)
class Whole:
    """All pictures of a dataset, before any rows are chosen, and the files left out, each with the reason."""

    data: LoadedData
    unreadable: tuple[tuple[str, str], ...] = ()


def load(
    config: DataConfig, seed: int, should_stop: ShouldStop, memory: Memory | None = None
) -> Generator[Event, None, LoadedData]:
    """Get the pictures that ``config`` asks for and choose the rows, by ``seed``.

    The test limit takes the same pictures whatever the seed, so that runs are measured on the same ones. With a
    memory, files that are as they were in the run before are not read again.

    Raises:
        DataError: the pictures are not to be had or not usable.
        StorageError: a downloaded archive cannot be unpacked.
        Stopped: ``should_stop`` said so.
    """
    memory = memory or Memory()
    if config.dataset != "folder":
        return for_seed((yield from _load_official(config.dataset, should_stop, memory)), config, seed)
    return for_seed((yield from _load_folder(config, should_stop, memory)), config, seed)


def for_seed(loaded: LoadedData, config: DataConfig, seed: int) -> LoadedData:
    """The same pictures with the rows that another seed chooses."""
    whole = _whole(loaded.train, loaded.test, loaded.identity)
    return _with_rows(_split(whole, seed) if whole.test is whole.train else whole, config, seed)


def united(parts: Sequence[LoadedData]) -> LoadedData:
    """The same pictures with the rows of all parts; those for training and for validation are not told apart."""
    if len(parts) == 1:
        return parts[0]
    train = torch.unique(torch.cat([torch.cat([part.train_indices, part.validation_indices]) for part in parts]))
    test = torch.unique(torch.cat([part.test_indices for part in parts]))
    return replace(parts[0], train_indices=train, validation_indices=torch.arange(0), test_indices=test)


def _with_rows(whole: LoadedData, config: DataConfig, seed: int) -> LoadedData:
    """Apply the limits and cut the validation rows."""
    rows, test_rows = whole.train_indices, whole.test_indices
    if config.train_limit is not None:
        rows = rows[stratified_subset(whole.train.labels[rows], config.train_limit, seed)]
    if config.test_limit is not None:
        test_rows = test_rows[stratified_subset(whole.test.labels[test_rows], config.test_limit, _TEST_LIMIT_SEED)]
    train, validation = split_validation(whole.train.labels, rows, config.validation_fraction, seed)
    return replace(whole, train_indices=train, validation_indices=validation, test_indices=test_rows)


def _load_official(name: str, should_stop: ShouldStop, memory: Memory) -> Generator[Event, None, LoadedData]:
    known = memory.pictures.recall(official_stamp(name))
    if known is not None:
        yield Phase(name="loading", detail=DATASETS[name].title)
        return known.data
    data = yield from load_official(name, should_stop)
    train, test = (_in_memory(split, data.classes) for split in (data.train, data.test))
    whole = Whole(_whole(train, test, official_identity(name)))
    memory.pictures.keep(official_stamp(name), whole)
    return whole.data


def _in_memory(split: Split, classes: tuple[str, ...]) -> MemorySource:
    rows = np.ascontiguousarray(split.pictures.transpose(0, 2, 3, 1))
    pictures = torch.from_numpy(rows if rows.flags.writeable else rows.copy())
    return MemorySource(pictures.permute(0, 3, 1, 2), torch.from_numpy(split.labels.astype(np.int64)), classes)


def _whole(train: PictureSource, test: PictureSource, identity: str) -> LoadedData:
    return LoadedData(
        train=train,
        test=test,
        train_indices=torch.arange(len(train)),
        validation_indices=torch.arange(0),
        test_indices=torch.arange(len(test)),
        classes=train.classes,
        identity=identity,
    )


def _load_folder(config: DataConfig, should_stop: ShouldStop, memory: Memory) -> Generator[Event, None, LoadedData]:
    yield Phase(name="loading", detail=str(config.root))
    listing = scan(_root(config), should_stop)
    key = (listing.identity, config.image_size)
    whole = memory.pictures.recall(key)
    if whole is not None:
        yield from _unreadable_warning(whole.unreadable)
        return whole.data
    whole = yield from _read_folder(listing, config.image_size, should_stop)
    memory.pictures.keep(key, whole)
    return whole.data


def _read_folder(listing: Listing, image_size: int, should_stop: ShouldStop) -> Generator[Event, None, Whole]:
    files = listing.paths
    decoded = yield from _decoded(listing, files, image_size, should_stop)
    places = decoded.unreadable if decoded else (yield from check_all(files, should_stop))
    unreadable = tuple((files[place], reason) for place, reason in places)
    yield from _unreadable_warning(unreadable)
    kept = np.delete(np.arange(len(files)), [place for place, _ in places])
    labels = torch.tensor(listing.labels)[torch.from_numpy(kept)]
    trained = int((kept < len(listing.train.paths)).sum())
    _require_readable(listing, labels[:trained], labels[trained:])
    pictures = None if decoded is None else torch.from_numpy(decoded.pictures).permute(0, 3, 1, 2)

    def source(rows: slice) -> PictureSource:
        if pictures is None:
            return FolderSource([files[place] for place in kept[rows]], labels[rows], listing.classes, image_size)
        return MemorySource(pictures[rows], labels[rows], listing.classes)

    train = source(slice(trained))
    test = train if listing.test is None else source(slice(trained, None))
    return Whole(_whole(train, test, listing.identity), unreadable)


def _split(whole: LoadedData, seed: int) -> LoadedData:
    """Cut the test rows out of a folder without splits of its own."""
    count = max(1, round(FOLDER_TEST_FRACTION * len(whole.train)))
    train, test = split_test(whole.train.labels, count, seed)
    if not len(test):
        raise DataError(
            "There are too few pictures",
            f"Each of the {len(whole.classes)} classes has one, so that none is left for testing.",
            "Put more pictures into the classes' folders.",
        )
    return replace(whole, train_indices=train, test_indices=test)


def _decoded(
    listing: Listing, files: Sequence[str], image_size: int, should_stop: ShouldStop
) -> Generator[Event, None, Decoded | None]:
    """The pictures of a folder from the cache or their files; None if they do not fit in memory."""
    most_bytes = int(_LARGEST_SHARE * psutil.virtual_memory().available)
    try:
        cached = decoded_cache.read(listing, image_size, most_bytes)
    except decoded_cache.DamagedCacheError as error:
        cached = None
        yield WarningRaised(
            title="The cache of decoded pictures was damaged", detail=str(error), hint="They are decoded again."
        )
    if cached is not None:
        return cached
    native = _common_size(files)
    if native is not None and max(native) <= image_size and _bytes(files, native) <= most_bytes:
        try:
            decoded = yield from decode_all(files, native, False, should_stop)
        except UnevenSizesError:
            native = None
        else:
            yield from _keep(listing, decoded, None)
            return decoded
    square = (image_size, image_size)
    if _bytes(files, square) > most_bytes:
        return None
    decoded = yield from decode_all(files, square, True, should_stop)
    yield from _keep(listing, decoded, image_size)
    return decoded


def _bytes(files: Sequence[str], size: tuple[int, int]) -> int:
    return len(files) * size[0] * size[1] * 3


def _common_size(files: Sequence[str]) -> tuple[int, int] | None:
    """Height and width of a sample of pictures, if it is the same for all that can be read."""
    sizes = set()
    for path in files[:: max(1, len(files) // _SAMPLE)]:
        with contextlib.suppress(UnreadablePictureError):
            sizes.add(picture_size(path))
    return sizes.pop() if len(sizes) == 1 else None


def _keep(listing: Listing, decoded: Decoded, image_size: int | None) -> Generator[Event, None, None]:
    try:
        decoded_cache.write(listing, decoded, image_size)
    except StorageError as error:
        yield WarningRaised(
            title="The decoded pictures are not kept", detail=f"{error.title}: {error.detail}", hint=error.hint
        )


def _unreadable_warning(unreadable: Sequence[tuple[str, str]]) -> Iterator[Event]:
    if not unreadable:
        return
    lines = [f"{display(path)}: {reason}" for path, reason in unreadable[:_MOST_NAMED]]
    if len(unreadable) > _MOST_NAMED:
        lines.append(f"and {len(unreadable) - _MOST_NAMED:,} more")
    noun = "picture was" if len(unreadable) == 1 else "pictures were"
    yield WarningRaised(title=f"{len(unreadable):,} unreadable {noun} left out", detail="\n".join(lines))


def _require_readable(listing: Listing, train: Tensor, test: Tensor) -> None:
    """Refuse a folder in which so many pictures are damaged that a class or the test split has none left."""
    present = set(train.tolist())
    lacking = [name for label, name in enumerate(listing.classes) if label not in present]
    if lacking:
        detail = f"{display(listing.root)}: {', '.join(repr(name) for name in lacking[:_MOST_NAMED])}"
        raise DataError("A class has no readable pictures", detail, "Put sound pictures there or remove its folder.")
    if listing.test is not None and not len(test):
        raise DataError("No test picture can be read", display(listing.root / "test"), "Put sound pictures there.")


def _root(config: DataConfig) -> str:
    if config.root is None:
        raise DataError("No folder is named", "The dataset 'folder' needs data.root.", "Set data.root to your folder.")
    return config.root
