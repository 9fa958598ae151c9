"""Text for users: counts and units, quantities, names of datasets, file names, and safety on a terminal."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_tui.config.changes import override
from cnn_tui.config.experiment import Experiment
from cnn_tui.config.preset import RunPreset
from cnn_tui.events import Phase, Progress
from cnn_tui.formatting import dataset_label, elapsed, noun, pluralize, printable, progress_text, quantity, unit_for
from cnn_tui.history import RunHistory
from cnn_tui.reports.sessions.data import SessionData
from cnn_tui.reports.sessions.document import session_document, session_facts, unsupported_text
from cnn_tui.reports.studies.document import setup_text
from cnn_tui.store.files import slug
from cnn_tui.store.presets import PresetEntry
from cnn_tui.store.records import SessionRecord
from cnn_tui.tui.job_state import RunState
from cnn_tui.tui.screens.images import ImageSelection, describe_selection, missing_note
from cnn_tui.tui.screens.sessions_rows import SessionRow, details
from cnn_tui.tui.widgets.phase_bar import phase_view
from cnn_tui.tui.widgets.preset_list import entry_text
from samples import result
from study_records import study

ONE = override(Experiment(), ["training.epochs=1", "data.train_limit=2", "data.test_limit=1"])


def test_pluralize_and_noun() -> None:
    assert [pluralize(count, "epoch") for count in (0, 1, 2, 1200)] == [
        "0 epochs",
        "1 epoch",
        "2 epochs",
        "1,200 epochs",
    ]
    assert [pluralize(count, "class", "classes") for count in (1, 2)] == ["1 class", "2 classes"]
    assert [noun(count, "is", "are") for count in (1, 2)] == ["is", "are"]


@pytest.mark.parametrize(
    ("value", "expected"), [(1, "epoch"), ("1", "epoch"), (2, "epochs"), ("", "epochs"), (None, "epochs")]
)
def test_units_are_singular_after_one(value: object, expected: str) -> None:
    assert unit_for(value, "epochs") == expected


def test_quantities_and_progress() -> None:
    assert quantity(1, "pictures") == "1 image"
    assert quantity(1.3, "pictures") == "1.3 images"
    assert quantity(1, "bytes") == "1 B"
    assert progress_text(1, 5, "pictures") == "1 of 5 images"
    assert progress_text(1, 1, "pictures") == "1 of 1 image"
    assert progress_text(1.2e6, 3.4e6, "bytes") == "1.2 MB of 3.4 MB"


def test_the_progress_of_a_phase() -> None:
    history = RunHistory()
    history.apply(Phase(name="features"))
    history.apply(Progress(done=1, total=1, unit="pictures", rate=1.0))
    assert phase_view(RunState(RunPreset(), history, "running")).progress == "1 of 1 image, 1 image/s"


def test_images_of_a_row() -> None:
    scores = result(((0, 1), (0, 4)))
    assert describe_selection(scores, ImageSelection(0, None)).startswith("1 test image of “cat”")
    assert missing_note(1, 1) == "1 of 1 image was not stored; the metrics are complete."
    assert missing_note(2, 3) == "2 of 3 images were not stored; the metrics are complete."


def test_presets_sessions_and_studies_of_one_epoch() -> None:
    preset = RunPreset(name="one", experiment=ONE)
    record = SessionRecord(
        **dict(preset), id="20261123T001502Z-one", status="done", created="2026-11-23T00:15:02Z", result=result()
    )
    row = SessionRow("one", "one", preset, "done", datetime(2026, 11, 23, tzinfo=UTC), epochs_run=1)
    texts = (
        entry_text(PresetEntry(Path("one.json"), "one", "own", preset, None)),
        details(row),
        str(session_document(SessionData(Path(), record, (), (), None)).sections[0]),
        setup_text(study(base=ONE, factor="training.batch_size")),
        str(session_facts(record, (), Path())),
    )
    for text in texts:
        assert "1 epoch" in text
        assert "1 epochs" not in text
    assert "2 training images" in texts[3]
    assert "1 test image," in texts[3]


def test_classes_left_out_of_the_mean() -> None:
    assert unsupported_text(result(((3, 1), (0, 0)))).startswith("The macro means exclude 1 class without test images")


@pytest.mark.parametrize(("seconds", "text"), [(-1, "0.0 s"), (0.04, "0.0 s"), (7.26, "7.3 s"), (61, "1 min 01 s")])
def test_times_below_a_minute_show_tenths(seconds: float, text: str) -> None:
    assert elapsed(seconds) == text


def test_a_folder_of_images_is_relative_to_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert dataset_label("digits", None) == "digits"
    assert dataset_label("folder", "~/my pictures") == "~/my pictures"
    assert dataset_label("folder", str(tmp_path / "my pictures")) == "~/my pictures"
    assert dataset_label("folder", "/srv/pictures") == "/srv/pictures"
    assert dataset_label("folder", "pictures") == "pictures"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Baseline ResNet-18", "baseline-resnet-18"),
        ("../../etc/passwd", "etc-passwd"),
        ("/etc/x", "etc-x"),
        ("Überprüfung", "uberprufung"),
        ("", "run"),
        ("...", "run"),
        ("日本語", "run"),
        ("\x00", "run"),
        ("CON", "run-con"),
        ("lpt9", "run-lpt9"),
        ("console", "console"),
        ("x" * 300, "x" * 60),
        ("a" * 59 + "-b", "a" * 59),
    ],
)
def test_slug_of_known_names(name: str, expected: str) -> None:
    assert slug(name) == expected


@given(st.text())
def test_every_slug_is_a_valid_file_name(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?", slug(name))


@given(st.text())
def test_the_slug_of_a_slug_is_itself(name: str) -> None:
    assert slug(slug(name)) == slug(name)


@pytest.mark.parametrize(
    "character",
    [
        "\x00", "\x07", "\n", "\r", "\t", "\x1b", "\x7f", "\x85", "\x9b", "\u061c", "\u200e", "\u200f",
        "\u2028", "\u2029", "\u202a", "\u202e", "\u2066", "\u2069", "\ud800",
    ],
)  # fmt: skip
def test_control_characters_are_replaced(character: str) -> None:
    assert printable(f"a{character}b") == "a\ufffdb"


def test_ordinary_text_is_unchanged() -> None:
    text = "Ärger [/bold] — 日本語, 👩‍🔬, it's 100 %"
    assert printable(text) == text


@given(st.text(st.characters()))
def test_printable_keeps_the_length_and_no_control_character(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert not any(unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") for character in shown)
