"""Decoding image files of many formats to 8-bit RGB."""

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

from cnn_tui.engine.data.value_range import SIXTEEN_BITS, DeepPixels, ValueRange, deep, is_deep

_WIDTH, _HEIGHT, _ORIENTATION = 0x0100, 0x0101, 0x0112
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP", "AVIF", "JPEG2000")
"""The accepted formats, besides HEIF. Pillow detects them by content; it runs programs for some, as EPS."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The transposition for each EXIF orientation; all other values mean an upright image."""

_SIDEWAYS = frozenset({5, 6, 7, 8})
_T = TypeVar("_T")


class UnreadableImageError(Exception):
    """A file that is not an image, or a damaged one.

    Attributes:
        permanent: whether its content is at fault; else it may be readable later, or with other permissions.
    """

    def __init__(self, reason: str, permanent: bool) -> None:
        super().__init__(reason)
        self.permanent = permanent


class UnscaledImageError(Exception):
    """An image has more than eight bits, and no value range was given."""

    def __init__(self) -> None:
        super().__init__("it has more than eight bits, and by what range to scale them is not known")


def decode(path: str, size: tuple[int, int] | None, values: ValueRange | None = SIXTEEN_BITS) -> NDArray[np.uint8]:
    """Read an image as uint8 (H, W, 3), resized to ``size`` (height, width) if that is given.

    It is rotated by its EXIF orientation, and transparent parts become white. Values of more than eight bits are scaled
    by ``values``. An animation gives its first frame.

    Raises:
        UnreadableImageError: the file is gone, damaged, not an image, or larger than Pillow's limit.
        UnscaledImageError: it has more than eight bits and ``values`` is None.
    """
    return _opened(path, lambda image: _decoded(path, image, size, values))


def stored_size(path: str, values: ValueRange | None = SIXTEEN_BITS) -> tuple[int, int]:
    """Height and width of an image as :func:`decode` would give it, from the file's header.

    The header can only be wrong in damaged HEIF files.

    Raises:
        UnreadableImageError: as for :func:`decode`.
        UnscaledImageError: as for :func:`decode`.
    """
    return _opened(path, lambda image: _size(image, values))


def value_extent(path: str) -> tuple[float, float] | None:
    """Lowest and highest value of an image with more than eight bits; None for other images.

    Raises:
        UnreadableImageError: as for :func:`decode`.
    """
    return _opened(path, lambda image: _deep(path, image).extent() if is_deep(image) else None)


def register_heif() -> None:
    """Let Pillow read HEIC through pillow-heif; imported only when needed, because that takes a while."""
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()


def _opened(path: str, read: Callable[[Image.Image], _T]) -> _T:
    """The result of ``read`` for an opened image; any error in it makes the file unreadable."""
    try:
        with Image.open(path, formats=_formats()) as image:
            return read(image)
    except UnscaledImageError:
        raise
    except Exception as error:  # decoders raise errors of many types, down to RuntimeError and AssertionError
        raise _unreadable(error) from error


def _decoded(
    path: str, image: Image.Image, size: tuple[int, int] | None, values: ValueRange | None
) -> NDArray[np.uint8]:
    is_to_scale = is_deep(image)
    if is_to_scale and values is None:
        raise UnscaledImageError()
    # Load before reading the orientation: some files store it at their end, and Pillow rotates TIFF while loading.
    image.load()
    rgb = _rgb(_deep(path, image).image(values) if is_to_scale and values else image)
    turn = _TURNS.get(_orientation(image))
    rgb = rgb if turn is None else rgb.transpose(turn)
    if size is not None and rgb.size != (size[1], size[0]):
        rgb = rgb.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(rgb)


def _size(image: Image.Image, values: ValueRange | None) -> tuple[int, int]:
    if values is None and is_deep(image):
        raise UnscaledImageError()
    if image.format == "PNG":  # its orientation may be stored at the end of the file
        image.load()
    width, height = image.size
    if isinstance(image, TiffImageFile):  # its size may already be that of the rotated image
        width, height = image.tag_v2[_WIDTH], image.tag_v2[_HEIGHT]
    return (width, height) if _orientation(image) in _SIDEWAYS else (height, width)


def _formats() -> tuple[str, ...]:
    """The accepted formats that this Pillow can open; HEIF once its plugin is registered."""
    return (*_built_in_formats(), "HEIF") if "HEIF" in Image.OPEN else _built_in_formats()


@functools.cache
def _built_in_formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where it is invalid, which is no reason to reject the image."""
    try:
        orientation = image.getexif().get(_ORIENTATION)
    except (SyntaxError, ValueError, TypeError, LookupError, struct.error):
        return 1
    return orientation if orientation in _TURNS else 1


def _deep(path: str, image: Image.Image) -> DeepPixels:
    return deep(image, lambda: Image.open(path, formats=_formats()))


def _rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _unreadable(error: Exception) -> UnreadableImageError:
    # Errors of the operating system have an errno, and may pass; errors that Pillow finds in a file have none.
    transient = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno is not None)
    return UnreadableImageError(_reason(error), permanent=not transient)


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image of a supported format"
    if isinstance(error, MemoryError):
        return "it takes more memory than there is"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def _silence() -> None:
    """Keep messages of Pillow and libtiff about damaged files off the terminal; errors are raised anyway."""
    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    core = importlib.util.find_spec("PIL._imaging")
    with contextlib.suppress(OSError, AttributeError):  # libtiff may be missing, or linked statically
        set_handler = ctypes.CDLL(core.origin if core else None).TIFFSetErrorHandler
        set_handler.argtypes, set_handler.restype = (ctypes.c_void_p,), ctypes.c_void_p
        set_handler(None)


_silence()
