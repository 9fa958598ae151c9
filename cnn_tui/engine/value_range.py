"""Pictures with more than eight bits a value, and the range by which those of a dataset are brought to eight."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

_TOPS = (1, *(2**bits - 1 for bits in range(8, 33)))
_OUTLIERS = 10_000  # one value in so many may lie outside a picture's reach, such as a dead pixel of a camera
_VALUES_MEASURED = 1 << 20
_SWAPPED = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
_COLOURS = ("RGB;16", "RGBA;16", "RGBX;16")


@dataclass(frozen=True)
class ValueRange:
    """The values that become 0 and 255; those between are spread evenly, those outside become the nearer one."""

    low: float
    high: float

    @classmethod
    def of(cls, low: float, high: float) -> Self:
        """The range for pictures that reach from ``low`` to ``high``.

        It is that of their bits (0 to 255, 0 to 4095, ..., or 0 to 1) where they use at least half of it, since what is
        stored so was meant so; else what they reach.
        """
        top = next((top for top in _TOPS if top >= high), None)
        if top is not None and low >= 0 and high - low >= top / 2:
            return cls(0.0, float(top))
        return cls(float(low), float(high))

    def to_bytes(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Values of any kind and shape as uint8; what is not a number becomes 0."""
        scale = 255 / (self.high - self.low) if self.high > self.low else 1.0
        scaled = np.clip((values.astype(np.float64) - self.low) * scale, 0, 255)
        return np.rint(np.nan_to_num(scaled)).astype(np.uint8)

    def __str__(self) -> str:
        return f"{_number(self.low)} to {_number(self.high)}"


SIXTEEN_BITS = ValueRange(0.0, float(0xFFFF))
"""For pictures of which it is not known what they use."""


class Deep(NamedTuple):
    """The values of a picture with more than eight bits.

    Attributes:
        values: (H, W) or (H, W, 3), of whatever kind they are stored as.
        alpha: uint8 (H, W), None where it is opaque.
    """

    values: NDArray[Any]
    alpha: NDArray[np.uint8] | None

    def reach(self) -> tuple[float, float] | None:
        """Lowest and highest value but for a few outliers; None where there are no finite ones."""
        values = self.values.ravel()
        values = values[:: max(1, len(values) // _VALUES_MEASURED)]
        values = values[np.isfinite(values)]
        if not len(values):
            return None
        outliers = len(values) // _OUTLIERS
        ends = np.partition(values, (outliers, len(values) - 1 - outliers))
        return float(ends[outliers]), float(ends[-1 - outliers])

    def image(self, values: ValueRange) -> Image.Image:
        """The picture with eight bits a value."""
        colours = values.to_bytes(self.values)
        if self.alpha is None:
            return Image.fromarray(colours)
        return Image.fromarray(np.dstack([colours, self.alpha]))


def is_deep(image: Image.Image) -> bool:
    """Whether an opened picture has more than eight bits a value, and Pillow gives them."""
    return image.mode == "F" or image.mode.startswith("I") or _sixteen_bit_colours(image)


def deep(image: Image.Image, again: Callable[[], Image.Image]) -> Deep:
    """The values of a picture that :func:`is_deep`; ``again`` opens its file once more.

    Pillow keeps of 16-bit colours the upper byte of each. The lower ones are read as the upper ones of the other
    byte order.
    """
    if image.mode not in ("RGB", "RGBA"):
        return Deep(np.asarray(image), None)
    with again() as other:
        _swap_bytes(other)
        lower = np.asarray(other)
    upper = np.asarray(image)
    values = (upper[..., :3].astype(np.uint16) << 8) | lower[..., :3]
    return Deep(values, upper[..., 3] if upper.shape[2] == 4 else None)


def _sixteen_bit_colours(image: Image.Image) -> bool:
    tiles = image.tile if isinstance(image, ImageFile.ImageFile) else []
    return bool(tiles) and all(_raw_mode(tile)[:-1] in _COLOURS for tile in tiles)


def _raw_mode(tile: Any) -> str:
    """How a part of a file lays out its values, as Pillow names it: ("zip", extents, offset, "RGB;16B") or so."""
    mode = tile[3][0] if isinstance(tile[3], tuple) and tile[3] else tile[3]
    return mode if isinstance(mode, str) else ""


def _swap_bytes(image: Image.Image) -> None:
    assert isinstance(image, ImageFile.ImageFile)
    image.tile = [_swapped(tile) for tile in image.tile]


def _swapped(tile: Any) -> Any:
    mode = _raw_mode(tile)
    mode = mode[:-1] + _SWAPPED[mode[-1]]
    return tile._replace(args=mode if isinstance(tile.args, str) else (mode, *tile.args[1:]))


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"
