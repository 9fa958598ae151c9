"""Features that are kept, by the image that they are of: in memory, or in chunks on disk that are read when needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import torch
from torch import Tensor


@dataclass(frozen=True)
class Block:
    """Some rows, int64 (K,), of features (N, ...) that are mapped into memory from a file."""

    features: Tensor
    rows: Tensor


class MappedRows:
    """Features in mapped files, of which the system holds in memory what there is room for and gives way with it.

    They are asked for in a random order, and a row is hundreds of kilobytes: it is read about as fast as in order.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        """``blocks`` are some, each of one row at least."""
        self._blocks = tuple(blocks)
        self._which = torch.cat([torch.full_like(block.rows, place) for place, block in enumerate(blocks)])
        self._rows = torch.cat([block.rows for block in blocks])
        self.shape = torch.Size((len(self._rows), *blocks[0].features.shape[1:]))
        self.dtype = reduce(torch.promote_types, (block.features.dtype for block in blocks))

    @property
    def nbytes(self) -> int:
        """What they take on disk."""
        return self.shape.numel() * self.dtype.itemsize

    def take(self, positions: Tensor) -> Tensor:
        """The features (B, ...) at these positions, int64 (B,), in memory."""
        taken = torch.empty((len(positions), *self.shape[1:]), dtype=self.dtype)
        places = zip(self._which[positions].tolist(), self._rows[positions].tolist(), strict=True)
        for target, (block, row) in zip(taken, places, strict=True):
            target.copy_(self._blocks[block].features[row])
        return taken

    def joined(self, other: MappedRows) -> MappedRows:
        """These and then the others."""
        return MappedRows(self._blocks + other._blocks)


FeatureRows = Tensor | MappedRows
"""Features (K, ...)."""


def take(rows: FeatureRows, positions: Tensor) -> Tensor:
    """The features (B, ...) at positions (B,), on the positions' device."""
    if isinstance(rows, MappedRows):
        return rows.take(positions.cpu()).to(positions.device, non_blocking=True)
    return rows.index_select(0, positions)


@dataclass(frozen=True)
class Features:
    """Features (K, ...) of the pictures at ``places``, int64 (K,); ``folder`` is where they are kept."""

    folder: Path
    places: Tensor
    features: FeatureRows

    @property
    def in_memory(self) -> bool:
        """Whether they are; else on disk."""
        return isinstance(self.features, Tensor)

    def joined(self, other: Features | None) -> Features:
        """These and then others, kept alike."""
        if other is None:
            return self
        places, own, more = torch.cat([self.places, other.places]), self.features, other.features
        if isinstance(own, MappedRows) and isinstance(more, MappedRows):
            return Features(self.folder, places, own.joined(more))
        if isinstance(own, Tensor) and isinstance(more, Tensor):
            return Features(self.folder, places, torch.cat([own, more]))
        raise TypeError("features in memory and on disk are not joined")
