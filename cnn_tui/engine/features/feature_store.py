"""Features of pictures on disk, in chunks that are each written whole and checked when they are read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from cnn_tui.engine.features.rows import Block, FeatureRows, MappedRows
from cnn_tui.engine.parallel import WORKERS, in_parallel
from cnn_tui.store.cache_index import CHUNK_SUFFIX
from cnn_tui.store.files import write_atomic

_CHECKED_AHEAD = 2 * WORKERS


@dataclass(frozen=True)
class Stored:
    """What was found on disk.

    Attributes:
        places: which pictures, int64 (K,), each once.
        features: theirs, (K, ...), None where K is 0.
        damaged: how many chunks could not be used; they are removed.
    """

    places: Tensor
    features: FeatureRows | None
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
        features = widened(features, chunk["features"])
        features[found] = chunk["features"].index_select(0, rows)
        places[found] = chunk["places"][rows]
        # Two processes may have computed the same picture: the first one found will do.
        lacking[places[found]] = False
        count += len(rows)
    return Stored(places[:count], features[:count] if features is not None and count else None, damaged)


def mapped(folder: Path, wanted: Tensor) -> Stored:
    """Like :func:`read`, of features that stay on disk and are mapped; their chunks are checked once, now."""
    lacking = torch.zeros(int(wanted.max()) + 1, dtype=torch.bool)
    lacking[wanted] = True
    places, blocks, damaged = [], [], 0
    paths = sorted(folder.glob(f"*{CHUNK_SUFFIX}"))
    for path, is_whole in zip(paths, in_parallel(_is_whole, paths, _CHECKED_AHEAD), strict=True):
        if not is_whole:
            damaged += 1
            path.unlink(missing_ok=True)
            continue
        chunk = map_chunk(path)
        rows = _rows(chunk["places"], lacking)
        if len(rows):
            places.append(chunk["places"][rows])
            blocks.append(Block(chunk["features"], rows))
            lacking[places[-1]] = False
    return Stored(torch.cat([wanted[:0], *places]), MappedRows(blocks) if blocks else None, damaged)


def map_chunk(path: Path) -> dict[str, Tensor]:
    """A chunk whose tensors are read from disk where and when they are used."""
    return safetensors.torch.load_file(path)


def clear(folder: Path) -> None:
    """Remove all chunks of a set."""
    for path in folder.glob(f"*{CHUNK_SUFFIX}"):
        path.unlink(missing_ok=True)


def write(folder: Path, places: Tensor, features: Tensor) -> Path:
    """Add a chunk: the features (K, ...) of the pictures ``places`` (K,).

    Raises:
        StorageError: the disk is full, read-only or fails.
    """
    data = safetensors.torch.save({"places": places.cpu().contiguous(), "features": features.cpu().contiguous()})
    path = folder / f"{hashlib.sha256(data).hexdigest()}{CHUNK_SUFFIX}"
    write_atomic(path, data)
    return path


def widened(features: Tensor, others: Tensor) -> Tensor:
    """The features in a precision that holds the others', too."""
    return features.to(torch.promote_types(features.dtype, others.dtype))


def _rows(places: Tensor, lacking: Tensor) -> Tensor:
    """The rows of a chunk whose pictures are lacking."""
    known = places.clamp(max=len(lacking) - 1)
    return torch.nonzero((places < len(lacking)) & lacking[known]).flatten()


def _is_whole(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == path.stem
    except OSError:
        return False


def _read_chunk(path: Path) -> dict[str, Tensor] | None:
    """A chunk whose content is what its name says; a flipped byte loads silently without that check."""
    try:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != path.stem:
            return None
        return safetensors.torch.load(data)
    except (OSError, SafetensorError):
        return None
