"""The same image in two splits or in two classes: counted, named, and found without reading everything twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cnn_tui import paths
from cnn_tui.config.experiment import DataConfig
from cnn_tui.engine.control import never
from cnn_tui.engine.data import file_hashes, loading
from cnn_tui.engine.data.duplicates import Duplicates, FileHashes
from cnn_tui.engine.data.folder_listing import scan
from cnn_tui.engine.data.sample_selection import Labels, Selection
from image_folders import finish, load, warnings, write_classes, write_image

TITLE = "Some images occur more than once"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    for split, count in (("train", 6), ("val", 3), ("test", 3)):
        write_classes(folder / split, "cat", "dog", count=count)
    return folder


def copy(source: Path, target: Path) -> Path:
    shutil.copyfile(source, target)
    return target


@pytest.mark.parametrize("available", [10**12, 100])
def test_pictures_in_two_splits_or_classes_are_counted_and_named(
    available: int, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": available}))
    copy(root / "train/cat/1.png", root / "test/cat/copy.png")
    copy(root / "val/dog/1.png", root / "test/dog/copy.png")
    copy(root / "train/cat/2.png", root / "val/cat/copy.png")
    copy(root / "train/dog/0.png", root / "train/cat/also a dog.png")
    copy(root / "train/dog/3.png", root / "train/dog/again.png")  # in one class and split, which harms little
    for _ in range(2):
        (warning,) = warnings(load(root)[0])
        assert warning.title == TITLE
        assert warning.detail == (
            "2 test images are also in the training or validation set (test/cat/copy.png = train/cat/1.png, "
            "test/dog/copy.png = val/dog/1.png); "
            "1 validation image is also in the training set (val/cat/copy.png = train/cat/2.png); "
            "1 image is also in another class (train/dog/0.png = train/cat/also a dog.png)"
        )
        assert "scores better" in warning.hint


def test_only_pictures_that_a_run_uses_are_compared(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (root / "train").rglob("*.png"):
        copy(path, root / "test" / path.parent.name / f"copy {path.name}")
    read: list[str] = []

    def noted(path: str, size: int) -> int:
        read.append(path)
        return file_hashes.sample_hash(path, size)

    monkeypatch.setattr("cnn_tui.engine.data.duplicates.sample_hash", noted)
    load(root, train_limit=2, test_limit=2)
    assert len(read) <= 2 + 2 + 1 + 12  # and the twelve that show the colours of the training split
    load(root)
    assert len(read) == len(set(read)) <= 36
    before = len(read)
    load(root)
    assert len(read) == before


def test_a_folder_without_splits_is_compared_as_each_seed_cuts_it(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "root", "cat", "dog", count=10)
    copy(root / "cat/1.png", root / "cat/twin.png")
    found = {}
    for seed in range(12):
        events, loaded = load(root, seed)
        parts = [index in loaded.test_indices.tolist() for index in (1, 10)]
        told = warnings(events)
        assert bool(told) == (parts[0] != parts[1] or split_by_validation(loaded, parts))
        found[parts[0] != parts[1]] = True
    assert set(found) == {False, True}
    config = DataConfig(dataset="folder", root=str(root), image_size=16)
    events, _ = finish(loading.load_for_seeds(config, range(12), never))
    assert [warning.title for warning in warnings(events)] == [TITLE]


def split_by_validation(loaded: loading.LoadedData, in_test: list[bool]) -> bool:
    """Whether one of the twins is in the training and the other in the validation part."""
    held = [index in loaded.validation_indices.tolist() for index in (1, 10)]
    return not any(in_test) and held[0] != held[1]


def big(path: Path, first: int, last: int) -> Path:
    """An image file of more bytes than are hashed at once, in which one byte at each end can differ."""
    pixels = np.broadcast_to(np.arange(160, dtype=np.uint8)[:, None, None], (160, 160, 3)).copy()
    pixels[-1, 0], pixels[0, -1] = first, last  # BMP stores the lowest line first
    Image.fromarray(pixels).save(path)
    assert path.stat().st_size > file_hashes.WHOLE_BYTES
    return path


def test_large_files_that_only_begin_or_end_alike_are_not_the_same(root: Path) -> None:
    big(root / "train/cat/x.bmp", 1, 1)
    big(root / "test/cat/x.bmp", 2, 1)
    big(root / "test/cat/y.bmp", 1, 2)
    assert warnings(load(root)[0]) == []
    big(root / "test/cat/z.bmp", 1, 1)
    (warning,) = warnings(load(root)[0])
    assert "1 test image is" in warning.detail
    assert "test/cat/z.bmp = train/cat/x.bmp" in warning.detail


def hashes() -> list[Path]:
    return sorted((paths.cache_folder() / "decoded").rglob("*.hashes"))


@pytest.mark.parametrize("harm", [lambda content: b"", lambda content: content[:-1], lambda content: content[::-1]])
def test_damaged_hashes_are_made_anew(harm: object, root: Path) -> None:
    copy(root / "train/cat/1.png", root / "test/cat/copy.png")
    (warning,) = warnings(load(root)[0])
    (path,) = hashes()
    sound = path.read_bytes()
    assert callable(harm)
    path.write_bytes(harm(sound))
    assert [again.detail for again in warnings(load(root)[0])] == [warning.detail]
    assert path.read_bytes() == sound


def test_hashes_of_changed_files_are_not_believed(root: Path) -> None:
    copied = copy(root / "train/cat/1.png", root / "test/cat/copy.png")
    load(root)
    (before,) = hashes()
    write_image(copied)
    assert warnings(load(root)[0]) == []
    (after,) = hashes()
    assert after != before


def test_a_file_that_goes_is_alone(root: Path) -> None:
    copied = copy(root / "train/cat/1.png", root / "test/cat/copy.png")
    listing = scan(str(root), never)
    own = FileHashes(listing)
    copied.unlink()
    everything = np.arange(len(listing.paths))
    indices, found = own.duplicate_candidates(everything, never)
    assert listing.paths.index(str(copied)) not in indices
    assert len(set(found.tolist())) == len(found)


def test_hashes_that_cannot_be_kept_do_not_matter(root: Path) -> None:
    copy(root / "train/cat/1.png", root / "test/cat/copy.png")
    paths.cache_folder().mkdir(parents=True)
    (paths.cache_folder() / "decoded").write_text("in the way")
    assert TITLE in [warning.title for warning in warnings(load(root)[0])]


pictures_of = st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 2), st.integers(1, 4)), min_size=1, max_size=25)


@given(pictures_of)
def test_repeats_are_those_that_a_comparison_of_all_pairs_finds(pictures: list[tuple[int, int, int]]) -> None:
    pictures = sorted(pictures, key=lambda one: one[0] == 2)  # the test split comes last
    parts, labels, contents = (np.array(column) for column in zip(*pictures, strict=True))
    train = int((parts != 2).sum())
    in_train, in_validation = (torch.from_numpy(np.flatnonzero(parts == part)) for part in (0, 1))
    rows = Selection(in_train, in_validation, torch.arange(len(parts) - train), torch.arange(0))
    found = Duplicates()
    own = Labels(torch.from_numpy(labels[:train]), torch.from_numpy(labels[train:]))
    found.add(own, rows, np.arange(len(parts)), contents.astype(np.uint64))

    def twins(index: int, wanted: tuple[int, ...]) -> list[int]:
        return [
            other
            for other in range(len(parts))
            if other != index and contents[other] == contents[index] and parts[other] in wanted
        ]

    assert set(found.test) == {index for index in range(len(parts)) if parts[index] == 2 and twins(index, (0, 1))}
    assert set(found.validation) == {index for index in range(len(parts)) if parts[index] == 1 and twins(index, (0,))}
    for repeated in (found.test, found.validation, found.classes):
        assert all(contents[one] == contents[other] for one, other in repeated.items())
    assert all(labels[one] != labels[other] for one, other in found.classes.items())
    used = [index for index in range(len(parts)) if parts[index] >= 0]
    classes_of = {content: {labels[index] for index in used if contents[index] == content} for content in contents}
    in_several = {content for content, own in classes_of.items() if len(own) > 1}
    assert {contents[one] for one in found.classes} == in_several
