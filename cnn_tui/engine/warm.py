"""What a process remembers of its last run, so that the next one like it starts at once.

Of each kind one value is kept, under a key that names everything it depends on: the listing of a folder, the stamp
of a file, the rows. A run that asks with another key makes room before it makes its own, so that never two are held.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from cnn_tui.engine.data.image_set import PictureSet
    from cnn_tui.engine.data.preprocess import Channels
    from cnn_tui.engine.features.rows import Features
    from cnn_tui.engine.models.state_dict_compat import Fitted

_T = TypeVar("_T")


class Slot(Generic[_T]):
    """Room for one value."""

    def __init__(self) -> None:
        self._kept: tuple[Hashable, _T] | None = None

    @property
    def is_full(self) -> bool:
        """Whether anything is remembered."""
        return self._kept is not None

    def recall(self, key: Hashable) -> _T | None:
        """What was kept under this key; what was kept under another one is forgotten."""
        if self._kept is not None and self._kept[0] == key:
            return self._kept[1]
        self.forget()
        return None

    def keep(self, key: Hashable, value: _T) -> None:
        """Remember a value in the place of the one before."""
        self._kept = (key, value)

    def forget(self) -> None:
        """Make room."""
        self._kept = None


@dataclass(frozen=True)
class Memory:
    """One of each: the pictures, the weights, what the pictures' channels measure, and the features."""

    pictures: Slot[PictureSet] = field(default_factory=Slot)
    weights: Slot[Fitted] = field(default_factory=Slot)
    statistics: Slot[tuple[Channels, Channels]] = field(default_factory=Slot)
    features: Slot[Features] = field(default_factory=Slot)


def file_stamp(path: Path) -> tuple[str, int, int, int, int] | None:
    """What tells whether a file is still the one that was read: place, number, bytes, times; None if it is gone."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return str(path), facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
