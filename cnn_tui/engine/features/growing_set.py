"""Features while they are computed, and how they come to be kept."""

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
from cnn_tui.engine.features.feature_store import widened
from cnn_tui.engine.features.rows import Block, Features, MappedRows
from cnn_tui.errors import StorageError
from cnn_tui.store.cache_index import make_room

_CHUNK_SECONDS = 5.0  # about the most that a killed pass loses
_CHUNK_BYTES = 2**26


class GrowingSet:
    """Features while they are computed: all of them in memory, and on disk but for those of the last few seconds.

    Chunks are written by a thread of its own, so that nothing waits for the disk. What fails is told once, and then
    no more is written.
    """

    most_waiting: float = math.inf
    """Bytes that may wait to be written; more wait for the disk."""

    def __init__(self, folder: Path, places: Tensor) -> None:
        """``places`` are those of all features that are to come, in their order, int64 (N,)."""
        self.done = 0
        self.features = torch.empty(0)
        self._folder = folder
        self._places = places
        self._kept = 0
        self._kept_at = time.perf_counter()
        self._waiting_bytes = 0
        self._keeping = True
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="features")
        self._writing: Future[None] | None = None

    def add(self, features: Tensor) -> StorageError | None:
        """Take the next features (B, ...). What has failed to be written, if anything has."""
        self._take(features)
        self.done += len(features)
        self._waiting_bytes += features.nbytes
        due = self._waiting_bytes > _CHUNK_BYTES or time.perf_counter() - self._kept_at > _CHUNK_SECONDS
        # While the disk is busy with the last chunk, the next one grows.
        idle = self._writing is None or self._writing.done()
        return self._keep() if due and (idle or self._waiting_bytes > self.most_waiting) else None

    def finish(self) -> StorageError | None:
        """Have everything written. What has failed to be, if anything has."""
        return self._keep() or self._wait()

    def stop_keeping(self) -> None:
        """Write no more."""
        self._keeping = False

    @property
    def is_futile(self) -> bool:
        """Whether what is still to come would be lost."""
        return False

    def result(self) -> Features | None:
        """What is there once all is finished; None for nothing."""
        return Features(self._folder, self._places, self.features) if self.done else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()

    def _take(self, features: Tensor) -> None:
        if not self.done:
            self.features = features.new_empty((len(self._places), *features.shape[1:]))
        self.features = widened(self.features, features)
        self.features[self.done : self.done + len(features)] = features

    def _keep(self) -> StorageError | None:
        problem = self._wait()
        rows = slice(self._kept, self.done)
        self._kept, self._kept_at, self._waiting_bytes = self.done, time.perf_counter(), 0
        if self._keeping and rows.start < rows.stop:
            self._writing = self._thread.submit(self._write, self._places[rows], self._unwritten(rows))
        return problem

    def _unwritten(self, rows: slice) -> Tensor:
        """The features of these rows, which wait to be written."""
        return self.features[rows]

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
        feature_store.write(self._folder, places, features)


class GrowingChunks(GrowingSet):
    """The same for features that memory does not hold: what is written is mapped, and what cannot be is lost."""

    most_waiting = 2.0**28

    def __init__(self, folder: Path, places: Tensor) -> None:
        super().__init__(folder, places)
        self._waiting: list[Tensor] = []
        self._written: list[Tensor] = []
        self._blocks: list[Block] = []

    @property
    def is_futile(self) -> bool:
        """See :class:`GrowingSet`."""
        return not self._keeping

    def result(self) -> Features | None:
        """See :class:`GrowingSet`."""
        if not self._blocks:
            return None
        return Features(self._folder, torch.cat(self._written), MappedRows(self._blocks))

    def _take(self, features: Tensor) -> None:
        self._waiting.append(features.cpu())

    def _unwritten(self, rows: slice) -> Tensor:
        waiting, self._waiting = self._waiting, []
        return torch.cat(waiting)

    def _write(self, places: Tensor, features: Tensor) -> None:
        make_room(self._folder, features.nbytes)
        path = feature_store.write(self._folder, places, features)
        self._blocks.append(Block(feature_store.map_chunk(path)["features"], torch.arange(len(places))))
        self._written.append(places)
