"""The file formats of the catalogue's datasets: IDX, MATLAB, and plain records of bytes.

Every file's shape and labels are checked, and an error names the file; ``datasets`` says why torchvision's readers are
not used.
"""

from __future__ import annotations

import functools
import gzip
import importlib.util
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from cnn_tui.catalog.datasets import Dataset
from cnn_tui.engine.data.sample_selection import split_test
from cnn_tui.errors import DataError
from cnn_tui.formatting import pluralize
from cnn_tui.store.files import reason

_T = TypeVar("_T")
_Bytes = NDArray[np.uint8]
_DAMAGE = (
    gzip.BadGzipFile,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    NotImplementedError,
    struct.error,
    zlib.error,
)
_DIGITS = tuple(str(digit) for digit in range(10))
_CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


@dataclass(frozen=True)
class Split:
    """Images uint8 (N, C, H, W) and their labels (N,), from 0."""

    images: _Bytes
    labels: _Bytes


@dataclass(frozen=True)
class DatasetSplits:
    """A dataset's two splits, and its classes in the order of the labels."""

    train: Split
    test: Split
    classes: tuple[str, ...]


def damaged(path: Path, why: str) -> DataError:
    """Rename a damaged file; the error to raise."""
    path.replace(path.with_name(path.name + ".damaged"))
    return DataError(f"{path.name} is damaged", f"{path}: {why}.", "Start the run again to download a new copy.")


def _parsed(path: Path, parse: Callable[[Path], _T]) -> _T:
    try:
        return parse(path)
    except _DAMAGE as error:
        raise damaged(path, str(error) or type(error).__name__) from error
    except OSError as error:
        raise DataError(f"{path.name} cannot be read", f"{path}: {reason(error)}.") from error


class DatasetFiles:
    """Reads the files of a dataset and checks their shapes."""

    def __init__(self, dataset: Dataset, folder: Path) -> None:
        self.train = dataset.train or 0
        self.test = dataset.test or 0
        self._classes = dataset.classes or 0
        self._folder = folder

    def array(self, name: str, parse: Callable[[Path], _Bytes], shape: tuple[int, ...]) -> _Bytes:
        """A file read by ``parse``, which must have this shape."""
        path = self._folder / name
        array = _parsed(path, parse)
        if array.shape != shape:
            raise damaged(path, f"it holds {array.shape} values, {shape} were expected")
        return array

    def split(self, name: str, images: _Bytes, labels: _Bytes) -> Split:
        """Images with labels from the file ``name``, which must be valid class indices."""
        if labels.size and labels.max() >= self._classes:
            raise damaged(self._folder / name, f"it holds the label {labels.max()}, of {self._classes} classes")
        return Split(images, labels)

    def names(self, name: str) -> tuple[str, ...]:
        """The classes' names from a text file."""
        path = self._folder / name
        lines = _parsed(path, _lines)
        if len(lines) != self._classes:
            raise damaged(path, f"it holds {pluralize(len(lines), 'name')} of {self._classes} classes")
        return lines


def _digits(files: DatasetFiles) -> DatasetSplits:
    """scikit-learn's digits, split in the same way for every seed."""
    table = _digits_table()
    images = np.rint(table[:, :-1].reshape(-1, 1, 8, 8) * (255 / 16)).astype(np.uint8)
    labels = table[:, -1].astype(np.uint8)
    train, test = (rows.numpy() for rows in split_test(torch.from_numpy(labels), files.test, seed=0))
    return DatasetSplits(Split(images[train], labels[train]), Split(images[test], labels[test]), _DIGITS)


def _digits_table() -> NDArray[np.float64]:
    """A row for each image: 64 values from 0 to 16, and the digit.

    This is the file behind ``sklearn.datasets.load_digits``, whose import would take a second for SciPy's statistics.
    """
    package = importlib.util.find_spec("sklearn")
    folders = [] if package is None else package.submodule_search_locations or []
    for folder in folders:
        path = Path(folder, "datasets", "data", "digits.csv.gz")
        if path.is_file():
            return np.loadtxt(path, delimiter=",")
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return np.column_stack([bunch.data, bunch.target])


