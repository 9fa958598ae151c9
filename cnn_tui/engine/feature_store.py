"""Features of pictures on disk, in chunks that are each written whole and checked when they are read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from cnn_tui.store.feature_index import CHUNK_SUFFIX
from cnn_tui.store.files import write_atomic


@dataclass(frozen=True)
class Stored:
    """What was found on disk.

    Attributes:
        places: which pictures, int64 (K,), each once.
        features: theirs, (K, ...), None where K is 0.
        damaged: how many chunks could not be used; they are removed.
        size: of the good ones, in bytes.
    """

    places: Tensor
    features: Tensor | None
    damaged: int
    size: int


def read(folder: Path) -> Stored:
    """All features of a set."""
    places, features, damaged, size = [], [], 0, 0
    for path in sorted(folder.glob(f"*{CHUNK_SUFFIX}")):
        chunk = _read_chunk(path)
        if chunk is None:
            damaged += 1
            path.unlink(missing_ok=True)
            continue
        places.append(chunk["places"])
        features.append(chunk["features"])
        size += path.stat().st_size
    if not places:
        return Stored(torch.empty(0, dtype=torch.int64), None, damaged, size)
    found, first = _first_of_each(torch.cat(places))
    return Stored(found, torch.cat(features).index_select(0, first), damaged, size)


def write(folder: Path, places: Tensor, features: Tensor) -> None:
    """Add a chunk: the features (K, ...) of the pictures ``places`` (K,).

    Raises:
        StorageError: the disk is full, read-only or fails.
    """
    data = safetensors.torch.save({"places": places.cpu(), "features": features.cpu().contiguous()})
    write_atomic(folder / f"{hashlib.sha256(data).hexdigest()}{CHUNK_SUFFIX}", data)


def _read_chunk(path: Path) -> dict[str, Tensor] | None:
    """A chunk whose content is what its name says; a flipped byte loads silently without that check."""
    try:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != path.stem:
            return None
        return safetensors.torch.load(data)
    except (OSError, SafetensorError):
        return None


def _first_of_each(places: Tensor) -> tuple[Tensor, Tensor]:
    """The distinct places, and where each stands first: two processes may have computed the same picture."""
    order = torch.argsort(places, stable=True)
    ordered = places[order]
    new = torch.ones_like(ordered, dtype=torch.bool)
    new[1:] = ordered[1:] != ordered[:-1]
    return ordered[new], order[new]
