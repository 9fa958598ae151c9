"""Files that are in a folder of images and are not used: counted by kind, with the reason and examples."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, features

from cnn_tui.catalog import image_files
from cnn_tui.engine.control import never
from cnn_tui.engine.data.folder_listing import scan
from cnn_tui.errors import DataError
from image_folders import load, warnings, write_classes, write_image


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_classes(tmp_path / "root", "cat", "dog", count=5)


@pytest.fixture
def no_heif(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without pillow-heif."""
    endings = image_files.readable_endings() - image_files.HEIF_ENDINGS
    for module in (
        "cnn_tui.catalog.image_files",
        "cnn_tui.engine.data.folder_listing",
        "cnn_tui.store.image_folder",
    ):
        monkeypatch.setattr(f"{module}.readable_endings", lambda: endings)


def dangle(folder: Path, count: int) -> None:
    for number in range(count):
        (folder / f"link{number:02}.png").symlink_to(folder / "nowhere" / f"{number}.png")


@pytest.mark.usefixtures("no_heif")
def test_each_kind_is_counted_with_its_reason_and_examples(root: Path) -> None:
    dangle(root / "cat", 60)
    (root / "dog" / "self.png").symlink_to("self.png")
    for name in ("a.heic", "b.HEIC", "deep/c.heic"):
        (root / "dog" / name).parent.mkdir(exist_ok=True)
        (root / "dog" / name).write_bytes(b"x")
    (root / "dog" / "labels.csv").write_text("")
    (root / "dog" / "IMG_0001").write_text("")
    write_image(root / "stray.png")
    for run in range(2):
        events, loaded = load(root)
        assert len(loaded.train) == 10, run
        (warning,) = warnings(events)
        assert warning.title == "67 files were skipped"
        assert warning.detail == (
            "61 links that lead nowhere: cat/link00.png, cat/link01.png, cat/link02.png, …; "
            "3 .heic (install cnn-tui[heif]): dog/a.heic, dog/b.HEIC, dog/deep/c.heic; "
            "1 outside the folders of classes: stray.png; "
            "1 without an ending: dog/IMG_0001; 1 .csv: dog/labels.csv"
        )


def test_one_file_is_said_as_one(root: Path) -> None:
    dangle(root / "cat", 1)
    (warning,) = warnings(load(root)[0])
    assert (warning.title, warning.detail) == (
        "1 file was skipped",
        "1 link that leads nowhere: cat/link00.png",
    )


def test_of_many_kinds_the_most_frequent_are_told(root: Path) -> None:
    for number in range(12):
        (root / "cat" / f"x.kind{number}").write_text("")
    (root / "cat" / "y.kind11").write_text("")
    (warning,) = warnings(load(root)[0])
    assert warning.detail.startswith("2 .kind11: ")
    assert warning.detail.endswith("; 4 of other kinds")


def test_that_all_links_lead_nowhere_is_the_reason_for_no_pictures(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        dangle(tmp_path / name, 12)
    with pytest.raises(DataError, match="There are no images") as caught:
        load(tmp_path)
    assert "24 links that lead nowhere: cat/link00.png" in caught.value.detail


def test_what_a_class_without_pictures_has_instead_is_told(root: Path) -> None:
    (root / "emu").mkdir()
    (root / "emu" / "a.docx").write_text("")
    with pytest.raises(DataError, match="A class has no images") as caught:
        load(root)
    assert "'emu'" in caught.value.detail
    assert "1 .docx: emu/a.docx" in caught.value.detail


def test_a_device_is_passed_over(root: Path) -> None:
    os.mkfifo(root / "cat" / "pipe.png")
    assert len(load(root)[1].train) == 10


SAVED = {
    ".avif": ("AVIF", "avif"),
    ".jp2": ("JPEG2000", "jpg_2000"),
    ".j2k": ("JPEG2000", "jpg_2000"),
    ".webp": ("WEBP", "webp"),
    ".tif": ("TIFF", None),
    ".TIFF": ("TIFF", None),
    ".gif": ("GIF", None),
    ".bmp": ("BMP", None),
    ".ppm": ("PPM", None),
    ".pgm": ("PPM", None),
    ".jpe": ("JPEG", None),
}


@pytest.mark.parametrize("kind", SAVED)
def test_kinds_that_pillow_reads_are_pictures(kind: str, root: Path) -> None:
    name, feature = SAVED[kind]
    if feature is not None and not features.check(feature):
        pytest.skip(f"this build of Pillow has no {feature}")
    gradient = Image.linear_gradient("L").resize((8, 8))
    (gradient if kind == ".pgm" else gradient.convert("RGB")).save(root / "cat" / f"9{kind}", name)
    events, loaded = load(root)
    assert len(loaded.train) == 11
    assert warnings(events) == []
    found = loaded.train.images(torch.tensor([5]))[0].permute(1, 2, 0).numpy()
    assert np.abs(found.astype(int) - np.asarray(gradient)[..., None]).mean() < 8


def test_heic_is_read_where_pillow_heif_is_installed(root: Path) -> None:
    heif = pytest.importorskip("pillow_heif", reason="pillow-heif, the extra 'heif', is not installed")
    picture = Image.new("RGB", (64, 64), (200, 30, 30))
    heif.from_pillow(picture).save(root / "cat" / "9.heic")
    listing = scan(str(root), never)
    assert len(listing.paths) == 11
    events, loaded = load(root)
    assert warnings(events) == []
    red, green, blue = loaded.train.images(torch.tensor([5]))[0].float().mean((1, 2)).tolist()
    assert red > 180
    assert max(green, blue) < 60
