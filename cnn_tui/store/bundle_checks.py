"""Checks of the files of a session that came from elsewhere, before anything else reads them."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from cnn_tui.errors import StorageError
from cnn_tui.store.files import sha256_of
from cnn_tui.store.notes import read_note
from cnn_tui.store.predictions import PREDICTIONS_FILE, THUMBNAILS_FILE, Predictions, load_thumbnails
from cnn_tui.store.records import SessionRecord
from cnn_tui.store.session_writer import WEIGHTS_FILE
from cnn_tui.store.sessions import read_history, read_record

_PREDICTIONS = frozenset(Predictions.__dataclass_fields__)
_THUMBNAILS = frozenset({"index", "pictures"})
_UNREADABLE = (OSError, ValueError, TypeError, SyntaxError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile)


def check_session(folder: Path) -> SessionRecord:
    """Read every file of a session, and check that they fit together; nothing in them is executed.

    Raises:
        StorageError: one is damaged, hostile, or not of this session.
    """
    record = read_record(folder)
    read_history(folder)
    read_note(folder)
    _check_weights(folder / WEIGHTS_FILE, record)
    if (folder / PREDICTIONS_FILE).exists():
        _check_arrays(folder / PREDICTIONS_FILE, _PREDICTIONS)
        _check_predictions(folder, record)
    if (folder / THUMBNAILS_FILE).exists():
        _check_arrays(folder / THUMBNAILS_FILE, _THUMBNAILS)
        _check_thumbnails(folder)
    return record


def _check_weights(path: Path, record: SessionRecord) -> None:
    if not path.exists():
        return
    if record.weights_sha256 is not None and sha256_of(path) != record.weights_sha256:
        raise _damaged(path, "its checksum is not the one in session.json")
    try:
        with safe_open(path, framework="numpy") as tensors:
            tensors.keys()
    except (SafetensorError, OSError) as error:
        raise _damaged(path, str(error)) from error


def _check_arrays(path: Path, names: frozenset[str]) -> None:
    """Refuse an archive of arrays that takes more memory than its file, or contains pickled objects."""
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                name = info.orig_filename.removesuffix(".npy")
                if name not in names:
                    raise ValueError(f"it contains {info.orig_filename[:100]!r}")
                if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
                    raise ValueError(f"{name} is compressed or encrypted")
                with archive.open(info) as member:
                    _check_array(member, info.file_size)
            if len(archive.namelist()) != len(set(archive.namelist())):
                raise ValueError("it contains an array twice")
    except _UNREADABLE as error:
        raise _damaged(path, str(error) or type(error).__name__) from error


def _check_array(member: IO[bytes], size: int) -> None:
    version = np.lib.format.read_magic(member)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"an array has the format {version}")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(member)
    if dtype.hasobject:
        raise ValueError("an array contains pickled objects")
    if min(shape, default=0) < 0 or member.tell() + math.prod(shape) * dtype.itemsize != size:
        raise ValueError("an array has another size than its header states")


def _check_predictions(folder: Path, record: SessionRecord) -> None:
    predictions, path = Predictions.load(folder), folder / PREDICTIONS_FILE
    classes = len(record.result.classes) if record.result else None
    labels: list[NDArray[np.int64] | NDArray[np.int32]] = [predictions.actual, predictions.predicted]
    labels += [] if predictions.top_classes is None else [predictions.top_classes]
    for array in labels:
        if array.size and (array.min() < 0 or (classes is not None and array.max() >= classes)):
            raise _damaged(path, "it contains a class that session.json does not have")
    if predictions.index.size and predictions.index.min() < 0:
        raise _damaged(path, "it contains a negative index")


def _check_thumbnails(folder: Path) -> None:
    images = load_thumbnails(folder)
    if any(index < 0 for index in images) or any(
        image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 for image in images.values()
    ):
        raise _damaged(folder / THUMBNAILS_FILE, "it contains other arrays than images")


def _damaged(path: Path, why: str) -> StorageError:
    return StorageError(f"{path.name} is damaged", f"{path}: {why}.")
