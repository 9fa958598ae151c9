"""One image file: every kind and every damage, how it stands, and what is printed meanwhile."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, features

import fuzz_images
from cnn_tui.catalog.image_files import HEIF_ENDINGS, readable_endings
from cnn_tui.engine.data.decode import UnreadableImageError, decode, stored_size
from image_files import exif, image, pixels

needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
ORIENTED = ["PNG", "JPEG", "WEBP", "TIFF", "deflated TIFF", "TIFF of pages", pytest.param("AVIF", marks=needs_avif)]


def test_whatever_is_done_to_a_file_only_the_one_error_comes_of_it() -> None:
    found = list(fuzz_images.outcomes(0, 600))
    assert len(found) == 600
    assert [one for one in found if one.verdict == "wrong"] == []
    assert {one.verdict for one in found} == {"decoded", "refused"}


@needs_avif
def test_damage_that_a_decoder_reports_in_its_own_way_is_the_file_s(tmp_path: Path) -> None:
    file = io.BytesIO()
    image("RGB").save(file, "AVIF")
    head, mark, content = file.getvalue().partition(b"mdat")
    path = tmp_path / "photo.jpg"
    path.write_bytes(head + mark + bytes(40) + content[40:])
    with pytest.raises(UnreadableImageError, match="Failed to decode") as caught:
        decode(str(path), None)
    assert caught.value.permanent


def test_no_program_is_run_for_a_file_that_is_no_picture(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    program = tmp_path / "gs"
    program.write_text(f"#!/bin/sh\ntouch {ran}\n")
    program.chmod(0o755)
    path = tmp_path / "photo.jpg"
    image("RGB").save(path, "EPS")
    code = (
        "import sys\n"
        "from cnn_tui.engine.data.decode import UnreadableImageError, decode\n"
        "try:\n    decode(sys.argv[1], None)\nexcept UnreadableImageError as error:\n    sys.stdout.write(str(error))"
    )
    environment = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    finished = subprocess.run(
        [sys.executable, "-c", code, path], env=environment, capture_output=True, text=True, check=False
    )
    assert finished.stdout == "not an image of a supported format"
    assert finished.stderr == ""
    assert not ran.exists()


def test_every_ending_stands_for_a_format_that_is_opened(tmp_path: Path) -> None:
    Image.init()
    for ending in sorted(readable_endings() - HEIF_ENDINGS):
        path = tmp_path / f"picture{ending}"
        if Image.registered_extensions()[ending] in Image.SAVE:
            image("RGB").save(path)
            assert decode(str(path), (5, 6)).shape == (5, 6, 3), ending


def test_nothing_is_printed_about_odd_files(tmp_path: Path) -> None:
    clear = tmp_path / "palette.png"
    image("P").save(clear, transparency=bytes(range(256)))
    turned = tmp_path / "turned.jpg"
    image("RGB").save(turned, exif=exif(6))
    turned.write_bytes(
        turned.read_bytes().replace(b"\x01\x12\x00\x03\x00\x00\x00\x01", b"\x01\x12\x00\x03\x0f\xff\xff\xff")
    )
    compressed = tmp_path / "deflated.tif"
    image("RGB").save(compressed, compression="tiff_adobe_deflate")
    data = bytearray(compressed.read_bytes())
    data[30:60] = bytes(30)
    compressed.write_bytes(data)
    many = tmp_path / "channels.tif"
    image("RGB").save(many)
    many.write_bytes(many.read_bytes().replace(struct.pack("<HHI", 277, 3, 1), struct.pack("<HHIH", 277, 3, 1, 999), 1))
    large = tmp_path / "large.bmp"
    image("RGB").save(large)
    large.write_bytes(large.read_bytes()[:18] + struct.pack("<ii", 11_000, 11_000) + large.read_bytes()[26:])
    code = (
        "import contextlib, sys\n"
        "from cnn_tui.engine.data.decode import UnreadableImageError, decode, stored_size\n"
        "for path in sys.argv[1:]:\n"
        "    for read in (stored_size, lambda path: decode(path, (8, 8))):\n"
        "        with contextlib.suppress(UnreadableImageError):\n"
        "            read(path)\n"
    )
    files = [clear, turned, compressed, many, large]
    command = [sys.executable, "-W", "always", "-c", code, *map(str, files)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")


def saved(kind: str, folder: Path, **options: Any) -> Path:
    """The same image, twice as wide as high, in a format."""
    path, picture = folder / "picture", Image.fromarray(np.repeat(pixels()[:16, :32, None], 3, axis=2))
    options |= {"compression": "tiff_adobe_deflate"} if kind == "deflated TIFF" else {}
    options |= {"save_all": True, "append_images": [picture]} if kind == "TIFF of pages" else {}
    picture.save(path, next(word for word in kind.split() if word.isupper()), **options)
    return path


@pytest.mark.parametrize("kind", ORIENTED)
@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 65535])
def test_the_head_and_the_picture_agree_on_how_it_stands(kind: str, orientation: int, tmp_path: Path) -> None:
    plain = decode(str(saved(kind, tmp_path)), None)
    if kind == "deflated TIFF" and orientation not in range(1, 9):  # which libtiff does not write
        path = str(saved(kind, tmp_path, exif=exif(1)))
        entry, odd = (struct.pack("<HHIH", 0x0112, 3, 1, value) for value in (1, orientation))
        Path(path).write_bytes(Path(path).read_bytes().replace(entry, odd))
    else:
        path = str(saved(kind, tmp_path, exif=exif(orientation)))
    picture = decode(path, None)
    turned = {
        2: plain[:, ::-1],
        3: plain[::-1, ::-1],
        4: plain[::-1],
        5: plain.swapaxes(0, 1),
        6: np.rot90(plain, -1),
        7: plain[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(plain, 1),
    }
    assert np.array_equal(picture, turned.get(orientation, plain))
    assert stored_size(path) == picture.shape[:2]


@given(st.one_of(st.text(max_size=9), st.integers(0, 99)), st.sampled_from(["PNG", "JPEG", "WEBP", "TIFF"]))
def test_whatever_stands_where_the_orientation_should(
    tmp_path_factory: pytest.TempPathFactory, value: Any, kind: str
) -> None:
    folder = tmp_path_factory.mktemp("odd")
    try:
        path = str(saved(kind, folder, exif=exif(value)))
    except (TypeError, ValueError, struct.error, UnicodeError):
        return  # Pillow does not write it
    assert stored_size(path) == decode(path, None).shape[:2]


@pytest.mark.parametrize("name", ["xmp", "broken exif"])
def test_a_jpeg_is_read_whatever_its_other_facts_are(name: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'
    facts: dict[str, dict[str, Any]] = {
        "xmp": {"xmp": xmp},
        "broken exif": {"exif": b"Exif\0\0" + b"no TIFF at all, and long enough"},
    }
    image("RGB").save(path, **facts[name])
    height, width = image("RGB").height, image("RGB").width
    expected = (width, height) if name == "xmp" else (height, width)
    assert stored_size(str(path)) == expected
    assert decode(str(path), None).shape[:2] == expected


def test_too_little_memory_may_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "picture.png"
    image("RGB").save(path)

    def full(*_: object, **__: object) -> Image.Image:
        raise MemoryError

    monkeypatch.setattr(Image, "open", full)
    with pytest.raises(UnreadableImageError, match="memory") as caught:
        decode(str(path), None)
    assert not caught.value.permanent
