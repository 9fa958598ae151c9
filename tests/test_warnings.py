"""Settings without effect: which, why, and where that is reported."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given

from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded
from cnn_tui.cli.settings import prepare
from cnn_tui.cli.study import override_study
from cnn_tui.config.changes import override
from cnn_tui.config.experiment import Experiment
from cnn_tui.config.fields import experiment_fields
from cnn_tui.config.warnings import experiment_warnings, unused_in_all, unused_settings
from strategies import experiments
from study_records import study

ROOT, NORM, STORE = "data.root", "model.batch_norm", "training.feature_cache"


def with_settings(*settings: str) -> Experiment:
    return override(Experiment(), settings)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ([], {ROOT: "cifar10"}),
        (["data.dataset=digits"], {ROOT: "digits"}),
        (["data.dataset=folder", "data.root=/images"], {}),
        (["model.trainable=all"], {ROOT: "", NORM: "all layers are trained", STORE: "all layers are trained"}),
        (["model.architecture=vgg16"], {ROOT: "", NORM: "vgg16 has no batch norm"}),
        (["model.architecture=vgg16_bn"], {ROOT: ""}),
        (["model.architecture=squeezenet1_1", "model.batch_norm=adapt"], {ROOT: "", NORM: "squeezenet1_1"}),
        (["model.architecture=alexnet", "model.trainable=all"], {ROOT: "", NORM: "all layers", STORE: "all layers"}),
        (["model.batch_norm=adapt"], {ROOT: "", STORE: "adapting batch norm"}),
        (["data.augment=flip"], {ROOT: "", STORE: "augmentation (flip)"}),
        (["data.augment=flip", "model.batch_norm=adapt"], {ROOT: "", STORE: "augmentation (flip)"}),
        # Momentum is SGD's momentum and Adam's first beta: it always applies.
        (["training.optimizer.name=adam"], {ROOT: ""}),
        (["training.optimizer.name=sgd"], {ROOT: ""}),
    ],
)
def test_unused_settings_with_reasons(settings: Sequence[str], expected: dict[str, str]) -> None:
    found = unused_settings(with_settings(*settings))
    assert found.keys() == expected.keys()
    assert all(words in found[path] for path, words in expected.items())


@given(experiments())
def test_unused_settings_are_existing_fields(experiment: Experiment) -> None:
    found = unused_settings(experiment)
    assert found.keys() <= {spec.path for spec in experiment_fields()}
    assert all(reason and not reason.endswith(".") for reason in found.values())


def test_networks_without_batch_norm_store_features_for_any_batch_norm_setting() -> None:
    adapting = with_settings("model.architecture=vgg16", "model.batch_norm=adapt")
    assert adapting.features_are_stored
    assert [notice.title for notice in experiment_warnings(adapting)] == ["Frozen batch norm has no effect"]


def test_defaults_raise_no_warnings() -> None:
    assert experiment_warnings(Experiment()) == ()
    (notice,) = experiment_warnings(with_settings("data.dataset=digits", "data.root=/images"))
    assert (notice.title, notice.detail, notice.fields) == (
        "Folder has no effect",
        "The dataset is digits.",
        (ROOT,),
    )


def test_a_setting_is_unused_if_it_is_in_all_runs() -> None:
    digits, frozen, whole = (
        with_settings(f"model.trainable={part}", "data.dataset=digits") for part in ("last_layer", "last_layer", "all")
    )
    assert unused_in_all([ROOT, STORE], [whole]).keys() == {ROOT, STORE}
    assert unused_in_all([ROOT, STORE, "training.epochs"], [digits, frozen, whole]) == {ROOT: "the dataset is digits"}
    assert unused_in_all([ROOT], []) == {}


def test_run_reports_unused_overrides(capsys: pytest.CaptureFixture[str]) -> None:
    prepare("quickstart", ("data.root=/images", "training.epochs=2"), None)
    assert capsys.readouterr().err == "data.root has no effect: the dataset is digits\n"


def test_study_reports_unused_overrides(capsys: pytest.CaptureFixture[str]) -> None:
    varying = study(factor="data.dataset", values=["digits", "mnist"])
    override_study(varying, ("data.root=/images", "training.epochs=2"))
    assert capsys.readouterr().err == "data.root has no effect: the dataset is digits\n"
    override_study(study(factor="model.trainable", values=["last_layer", "all"]), ("training.feature_cache=off",))
    assert capsys.readouterr().err == ""


def test_presets_show_reports_unused_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "some.json"
    path.write_text(json.dumps({"experiment": {"data": {"dataset": "digits", "root": "/pictures"}}}))
    assert guarded(cli, ["presets", "show", str(path)]) == 0
    assert "Folder has no effect: The dataset is digits." in capsys.readouterr().err
