"""Preset files: round trips, names, lists and the shipped presets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from cnn_tui import paths
from cnn_tui.config.experiment import Experiment
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import ReportedRow, StudyPreset
from cnn_tui.config.warnings import experiment_warnings
from cnn_tui.errors import PresetError
from cnn_tui.store.presets import (
    PresetExistsError,
    find_preset,
    list_presets,
    load_any,
    load_preset,
    load_study,
    parse_preset,
    renamed_preset,
    save_preset,
)
from cnn_tui.store.strict_json import parse_object
from strategies import run_presets
from study_records import study

SHIPPED = sorted(path.stem for path in paths.shipped_presets_folder().glob("*.json"))
REPORTED = {"report-table1": 5, "report-table2": 9, "report-table3": 6, "report-figure4": 1, "report-figure6": 1}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CNN_TUI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_preset_loads_and_has_a_description(name: str) -> None:
    preset = load_any(find_preset(name))
    assert preset.name == name
    assert preset.description.endswith(".")
    assert experiment_warnings(preset.base if isinstance(preset, StudyPreset) else preset.experiment) == ()


def test_the_studies_of_the_report_have_its_setup_and_its_figures() -> None:
    for name, rows in REPORTED.items():
        found = load_study(find_preset(name))
        assert len(found.reported) == rows
        for cell in found.cells():
            experiment = cell.experiment
            assert (experiment.data.dataset, experiment.data.image_size) == ("cifar10", 224)
            assert experiment.data.validation_fraction == 0
            assert (experiment.model.weights, experiment.model.trainable) == ("imagenet", "last_layer")


def test_rows_of_the_same_settings_have_the_same_figures() -> None:
    known: dict[Experiment, ReportedRow] = {}
    for name in SHIPPED:
        held = load_any(find_preset(name))
        if isinstance(held, StudyPreset):
            experiments = {(cell.value, cell.second_value): cell.experiment for cell in held.cells()}
            for row in held.reported:
                first = known.setdefault(experiments[row.value, row.second_value], row)
                assert first.model_copy(update={"value": row.value}) == row
    # Table 2's and Table 3's middle rows are Table 1's VGG-16 and Table 2's 20 epochs, and so on.
    assert len(known) == 5 + 8 + 5


def test_the_seven_models_of_the_report_have_a_baseline() -> None:
    baselines = {name.removeprefix("baseline-") for name in SHIPPED if name.startswith("baseline-")}
    assert baselines == {"vgg16", "vgg19", "resnet18", "resnet34", "resnet50", "alexnet", "googlenet"}


def test_baselines_are_those_of_the_report() -> None:
    for name in SHIPPED:
        if name.startswith("baseline-"):
            experiment = load_preset(find_preset(name)).experiment
            assert (experiment.data.dataset, experiment.data.image_size) == ("cifar10", 224)
            assert (experiment.model.weights, experiment.model.trainable) == ("imagenet", "last_layer")
            assert (experiment.training.epochs, experiment.training.batch_size) == (10, 32)
            assert experiment.training.optimizer.learning_rate == 0.001


def test_the_quickstart_needs_no_download() -> None:
    experiment = load_preset(find_preset("quickstart")).experiment
    assert (experiment.data.dataset, experiment.model.weights) == ("digits", "random")


@given(run_presets())
def test_presets_round_trip_through_json(preset: RunPreset) -> None:
    assert parse_preset(parse_object(preset.model_dump_json().encode(), "x"), "x") == preset


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(run_presets())
def test_presets_round_trip_through_files(tmp_path: Path, preset: RunPreset) -> None:
    path = save_preset(preset, tmp_path / "any", preset.name, overwrite=True)
    assert path.parent == tmp_path / "any"
    assert load_preset(path) == preset


def test_missing_fields_have_defaults(tmp_path: Path) -> None:
    path = tmp_path / "empty.json"
    path.write_text("{}")
    preset = load_preset(path)
    assert preset.experiment == Experiment()
    assert preset.name == "empty"


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "bom.json"
    path.write_bytes(b"\xef\xbb\xbf" + b'{"name": "with a mark"}')
    assert load_preset(path).name == "with a mark"


def test_a_session_record_is_a_preset(tmp_path: Path) -> None:
    path = tmp_path / "session.json"
    record = {"id": "x", "status": "done", "result": None, "anything": [1], "name": "kept"}
    path.write_text(json.dumps(RunPreset().model_dump() | record))
    preset = load_preset(path)
    assert type(preset) is RunPreset
    assert preset.name == "kept"


def test_saving_does_not_overwrite_unless_asked(tmp_path: Path) -> None:
    first = save_preset(RunPreset(description="first"), tmp_path, "Mine")
    with pytest.raises(PresetExistsError, match="mine"):
        save_preset(RunPreset(description="second"), tmp_path, "mine")
    assert load_preset(first).description == "first"
    save_preset(RunPreset(description="second"), tmp_path, "mine", overwrite=True)
    assert load_preset(first).description == "second"


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "CON", "a" * 200, "\x00", "x.json", "..", "~"])
def test_a_saved_preset_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    path = save_preset(RunPreset(), tmp_path / "presets", name)
    assert path.resolve().parent == tmp_path / "presets"
    assert load_preset(path).name == name


@pytest.mark.parametrize("name", ["", "x" * 201])
def test_an_invalid_name_writes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(PresetError, match="name"):
        save_preset(RunPreset(), tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_renamed_changes_the_name_only() -> None:
    preset = RunPreset(name="old", description="kept")
    assert renamed_preset(preset, "new") == preset.model_copy(update={"name": "new"})


def test_user_presets_come_before_shipped_ones(home: Path) -> None:
    own = save_preset(RunPreset(), home / "presets", "quickstart")
    assert find_preset("quickstart") == own
    assert next(entry.origin for entry in list_presets()) == "own"
    assert {entry.name for entry in list_presets() if entry.origin == "shipped"} == set(SHIPPED)


def test_a_preset_is_found_by_the_name_inside(home: Path) -> None:
    path = save_preset(RunPreset(), home / "presets", "My best: number 3!")
    assert find_preset("My best: number 3!") == path
    assert find_preset("my-best-number-3") == path


def test_a_path_is_found_before_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("quickstart").write_text("{}")
    assert find_preset("quickstart") == Path("quickstart")


def test_a_session_folder_is_found_as_a_preset(tmp_path: Path) -> None:
    (tmp_path / "session.json").write_text("{}")
    assert find_preset(str(tmp_path)) == tmp_path / "session.json"


@pytest.mark.parametrize("name", ["no/such.json", "missing.json", "../../x", "x" * 300, "a\x00b"])
def test_a_missing_preset_is_reported(name: str) -> None:
    with pytest.raises(PresetError, match="No preset"):
        find_preset(name)


def test_a_misspelt_name_gets_suggestions() -> None:
    with pytest.raises(PresetError) as caught:
        find_preset("baseline-resnet81")
    assert "baseline-resnet18" in caught.value.hint


def test_a_broken_preset_is_listed_with_the_others(home: Path) -> None:
    save_preset(RunPreset(), home / "presets", "good")
    (home / "presets" / "bad.json").write_text('{"experiment": {"training": {"epochs": 0}}}')
    (home / "presets" / ".tmp-1.json").write_text("half")
    own = {entry.name: entry for entry in list_presets() if entry.origin == "own"}
    assert set(own) == {"bad", "good"}
    assert own["good"].preset is not None
    assert own["bad"].preset is None
    assert "experiment.training.epochs" in (own["bad"].problem or "")


def test_a_study_is_saved_listed_and_found(home: Path) -> None:
    path = save_preset(study(), home / "presets", "How long?")
    assert path.name == "how-long.json"
    assert load_study(path) == study(name="How long?")
    assert find_preset("How long?") == path
    (entry,) = [entry for entry in list_presets() if entry.origin == "own"]
    assert (entry.preset, entry.study, entry.problem) == (None, study(name="How long?"), None)
    with pytest.raises(PresetExistsError, match="how-long"):
        save_preset(study(), home / "presets", "how long")


def test_a_study_without_a_name_is_named_after_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text('{"kind": "study", "factor": "training.epochs", "values": [1]}')
    assert load_study(path).name == "mine"


def test_runs_and_studies_are_not_interchangeable(tmp_path: Path) -> None:
    run, varied = tmp_path / "run.json", tmp_path / "study.json"
    run.write_text("{}")
    varied.write_text(study().model_dump_json())
    with pytest.raises(PresetError, match="is a run, not a study"):
        load_study(run)
    with pytest.raises(PresetError, match="is a study, not a run"):
        load_preset(varied)
