"""How a folder of images is understood: splits, classes, folders around them, and what is refused as ambiguous."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from cnn_tui.config.changes import override
from cnn_tui.config.experiment import Experiment
from cnn_tui.engine.training.train import train
from cnn_tui.errors import DataError
from cnn_tui.events import Phase, RunFinished
from cnn_tui.store.image_folder import read_layout
from cnn_tui.tui.estimate import ImageCounts
from cnn_tui.tui.preflight import check
from image_folders import load, warnings, write_classes, write_image

HELD_OUT = ("val", "valid", "validation", "dev", "test", "testing", "eval", "Val", "TEST")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


def splits(root: Path, *names: str, count: int = 3) -> Path:
    for name in names:
        write_classes(root / name, "cat", "dog", count=count)
    return root


@pytest.mark.parametrize("training", ["train", "training", "Train", "TRAINING"])
@pytest.mark.parametrize("held_out", HELD_OUT)
def test_one_held_out_folder_is_the_test_split(training: str, held_out: str, root: Path) -> None:
    splits(root, training, held_out)
    events, loaded = load(root, validation_fraction=0.34)
    assert loaded.classes == ("cat", "dog")
    assert (len(loaded.train_indices), len(loaded.validation_indices), len(loaded.test_indices)) == (4, 2, 6)
    assert isinstance(events[0], Phase)
    words = f"{training}/ (2 classes), {held_out}/ is the test split, validation is taken from {training}/"
    assert events[0].detail == f"{root}: {words}"


@pytest.mark.parametrize("validation", ["val", "valid", "Validation", "dev"])
@pytest.mark.parametrize("test", ["test", "Testing", "eval"])
def test_with_validation_and_test_folders_each_is_what_it_is_called(validation: str, test: str, root: Path) -> None:
    splits(root, "train", validation, test)
    write_image(root / validation / "dog" / "more.png")
    events, loaded = load(root, validation_fraction=0.5)
    assert loaded.train_indices.tolist() == list(range(6))
    assert loaded.validation_indices.tolist() == list(range(6, 13))
    assert loaded.train.labels.tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1]
    assert loaded.test.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert loaded.sample_indices.tolist() == list(range(6))
    pictures = loaded.train.images(loaded.validation_indices)
    assert len({picture.numpy().tobytes() for picture in pictures}) == 7
    assert isinstance(events[0], Phase)
    assert f"{validation}/ is the validation split, {test}/ is the test split" in events[0].detail
    assert "data.validation_fraction does not apply" in events[0].detail
    assert warnings(events) == []


def test_limits_take_the_validation_split_in_proportion_and_the_same_for_every_seed(root: Path) -> None:
    splits(root, "train", "test", count=20)
    splits(root, "val", count=10)
    _, one = load(root, 0, train_limit=10, test_limit=4)
    _, two = load(root, 1, train_limit=10, test_limit=4)
    assert [len(rows) for rows in (one.train_indices, one.validation_indices, one.test_indices)] == [10, 5, 4]
    assert (one.train_indices < 40).all()
    assert (one.validation_indices >= 40).all()
    assert one.validation_indices.tolist() == two.validation_indices.tolist()
    assert one.train_indices.tolist() != two.train_indices.tolist()
    _, whole = load(root, train_limit=40, validation_fraction=0.0)
    assert (len(whole.train_indices), len(whole.validation_indices)) == (40, 20)
    for name in ("train", "val", "test"):
        for path in (root / name).rglob("*.png"):
            path.write_bytes(b"") if name == "val" else None
    with pytest.raises(DataError, match="No validation image can be read"):
        load(root)


def test_a_run_watches_the_validation_split(root: Path) -> None:
    splits(root, "train", "val", "test")
    settings = ["data.dataset=folder", f"data.root={root}", "data.image_size=32", "data.validation_fraction=0"]
    model = ["model.weights=random", "model.trainable=last_layer", "training.epochs=1", "training.device=cpu"]
    events = list(train(override(Experiment(), settings + model)))
    (epoch,) = (event for event in events if event.type == "epoch_finished")
    assert epoch.validation_loss is not None
    assert isinstance(events[-1], RunFinished)
    assert events[-1].result is not None
    assert sum(map(sum, events[-1].result.confusion_matrix)) == 6


def two_training_folders(root: Path) -> None:
    splits(root, "train", "training", "test")


def two_training_folders_by_case(root: Path) -> None:
    splits(root, "train", "Train", "test")


def two_validation_folders(root: Path) -> None:
    splits(root, "train", "val", "valid", "test")


def two_test_folders(root: Path) -> None:
    splits(root, "train", "test", "eval")


def held_out_alone(root: Path) -> None:
    splits(root, "val", "test")


def a_test_folder_beside_classes(root: Path) -> None:
    write_classes(root, "cat", "dog", "test")


def a_class_beside_splits(root: Path) -> None:
    splits(root, "train", "val")
    write_classes(root, "bird")


def training_beside_a_class(root: Path) -> None:
    splits(root, "train")
    write_classes(root, "bird")


def splits_of_bare_pictures(root: Path) -> None:
    write_classes(root, "train", "val")


def a_test_split_of_bare_pictures(root: Path) -> None:
    splits(root, "train")
    write_classes(root, "test")


def names_that_are_nearly_those_of_splits(root: Path) -> None:
    splits(root, "seg_train", "seg_test")


def names_of_sets(root: Path) -> None:
    splits(root, "training_set", "test-set", "validation set")


def names_with_years(root: Path) -> None:
    splits(root, "train2017", "val2017")


def splits_within_classes(root: Path) -> None:
    for name in ("cats", "dogs"):
        write_classes(root / name, "train", "test")


def training_alone(root: Path) -> None:
    splits(root, "train")


@pytest.mark.parametrize(
    ("build", "shown"),
    [
        (two_training_folders, ("train/, training/", "test/ (cat/, dog/)")),
        (two_training_folders_by_case, ("Train/, train/",)),
        (two_validation_folders, ("val/, valid/",)),
        (two_test_folders, ("eval/, test/",)),
        (held_out_alone, ("test/ (cat/, dog/), val/ (cat/, dog/)",)),
        (a_test_folder_beside_classes, ("cat/ (3 images)", "test/ (3 images)")),
        (a_class_beside_splits, ("bird/ (3 images), train/ (cat/, dog/), val/ (cat/, dog/)",)),
        (training_beside_a_class, ("bird/ (3 images), train/ (cat/, dog/)",)),
        (splits_of_bare_pictures, ("train/ (3 images), val/ (3 images)",)),
        (a_test_split_of_bare_pictures, ("test/ (3 images), train/ (cat/, dog/)",)),
        (names_that_are_nearly_those_of_splits, ("seg_test/ (cat/, dog/), seg_train/ (cat/, dog/)",)),
        (names_of_sets, ("training_set/ (cat/, dog/)",)),
        (names_with_years, ("train2017/ (cat/, dog/)",)),
        (splits_within_classes, ("test/ (3 images), train/ (3 images)",)),
        (training_alone, ("train/ (cat/, dog/)",)),
    ],
)
def test_what_could_be_understood_in_two_ways_is_refused_with_what_was_seen(
    build: Callable[[Path], None], shown: tuple[str, ...], root: Path
) -> None:
    build(root)
    with pytest.raises(DataError) as caught:
        load(root)
    assert caught.value.exit_code == 3
    assert "Found in" in caught.value.detail
    for words in shown:
        assert words in caught.value.detail
    assert caught.value.hint


@pytest.mark.parametrize("names", [("valid", "invalid"), ("cat", "dog", "evaluate"), ("latest", "trained"), ("a", "b")])
def test_other_names_are_classes_or_refused(names: tuple[str, ...], root: Path) -> None:
    write_classes(root, *names)
    if "valid" in names:  # a split's name among others, which a person has to tell apart
        with pytest.raises(DataError, match="no folder 'train'"):
            load(root)
    else:
        assert load(root)[1].classes == tuple(sorted(names))


def test_folders_without_pictures_beside_the_splits_are_named_and_not_used(root: Path) -> None:
    splits(root, "train", "test")
    (root / "annotations").mkdir()
    (root / "annotations" / "boxes.xml").write_text("")
    events, loaded = load(root)
    assert loaded.classes == ("cat", "dog")
    assert isinstance(events[0], Phase)
    assert "annotations/ without images: not used" in events[0].detail


@pytest.mark.parametrize("around", ["pictures", "archive/data", "a/b/c"])
@pytest.mark.parametrize("divided", [False, True])
def test_a_single_folder_around_the_classes_is_entered_and_said(around: str, divided: bool, root: Path) -> None:
    inner = (
        splits(root / around, "train", "val", "test")
        if divided
        else write_classes(root / around, "cat", "dog", count=5)
    )
    (root / "__MACOSX" / "cat").mkdir(parents=True)
    (root / ".hidden").mkdir()
    events, loaded = load(root)
    assert loaded.classes == ("cat", "dog")
    assert isinstance(events[0], Phase)
    assert f"in {around}/: " in events[0].detail
    assert read_layout(str(root)).base == inner


def test_a_folder_with_pictures_of_its_own_around_folders_is_suggested_by_name(root: Path) -> None:
    write_classes(root / "pictures", "cat", "dog")
    write_image(root / "pictures" / "all.png")
    with pytest.raises(DataError, match="only one class") as caught:
        load(root)
    assert f"Set data.root to {root / 'pictures'} if cat/, dog/ are the classes." in caught.value.hint


def test_one_folder_with_pictures_beside_one_without_is_suggested_by_name(root: Path) -> None:
    write_classes(root / "images", "cat", "dog")
    (root / "labels").mkdir()
    with pytest.raises(DataError, match="A class has no images") as caught:
        load(root)
    assert f"If the classes are in {root / 'images'}, set data.root to it." in caught.value.hint


@pytest.mark.parametrize("outer", [("fold1", "fold2"), ("trn", "tst")])
def test_classes_with_the_same_folders_in_each_are_doubted(outer: tuple[str, ...], root: Path) -> None:
    splits(root, *outer, count=5)
    (warning,) = warnings(load(root)[0])
    assert warning.title == "The classes may be other folders than these"
    assert f"'{outer[0]}', '{outer[1]}'" in warning.detail
    assert "'cat', 'dog'" in warning.detail
    write_image(root / outer[0] / "own.png")
    assert warnings(load(root)[0]) == []


CLUTTER = ["__MACOSX", ".ipynb_checkpoints", "@eaDir", "$RECYCLE.BIN", "lost+found", "System Volume Information"]


@pytest.mark.parametrize("name", CLUTTER)
def test_what_systems_leave_is_neither_a_class_nor_a_picture(name: str, root: Path) -> None:
    write_classes(root, "cat", "dog", count=5)
    write_classes(root, name)
    write_classes(root / "cat", name)
    for file in ("Thumbs.db", "desktop.ini", "._0.png", ".DS_Store"):
        (root / "cat" / file).write_bytes(b"x")
    events, loaded = load(root)
    assert loaded.classes == ("cat", "dog")
    assert len(loaded.train) == 10
    assert warnings(events) == []
    found = check(override(Experiment(), ["data.dataset=folder", f"data.root={root}"]), ())
    assert found.classes == 2
    assert found.estimate.images is not None
    assert found.estimate.images.total == 10


def test_composed_and_decomposed_names_are_one_class(root: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "größe") for form in ("NFC", "NFD"))
    write_classes(root / "train", "a", composed, decomposed)
    write_classes(root / "test", "a", decomposed)
    _, loaded = load(root, validation_fraction=0.0)
    assert loaded.classes == ("a", composed)
    assert loaded.train.labels.bincount().tolist() == [3, 6]
    assert loaded.test.labels.bincount().tolist() == [3, 3]
    assert torch.equal(loaded.train_indices, torch.arange(9))


@pytest.mark.parametrize("build", [two_training_folders, a_class_beside_splits, splits_of_bare_pictures])
def test_setup_tells_what_is_wrong_with_the_layout(build: Callable[[Path], None], root: Path) -> None:
    build(root)
    found = check(override(Experiment(), ["data.dataset=folder", f"data.root={root}"]), ())
    assert "Found in" in found.error
    assert (found.classes, found.layout, found.estimate.images) == (None, "", None)


def test_setup_tells_the_layout_and_counts_its_splits(root: Path) -> None:
    splits(root, "train", "test", count=20)
    splits(root, "val", count=10)
    (root / "train" / "cat" / "notes.txt").write_text("")
    settings = ["data.dataset=folder", f"data.root={root}"]
    found = check(override(Experiment(), settings), ())
    assert found.layout.startswith("train/ (2 classes), val/ is the validation split, test/ is the test split")
    assert found.estimate.images == ImageCounts(40, 20, 40)
    limited = check(override(Experiment(), [*settings, "data.train_limit=10"]), ())
    assert limited.estimate.images == ImageCounts(10, 5, 40)


def test_a_name_that_is_too_long_for_the_system_is_no_folder(root: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        read_layout(str(root / ("x" * 300)))