def _mnist(classes: tuple[str, ...], files: DatasetFiles) -> DatasetSplits:
    def split(prefix: str, count: int) -> Split:
        labels_name = f"{prefix}-labels-idx1-ubyte.gz"
        images = files.array(f"{prefix}-images-idx3-ubyte.gz", _idx, (count, 28, 28))
        return files.split(labels_name, images[:, None], files.array(labels_name, _idx, (count,)))

    return DatasetSplits(split("train", files.train), split("t10k", files.test), classes)


def _cifar(train: tuple[str, ...], test: str, label_bytes: int, names: str, files: DatasetFiles) -> DatasetSplits:
    """Records of ``label_bytes`` labels, of which the last is used, and 3 x 32 x 32 pixels."""
    length = label_bytes + 3 * 32 * 32

    def split(name: str, count: int) -> Split:
        records = files.array(name, functools.partial(_records, (length,)), (count, length))
        return files.split(name, records[:, label_bytes:].reshape(-1, 3, 32, 32), records[:, label_bytes - 1])

    parts = [split(name, files.train // len(train)) for name in train]
    whole = Split(np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts]))
    return DatasetSplits(whole, split(test, files.test), files.names(names))


def _svhn(files: DatasetFiles) -> DatasetSplits:
    """MATLAB files with ``X`` (32, 32, 3, N) and ``y`` (N, 1), in which 10 stands for the digit 0."""

    def split(name: str, count: int) -> Split:
        images = files.array(name, functools.partial(_matlab, "X"), (32, 32, 3, count)).transpose(3, 2, 0, 1)
        labels = files.array(name, functools.partial(_matlab, "y"), (count, 1))
        return files.split(name, images, labels[:, 0] % 10)

    return DatasetSplits(split("train_32x32.mat", files.train), split("test_32x32.mat", files.test), _DIGITS)


def _stl10(files: DatasetFiles) -> DatasetSplits:
    """Images of 3 x 96 x 96 stored column by column, labels from 1."""

    def split(prefix: str, count: int) -> Split:
        images = files.array(f"{prefix}_X.bin", functools.partial(_records, (3, 96, 96)), (count, 3, 96, 96))
        labels = files.array(f"{prefix}_y.bin", functools.partial(_records, ()), (count,))
        return files.split(f"{prefix}_y.bin", images.transpose(0, 1, 3, 2), labels - np.uint8(1))

    return DatasetSplits(split("train", files.train), split("test", files.test), files.names("class_names.txt"))


def _idx(path: Path) -> _Bytes:
    """A compressed IDX file of bytes: two zeros, the type, the number of dimensions, the dimensions, the values."""
    content = gzip.decompress(path.read_bytes())
    if content[:3] != b"\x00\x00\x08":
        raise ValueError("it is no IDX file of bytes")
    dimensions = struct.unpack_from(f">{content[3]}I", content, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * len(dimensions)).reshape(dimensions)


def _lines(path: Path) -> tuple[str, ...]:
    return tuple(line.strip() for line in path.read_text("utf-8").splitlines() if line.strip())


def _records(shape: tuple[int, ...], path: Path) -> _Bytes:
    return np.fromfile(path, np.uint8).reshape(-1, *shape)


def _matlab(name: str, path: Path) -> _Bytes:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        values = loadmat(path, variable_names=(name,))[name]
    except MatReadError as error:
        raise ValueError(str(error)) from error
    except OSError as error:
        if error.errno is None:  # raised by SciPy itself for a truncated file
            raise ValueError(str(error)) from error
        raise
    array: _Bytes = values.astype(np.uint8)
    if not np.array_equal(array, values):
        raise ValueError(f"{name} holds other values than bytes")
    return array


READERS: dict[str, Callable[[DatasetFiles], DatasetSplits]] = {
    "digits": _digits,
    "mnist": functools.partial(_mnist, _DIGITS),
    "fashion_mnist": functools.partial(_mnist, _CLOTHES),
    "cifar10": functools.partial(
        _cifar, tuple(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin", 1, "batches.meta.txt"
    ),
    "cifar100": functools.partial(_cifar, ("train.bin",), "test.bin", 2, "fine_label_names.txt"),
    "svhn": _svhn,
    "stl10": _stl10,
}
