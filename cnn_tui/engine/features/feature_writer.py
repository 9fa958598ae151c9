"""Writing features to disk while they are computed."""

from __future__ import annotations

import math
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from cnn_tui.engine.features import feature_store
from cnn_tui.engine.features.feature_store import MappedChunk, MappedFeatures, StoredFeatures, put_rows
from cnn_tui.engine.features.packed_maps import unpacked
from cnn_tui.errors import StorageError
from cnn_tui.store.cache_index import evict

_CHUNK_SECONDS = 5.0  # roughly the most work that is lost when the process is killed
_CHUNK_BYTES = 2**26


class FeatureWriter:
    """Collects features in memory and writes them to disk, a few seconds behind.

    A thread of its own writes the chunks, so that the backbone never waits for the disk. After the first failure, which
    is returned once, nothing more is written.
    """

    max_pending_bytes: float = math.inf
    """With more than this waiting to be written, :meth:`add` blocks until the disk is done."""

    def __init__(self, folder: Path, indices: Tensor) -> None:
        """``indices``, int64 (N,), are those of all features to come, in their order."""
        self.done = 0
        self.features = torch.empty(0)
        self._folder = folder
        self._indices = indices
        self._submitted = 0
        self._submitted_at = time.perf_counter()
        self._pending_bytes = 0
        self._writing = True
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="features")
        self._future: Future[None] | None = None

    def add(self, features: Tensor) -> StorageError | None:
        """Take the next features (B, ...); an error if an earlier chunk could not be written."""
        self._collect(features)
        self.done += len(features)
        self._pending_bytes += features.nbytes
        due = self._pending_bytes > _CHUNK_BYTES or time.perf_counter() - self._submitted_at > _CHUNK_SECONDS
        # While the disk is busy with the last chunk, let the next one grow.
        idle = self._future is None or self._future.done()
        return self._submit() if due and (idle or self._pending_bytes > self.max_pending_bytes) else None

    def finish(self) -> StorageError | None:
        """Write what is left and wait for it; an error if anything could not be written."""
        return self._submit() or self._wait()

    def stop_writing(self) -> None:
        """Write no more."""
        self._writing = False

    @property
    def discards_rest(self) -> bool:
        """Whether further features would be lost."""
        return False

    def result(self) -> StoredFeatures | None:
        """The features once all is finished; None if there are none."""
        return StoredFeatures(self._folder, self._indices, self.features) if self.done else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()

    def _collect(self, features: Tensor) -> None:
        if not self.done:
            self.features = features.new_empty((len(self._indices), *features.shape[1:]))
        self.features = put_rows(self.features, self.done, features)

    def _submit(self) -> StorageError | None:
        error = self._wait()
        rows = slice(self._submitted, self.done)
        self._submitted, self._submitted_at, self._pending_bytes = self.done, time.perf_counter(), 0
        if self._writing and rows.start < rows.stop:
            self._future = self._thread.submit(self._write, self._indices[rows], self._pending(rows))
        return error

    def _pending(self, rows: slice) -> Tensor:
        """The features of these rows, which are to be written."""
        return self.features[rows]

    def _wait(self) -> StorageError | None:
        future, self._future = self._future, None
        try:
            if future is not None:
                future.result()
        except StorageError as error:
            self._writing = False
            return error
        return None

    def _write(self, indices: Tensor, features: Tensor) -> None:
        evict(self._folder, features.nbytes)
        feature_store.write(self._folder, indices, features)


class MappedFeatureWriter(FeatureWriter):
    """For features that do not fit in memory: each chunk is mapped once written, and lost if that fails."""

    max_pending_bytes = 2.0**28

    def __init__(self, folder: Path, indices: Tensor) -> None:
        super().__init__(folder, indices)
        self._batches: list[Tensor] = []
        self._written: list[Tensor] = []
        self._chunks: list[MappedChunk] = []

    @property
    def discards_rest(self) -> bool:
        """Whether further features would be lost: True once a chunk could not be written."""
        return not self._writing

    def result(self) -> StoredFeatures | None:
        """The features that were written, mapped; None if there are none."""
        if not self._chunks:
            return None
        return StoredFeatures(self._folder, torch.cat(self._written), MappedFeatures(self._chunks))

    def _collect(self, features: Tensor) -> None:
        self._batches.append(features.cpu())

    def _pending(self, rows: slice) -> Tensor:
        batches, self._batches = self._batches, []
        is_mixed = len({batch.dtype for batch in batches}) > 1
        return torch.cat([unpacked(batch) for batch in batches] if is_mixed else batches)

    def _write(self, indices: Tensor, features: Tensor) -> None:
        evict(self._folder, features.nbytes)
        path = feature_store.write(self._folder, indices, features)
        self._chunks.append(MappedChunk(feature_store.map_chunk(path)["features"], torch.arange(len(indices))))
        self._written.append(indices)
