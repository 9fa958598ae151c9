"""``cnn-tui predict``: the predictions of a session's test images are those that the session recorded."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded
from cnn_tui.engine.control import never
from cnn_tui.engine.data.folder_listing import scan
from cnn_tui.store.predictions import Predictions
from cnn_tui.store.sessions import load_session
from image_files import exif
from recorded_runs import record_run, write_digits

Output = pytest.CaptureFixture[str]
CLASSES = ("blue", "green", "red")


@pytest.fixture(autouse=True)
def hook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)


def noise(*shape: int, top: int = 255, seed: int = 0) -> NDArray[Any]:
    """A gradient with noise."""
    chance = np.random.default_rng(seed)
    values = chance.random(shape) + np.linspace(0, 1, shape[1]).reshape(1, -1, *(1 for _ in shape[2:]))
    return (values * top / 2).astype("u1" if top == 255 else "u2")


def write_folder(root: Path, size: tuple[int, int] | None = None) -> Path:
    """Images of three classes: colour, grey, 16 bits, rotated by EXIF; all sizes differ unless one is given."""
    for split, count in (("train", 4), ("test", 3)):
        for label, name in enumerate(CLASSES):
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                seed = 100 * label + 10 * number + count
                height, width = size or (20 + 7 * number, 40 + 3 * label)
                Image.fromarray(noise(height, width, 3, seed=seed)).save(folder / f"{number}-colour.png")
                Image.fromarray(noise(height, width, seed=seed)).save(folder / f"{number}-grey.png")
                Image.fromarray(noise(height, width, top=4095, seed=seed)).save(folder / f"{number}-deep.png")
                turned = Image.fromarray(noise(width, height, 3, seed=seed))
                turned.save(folder / f"{number}-turned.jpg", exif=exif(6))
    return root


def record_folder(root: Path, **model: Any) -> Path:
    return record_run("pets", data={"dataset": "folder", "root": str(root), "validation_fraction": 0.0}, model=model)


def predict(capsys: Output, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    """The predictions of a command, by its JSON."""
    capsys.readouterr()
    assert guarded(cli, ["predict", *arguments, "--json"]) == code
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def assert_recorded(
    found: list[dict[str, Any]], folder: Path, classes: tuple[str, ...], tolerance: float = 1e-5
) -> None:
    """All predictions are those of the session, in its order."""
    recorded = Predictions.load(folder)
    assert recorded.top_classes is not None
    assert recorded.top_probabilities is not None
    assert len(found) == len(recorded.predicted)
    assert [one["predictions"][0]["class"] for one in found] == [classes[label] for label in recorded.predicted]
    for one, labels, probabilities in zip(found, recorded.top_classes, recorded.top_probabilities, strict=True):
        expected = dict(zip([classes[label] for label in labels], probabilities.tolist(), strict=True))
        given = {top["class"]: top["probability"] for top in one["predictions"]}
        assert given == pytest.approx(expected, abs=tolerance)
        assert list(given.values()) == sorted(given.values(), reverse=True)


@pytest.mark.parametrize(
    "model",
    [
        {"trainable": "last_layer"},
        {"trainable": "all"},
        {"trainable": "last_layer", "batch_norm": "adapt"},
        {"trainable": "last_layer", "architecture": "squeezenet1_1"},
    ],
    ids=lambda model: "-".join(model.values()),
)
def test_the_files_of_the_test_split_get_the_predictions_of_the_session(
    model: dict[str, Any], tmp_path: Path, capsys: Output
) -> None:
    root = write_folder(tmp_path / "images")
    folder = record_folder(root, **model)
    found = predict(capsys, "latest", str(root / "test"))
    assert len(found) == 36
    files = scan(str(root), never).test
    assert files is not None
    index = Predictions.load(folder).index
    assert [one["image"] for one in found] == [files.paths[number] for number in index]
    assert_recorded(found, folder, CLASSES)


def test_images_of_one_size_are_not_resized_twice(tmp_path: Path, capsys: Output) -> None:
    root = write_folder(tmp_path / "images", (16, 24))
    folder = record_folder(root, trainable="last_layer")
    record = load_session(folder)
    assert record.image_input is not None
    assert (record.image_input.height, record.image_input.width) == (16, 24)
    assert_recorded(predict(capsys, "latest", str(root / "test")), folder, CLASSES)


def test_a_folder_without_splits_gets_the_predictions_of_its_test_images(tmp_path: Path, capsys: Output) -> None:
    write_folder(tmp_path / "images")
    root = tmp_path / "images" / "train"
    folder = record_folder(root, trainable="last_layer")
    paths = scan(str(root), never).train.paths
    files = [paths[index] for index in Predictions.load(folder).index]
    assert_recorded(predict(capsys, "latest", *files), folder, CLASSES)


def test_grey_datasets_are_read_as_grey(tmp_path: Path, capsys: Output) -> None:
    folder = record_run("digits", data={"train_limit": 60, "test_limit": 30}, model={"trainable": "all"})
    record = load_session(folder)
    assert record.image_input is not None
    assert (record.image_input.height, record.image_input.width, record.image_input.channels) == (8, 8, 1)
    paths = write_digits(tmp_path / "digits", folder)
    found = predict(capsys, folder.name, *paths)
    assert_recorded(found, folder, tuple("0123456789"))
    assert [len(one["predictions"]) for one in found] == [5] * 30
    colour = Image.open(paths[0]).convert("RGB")
    colour.putpixel((3, 3), (0, 255, 0))
    colour.save(tmp_path / "colour.png")
    colour.convert("L").save(tmp_path / "grey.png")
    both = predict(capsys, folder.name, str(tmp_path / "colour.png"), str(tmp_path / "grey.png"))
    assert both[0]["predictions"] == both[1]["predictions"]


def test_images_of_other_sizes_are_brought_to_the_size_of_the_datasets(tmp_path: Path, capsys: Output) -> None:
    folder = record_run("digits", data={"train_limit": 60, "test_limit": 30}, model={"trainable": "all"})
    large = Image.fromarray(noise(24, 40))
    large.save(tmp_path / "large.png")
    large.resize((8, 8), Image.Resampling.BILINEAR).save(tmp_path / "small.png")
    both = predict(capsys, folder.name, str(tmp_path / "large.png"), str(tmp_path / "small.png"))
    assert both[0]["predictions"] == both[1]["predictions"]


def test_bfloat16_and_frozen_layers_behind_dropout(tmp_path: Path, capsys: Output) -> None:
    model = {"architecture": "alexnet", "trainable": "last_layer"}
    data = {"train_limit": 30, "test_limit": 20, "image_size": 64}
    folder = record_run("digits", data=data, model=model, precision="bfloat16")
    found = predict(capsys, folder.name, *write_digits(tmp_path / "digits", folder))
    assert_recorded(found, folder, tuple("0123456789"), tolerance=1e-4)


def test_an_earlier_session_takes_the_normalisation_from_its_data(tmp_path: Path, capsys: Output) -> None:
    root = write_folder(tmp_path / "images")
    folder = record_folder(root, trainable="last_layer")
    path = folder / "session.json"
    record = json.loads(path.read_text())
    assert record.pop("image_input")["channels"] == 3
    path.write_text(json.dumps(record))
    assert_recorded(predict(capsys, "latest", str(root / "test")), folder, CLASSES)
    (root / "test" / "red" / "0-grey.png").unlink()
    assert predict(capsys, "latest", str(root / "test"), code=3) == []


def test_unreadable_images_are_named_and_the_others_classified(tmp_path: Path, capsys: Output) -> None:
    root = write_folder(tmp_path / "images")
    record_folder(root, trainable="last_layer")
    good = root / "test" / "red" / "0-grey.png"
    damaged = tmp_path / "damaged\x1b[2J.jpg"
    damaged.write_bytes(b"<html>")
    missing = tmp_path / "missing.png"
    assert guarded(cli, ["predict", "latest", str(damaged), str(good), str(missing)]) == 0
    out, err = capsys.readouterr()
    (line,) = out.splitlines()
    assert line.startswith(f"{good}: ")
    assert err.splitlines()[-2:] == [
        f"{tmp_path}/damaged\ufffd[2J.jpg cannot be read: not an image of a supported format",
        f"{missing} cannot be read: no such file or directory",
    ]
    assert predict(capsys, "latest", str(missing), code=1) == []
    (tmp_path / "empty").mkdir()
    assert predict(capsys, "latest", str(tmp_path / "empty"), code=3) == []
    assert predict(capsys, "nothing", str(good), code=4) == []


def test_the_formats_agree(tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_folder(tmp_path / "images")
    record_folder(root, trainable="last_layer")
    image = str(root / "test" / "red" / "0-grey.png")
    (found,) = predict(capsys, "latest", image)
    top = [(one["class"], one["probability"]) for one in found["predictions"]]
    assert sorted(name for name, _ in top) == list(CLASSES)
    assert sum(probability for _, probability in top) == pytest.approx(1)

    assert guarded(cli, ["predict", "latest", image, "--csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert [row["image"], row["class_1"], row["class_4"]] == [image, top[0][0], ""]
    assert float(row["probability_1"]) == pytest.approx(top[0][1], abs=1e-6)

    assert guarded(cli, ["predict", "latest", image]) == 0
    assert capsys.readouterr().out == f"{image}: " + ", ".join(f"{name} {value:.4f}" for name, value in top) + "\n"

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert guarded(cli, ["predict", "latest", image]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[:2] for row in rows[-3:]] == [[name, f"{value:.4f}"] for name, value in top]

    assert guarded(cli, ["predict", "latest", image, "--csv", "--json"]) == 2
