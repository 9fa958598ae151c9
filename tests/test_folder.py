"""A person's own images: layouts, kinds of file, damage, and what is refused."""

from __future__ import annotations

import errno
import itertools
import os
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

import image_folders
from cnn_tui.config.experiment import DataConfig
from cnn_tui.engine.cache_slot import CacheSlot
from cnn_tui.engine.control import Stopped, never
from cnn_tui.engine.data import loading
from cnn_tui.engine.data.decode import UnreadableImageError, decode, stored_size
from cnn_tui.engine.data.folder_listing import class_names, scan
from cnn_tui.engine.data.image_set import ImageSet
from cnn_tui.engine.data.image_source import FolderSource, MemorySource
from cnn_tui.engine.data.loading import LoadedData
from cnn_tui.errors import DataError
from cnn_tui.events import Event, Phase, Progress
from cnn_tui.formatting import printable
from image_folders import finish, warnings, write_image

SIDE = 12


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder of its own, apart from the home of the test's cache."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


class Memory(NamedTuple):
    available: int


load = partial(image_folders.load, sampled=False, validation_fraction=0.0)
write = partial(write_image, colour=(200, 100, 50), size=(SIDE, SIDE))


def flat(root: Path, classes: tuple[str, ...] = ("cat", "dog"), count: int = 10, blue: int = 7) -> Path:
    for label, name in enumerate(classes):
        for number in range(count):
            write_image(root / name / f"{number:02}.png", (label * 10, number * 10, blue), (SIDE, SIDE))
    return root


def split(root: Path, train: tuple[str, ...] = ("cat", "dog"), test: tuple[str, ...] = ("cat", "dog")) -> Path:
    flat(root / "train", train, 4)
    flat(root / "test", test, 2, blue=8)
    return root


def test_both_splits_are_read_from_their_folders(place: Path) -> None:
    events, loaded = load(split(place), validation_fraction=0.25)
    assert loaded.classes == ("cat", "dog")
    assert loaded.train.labels.tolist() == [0] * 4 + [1] * 4
    assert loaded.test.labels.tolist() == [0] * 2 + [1] * 2
    assert loaded.train.images(torch.tensor([6])).squeeze()[:, 0, 0].tolist() == [10, 20, 7]
    assert loaded.test.images(torch.tensor([3])).squeeze()[:, 0, 0].tolist() == [10, 10, 8]
    assert (len(loaded.train_indices), len(loaded.validation_indices), len(loaded.test_indices)) == (6, 2, 4)
    assert isinstance(events[0], Phase)
    assert events[0].name == "loading"
    assert events[-1] == Progress(time=events[-1].time, done=12, total=12, unit="pictures")


def test_a_folder_without_splits_is_cut_by_seed(place: Path) -> None:
    _, loaded = load(flat(place))
    assert loaded.train is loaded.test
    assert sorted(loaded.train_indices.tolist() + loaded.test_indices.tolist()) == list(range(20))
    assert loaded.test.labels[loaded.test_indices].bincount().tolist() == [2, 2]
    _, again = load(place)
    assert again.test_indices.tolist() == loaded.test_indices.tolist()
    others = [load(place, seed)[1].test_indices.tolist() for seed in (1, 2, 3)]
    assert any(other != loaded.test_indices.tolist() for other in others)


def test_classes_may_be_called_train_or_test(place: Path) -> None:
    assert load(flat(place / "one", ("car", "train")))[1].classes == ("car", "train")


def test_a_class_without_test_pictures_is_fine(place: Path) -> None:
    root = split(place, test=("dog",))
    (root / "test" / "cat").mkdir()
    _, loaded = load(root)
    assert loaded.classes == ("cat", "dog")
    assert loaded.test.labels.tolist() == [1, 1]


