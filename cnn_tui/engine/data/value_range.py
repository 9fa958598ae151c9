"""Pictures with more than eight bits a value, and the range by which those of a dataset are brought to eight."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

_TOPS = (1, *(2**bits - 1 for bits in range(8, 33)))
_OUTLIERS = 10_000  # one value in so many may lie outside a picture's reach, such as a dead pixel of a camera
_VALUES_MEASURED = 1 << 20
_SWAPPED = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
_COLOURS = ("RGB", "RGBA")
_DEEP_COLOURS = ("PNG", "TIFF")  # the formats that have 16-bit colours
_GREY_ALPHA = "LA;16B"  # which Pillow opens as RGBA
_RAW_COLOURS = (_GREY_ALPHA, *(f"{colours};16{order}" for colours in ("RGB", "RGBA", "RGBX") for order in "LBN"))


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
        with np.errstate(invalid="ignore"):  # of what is not a number there are kinds that numpy warns of
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
    if image.mode in _COLOURS:
        return image.format in _DEEP_COLOURS and _has_raw_mode(image, _RAW_COLOURS)
    return image.mode == "F" or image.mode.startswith("I")


def deep(image: Image.Image, again: Callable[[], Image.Image]) -> Deep:
    """The values of a picture that :func:`is_deep`; ``again`` opens its file once more.

    Pillow keeps of 16-bit colours the upper byte of each. The lower ones are read as the upper ones of the other
    byte order; grey with alpha, of which Pillow has one order only, as four bytes.
    """
    if image.mode not in _COLOURS:
        return _keyed(np.asarray(image), image)
    with again() as other:
        grey = _has_raw_mode(other, (_GREY_ALPHA,))
        _change_raw_mode(other, _other_bytes)
        lower = np.asarray(other)
    if grey:
        return Deep(_joined(lower[..., 0], lower[..., 1]), lower[..., 2])
    upper = np.asarray(image)
    values = _joined(upper[..., :3], lower[..., :3])
    return Deep(values, upper[..., 3]) if upper.shape[2] == 4 else _keyed(values, image)


def _joined(upper: NDArray[np.uint8], lower: NDArray[np.uint8]) -> NDArray[np.uint16]:
    return upper.astype(np.uint16) * np.uint16(256) + lower


def _keyed(values: NDArray[Any], image: Image.Image) -> Deep:
    """Values of which one, or one colour, may stand for transparency."""
    key = image.info.get("transparency")
    if not isinstance(key, int | tuple):
        return Deep(values, None)
    clear = values == key if values.ndim == 2 else (values == np.asarray(key)).all(axis=2)
    return Deep(values, np.where(clear, np.uint8(0), np.uint8(255)))


def _has_raw_mode(image: Image.Image, modes: Collection[str]) -> bool:
    """Whether a file that was opened lays out its values in one of these ways."""
    tiles = image.tile if isinstance(image, ImageFile.ImageFile) else []
    return bool(tiles) and all(_raw_mode(tile) in modes for tile in tiles)


def _raw_mode(tile: Any) -> str:
    """How a part of a file lays out its values, as Pillow names it: ("zip", extents, offset, "RGB;16B") or so."""
    mode = tile[3][0] if isinstance(tile[3], tuple) and tile[3] else tile[3]
    return mode if isinstance(mode, str) else ""


def _change_raw_mode(image: Image.Image, change: Callable[[str], str]) -> None:
    """Let a file's values be read as if they were laid out in another way of the same length."""

    def changed(tile: Any) -> Any:
        mode = change(_raw_mode(tile))
        return tile._replace(args=(mode, *tile.args[1:]) if isinstance(tile.args, tuple) else mode)

    assert isinstance(image, ImageFile.ImageFile)
    image.tile = [changed(tile) for tile in image.tile]


def _other_bytes(mode: str) -> str:
    return "RGBA" if mode == _GREY_ALPHA else mode[:-1] + _SWAPPED[mode[-1]]


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"
