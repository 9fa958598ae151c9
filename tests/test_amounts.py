"""Counted nouns: one of a thing is told in the singular, wherever it is told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cnn_tui.amounts import noun, some, unit_after
from cnn_tui.config.experiment import Experiment
from cnn_tui.config.overrides import override
from cnn_tui.config.preset import RunPreset
from cnn_tui.events import Phase, Progress
from cnn_tui.reports.sessions.data import SessionData
from cnn_tui.reports.sessions.document import session_document, session_facts, unsupported_text
from cnn_tui.reports.studies.document import setup_text
from cnn_tui.reports.texts import part_of, quantity
from cnn_tui.store.presets import PresetEntry
from cnn_tui.store.records import SessionRecord
from cnn_tui.trainer.protocol import RunEvent
from cnn_tui.tui.run_state import RunState
from cnn_tui.tui.screens.pictures import describe_choice, not_kept
from cnn_tui.tui.screens.pictures_data import Choice
from cnn_tui.tui.screens.sessions_rows import SessionRow, details
from cnn_tui.tui.widgets.phase_bar import phase_view
from cnn_tui.tui.widgets.preset_list import words
from samples import result
from study_records import study

ONE = override(Experiment(), ["training.epochs=1", "data.train_limit=2", "data.test_limit=1"])


def test_a_noun_follows_its_count() -> None:
    assert [some(count, "epoch") for count in (0, 1, 2, 1200)] == ["0 epochs", "1 epoch", "2 epochs", "1,200 epochs"]
    assert [some(count, "class", "classes") for count in (1, 2)] == ["1 class", "2 classes"]
    assert [noun(count, "is", "are") for count in (1, 2)] == ["is", "are"]


@pytest.mark.parametrize(
    ("value", "expected"), [(1, "epoch"), ("1", "epoch"), (2, "epochs"), ("", "epochs"), (None, "epochs")]
)
def test_a_unit_follows_its_value(value: object, expected: str) -> None:
    assert unit_after(value, "epochs") == expected


def test_quantities_and_progress() -> None:
    assert quantity(1, "pictures") == "1 picture"
    assert quantity(1.3, "pictures") == "1.3 pictures"
    assert quantity(1, "bytes") == "1 B"
    assert part_of(1, 5, "pictures") == "1 of 5 pictures"
    assert part_of(1, 1, "pictures") == "1 of 1 picture"
    assert part_of(1.2e6, 3.4e6, "bytes") == "1.2 MB of 3.4 MB"


def test_the_progress_of_a_phase() -> None:
    state = RunState(RunPreset())
    state.apply(RunEvent(event=Phase(name="features")))
    state.apply(RunEvent(event=Progress(done=1, total=1, unit="pictures", rate=1.0)))
    assert phase_view(state).progress == "1 of 1 picture, 1 picture/s"


def test_pictures_behind_a_row() -> None:
    scores = result(((0, 1), (0, 4)))
    assert describe_choice(scores, Choice(0, None)).startswith("1 test picture of “cat”")
    assert not_kept(1, 1) == "1 of 1 picture was not kept; the figures are complete."
    assert not_kept(2, 3) == "2 of 3 pictures were not kept; the figures are complete."


def test_presets_sessions_and_studies_of_one_epoch() -> None:
    preset = RunPreset(name="one", experiment=ONE)
    record = SessionRecord(
        **dict(preset), id="20261123T001502Z-one", status="done", created="2026-11-23T00:15:02Z", result=result()
    )
    row = SessionRow("one", "one", preset, "done", datetime(2026, 11, 23, tzinfo=UTC), epochs_run=1)
    said = (
        words(PresetEntry(Path("one.json"), "one", "own", preset, None)),
        details(row),
        str(session_document(SessionData(Path(), record, (), (), None)).sections[0]),
        setup_text(study(base=ONE, factor="training.batch_size")),
        str(session_facts(record, (), Path())),
    )
    for text in said:
        assert "1 epoch" in text
        assert "1 epochs" not in text
    assert "2 training images" in said[3]
    assert "1 test image," in said[3]


def test_classes_left_out_of_the_mean() -> None:
    assert unsupported_text(result(((3, 1), (0, 0)))).startswith("The macro means exclude 1 class without test images")