@pytest.mark.parametrize("name", ["my cat", "v1.2", "größe", "[bold]", "a\x1b[31mb", "ねこ", "-x", "a'b\"c"])
def test_names_of_classes_are_kept_as_they_are(name: str, place: Path) -> None:
    flat(place, (name, "other"))
    assert name in class_names(str(place))
    assert load(place)[1].classes == class_names(str(place))


def test_names_that_are_no_text_can_still_be_written_down(place: Path) -> None:
    flat(place, ("a", "b"))
    (place / "b").rename(place / os.fsdecode(b"\xff\xfe"))
    (place / "a" / "bad.png").write_bytes(b"")
    events, loaded = load(place)
    assert loaded.classes == ("a", "\ufffd\ufffd")
    for event in events:
        event.model_dump_json()


def test_hidden_files_and_other_kinds_are_passed_over_and_nested_ones_are_not(place: Path) -> None:
    root = flat(place, count=2)
    write(root / "cat" / ".hidden.png")
    write(root / ".git" / "x.png")
    write(root / "cat" / ".thumbs" / "x.png")
    (root / "cat" / "notes.txt").write_text("no image")
    (root / "cat" / "png").write_text("no image")
    (root / "readme.png").write_text("beside the classes")
    write(root / "cat" / "more" / "deeper" / "x.JPG")
    events, loaded = load(root)
    assert loaded.train.labels.bincount().tolist() == [3, 2]
    (warning,) = warnings(events)
    assert warning.title == "3 files were skipped"
    for words in ("1 .txt: cat/notes.txt", "1 without an ending: cat/png", "1 outside the folders of classes: readme"):
        assert words in warning.detail


def test_links_in_a_circle_are_followed_once(place: Path) -> None:
    root = flat(place / "root", count=2)
    (root / "cat" / "again").symlink_to(root / "cat")
    (root / "cat" / "up").symlink_to(root)
    (root / "dog" / "elsewhere").symlink_to(write(place / "far" / "x.png").parent)
    (root / "dog" / "broken.png").symlink_to(place / "nothing")
    listing = scan(str(root), never)
    assert listing.train.labels.count(1) == 3
    assert len(set(listing.paths)) == len(listing.paths) < 12


def test_the_home_folder_may_be_abbreviated(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(place))
    flat(place / "pictures")
    assert len(load("~/pictures")[1].train) == 20


def mode_files(folder: Path) -> dict[str, tuple[Path, tuple[int, int, int]]]:
    """A file of each kind, and the colour that it should come to."""
    grey16 = Image.fromarray(np.full((SIDE, SIDE), 0x80FF, dtype=np.uint16))
    palette = Image.new("RGB", (SIDE, SIDE), (10, 200, 30)).convert("P", palette=Image.Palette.ADAPTIVE)
    half = Image.new("RGBA", (SIDE, SIDE), (255, 0, 0, 127))
    images = {
        "grey.png": (Image.new("L", (SIDE, SIDE), 77), (77, 77, 77)),
        "one-bit.png": (Image.new("1", (SIDE, SIDE), 1), (255, 255, 255)),
        "palette.png": (palette, (10, 200, 30)),
        "palette.gif": (palette, (10, 200, 30)),
        "alpha.png": (half, (255, 128, 128)),
        "clear.webp": (Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0)), (255, 255, 255)),
        "grey-alpha.png": (Image.new("LA", (SIDE, SIDE), (0, 255)), (0, 0, 0)),
        "cmyk.jpg": (Image.new("CMYK", (SIDE, SIDE), (0, 255, 255, 0)), (255, 0, 0)),
        "cmyk.tif": (Image.new("CMYK", (SIDE, SIDE), (0, 255, 255, 0)), (255, 0, 0)),
        "sixteen.png": (grey16, (0x80, 0x80, 0x80)),
        "sixteen.tiff": (grey16, (0x80, 0x80, 0x80)),
        "plain.bmp": (Image.new("RGB", (SIDE, SIDE), (1, 2, 3)), (1, 2, 3)),
        "plain.ppm": (Image.new("RGB", (SIDE, SIDE), (1, 2, 3)), (1, 2, 3)),
    }
    for name, (image, _) in images.items():
        image.save(folder / name)
    return {name: (folder / name, colour) for name, (_, colour) in images.items()}


