"""What the Predict screen shows: its images, their verdicts, and what is being loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnn_tui.errors import DataError
from cnn_tui.events import Phase, Progress
from cnn_tui.trainer.inference_protocol import Classified, LoadingNetwork, NetworkLoaded
from cnn_tui.tui.screens import predict_rows
from cnn_tui.tui.screens.predict_panes import verdict
from cnn_tui.tui.screens.predict_rows import NamedImages, PredictionRow, find_images, summary
from cnn_tui.tui.screens.predict_state import PredictState
from cnn_tui.tui.widgets.probability_bars import name_width
from empty_files import write_empty

PETS = ("cat", "dog")
CAT, DOG = ("cat", 0.75), ("dog", 0.25)


def row(name: str, actual: str = "", *top: tuple[str, float], problem: str = "") -> PredictionRow:
    return PredictionRow(f"/x/{name}", name, "", actual, top, problem)


@pytest.mark.parametrize(
    ("rows", "more", "text"),
    [
        ([row("1")], False, "0 of 1 image"),
        ([row("1", "", CAT)], False, "1 image"),
        ([row("1", "dog", CAT)], False, "1 image"),
        (
            [row("1", "cat", CAT), row("2", "cat", DOG), row("3")],
            False,
            "2 of 3 images · 1 match their folder (50 %)",
        ),
        ([row("1", "cat", CAT), row("2", "", DOG)], False, "2 images · 1 of 1 match their folder (100 %)"),
        ([row("1", "", CAT), row("2", "cat", problem="x")], False, "2 images · 1 cannot be read"),
        ([row("1", "", CAT), row("2", "", DOG)], True, "first 2 images · all: cnn-tui predict"),
        ([row("1"), row("2", "", DOG)], True, "1 of the first 2 images · all: cnn-tui predict"),
    ],
)
def test_images_are_counted(rows: list[PredictionRow], more: bool, text: str) -> None:
    assert summary(rows, more) == text


def test_the_class_of_an_image_is_the_name_of_its_folder(tmp_path: Path) -> None:
    root = write_empty(tmp_path, "cat/1.png", "cat/x/2.png", "Dog/3.png", "cafe\u0301/4.png")
    found = find_images(str(root), {*PETS, "caf\u00e9"})
    assert {row.name: (row.actual, row.folder) for row in found.rows} == {
        "1.png": ("cat", "cat"),
        "2.png": ("", "cat/x"),
        "3.png": ("", "Dog"),
        "4.png": ("caf\u00e9", "cafe\u0301"),
    }
    (one,) = find_images(str(root / "cat" / "1.png"), PETS).rows
    assert (one.actual, one.folder) == ("cat", "")


def test_of_a_large_folder_the_first_images_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_empty(tmp_path, *(f"{number}.png" for number in range(6)))
    monkeypatch.setattr(predict_rows, "MOST_IMAGES", 5)
    found = find_images(str(root), ())
    assert [row.name for row in found.rows] == ["0.png", "1.png", "2.png", "3.png", "4.png"]
    assert found.more
    (root / "5.png").unlink()
    assert not find_images(str(root), ()).more


def test_a_search_can_be_stopped(tmp_path: Path) -> None:
    root = write_empty(tmp_path, *(f"{number}/1.png" for number in range(9)))
    asked = iter((False, False, False, True))
    assert [row.folder for row in find_images(str(root), (), lambda: next(asked)).rows] == ["0", "1"]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (" ", "There is no path"),
        ("none", "There is no such file or folder"),
        ("x" * 300, "cannot be read"),
        ("empty", "There are no images in the folder"),
        ("file.txt/1.png", "There is no such file or folder"),
    ],
)
def test_a_path_without_images_is_refused(
    text: str, title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_empty(tmp_path, "empty/notes.txt", "file.txt")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        find_images(text, ())
    assert title in caught.value.title


def test_the_state_says_what_is_loaded() -> None:
    state = PredictState()
    assert state.text == "loading PyTorch…"
    state.begin(NamedImages((row("1"), row("2"))))
    assert state.text == "loading PyTorch… · 0 of 2 images"
    state.apply(LoadingNetwork())
    assert state.text == "loading the network… · 0 of 2 images"
    state.apply(LoadingNetwork(event=Phase(name="downloading", detail="resnet18 weights")))
    assert state.text.startswith("downloading resnet18 weights… · ")
    state.apply(LoadingNetwork(event=Progress(done=1_000_000, total=2_000_000, unit="bytes")))
    assert state.text.startswith("downloading resnet18 weights: 1.0 MB of 2.0 MB · ")
    state.apply(NetworkLoaded())
    assert state.text == "0 of 2 images"
    state.apply(Classified(number=state.number, index=1, top=(CAT,)))
    assert [one.predicted for one in state.rows] == ["", "cat"]
    state.searching = True
    assert state.text == "searching for images…"
    state.fail(DataError("No such file"))
    assert (state.text, state.rows) == ("", [])


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (row("1"), "not classified yet"),
        (row("1", "", CAT), "cat"),
        (row("1", "cat", CAT), "✓ cat, like its folder"),
        (row("1", "dog", CAT), "✗ cat, its folder is dog"),
        (row("1", "dog", problem="it is empty"), "It cannot be read: it is empty."),
    ],
)
def test_a_verdict_names_the_class(shown: PredictionRow, text: str) -> None:
    assert verdict(shown).plain.splitlines()[:2] == ["1", text]


def test_long_names_leave_space_for_the_bars() -> None:
    assert name_width(["cat", "horse"], 60) == 5
    assert name_width(["x" * 100], 60) == 60 - len("100.0 %") - 4 - 8
    assert name_width(["x" * 100], 5) == 1
