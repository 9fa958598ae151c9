"""Image files of every format that Pillow writes, and the ways in which they are damaged."""

from __future__ import annotations

import contextlib
import importlib
import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

with contextlib.suppress(ImportError):  # an extra
    importlib.import_module("pillow_heif").register_heif_opener()

WIDTH, HEIGHT = 37, 26
ENDINGS = (".jpg", ".png", ".bmp", ".gif", ".tif", ".webp", ".avif", ".jp2", ".pgm", ".tga", ".ico", ".eps", ".psd", "")
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


class Source(NamedTuple):
    """A sound file: what it is called, its usual ending and its content."""

    name: str
    ending: str
    data: bytes


def pixels(*shape: int, top: int = 255, kind: str = "u1") -> NDArray[Any]:
    """A gradient with noise, from 0 to ``top``."""
    noise = np.random.default_rng(0).random((HEIGHT, WIDTH, *shape))
    slope = np.linspace(0, 1, WIDTH).reshape((1, WIDTH, *(1 for _ in shape)))
    return ((noise + slope) * (top / 2)).astype(kind)


def image(mode: str) -> Image.Image:
    """An image of a mode."""
    match mode:
        case "I;16" | "I;16B":
            return Image.frombytes(mode, (WIDTH, HEIGHT), pixels(top=4095, kind=">u2" if mode[-1] == "B" else "<u2"))
        case "I":
            return Image.fromarray(pixels(kind="<i4"))
        case "F":
            return Image.fromarray(pixels(top=1, kind="<f4"))
        case "LA" | "RGBA":
            return Image.fromarray(pixels(4)).convert(mode)
        case _:
            return Image.fromarray(pixels(3)).convert(mode)


def png(values: NDArray[Any], colour_type: int, interlaced: bool = False) -> bytes:
    """Values, uint8 or uint16 (H, W, C), as PNG, which Pillow does not write with 16 bits and colours."""
    height, width, bits = *values.shape[:2], values.dtype.itemsize * 8
    starts = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    passes = [values[y::down, x::right] for y, x, down, right in starts] if interlaced else [values]
    big = (part.astype(values.dtype.newbyteorder(">")) for part in passes)
    rows = b"".join(b"\0" + row.tobytes() for part in big for row in part)
    head = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, int(interlaced))
    chunks = (b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def tiff(values: NDArray[Any], order: str = "<", compressed: bool = False) -> bytes:
    """Values, uint16 (H, W, 3), as TIFF, which Pillow does not write."""
    height, width, channels = values.shape
    strip = values.astype(f"{order}u2").tobytes()
    strip = zlib.compress(strip) if compressed else strip
    bits_at = 8 + 2 + 9 * 12 + 4
    short, long = 3, 4
    tags = (
        (256, short, 1, width),
        (257, short, 1, height),
        (258, short, channels, bits_at),
        (259, short, 1, 8 if compressed else 1),
        (262, short, 1, 2),
        (273, long, 1, bits_at + 2 * channels),
        (277, short, 1, channels),
        (278, short, 1, height),
        (279, long, 1, len(strip)),
    )
    entries = b"".join(
        struct.pack(f"{order}HHI", tag, kind, count)
        + (struct.pack(f"{order}HH", value, 0) if (kind, count) == (short, 1) else struct.pack(f"{order}I", value))
        for tag, kind, count, value in tags
    )
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, len(tags))
    return head + entries + bytes(4) + struct.pack(f"{order}{channels}H", *[16] * channels) + strip


def sources() -> list[Source]:
    """All of them, but those that this Pillow cannot write."""
    return [*_saved(), *_written()]


def _saved() -> Iterator[Source]:
    for kind, ending, mode, options in _KINDS:
        file, more = io.BytesIO(), [image(mode).rotate(180), image(mode).rotate(90)]
        with contextlib.suppress(OSError, KeyError, ValueError):
            image(mode).save(file, kind, **options, **({"append_images": more} if "save_all" in options else {}))
            label = " ".join([kind, mode, *map(str, options)])
            yield Source(label, ending, file.getvalue())