def test_every_kind_of_picture_becomes_rgb(place: Path) -> None:
    for name, (path, colour) in mode_files(place).items():
        picture = decode(str(path), None)
        assert picture.shape == (SIDE, SIDE, 3), name
        assert picture.dtype == np.uint8, name
        assert np.abs(picture.astype(int) - colour).max() <= 3, name


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_exif_says(orientation: int, place: Path) -> None:
    upright = np.zeros((8, 4, 3), dtype=np.uint8)
    upright[:4, :2] = 255
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = place / "turned.png"
    Image.fromarray(np.ascontiguousarray(stored[orientation])).save(path, exif=exif)
    assert np.array_equal(decode(str(path), None), upright)
    assert stored_size(str(path)) == (8, 4)


def test_pictures_of_one_small_size_stay_as_they_are(place: Path) -> None:
    _, loaded = load(flat(place), image_size=16)
    assert loaded.train.images(torch.arange(3)).shape == (3, 3, SIDE, SIDE)


def test_larger_pictures_are_resized_as_pillow_does(place: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8))
    root = flat(place)
    noise.save(root / "cat" / "00.png")
    _, loaded = load(root)
    expected = np.asarray(noise.resize((16, 16), Image.Resampling.BILINEAR))
    assert np.array_equal(loaded.train.images(torch.tensor([0]))[0].permute(1, 2, 0).numpy(), expected)


def test_an_odd_picture_among_many_of_one_size_is_brought_to_theirs(place: Path) -> None:
    root = flat(place, count=100)
    write_image(root / "cat" / "73.png", (9, 8, 7), (SIDE - 1, SIDE))
    _, loaded = load(root)
    pictures = loaded.train.images(torch.tensor([0, 73]))
    assert pictures.shape == (2, 3, SIDE, SIDE)
    assert (pictures[1].permute(1, 2, 0).numpy() == [9, 8, 7]).all()


