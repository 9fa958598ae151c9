"""Experiments: bounds, overrides, validation errors, warnings, and the fields for forms and help."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

from cnn_tui.catalog.datasets import DATASETS
from cnn_tui.catalog.models import ARCHITECTURES, nearest
from cnn_tui.config.changes import override
from cnn_tui.config.experiment import Experiment
from cnn_tui.config.fields import experiment_fields, field, parse_value, set_value, value_at
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.validation_errors import FieldError, field_errors
from cnn_tui.config.warnings import experiment_warnings
from cnn_tui.errors import ConfigError
from strategies import experiments


def experiment(**settings: Any) -> Experiment:
    """An experiment with settings by path, with double underscores for dots."""
    document: dict[str, Any] = {}
    for path, value in settings.items():
        set_value(document, path.replace("__", "."), value)
    return Experiment.model_validate(document)


def found(**settings: Any) -> tuple[FieldError, ...]:
    with pytest.raises(ValidationError) as caught:
        experiment(**settings)
    return field_errors(caught.value, Experiment)


def test_the_defaults_are_the_baseline_of_the_report() -> None:
    default = Experiment()
    assert (default.data.dataset, default.data.image_size, default.data.validation_fraction) == ("cifar10", 224, 0.1)
    assert (default.model.weights, default.model.trainable, default.model.batch_norm) == (
        "imagenet",
        "last_layer",
        "frozen",
    )
    assert (default.training.epochs, default.training.batch_size, default.training.seed) == (10, 32, 0)
    assert default.training.optimizer.learning_rate == 0.001


@given(experiments())
def test_experiments_round_trip_through_json(asked: Experiment) -> None:
    assert Experiment.model_validate_json(asked.model_dump_json()) == asked


@given(experiments())
def test_experiments_round_trip_through_overrides(asked: Experiment) -> None:
    typed = []
    for spec in experiment_fields():
        value = value_at(asked, spec.path)
        # Surrounding spaces and the words for null cannot be entered as text.
        if isinstance(value, str) and (value != value.strip() or value in ("", "none", "null")):
            return
        typed.append(f"{spec.path}={'' if value is None else value}")
    assert override(Experiment(), typed) == asked


def test_experiments_are_immutable() -> None:
    with pytest.raises(ValidationError):
        Experiment().training.__setattr__("epochs", 3)


def test_early_stopping_needs_validation() -> None:
    (problem,) = found(training__early_stopping_patience=3, data__validation_fraction=0)
    assert problem.fields == ("training.early_stopping_patience", "data.validation_fraction")


@pytest.mark.parametrize(
    ("architecture", "size", "words"),
    [("alexnet", 62, "from 63"), ("vit_b_16", 230, "multiples of 16"), ("vgg16", 31, "from 32")],
)
def test_the_image_size_must_suit_the_model(architecture: str, size: int, words: str) -> None:
    (problem,) = found(data__image_size=size, model__architecture=architecture)
    assert words in problem.message
    assert problem.fields == ("data.image_size", "model.architecture")


def test_errors_name_field_value_and_bounds() -> None:
    messages = [str(problem) for problem in found(training__epochs=0, training__batch_size="32", model__weight="x")]
    assert messages == [
        "model.weight: there is no such field; did you mean 'weights'?",
        "training.epochs: 0 is not allowed: at least 1 and at most 100,000",
        'training.batch_size: "32" is not allowed: a whole number is expected',
    ]


def test_a_long_value_is_shortened() -> None:
    (problem,) = found(training__device="x" * 10_000)
    assert len(str(problem)) < 250


@pytest.mark.parametrize("version", [0, 2, True, 1.0, "1", None])
def test_only_this_schema_version_is_accepted(version: object) -> None:
    with pytest.raises(ValidationError):
        RunPreset.model_validate({"schema_version": version})


def test_every_field_has_title_description_and_bounds() -> None:
    specs = experiment_fields()
    assert len({spec.path for spec in specs}) == len(specs)
    for spec in specs:
        assert spec.title
        assert spec.description.endswith(".")
        assert value_at(Experiment(), spec.path) == spec.default
        assert spec.choices or spec.kind in ("text", "path", "integer", "number")
        if spec.kind in ("integer", "number"):
            assert spec.lower
            assert spec.upper


@pytest.mark.parametrize(
    ("settings", "label"),
    [
        ({}, "cifar10"),
        ({"data__root": "/images/cats"}, "cifar10"),
        ({"data__dataset": "folder", "data__root": "/images/cats/"}, "folder: cats"),
        ({"data__dataset": "folder", "data__root": "/"}, "folder: /"),
    ],
)
def test_a_dataset_is_listed_by_name_and_a_folder_by_its_own(settings: dict[str, Any], label: str) -> None:
    assert experiment(**settings).data.label == label


def test_every_dataset_of_the_catalogue_can_be_chosen() -> None:
    assert field("data.dataset").choices == tuple(DATASETS)
    assert field("model.architecture").choices == tuple(ARCHITECTURES)
    assert RunPreset.model_json_schema()["$defs"]["DataConfig"]["properties"]["dataset"]["enum"] == list(DATASETS)


def test_bounds_as_text() -> None:
    assert field("training.epochs").bounds == "1 to 100,000 epochs"
    assert field("training.optimizer.momentum").bounds == "at least 0 and less than 1"
    assert field("training.optimizer.learning_rate").bounds.startswith("more than 0 and at most 1,000")
    assert field("data.augment").bounds == "none, flip, crop_flip"
    assert field("data.train_limit").bounds == "2 to 100,000,000 images, or none"
    assert field("model.architecture").choices == tuple(ARCHITECTURES)
    with pytest.raises(KeyError):
        field("training.epoch")


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("training.epochs", "20", 20),
        ("training.epochs", "100_000", 100_000),
        ("training.optimizer.learning_rate", "1e-4", 0.0001),
        ("data.train_limit", "none", None),
        ("data.train_limit", "", None),
        ("training.epochs", "many", "many"),
        ("training.epochs", "true", "true"),
        ("model.weights", "imagenet", "imagenet"),
    ],
)
def test_input_is_parsed_by_the_field(path: str, text: str, value: object) -> None:
    assert parse_value(field(path), text) == value


def test_overrides_apply_together() -> None:
    settings = ["model.architecture=alexnet", "data.image_size=64", "training.optimizer.learning_rate=0.01"]
    changed = override(Experiment(), settings)
    assert (changed.model.architecture, changed.data.image_size) == ("alexnet", 64)
    assert changed.training.optimizer.learning_rate == 0.01
    assert changed.data.dataset == Experiment().data.dataset


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("training.epochs", "has no value"),
        ("training.epoch=3", "training.epochs"),
        ("learning_rate=3", "training.optimizer.learning_rate"),
        ("training.epochs=0", "at least 1"),
        ("training.epochs=NaN", "whole number"),
        ("training.optimizer.learning_rate=Infinity", "finite"),
        ("data.image_size=9999", "at most 1,024"),
        ("training=3", "training"),
        ("=3", "names no setting"),
    ],
)
def test_an_invalid_override_is_rejected_with_a_reason(setting: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        override(Experiment(), [setting])
    assert words in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("settings", "title"),
    [
        ({"model__weights": "random"}, "Random weights stay frozen"),
        ({"model__trainable": "classifier"}, "Classifier is the last layer"),
        ({"data__augment": "flip"}, "The feature cache is off"),
        ({"model__batch_norm": "adapt"}, "The feature cache is off"),
        ({"data__root": "/x"}, "Folder has no effect"),
    ],
)
def test_likely_mistakes_raise_warnings(settings: dict[str, Any], title: str) -> None:
    assert [notice.title for notice in experiment_warnings(experiment(**settings))] == [title]


def test_features_are_fixed_only_if_nothing_before_the_head_changes() -> None:
    assert Experiment().features_are_fixed
    for moving in ({"model__trainable": "all"}, {"model__batch_norm": "adapt"}, {"data__augment": "flip"}):
        assert not experiment(**moving).features_are_fixed


@pytest.mark.parametrize(
    ("typed", "meant"), [("ResNet-18", "resnet18"), ("vgg_16", "vgg16"), ("googelnet", "googlenet")]
)
def test_the_nearest_architecture(typed: str, meant: str) -> None:
    assert nearest(typed)[0] == meant
