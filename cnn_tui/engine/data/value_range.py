"""Images with more than 8 bits per channel, and the value range by which a dataset's are scaled to 8 bits."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

_TOPS = (1, *(2**bits - 1 for bits in range(8, 33)))
_OUTLIERS = 10_000  # one value in that many may lie outside an image's extent, such as a dead pixel of a camera
_VALUES_MEASURED = 1 << 20
_SWAPPED = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
_COLOURS = ("RGB", "RGBA")
_DEEP_COLOURS = ("PNG", "TIFF")  # the formats with 16-bit colours
_GREY_ALPHA = "LA;16B"  # Pillow opens it as RGBA
_RAW_COLOURS = (_GREY_ALPHA, *(f"{colours};16{order}" for colours in ("RGB", "RGBA", "RGBX") for order in "LBN"))


@dataclass(frozen=True)
class ValueRange:
    """The values that become 0 and 255; those between are scaled linearly, those outside are clipped."""

    low: float
    high: float

    @classmethod
    def of(cls, low: float, high: float) -> Self:
        """The range for images with values from ``low`` to ``high``.

        It is the full range of their bit depth (0 to 255, 0 to 4095, ..., or 0 to 1) if they use at least half of it,
        so that exposure is preserved; else the values that occur.
        """
        top = next((top for top in _TOPS if top >= high), None)
        if top is not None and low >= 0 and high - low >= top / 2:
            return cls(0.0, float(top))
        return cls(float(low), float(high))

    def to_bytes(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Values of any type and shape as uint8; NaN becomes 0."""
        scale = 255 / (self.high - self.low) if self.high > self.low else 1.0
        with np.errstate(invalid="ignore"):  # NumPy warns of signalling NaN
            scaled = np.clip((values.astype(np.float64) - self.low) * scale, 0, 255)
        return np.rint(np.nan_to_num(scaled)).astype(np.uint8)

    def __str__(self) -> str:
        return f"{_number(self.low)} to {_number(self.high)}"


SIXTEEN_BITS = ValueRange(0.0, float(0xFFFF))
"""The range where it is unknown which values occur."""


class DeepPixels(NamedTuple):
    """The values of an image with more than eight bits.

    Attributes:
        values: (H, W) or (H, W, 3), of the type they are stored as.
        alpha: uint8 (H, W), None if it is opaque.
    """

    values: NDArray[Any]
    alpha: NDArray[np.uint8] | None

    def extent(self) -> tuple[float, float] | None:
        """Lowest and highest value except for a few outliers; None if no value is finite."""
        values = self.values.ravel()
        values = values[:: max(1, len(values) // _VALUES_MEASURED)]
        values = values[np.isfinite(values)]
        if not len(values):
            return None
        outliers = len(values) // _OUTLIERS
        ends = np.partition(values, (outliers, len(values) - 1 - outliers))
        return float(ends[outliers]), float(ends[-1 - outliers])

    def image(self, values: ValueRange) -> Image.Image:
        """The image with 8 bits per channel."""
        colours = values.to_bytes(self.values)
        if self.alpha is None:
            return Image.fromarray(colours)
        return Image.fromarray(np.dstack([colours, self.alpha]))


def is_deep(image: Image.Image) -> bool:
    """Whether an opened image has more than 8 bits per channel that Pillow can read."""
    if image.mode in _COLOURS:
        return image.format in _DEEP_COLOURS and _has_raw_mode(image, _RAW_COLOURS)
    return image.mode == "F" or image.mode.startswith("I")


def deep(image: Image.Image, again: Callable[[], Image.Image]) -> DeepPixels:
    """The values of an image that :func:`is_deep`; ``again`` opens its file once more.

    Pillow keeps only the upper byte of 16-bit colours. The lower bytes are read by declaring the opposite byte order,
    which makes them the upper ones; grey with alpha, for which Pillow has one byte order only, is read as four bytes.
    """
    if image.mode not in _COLOURS:
        return _keyed(np.asarray(image), image)
    with again() as other:
        grey = _has_raw_mode(other, (_GREY_ALPHA,))
        _change_raw_mode(other, _other_bytes)
        lower = np.asarray(other)
    if grey:
        return DeepPixels(_joined(lower[..., 0], lower[..., 1]), lower[..., 2])
    upper = np.asarray(image)
    values = _joined(upper[..., :3], lower[..., :3])
    return DeepPixels(values, upper[..., 3]) if upper.shape[2] == 4 else _keyed(values, image)


def _joined(upper: NDArray[np.uint8], lower: NDArray[np.uint8]) -> NDArray[np.uint16]:
    return upper.astype(np.uint16) * np.uint16(256) + lower


def _keyed(values: NDArray[Any], image: Image.Image) -> DeepPixels:
    """Values of which one, or one colour, may be declared transparent."""
    key = image.info.get("transparency")
    if not isinstance(key, int | tuple):
        return DeepPixels(values, None)
    clear = values == key if values.ndim == 2 else (values == np.asarray(key)).all(axis=2)
    return DeepPixels(values, np.where(clear, np.uint8(0), np.uint8(255)))


def _has_raw_mode(image: Image.Image, modes: Collection[str]) -> bool:
    """Whether an opened file stores its values in one of these raw modes."""
    tiles = image.tile if isinstance(image, ImageFile.ImageFile) else []
    return bool(tiles) and all(_raw_mode(tile) in modes for tile in tiles)


def _raw_mode(tile: Any) -> str:
    """The raw mode of a tile, which Pillow describes as ("zip", extents, offset, "RGB;16B") or similar."""
    mode = tile[3][0] if isinstance(tile[3], tuple) and tile[3] else tile[3]
    return mode if isinstance(mode, str) else ""


def _change_raw_mode(image: Image.Image, change: Callable[[str], str]) -> None:
    """Declare another raw mode of the same length for a file before it is read."""

    def changed(tile: Any) -> Any:
        mode = change(_raw_mode(tile))
        return tile._replace(args=(mode, *tile.args[1:]) if isinstance(tile.args, tuple) else mode)

    assert isinstance(image, ImageFile.ImageFile)
    image.tile = [changed(tile) for tile in image.tile]


def _other_bytes(mode: str) -> str:
    return "RGBA" if mode == _GREY_ALPHA else mode[:-1] + _SWAPPED[mode[-1]]


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"