def damage(root: Path, count: int) -> list[Path]:
    paths = [root / "cat" / f"bad{number:02}.jpg" for number in range(count)]
    sound = write(root / "sound.jpg").read_bytes()
    (root / "sound.jpg").unlink()
    for number, path in enumerate(paths):
        path.write_bytes([b"", b"<html>", sound[: len(sound) // 2]][number % 3])
    return paths


def test_unreadable_pictures_are_left_out_and_named(place: Path) -> None:
    root = split(place)
    paths = damage(root / "train", 3)
    events, loaded = load(root)
    (warning,) = warnings(events)
    assert warning.title == "3 unreadable images were left out"
    assert all(str(path) in warning.detail for path in paths)
    assert loaded.train_indices.tolist() == [0, 1, 2, 3, 7, 8, 9, 10]
    assert loaded.train.labels[loaded.train_indices].tolist() == [0] * 4 + [1] * 4
    assert loaded.train.images(torch.tensor([7])).squeeze()[:, 0, 0].tolist() == [10, 0, 7]
    assert loaded.test.labels[loaded.test_indices].tolist() == [0, 0, 1, 1]
    events, _ = load(root)
    assert [event.detail for event in warnings(events)] == [warning.detail]


def test_of_many_unreadable_pictures_ten_are_named(place: Path) -> None:
    damage(flat(place), 14)
    (warning,) = warnings(load(place)[0])
    assert warning.detail.count("; ") == 10
    assert printable(warning.detail) == warning.detail  # as it is shown
    assert warning.detail.endswith("and 4 more")


def test_a_picture_that_would_fill_the_memory_is_unreadable(place: Path) -> None:
    header = b"IHDR" + (100_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    chunk = (13).to_bytes(4, "big") + header + zlib.crc32(header).to_bytes(4, "big")
    path = place / "bomb.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + (9).to_bytes(4, "big") + b"IDAT" + bytes(13))
    with pytest.raises(UnreadableImageError, match="exceeds limit"):
        decode(str(path), (8, 8))


def no_class(root: Path) -> None:
    root.mkdir()


def pictures_without_class(root: Path) -> None:
    write(root / "x.png")


def one_class(root: Path) -> None:
    flat(root, ("cat",))


def empty_class(root: Path) -> None:
    flat(root)
    (root / "bird").mkdir()


def empty_classes(root: Path) -> None:
    (root / "a").mkdir(parents=True)
    (root / "b").mkdir()


def unknown_test_class(root: Path) -> None:
    split(root, test=("cat", "cow"))


def no_test_folder(root: Path) -> None:
    flat(root / "train")


def no_test_pictures(root: Path) -> None:
    split(root, test=())
    (root / "test").mkdir()


def a_file(root: Path) -> None:
    root.write_text("")


def only_damaged(root: Path) -> None:
    flat(root)
    for path in (root / "dog").iterdir():
        path.write_bytes(b"")


def one_each(root: Path) -> None:
    flat(root, count=1)


@pytest.mark.parametrize(
    ("build", "title", "named"),
    [
        (lambda root: None, "There is no such folder", "root"),
        (a_file, "data.root is not a folder", "root"),
        (no_class, "There are no classes", "root"),
        (pictures_without_class, "There are no classes", "root"),
        (one_class, "There is only one class", "'cat'"),
        (empty_class, "A class has no images", "'bird'"),
        (empty_classes, "There are no images", "root"),
        (unknown_test_class, "A test class is not among the training classes", "'cow'"),
        (no_test_folder, "There is no folder 'test'", "only train/"),
        (no_test_pictures, "There are no test images", "test"),
        (only_damaged, "A class has no readable images for training", "'dog'"),
        (one_each, "There are too few images", "2 classes"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused_in_words(build: object, title: str, named: str, place: Path) -> None:
    root = place / "root"
    assert callable(build)
    build(root)
    with pytest.raises(DataError) as caught:
        load(root)
    assert caught.value.title == title
    assert named in caught.value.detail
    assert caught.value.hint


@pytest.mark.parametrize("root", ["~nobody-of-this-name/x", "a\0b"])
def test_impossible_paths_are_refused(root: str) -> None:
    with pytest.raises(DataError, match="no such folder"):
        load(root)


@pytest.mark.parametrize("asked_before", [0, 1, 3, 8])
def test_a_stop_is_heard_while_listing_and_decoding(asked_before: int, place: Path) -> None:
    flat(place, count=60)
    answers = iter([False] * asked_before)
    with pytest.raises(Stopped):
        load(place, should_stop=lambda: next(answers, True))


def test_class_count_needs_no_pictures_opened(place: Path) -> None:
    root = split(place)
    assert loading.class_count(DataConfig(dataset="folder", root=str(root))) == 2
    assert loading.class_count(DataConfig(dataset="cifar100")) == 100
    with pytest.raises(DataError):
        loading.class_count(DataConfig(dataset="folder", root=str(place / "nothing")))
    with pytest.raises(DataError):
        loading.class_count(DataConfig(dataset="folder"))


def test_the_identity_follows_the_files(place: Path) -> None:
    root = flat(place)
    before = scan(str(root), never).identity
    assert scan(str(root), never).identity == before
    os.utime(root / "cat" / "00.png", ns=(0, 1))
    changed = scan(str(root), never).identity
    assert changed != before
    (root / "dog" / "00.png").unlink()
    assert scan(str(root), never).identity not in (before, changed)


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(20 * SIDE * SIDE * 3))


@pytest.mark.usefixtures("little_memory")
def test_what_does_not_fit_in_memory_is_decoded_on_demand(place: Path) -> None:
    root = flat(place)
    damage(root, 2)
    events, loaded = load(root)
    assert isinstance(loaded.train, FolderSource)
    assert len(warnings(events)) == 1
    chosen = torch.cat([loaded.train_indices, loaded.test_indices])
    assert sorted(chosen.tolist()) == [*range(10), *range(12, 22)]
    order = torch.tensor([21, 0, 7, 7, 3])
    batches = list(loaded.train.batches(order, 2))
    assert [len(own) for _, own in batches] == [2, 2, 1]
    pictures = torch.cat([own for own, _ in batches])
    assert pictures.shape == (5, 3, SIDE, SIDE)
    assert pictures[:, 1, 0, 0].tolist() == [90, 0, 70, 70, 30]
    assert torch.equal(torch.cat([own for _, own in batches]), loaded.train.labels[order])
    assert torch.equal(loaded.train.images(order), pictures)
    assert loaded.train.images(order[:0]).shape == (0, 3, SIDE, SIDE)


@pytest.mark.parametrize("unseen", [False, True])
def test_in_memory_and_on_demand_give_the_same_pictures(
    unseen: bool, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = split(place)
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (33, 21, 3), dtype=np.uint8))
    noise.save(root / "train" / "cat" / "00.png")
    if unseen:  # by the sample that shows whether images have one size
        monkeypatch.setattr("cnn_tui.engine.data.folder_image_set._SAMPLE", 2)
        noise.save(root / "train" / "cat" / "02.png")
        write(root / "train" / "cat" / "00.png")
    _, kept = load(root, sampled=True)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(100))
    _, demanded = load(root, sampled=True)
    assert (kept.train.images(torch.tensor([0])).shape[-1] == SIDE) == unseen
    assert isinstance(kept.train, MemorySource)
    assert isinstance(demanded.train, FolderSource)
    rows = torch.arange(8)
    assert torch.equal(kept.train.images(rows), demanded.train.images(rows))
    assert torch.equal(kept.test.labels, demanded.test.labels)
    np.testing.assert_allclose(kept.statistics(), demanded.statistics(), rtol=1e-4)
    assert demanded.to(torch.device("cpu")).train is demanded.train


@pytest.mark.usefixtures("little_memory")
def test_a_picture_that_is_gone_when_it_is_needed_is_named(place: Path) -> None:
    root = flat(place)
    _, loaded = load(root)
    (root / "cat" / "03.png").unlink()
    with pytest.raises(DataError, match="cannot be read") as caught:
        list(loaded.train.batches(torch.arange(20), 4))
    assert str(root / "cat" / "03.png") in caught.value.detail


@pytest.mark.usefixtures("little_memory")
def test_a_picture_that_has_more_bits_when_it_is_needed_is_named(place: Path) -> None:
    root = flat(place)
    _, loaded = load(root)
    Image.fromarray(np.full((SIDE, SIDE), 999, dtype=np.uint16)).save(root / "cat" / "03.png")
    with pytest.raises(DataError, match="cannot be read") as caught:
        list(loaded.train.batches(torch.arange(20), 4))
    assert "03.png: it has more than eight bits" in caught.value.detail


def decoded(events: list[Event]) -> int:
    """How many files were decoded or looked at."""
    return sum(event.done for event in events if isinstance(event, Progress) and event.done == event.total)


def chosen(loaded: LoadedData) -> list[list[int]]:
    return [rows.tolist() for rows in (loaded.train_indices, loaded.validation_indices, loaded.test_indices)]


LIMITS: dict[str, Any] = {"train_limit": 12, "test_limit": 4, "validation_fraction": 0.25}


@pytest.mark.parametrize("remembers", [False, True])
def test_a_limit_opens_only_the_pictures_of_its_rows_and_a_larger_one_the_others(remembers: bool, place: Path) -> None:
    root, cache = flat(place, count=25), CacheSlot[ImageSet]() if remembers else None
    events, few = load(root, cache=cache, **LIMITS)
    assert [len(rows) for rows in chosen(few)] == [9, 3, 4]
    assert decoded(events) == 16
    events, more = load(root, cache=cache, **(LIMITS | {"train_limit": 20}))
    assert decoded(events) == 8
    events, whole = load(root, cache=cache)
    assert decoded(events) == 50 - 24
    rows = torch.cat([few.train_indices, few.validation_indices])
    for source in (more.train, whole.train):
        assert torch.equal(source.images(rows), few.train.images(rows))
    colours = whole.train.images(torch.arange(50))[:, :, 0, 0]
    assert colours.tolist() == [[label * 10, number * 10, 7] for label in range(2) for number in range(25)]
    assert decoded(load(root, cache=cache, **LIMITS)[0]) == 0


def test_a_picture_that_was_not_required_is_not_given(place: Path) -> None:
    _, loaded = load(flat(place, count=25), **LIMITS)
    missing = min(set(range(50)) - {row for rows in chosen(loaded) for row in rows})
    with pytest.raises(IndexError):
        loaded.train.images(torch.tensor([missing]))


def test_others_take_the_places_of_unreadable_pictures_whatever_else_is_known(place: Path) -> None:
    root = flat(place, count=25)
    _, sound = load(root, **LIMITS)
    for row in (chosen(sound)[0][0], chosen(sound)[2][0]):
        Path(scan(str(root), never).paths[row]).write_bytes(b"")
    events, fresh = load(root, **LIMITS)
    (warning,) = warnings(events)
    assert "2 unreadable images" in warning.title
    assert [len(rows) for rows in chosen(fresh)] == [9, 3, 4]
    left = set(chosen(sound)[0] + chosen(sound)[2]) - set(chosen(fresh)[0] + chosen(fresh)[1] + chosen(fresh)[2])
    assert {chosen(sound)[0][0], chosen(sound)[2][0]} <= left
    load(root)
    events, again = load(root, **LIMITS)
    assert chosen(again) == chosen(fresh)
    assert [event.detail for event in warnings(events)] == [warning.detail]


def test_what_other_runs_needed_makes_room(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, cache = flat(place, count=25), CacheSlot[ImageSet]()
    bytes_each = SIDE * SIDE * 3
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(40 * bytes_each))
    load(root, 0, cache=cache, **LIMITS)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(16 * bytes_each))
    _, other = load(root, 1, cache=cache, **LIMITS)
    assert isinstance(other.train, MemorySource)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(40 * bytes_each))
    events, whole = load(root, cache=cache)
    assert isinstance(whole.train, FolderSource)
    assert decoded(events) == 50
    events, whole = load(root, cache=cache)
    assert decoded(events) == 0
    assert torch.equal(whole.train.images(torch.tensor([49]))[0, :, 0, 0], torch.tensor([10, 240, 7]))
    assert isinstance(load(root, cache=cache, **LIMITS)[1].train, MemorySource)


def test_seeds_that_share_the_pictures_get_rows_of_their_own(place: Path) -> None:
    root = flat(place, count=25)
    config = DataConfig(dataset="folder", root=str(root), image_size=16, train_limit=10, test_limit=6)
    events, both = finish(loading.load_for_seeds(config, [0, 1], never))
    assert chosen(both[0]) != chosen(both[1])
    for seed in (0, 1):
        _, alone = finish(loading.load(config, seed, never))
        assert chosen(alone) == chosen(both[seed])
        assert torch.equal(alone.train.images(alone.train_indices), both[seed].train.images(alone.train_indices))
    assert decoded(events) == len({row for loaded in both.values() for rows in chosen(loaded) for row in rows})


def of_all_damage_only(root: Path, seed: int, name: str) -> bool:
    """Whether a small run meets this damaged file and no other one."""
    told = warnings(load(root, seed, train_limit=2, test_limit=2)[0])
    return [event.title for event in told] == ["1 unreadable image was left out"] and name in told[0].detail


def fail_once(monkeypatch: pytest.MonkeyPatch, path: Path, error: OSError) -> None:
    """Let an image fail to open until that is undone."""
    plain = Image.open

    def opened(name: str, **settings: Any) -> Image.Image:
        if name == str(path):
            raise error
        return plain(name, **settings)

    monkeypatch.setattr(Image, "open", opened)


@pytest.mark.parametrize("remembers", [False, True])
@pytest.mark.parametrize("in_memory", [True, False])
def test_a_fault_of_the_disk_leaves_a_picture_out_of_one_run_only(
    remembers: bool, in_memory: bool, place: Path
) -> None:
    root, cache = flat(place), CacheSlot[ImageSet]() if remembers else None
    with pytest.MonkeyPatch.context() as patch:
        if not in_memory:
            patch.setattr(psutil, "virtual_memory", lambda: Memory(100))
        with pytest.MonkeyPatch.context() as inner:
            fail_once(inner, root / "cat" / "03.png", OSError(errno.EIO, "Input/output error"))
            events, without = load(root, cache=cache)
        assert "input/output error" in warnings(events)[0].detail
        assert not any(3 in rows for rows in chosen(without))
        events, again = load(root, cache=cache)
        assert warnings(events) == []
        assert any(3 in rows for rows in chosen(again))


@pytest.mark.parametrize("knows_another", [False, True])
def test_damage_that_is_known_is_heeded_on_demand_as_in_memory(
    knows_another: bool, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, cache = flat(place), CacheSlot[ImageSet]()
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))
    for path in (root / "cat" / "03.jpg", *([root / "dog" / "05.jpg"] if knows_another else [])):
        noise.save(path)
        path.write_bytes(path.read_bytes()[:-100])
        assert stored_size(str(path)) == (SIDE, SIDE)  # its head is sound
    _, kept = load(root)
    if knows_another:  # in memory, from a run that did not want the first one
        seed = next(seed for seed in range(100) if of_all_damage_only(root, seed, "05.jpg"))
        load(root, seed, cache=cache, train_limit=2, test_limit=2)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(100))
    events, demanded = load(root, cache=cache)
    assert isinstance(demanded.train, FolderSource)
    assert len(warnings(events)) == 1
    assert chosen(demanded) == chosen(kept)


