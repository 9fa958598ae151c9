"""The description of a preset whose settings were changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded
from cnn_tui.cli.settings import prepare
from cnn_tui.cli.study import prepare_study
from cnn_tui.config.changes import derived_study, override, with_experiment
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.store.presets import load_preset
from cnn_tui.store.records import SessionRecord, StudyPart
from cnn_tui.store.sessions import list_sessions
from cnn_tui.tui.screens.studies_files import past_studies

TEXT = "A few digits."
TINY: dict[str, Any] = {
    "name": "few",
    "description": TEXT,
    "experiment": {
        "data": {"dataset": "digits", "image_size": 32, "train_limit": 80, "test_limit": 40},
        "model": {"architecture": "shufflenet_v2_x0_5", "weights": "random", "trainable": "last_layer"},
        "training": {"epochs": 1, "batch_size": 16},
    },
}
STUDY: dict[str, Any] = {
    "kind": "study",
    "name": "rates",
    "description": "Which rate.",
    "base": TINY["experiment"],
    "factor": "training.optimizer.learning_rate",
    "values": [0.1, 0.01],
}


@pytest.fixture
def preset(tmp_path: Path) -> str:
    path = tmp_path / "few.json"
    path.write_text(json.dumps(TINY), encoding="utf-8")
    return str(path)


def sessions() -> list[tuple[Path, SessionRecord]]:
    return [(entry.folder, entry.record) for entry in list_sessions() if entry.record is not None]


def test_an_unchanged_preset_keeps_its_description(preset: str) -> None:
    for settings, name in (((), None), ((), "other"), (("training.epochs=1",), None)):
        prepared = prepare(preset, settings, name)
        assert (prepared.description, prepared.derived_from) == (TEXT, None)


def test_a_changed_preset_is_described_by_its_origin(preset: str) -> None:
    settings = ("training.epochs=2", "data.train_limit=90")
    for name in (None, "other"):
        description = prepare(preset, settings, name).description
        assert description == "From preset few, changed: data.train_limit, training.epochs."


def test_repeated_changes_are_listed_once(preset: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert guarded(cli, ["run", preset, "--json", "--set", "training.batch_size=8", "--name", "first"]) == 0
    ((folder, _),) = sessions()
    path = str(folder / "session.json")
    assert guarded(cli, ["run", path, "--json", "--set", "data.test_limit=20", "--set", "training.batch_size=9"]) == 0
    capfd.readouterr()
    assert guarded(cli, ["sessions", "export", "latest", "--format", "text"]) == 0
    report = capfd.readouterr().out
    assert "From preset few, changed: training.batch_size, data.test_limit." in report
    assert TEXT not in report
    assert load_preset(sessions()[0][0] / "session.json").derived_from is not None


def test_long_lists_of_changes_are_abbreviated(preset: str) -> None:
    changes = ["data.image_size=64", "data.train_limit=90", "data.test_limit=50", "data.augment=flip"]
    changes += ["model.trainable=all", "training.epochs=2", "training.seed=3"]
    described = prepare(preset, tuple(changes), None)
    assert described.description.endswith("data.augment, model.trainable and 2 more.")
    again = with_experiment(described, override(described.experiment, ["training.seed=4", "training.batch_size=7"]))
    assert again.description.endswith("data.augment, model.trainable and 3 more.")


def test_a_preset_without_a_description_gets_none(preset: str) -> None:
    silent = load_preset(Path(preset)).model_copy(update={"description": ""})
    changed = with_experiment(silent, override(silent.experiment, ["training.epochs=3"]))
    assert (changed.description, changed.derived_from) == ("", None)


def test_a_changed_study_is_described_by_its_origin(tmp_path: Path) -> None:
    path = tmp_path / "rates.json"
    path.write_text(json.dumps(STUDY), encoding="utf-8")
    assert prepare_study(str(path), (), "other").description == "Which rate."
    narrowed = prepare_study(str(path), ("training.epochs=2",), None)
    assert narrowed.description == "From study rates, changed: training.epochs."
    other = derived_study(narrowed.model_copy(update={"values": (0.1, 0.2)}), narrowed)
    assert other.description == "From study rates, changed: training.epochs, values."


def test_rows_describe_their_values_and_store_the_study_description(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rates.json"
    path.write_text(json.dumps(STUDY | {"repeats": 2}), encoding="utf-8")
    assert guarded(cli, ["study", str(path)]) == 0
    assert "Which rate." in capfd.readouterr().out
    records = [record for _, record in sessions()]
    descriptions = {record.description for record in records}
    assert "A row of the study rates: training.optimizer.learning_rate 0.01, training.seed 1." in descriptions
    assert len(descriptions) == 4
    (past,) = past_studies(records)
    assert past.description == "Which rate."


def test_a_study_of_old_records_takes_the_description_of_its_rows() -> None:
    cells = list(StudyPreset.model_validate(STUDY).cells())
    part = {"name": "rates", "together": 2}
    records = [
        SessionRecord(
            name=f"rates {cell.index}",
            description="Which rate.",
            experiment=cell.experiment,
            id=str(cell.index),
            status="done",
            created="2026-11-23T00:15:02Z",
            study=StudyPart.model_validate(part | {"row": cell.index}),
        )
        for cell in cells
    ]
    (past,) = past_studies(records)
    assert past.description == "Which rate."


def test_a_row_with_long_values_is_a_valid_preset() -> None:
    values = ["/" + "a" * 3000, "/" + "b" * 3000]
    study = StudyPreset.model_validate(STUDY | {"factor": "model.weights", "values": values})
    for cell in study.cells():
        assert RunPreset.model_validate(cell.preset(study).model_dump()).description.startswith("A row of the study")
