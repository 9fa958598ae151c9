"""Where the features of a run are kept, and of how many images, by the room that there is."""

from __future__ import annotations

from dataclasses import dataclass

MEMORY_SHARE = 0.5  # of the free memory that features may take
_ROW_OVERHEAD = 256  # bytes of a file for each image, at most, besides its features


@dataclass(frozen=True)
class Placement:
    """How many images' features are kept, and whether in memory; else on disk, from where they are read when needed."""

    images: int
    in_memory: bool


@dataclass(frozen=True)
class FeatureRoom:
    """What the features of a run will take.

    Attributes:
        images: how many images there are, each with ``each`` bytes of features; with ``at_most``, or fewer.
    """

    images: int
    each: int
    at_most: bool
    placement: Placement

    @property
    def bytes(self) -> int:
        """What those take that are kept."""
        return self.placement.images * self.each


def place_features(images: int, each: int, memory: int, disk: int) -> Placement:
    """Where features of ``each`` bytes are kept for so many images, the most useful ones.

    In memory if they fit there. Else on disk: reading them in every epoch takes seconds where computing them takes
    minutes, and the system holds in memory what there is room for. Else as many as possible of them, where more fit.

    Args:
        memory: free bytes.
        disk: bytes that these features may take on disk, those that they take already included.
    """
    in_memory = min(images, int(MEMORY_SHARE * memory) // max(1, each))
    on_disk = min(images, disk // (each + _ROW_OVERHEAD))
    if in_memory == images or in_memory > on_disk:
        return Placement(max(0, in_memory), True)
    return Placement(max(0, on_disk), False)