def _written() -> Iterator[Source]:
    deep, plain = pixels(3, top=4095, kind="u2"), pixels(3)
    with_alpha = np.dstack([deep, deep[:, :, :1]])
    yield Source("PNG 16-bit RGB", ".png", png(deep, 2))
    yield Source("PNG 16-bit RGBA", ".png", png(with_alpha, 6))
    yield Source("PNG 16-bit grey and alpha", ".png", png(deep[:, :, :2], 4))
    yield Source("PNG interlaced", ".png", png(plain, 2, interlaced=True))
    yield Source("PNG 16-bit interlaced", ".png", png(deep, 2, interlaced=True))
    for order in "<>":
        for compressed in (False, True):
            yield Source(f"TIFF 16-bit RGB {order} {compressed}", ".tif", tiff(deep, order, compressed))
    grey = pixels()
    text = " ".join(map(str, grey.ravel())).encode()
    size = f"{WIDTH} {HEIGHT}".encode()
    yield Source("PGM plain", ".pgm", b"P2\n# comment\n" + size + b"\n255\n" + text)
    yield Source("PGM 12-bit", ".pgm", b"P5 " + size + b" 4095\n" + pixels(top=4095, kind=">u2").tobytes())
    yield Source("PPM 12-bit", ".ppm", b"P6 " + size + b" 4095\n" + pixels(3, top=4095, kind=">u2").tobytes())
    yield Source("PBM plain", ".pnm", b"P1 " + size + b"\n" + b" ".join(b"%d" % bit for bit in (grey > 99).ravel()))
    fits = "".join(
        f"{line:80}"
        for line in ("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 2", f"NAXIS1  = {WIDTH}", f"NAXIS2  = {HEIGHT}", "END")
    )
    yield Source("FITS", ".fits", fits.ljust(2880).encode() + grey.tobytes())
    yield Source(
        "PSD head", ".psd", b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, HEIGHT, WIDTH, 8, 3) + bytes(14) + bytes(99)
    )
    yield Source("WMF head", ".wmf", b"\xd7\xcd\xc6\x9a" + bytes(range(60)))
    yield Source("HTML", ".jpg", b"<!DOCTYPE html><html><body>404</body></html>")
    yield Source("nothing", ".png", b"")


def exif(orientation: object) -> Image.Exif:
    """EXIF that turns an image, or tries to."""
    facts = Image.Exif()
    facts[0x0112] = orientation
    facts[0x010F] = "maker"
    return facts


