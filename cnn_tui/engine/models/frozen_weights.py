"""The checksum of the user's weights file that has a run's frozen layers: it shows whether the file has changed."""

from __future__ import annotations

import functools
from collections.abc import Hashable
from pathlib import Path

from cnn_tui.config.experiment import ModelConfig
from cnn_tui.engine.cache_slot import file_stamp
from cnn_tui.engine.models.weights import user_weights_file
from cnn_tui.store.files import sha256_of


def frozen_weights_sha256(config: ModelConfig) -> str | None:
    """The checksum of the user's own file that a model has frozen layers from; None for other models.

    Only own files need one: ImageNet weights have it in their name, and random ones follow from the seed.

    Raises:
        StorageError: the file cannot be read.
    """
    if config.trainable == "all" or config.weights in ("imagenet", "random"):
        return None
    path = user_weights_file(config.weights)
    return _checksum(path, file_stamp(path))


@functools.lru_cache(maxsize=1)
def _checksum(path: Path, stamp: Hashable) -> str:
    """The checksum of a file; the runs of a study, which have the same one, read it once."""
    return sha256_of(path)