def test_a_stopped_reading_can_be_begun_again(place: Path) -> None:
    root, cache = flat(place, count=60), CacheSlot[ImageSet]()
    answers = iter([False] * 8)
    with pytest.raises(Stopped):
        load(root, should_stop=lambda: next(answers, True), cache=cache)
    _, again = load(root, cache=cache)
    _, fresh = load(root)
    rows = torch.arange(120)
    assert torch.equal(again.train.images(rows), fresh.train.images(rows))


def test_a_file_that_goes_while_its_folder_is_listed_is_passed_over(place: Path) -> None:
    root = flat(place)
    gone = root / "cat" / "03.png"

    def asked() -> Iterator[bool]:
        yield False  # before the first class is listed
        gone.unlink()  # before its files are looked at
        yield from itertools.repeat(False)

    answers = asked()
    listing = scan(str(root), lambda: next(answers))
    assert len(listing.paths) == len(listing.train.labels) == 19
    assert str(gone) not in listing.paths
    assert listing.identity == scan(str(root), never).identity


def test_damage_is_replaced_for_each_of_several_seeds(place: Path) -> None:
    root = flat(place, count=25)
    config = DataConfig(dataset="folder", root=str(root), image_size=16, **LIMITS)
    _, sound = finish(loading.load_for_seeds(config, [0, 1], never))
    for seed in (0, 1):
        Path(scan(str(root), never).paths[chosen(sound[seed])[0][0]]).write_bytes(b"")
    events, both = finish(loading.load_for_seeds(config, [0, 1], never))
    assert "2 unreadable images" in warnings(events)[0].title
    for seed in (0, 1):
        assert [len(rows) for rows in chosen(both[seed])] == [9, 3, 4]
        assert chosen(both[seed]) == chosen(load(root, seed, **LIMITS)[1])