def _kinds() -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    yield from (("PNG", ".png", mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I"))
    yield "PNG", ".png", "P", {"transparency": bytes(range(0, 256, 2))}
    yield "PNG", ".png", "RGB", {"transparency": (1, 2, 3)}
    yield "PNG", ".png", "RGBA", {"save_all": True}
    yield from (("JPEG", ".jpg", mode, {}) for mode in ("L", "RGB", "CMYK", "YCbCr"))
    yield from (("JPEG", ".jpg", mode, {"progressive": True}) for mode in ("L", "RGB", "CMYK"))
    yield "JPEG", ".jpg", "RGB", {"subsampling": 0, "optimize": True, "comment": b"x" * 50, "icc_profile": b"y" * 90}
    yield "MPO", ".jpg", "RGB", {"save_all": True}
    yield from (("GIF", ".gif", mode, {}) for mode in ("1", "L", "P", "RGBA"))
    yield "GIF", ".gif", "P", {"save_all": True, "transparency": 3, "disposal": 2}
    yield from (("BMP", ".bmp", mode, {}) for mode in ("1", "L", "P", "RGB", "RGBA"))
    yield "DIB", ".dib", "RGB", {}
    modes = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "LAB", "YCbCr", "I;16", "I;16B", "I", "F")
    compressions = (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma")
    yield from (("TIFF", ".tif", mode, {"compression": how}) for mode in modes for how in compressions)
    yield from (("TIFF", ".tif", "RGB", {"compression": how}) for how in ("jpeg", "webp"))
    yield from (("TIFF", ".tif", "1", {"compression": how}) for how in ("group3", "group4"))
    yield "TIFF", ".tif", "RGB", {"save_all": True}
    yield "TIFF", ".tif", "RGB", {"big_tiff": True}
    yield from (("WEBP", ".webp", mode, {"lossless": lossless}) for mode in ("RGB", "RGBA") for lossless in (0, 1))
    yield "WEBP", ".webp", "RGBA", {"save_all": True}
    yield from (("AVIF", ".avif", mode, {"speed": 10}) for mode in ("L", "RGB", "RGBA"))
    yield "AVIF", ".avif", "RGB", {"save_all": True, "speed": 10}
    yield from (("HEIF", ".heic", mode, {}) for mode in ("L", "RGB", "RGBA", "I;16"))
    yield "HEIF", ".heic", "RGB", {"save_all": True}
    yield from (("JPEG2000", ".jp2", mode, {}) for mode in ("L", "LA", "RGB", "RGBA", "I;16"))
    yield "JPEG2000", ".jp2", "RGB", {"irreversible": True, "tile_size": (16, 16)}
    yield "JPEG2000", ".j2k", "RGB", {"no_jp2": True}
    yield from (("PPM", ".ppm", mode, {}) for mode in ("1", "L", "RGB", "I", "F"))
    for kind in ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "HEIF"):
        yield from ((kind, f".{kind.lower()}", "RGB", {"exif": exif(turn)}) for turn in (2, 3, 6, 7, 9))
    yield from (
        (kind, f".{kind.lower()}", "RGB", {}) for kind in ("TGA", "ICO", "ICNS", "PCX", "SGI", "DDS", "EPS", "QOI")
    )
    yield from ((kind, f".{kind.lower()}", "L", {}) for kind in ("SPIDER", "PDF"))
    yield from ((kind, f".{kind.lower()}", "P", {}) for kind in ("BLP", "PALM"))
    yield from ((kind, f".{kind.lower()}", "1", {}) for kind in ("MSP", "XBM"))


_KINDS = tuple(_kinds())


def damaged(data: bytes, chance: random.Random, others: list[Source]) -> tuple[str, bytes]:
    """What was done to a file, and what came of it."""
    how, harm = chance.choice(_HARM)
    content = bytearray(data)
    if content:
        content = harm(content, chance, others)
    if content[:4] == b"\x89PNG" and chance.random() < 0.5:  # else its checksums keep most damage from the decoder
        return f"{how}, checksums right", _with_right_checksums(bytes(content))
    return how, bytes(content)


def _cut(data: bytearray, chance: random.Random, others: list[Source]) -> bytearray:
    return data[: chance.randrange(len(data))]


def _cut_at_the_end(data: bytearray, chance: random.Random, others: list[Source]) -> bytearray:
    return data[: -chance.randint(1, 64)]


def _flip(data: bytearray, chance: random.Random, others: list[Source]) -> bytearray:
    for _ in range(chance.choice((1, 1, 3, 20))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return data


def _flip_in_the_head(data: bytearray, chance: random.Random, others: list[Source]) -> bytearray:
    for _ in range(chance.choice((1, 2, 4))):
        data[chance.randrange(min(len(data), 200))] = chance.randrange(256)
    return data


def _number(data: bytearray, chance: random.Random, others: list[Source]) -> bytearray:
    for _ in range(chance.choice((1, 2))):
        place, width = chance.randrange(min(len(data), 400)), chance.choice((1, 2, 4))
        number = chance.choice(_EXTREMES) & (256**width - 1)
        data[place : place + width] = number.to_bytes(width, chance.choice(("little", "big")))
    return data


def _splice(data: bytearray, chance: random.Random, others: list[Source]) -> bytearray:
    other = chance.choice(others).data
    place = chance.randrange(min(len(data), 300))
    return data[:place] + other[place:] if chance.random() < 0.5 else data[: len(data) // 2] + other[len(other) // 2 :]


def _block(data: bytearray, chance: random.Random, others: list[Source]) -> bytearray:
    start = chance.randrange(len(data))
    end = start + chance.randint(1, 40)
    inside = chance.choice((b"", bytes(end - start), data[start:end] * 2, chance.randbytes(end - start)))
    return data[:start] + inside + data[end:]


def _append(data: bytearray, chance: random.Random, others: list[Source]) -> bytearray:
    return data + chance.choice((chance.randbytes(50), bytes(50), data))


def _leave(data: bytearray, chance: random.Random, others: list[Source]) -> bytearray:
    return data


_Harm = Callable[[bytearray, random.Random, list[Source]], bytearray]
_HARM: tuple[tuple[str, _Harm], ...] = (
    ("truncated", _cut),
    ("end missing", _cut_at_the_end),
    ("bits flipped", _flip),
    ("bits flipped", _flip),
    ("bytes in the head", _flip_in_the_head),
    ("numbers in the head", _number),
    ("spliced", _splice),
    ("block", _block),
    ("appended", _append),
    ("sound", _leave),
)


def _with_right_checksums(data: bytes) -> bytes:
    """A PNG's chunks, as far as they can be told apart, each with its checksum."""
    whole, place = bytearray(data[:8]), 8
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        if place + 12 + length > len(data):
            break
        whole += _chunk(data[place + 4 : place + 8], data[place + 8 : place + 8 + length])
        place += 12 + length
    return bytes(whole) + data[place:]


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
