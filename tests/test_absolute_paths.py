"""Relative paths in settings become absolute, so that a session finds its images and weights from anywhere."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded
from cnn_tui.config.changes import override, study_with_absolute_paths, with_absolute_paths
from cnn_tui.config.experiment import Experiment
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.engine.models.build import build, load_weights
from cnn_tui.errors import ConfigError
from cnn_tui.events import RunStarted
from cnn_tui.store.cache_index import DecodedSetInfo, cached_sets, features_for
from cnn_tui.store.event_log import read_events
from cnn_tui.store.records import SessionRecord
from cnn_tui.store.sessions import EVENTS_FILE, list_sessions
from cnn_tui.tui.survey import survey

SETTINGS: dict[str, Any] = {
    "data": {"dataset": "folder", "root": "pics", "image_size": 32},
    "model": {"architecture": "shufflenet_v2_x0_5", "weights": "w.pth", "trainable": "last_layer"},
    "training": {"epochs": 1, "batch_size": 8},
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with images and weights in it."""
    folder = tmp_path / "place"
    for number in range(40):
        path = folder / "pics" / f"class {number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), (number * 6, 100 * (number % 2), 0)).save(path)
    config = Experiment.model_validate(SETTINGS).model.model_copy(update={"weights": "random", "trainable": "all"})
    classifier = build(config, 2, 32, 0)
    list(load_weights(classifier))
    torch.save(classifier.network.state_dict(), folder / "w.pth")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Another folder, with other files of the same names."""
    folder = tmp_path / "elsewhere"
    (folder / "pics" / "class 0").mkdir(parents=True)
    (folder / "w.pth").write_bytes(b"nothing")
    return folder


def written(path: Path, document: dict[str, Any]) -> str:
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


def records() -> list[SessionRecord]:
    return [entry.record for entry in list_sessions() if entry.record is not None]


def folder_of(*settings: str) -> Experiment:
    return override(Experiment(), ["data.dataset=folder", *settings])


def test_a_session_runs_again_from_another_folder(
    place: Path, elsewhere: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = written(tmp_path / "tiny.json", {"experiment": SETTINGS})
    assert guarded(cli, ["run", preset, "--json"]) == 0
    (entry,) = list_sessions()
    monkeypatch.chdir(elsewhere)
    assert guarded(cli, ["run", str(entry.folder / "session.json"), "--json"]) == 0
    again, first = records()
    assert again.experiment == first.experiment
    assert first.experiment.data.root == str(place / "pics")
    assert first.experiment.model.weights == str(place / "w.pth")
    assert again.result is not None
    assert first.result is not None
    assert again.result.test_loss == first.result.test_loss
    started = next(iter(read_events(entry.folder / EVENTS_FILE)))
    assert isinstance(started, RunStarted)
    assert started.experiment == first.experiment


def test_paths_in_a_preset_are_relative_to_the_working_directory(
    place: Path, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = written(place / "tiny.json", {"experiment": SETTINGS})
    monkeypatch.chdir(elsewhere)
    assert guarded(cli, ["run", preset, "--json"]) == 3
    assert json.loads((place / "tiny.json").read_text())["experiment"]["data"]["root"] == "pics"


@pytest.mark.parametrize("root", ["pics", "./pics", "../place/pics", "pics/../pics", "~/pics"])
def test_caches_are_found_by_any_path_to_the_folder(
    root: str, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(place))
    preset = written(tmp_path / "tiny.json", {"experiment": SETTINGS})
    for named in (str(place / "pics"), root):
        assert guarded(cli, ["run", preset, "--json", "--set", f"data.root={named}"]) == 0
    decoded = [one for one in cached_sets() if isinstance(one.about, DecodedSetInfo)]
    assert len(decoded) == 1
    assert len(cached_sets()) == 2
    asked = override(Experiment.model_validate(SETTINGS), [f"data.root={root}"])
    assert features_for(asked) is None
    assert survey(asked, ()).features is not None


def test_a_study_reuses_rows_whose_values_are_the_same_files(
    place: Path, elsewhere: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = {"kind": "study", "name": "s", "base": SETTINGS, "factor": "model.weights", "values": ["random", "w.pth"]}
    assert guarded(cli, ["study", written(tmp_path / "s.json", study), "--json"]) == 0
    values = [record.experiment.model.weights for record in records()]
    assert sorted(values) == [str(place / "w.pth"), "random"]
    assert {record.experiment.data.root for record in records()} == {str(place / "pics")}
    capfd.readouterr()
    monkeypatch.chdir(elsewhere)
    study["values"] = ["random", str(place / "w.pth")]
    again = written(tmp_path / "s.json", study)
    assert guarded(cli, ["study", again, "--json", "--set", f"data.root={place / 'pics'}"]) == 0
    events = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [event["type"] for event in events] == ["study_started", "row_kept", "row_kept", "study_finished"]


def test_two_values_that_are_the_same_file_are_rejected(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    values = ["w.pth", str(place / "w.pth")]
    study = {"kind": "study", "base": SETTINGS, "factor": "model.weights", "values": values}
    assert guarded(cli, ["study", written(place / "s.json", study)]) == 2
    assert "is listed more than once" in capfd.readouterr().err


def test_reported_figures_keep_their_values(place: Path) -> None:
    study = StudyPreset.model_validate(
        {
            "kind": "study",
            "factor": "model.weights",
            "values": ["imagenet", "w.pth"],
            "second_factor": "training.epochs",
            "second_values": [1, 2],
            "reported": [{"value": "w.pth", "second_value": 2, "accuracy": 0.5}],
        }
    )
    found = study_with_absolute_paths(study)
    assert found.values == ("imagenet", str(place / "w.pth"))
    assert (found.reported[0].value, found.reported[0].second_value) == (str(place / "w.pth"), 2)
    with pytest.raises(ConfigError):
        study_with_absolute_paths(study.model_copy(update={"values": ("w.pth", str(place / "w.pth"))}))


def test_other_values_are_unchanged(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for settings in (["data.dataset=digits"], ["model.weights=random"], [f"model.weights={place / 'w.pth'}"]):
        experiment = override(Experiment(), settings)
        assert with_absolute_paths(experiment) is experiment
    for impossible in ("~nobody-has-this-name/x", "x" * 4090):
        experiment = folder_of(f"data.root={impossible}")
        assert with_absolute_paths(experiment) == experiment
    link = place / "link.pth"
    link.symlink_to(place / "w.pth")
    assert with_absolute_paths(folder_of("data.root=pics", "model.weights=link.pth")).model.weights == str(link)


@pytest.mark.skipif(os.name == "nt", reason="needs names of any bytes")
def test_an_undecodable_path_is_left_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    monkeypatch.chdir(folder)
    preset = RunPreset(experiment=folder_of("data.root=pics"))
    assert with_absolute_paths(preset.experiment).data.root == "pics"
    assert with_absolute_paths(preset.experiment).model_dump_json()
