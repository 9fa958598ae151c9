"""Folders of images that tests create and load."""

from __future__ import annotations

import itertools
from collections.abc import Generator
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from cnn_tui.config.experiment import DataConfig
from cnn_tui.engine.cache_slot import CacheSlot
from cnn_tui.engine.control import ShouldStop, WithResult, never
from cnn_tui.engine.data import loading
from cnn_tui.engine.data.image_set import ImageSet
from cnn_tui.engine.data.loading import LoadedData
from cnn_tui.events import Event, WarningRaised

T = TypeVar("T")
_numbers = itertools.count()


def finish(steps: Generator[Event, None, T]) -> tuple[list[Event], T]:
    """All events of a generator, and its result."""
    with_result = WithResult(steps)
    return list(with_result), with_result.value


def load(
    root: Path | str,
    seed: int = 0,
    should_stop: ShouldStop = never,
    cache: CacheSlot[ImageSet] | None = None,
    sampled: bool = True,
    **settings: Any,
) -> tuple[list[Event], LoadedData]:
    """The events and the data of loading a folder."""
    config = DataConfig.model_validate({"dataset": "folder", "root": str(root), "image_size": 16} | settings)
    return finish(loading.load(config, seed, should_stop, cache, sampled=sampled))


def warnings(events: list[Event]) -> list[WarningRaised]:
    """The warnings among events."""
    return [event for event in events if isinstance(event, WarningRaised)]


def write_image(path: Path, colour: tuple[int, int, int] | None = None, size: tuple[int, int] = (8, 8)) -> Path:
    """Write an image of one colour, by default one that no other image has."""
    if colour is None:
        number = next(_numbers)
        colour = (number & 255, number >> 8, 77)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def write_classes(folder: Path, *names: str, count: int = 3) -> Path:
    """Write a folder per class with ``count`` images each."""
    for name in names:
        for number in range(count):
            write_image(folder / name / f"{number}.png")
    return folder
