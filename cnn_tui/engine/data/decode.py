"""Picture files to eight-bit RGB, whatever they are stored as."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.util
import logging
import struct
import warnings
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from cnn_tui.engine.data.value_range import SIXTEEN_BITS, Deep, ValueRange, deep, is_deep

_WIDTH, _HEIGHT, _ORIENTATION = 0x0100, 0x0101, 0x0112
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP", "AVIF", "JPEG2000")
"""What a file may be, whatever its ending, and HEIF. Pillow goes by content and runs programs for kinds such as EPS."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What each EXIF orientation asks for; all other values mean a picture that is upright."""

_SIDEWAYS = frozenset({5, 6, 7, 8})
_T = TypeVar("_T")


class UnreadablePictureError(Exception):
    """A file that is no picture, or a damaged one.

    Attributes:
        lasting: whether it lies in what the file holds; else another time, or with other rights, it may be readable.
    """

    def __init__(self, reason: str, lasting: bool) -> None:
        super().__init__(reason)
        self.lasting = lasting


class UnscaledPictureError(Exception):
    """A picture has more than eight bits, and no range of values was given."""

    def __init__(self) -> None:
        super().__init__("it has more than eight bits, and by what range to scale them is not known")


def decode(path: str, size: tuple[int, int] | None, values: ValueRange | None = SIXTEEN_BITS) -> NDArray[np.uint8]:
    """Read a picture as uint8 (H, W, 3), resized to ``size`` (height, width) if that is given.

    It is turned as its EXIF orientation says and put on white where it is transparent. With more than eight bits it is
    scaled by ``values``. Of an animation the first frame is taken.

    Raises:
        UnreadablePictureError: the file is gone, damaged, no picture, or larger than Pillow's limit.
        UnscaledPictureError: see there.
    """
    return _opened(path, lambda image: _decoded(path, image, size, values))


def picture_size(path: str, values: ValueRange | None = SIXTEEN_BITS) -> tuple[int, int]:
    """Height and width of a picture as :func:`decode` would give it, from the file's head.

    Only damaged HEIF may hold a picture of another size than its head tells.

    Raises:
        UnreadablePictureError: as there.
        UnscaledPictureError: as there.
    """
    return _opened(path, lambda image: _size(image, values))


def reach(path: str) -> tuple[float, float] | None:
    """Lowest and highest value of a picture with more than eight bits; None for other pictures.

    Raises:
        UnreadablePictureError: as for :func:`decode`.
    """
    return _opened(path, lambda image: _deep(path, image).reach() if is_deep(image) else None)


def _opened(path: str, read: Callable[[Image.Image], _T]) -> _T:
    """What ``read`` finds in a picture. Whatever goes wrong meanwhile makes the file unreadable."""
    try:
        with Image.open(path, formats=_formats()) as image:
            return read(image)
    except UnscaledPictureError:
        raise
    except Exception as error:  # Each format's decoder has errors of its own, down to RuntimeError and AssertionError.
        raise _unreadable(error) from error


def _decoded(
    path: str, image: Image.Image, size: tuple[int, int] | None, values: ValueRange | None
) -> NDArray[np.uint8]:
    is_to_scale = is_deep(image)
    if is_to_scale and values is None:
        raise UnscaledPictureError()
    # Read before it is asked how it stands: some files say so at their end, and TIFF is turned while it is read.
    image.load()
    picture = _rgb(_deep(path, image).image(values) if is_to_scale and values else image)
    turn = _TURNS.get(_orientation(image))
    picture = picture if turn is None else picture.transpose(turn)
    if size is not None and picture.size != (size[1], size[0]):
        picture = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(picture)


def _size(image: Image.Image, values: ValueRange | None) -> tuple[int, int]:
    if values is None and is_deep(image):
        raise UnscaledPictureError()
    if image.format == "PNG":  # whose orientation may stand at its end
        image.load()
    width, height = image.size
    if isinstance(image, TiffImageFile):  # whose size may be that of the turned picture already
        width, height = image.tag_v2[_WIDTH], image.tag_v2[_HEIGHT]
    return (width, height) if _orientation(image) in _SIDEWAYS else (height, width)


def _formats() -> tuple[str, ...]:
    """Those of the formats that can be opened; HEIF can be once its plugin was registered."""
    return (*_built_in_formats(), "HEIF") if "HEIF" in Image.OPEN else _built_in_formats()


@functools.cache
def _built_in_formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _orientation(image: Image.Image) -> int:
    """As EXIF says, from 1 to 8; 1 where that cannot be understood, which is no reason to go without the picture."""
    try:
        orientation = image.getexif().get(_ORIENTATION)
    except (SyntaxError, ValueError, TypeError, LookupError, struct.error):
        return 1
    return orientation if orientation in _TURNS else 1


def _deep(path: str, image: Image.Image) -> Deep:
    return deep(image, lambda: Image.open(path, formats=_formats()))


def _rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _unreadable(error: Exception) -> UnreadablePictureError:
    # The system gives its faults a number; what Pillow finds in a file has none. Memory may be short only now.
    passing = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno is not None)
    return UnreadablePictureError(_reason(error), lasting=not passing)


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "no picture of a known kind"
    if isinstance(error, MemoryError):
        return "it takes more memory than there is"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def _silence() -> None:
    """Keep what Pillow and libtiff print about damaged files off the terminal: what matters, they raise as well."""
    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    core = importlib.util.find_spec("PIL._imaging")
    with contextlib.suppress(OSError, AttributeError):  # libtiff may be missing, or built in where nobody can reach it
        set_handler = ctypes.CDLL(core.origin if core else None).TIFFSetErrorHandler
        set_handler.argtypes, set_handler.restype = (ctypes.c_void_p,), ctypes.c_void_p
        set_handler(None)


_silence()
