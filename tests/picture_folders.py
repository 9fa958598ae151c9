"""Folders of pictures that tests make, and what becomes of them."""

from __future__ import annotations

import itertools
from collections.abc import Generator
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from cnn_tui.config.experiment import DataConfig
from cnn_tui.engine.cache_slot import CacheSlot
from cnn_tui.engine.control import never
from cnn_tui.engine.data import loading
from cnn_tui.engine.data.image_set import ImageSet
from cnn_tui.engine.data.loading import LoadedData
from cnn_tui.events import Event, WarningRaised

T = TypeVar("T")
_numbers = itertools.count()


def finish(steps: Generator[Event, None, T]) -> tuple[list[Event], T]:
    """All events and what they come to."""
    events = []
    while True:
        try:
            events.append(next(steps))
        except StopIteration as stop:
            return events, stop.value


def load(
    root: Path, seed: int = 0, cache: CacheSlot[ImageSet] | None = None, **settings: Any
) -> tuple[list[Event], LoadedData]:
    """The pictures of a run on a folder."""
    config = DataConfig.model_validate({"dataset": "folder", "root": str(root), "image_size": 16} | settings)
    return finish(loading.load(config, seed, never, cache, sampled=True))


def warnings(events: list[Event]) -> list[WarningRaised]:
    """Those among events."""
    return [event for event in events if isinstance(event, WarningRaised)]


def plain(path: Path) -> Path:
    """Write a picture of one colour, which no other one has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number = next(_numbers)
    Image.new("RGB", (8, 8), (number & 255, number >> 8, 77)).save(path)
    return path


def classes(folder: Path, *names: str, count: int = 3) -> Path:
    """Folders of classes with so many pictures each."""
    for name in names:
        for number in range(count):
            plain(folder / name / f"{number}.png")
    return folder
