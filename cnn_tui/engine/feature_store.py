"""Features of pictures on disk, in chunks that are each written whole and checked when they are read."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from cnn_tui.errors import StorageError
from cnn_tui.store.cache_index import CHUNK_SUFFIX, make_room
from cnn_tui.store.files import write_atomic

_CHUNK_SECONDS = 5.0  # about the most that a killed pass loses
_CHUNK_BYTES = 2**26


@dataclass(frozen=True)
class Stored:
    """What was found on disk.

    Attributes:
        places: which pictures, int64 (K,), each once.
        features: theirs, (K, ...), None where K is 0.
        damaged: how many chunks could not be used; they are removed.
    """

    places: Tensor
    features: Tensor | None
    damaged: int


def read(folder: Path, wanted: Tensor) -> Stored:
    """The features that a set has of the pictures ``wanted``, int64 (N,), which must be some."""
    lacking = torch.zeros(int(wanted.max()) + 1, dtype=torch.bool)
    lacking[wanted] = True
    places, features, damaged = torch.empty_like(wanted), None, 0
    count = 0
    for path in sorted(folder.glob(f"*{CHUNK_SUFFIX}")):
        chunk = _read_chunk(path)
        if chunk is None:
            damaged += 1
            path.unlink(missing_ok=True)
            continue
        rows = _rows(chunk["places"], lacking)
        found = slice(count, count + len(rows))
        if features is None:
            features = chunk["features"].new_empty((len(wanted), *chunk["features"].shape[1:]))
        torch.index_select(chunk["features"], 0, rows, out=features[found])
        places[found] = chunk["places"][rows]
        # Two processes may have computed the same picture: the first one found will do.
        lacking[places[found]] = False
        count += len(rows)
    return Stored(places[:count], features[:count] if features is not None and count else None, damaged)


def clear(folder: Path) -> None:
    """Remove all chunks of a set."""
    for path in folder.glob(f"*{CHUNK_SUFFIX}"):
        path.unlink(missing_ok=True)


def write(folder: Path, places: Tensor, features: Tensor) -> None:
    """Add a chunk: the features (K, ...) of the pictures ``places`` (K,).

    Raises:
        StorageError: the disk is full, read-only or fails.
    """
    data = safetensors.torch.save({"places": places.cpu().contiguous(), "features": features.cpu().contiguous()})
    write_atomic(folder / f"{hashlib.sha256(data).hexdigest()}{CHUNK_SUFFIX}", data)


class GrowingSet:
    """Features while they are computed: all of them in memory, and on disk but for those of the last few seconds.

    Chunks are written by a thread of its own, so that nothing waits for the disk. What fails is told once, and then
    no more is written.
    """

    def __init__(self, folder: Path, places: Tensor) -> None:
        """``places`` are those of all features that are to come, in their order, int64 (N,)."""
        self.done = 0
        self.features = torch.empty(0)
        self._folder = folder
        self._places = places
        self._kept = 0
        self._kept_at = time.perf_counter()
        self._keeping = True
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="features")
        self._writing: Future[None] | None = None

    def add(self, features: Tensor) -> StorageError | None:
        """Take the next features (B, ...). What has failed to be written, if anything has."""
        if not self.done:
            self.features = features.new_empty((len(self._places), *features.shape[1:]))
        self.features[self.done : self.done + len(features)] = features
        self.done += len(features)
        waiting = self.features[self._kept : self.done].nbytes
        due = waiting > _CHUNK_BYTES or time.perf_counter() - self._kept_at > _CHUNK_SECONDS
        # While the disk is busy with the last chunk, the next one grows.
        return self._keep() if due and (self._writing is None or self._writing.done()) else None

    def finish(self) -> StorageError | None:
        """Have everything written. What has failed to be, if anything has."""
        return self._keep() or self._wait()

    def stop_keeping(self) -> None:
        """Write no more."""
        self._keeping = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()

    def _keep(self) -> StorageError | None:
        problem = self._wait()
        rows = slice(self._kept, self.done)
        self._kept, self._kept_at = self.done, time.perf_counter()
        if self._keeping and rows.start < rows.stop:
            self._writing = self._thread.submit(self._write, self._places[rows], self.features[rows])
        return problem

    def _wait(self) -> StorageError | None:
        writing, self._writing = self._writing, None
        try:
            if writing is not None:
                writing.result()
        except StorageError as error:
            self._keeping = False
            return error
        return None

    def _write(self, places: Tensor, features: Tensor) -> None:
        make_room(self._folder, features.nbytes)
        write(self._folder, places, features)


def _rows(places: Tensor, lacking: Tensor) -> Tensor:
    """The rows of a chunk whose pictures are lacking."""
    known = places.clamp(max=len(lacking) - 1)
    return torch.nonzero((places < len(lacking)) & lacking[known]).flatten()


def _read_chunk(path: Path) -> dict[str, Tensor] | None:
    """A chunk whose content is what its name says; a flipped byte loads silently without that check."""
    try:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != path.stem:
            return None
        return safetensors.torch.load(data)
    except (OSError, SafetensorError):
        return None
