"""The cache on disk: which features an experiment reuses, and which sets are evicted."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from cnn_tui.config.experiment import Experiment
from cnn_tui.errors import StorageError
from cnn_tui.store.cache_index import (
    LIMIT_VARIABLE,
    DecodedSetInfo,
    FeatureSetInfo,
    begin_set,
    cached_sets,
    decoded_folder,
    evict,
    features_folder,
    features_for,
)


def experiment(**changes: Any) -> Experiment:
    parts: dict[str, dict[str, Any]] = {
        "data": {"dataset": "digits", "image_size": 32},
        "model": {"architecture": "resnet18", "weights": "random", "trainable": "last_layer"},
        "training": {},
    }
    for name, value in changes.items():
        section, field = name.split("__")
        parts[section][field] = value
    return Experiment.model_validate(parts)


def keep(key: str, of: Experiment, precision: str = "float32", used: float = 0.0) -> None:
    folder = features_folder() / key
    begin_set(folder, FeatureSetInfo.of(of, precision, 1797))
    (folder / "chunk.safetensors").write_bytes(b"features")
    os.utime(folder / "about.json", (used, used))


def test_the_cache_is_empty_at_first() -> None:
    assert features_for(experiment()) is None


@pytest.mark.parametrize(
    "change", [{"training__optimizer": {"learning_rate": 0.5}}, {"training__epochs": 3}, {"data__train_limit": 100}]
)
def test_features_are_reused_with_other_hyperparameters_and_limits(change: dict[str, Any]) -> None:
    keep("a", experiment())
    found = features_for(experiment(**change))
    assert found is not None
    assert found.key == "a"


@pytest.mark.parametrize(
    "change",
    [
        {"model__architecture": "resnet34"},
        {"model__weights": "imagenet"},
        {"model__trainable": "classifier"},
        {"data__image_size": 64},
        {"data__dataset": "mnist"},
        {"training__seed": 1},
        {"training__precision": "bfloat16"},
    ],
)
def test_features_are_not_reused_with_another_network_dataset_or_precision(change: dict[str, Any]) -> None:
    keep("a", experiment())
    assert features_for(experiment(**change)) is None


def test_features_of_trained_weights_do_not_depend_on_the_seed() -> None:
    keep("a", experiment(model__weights="imagenet"))
    assert features_for(experiment(model__weights="imagenet", training__seed=1)) is not None


def test_the_most_recently_used_set_is_found() -> None:
    keep("a", experiment(), "float32", used=10.0)
    keep("b", experiment(), "bfloat16", used=20.0)
    found = features_for(experiment())
    assert found is not None
    assert found.key == "b"


def keep_pictures(key: str, size: int, used: float) -> Path:
    folder = decoded_folder() / key
    begin_set(folder, DecodedSetInfo(root="/pictures"))
    (folder / "some.pictures").write_bytes(bytes(size))
    os.utime(folder / "about.json", (used, used))
    return folder


def limit(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, str((number + 0.5) / 1e9))


def keys() -> set[str]:
    return {one.key for one in cached_sets()}


def test_the_least_recently_used_sets_are_evicted(monkeypatch: pytest.MonkeyPatch) -> None:
    keep("own", experiment(), used=1)  # 8 bytes
    keep("old", experiment(), used=2)
    keep_pictures("middle", 100, used=3)
    keep_pictures("new", 100, used=4)
    limit(monkeypatch, 216 + 50)
    assert evict(features_folder() / "own", 50) == []
    limit(monkeypatch, 216 + 50 - 9)
    assert [one.key for one in evict(features_folder() / "own", 50)] == ["old", "middle"]
    assert keys() == {"own", "new"}


def test_decoded_images_do_not_evict_features(monkeypatch: pytest.MonkeyPatch) -> None:
    keep("old features", experiment(), used=1)
    keep_pictures("old", 100, used=2)
    own = keep_pictures("own", 100, used=3)
    limit(monkeypatch, 8 + 100 + 50)
    assert [one.key for one in evict(own, 50)] == ["old"]
    limit(monkeypatch, 8 + 100 + 49)
    with pytest.raises(StorageError, match="cache is too small"):
        evict(own, 50)
    assert keys() == {"old features", "own"}


def test_a_set_that_cannot_fit_removes_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    own = keep_pictures("own", 100, used=1)
    keep_pictures("old", 100, used=2)
    limit(monkeypatch, 120)
    with pytest.raises(StorageError, match="cache is too small"):
        evict(own, 50)
    assert keys() == {"own", "old"}
    limit(monkeypatch, 99)
    with pytest.raises(StorageError):
        evict(own, 50)
    assert keys() == {"old"}


def test_sets_removed_concurrently_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    keep("staying", experiment(), used=1)
    keep_pictures("going", 100, used=2)
    listed = list(features_folder().iterdir()) + list(decoded_folder().iterdir())
    shutil.rmtree(decoded_folder() / "going")
    plain = Path.iterdir
    vanished = [path for path in listed if path.name == "going"]
    monkeypatch.setattr(Path, "iterdir", lambda path: iter(vanished) if path == decoded_folder() else plain(path))
    assert keys() == {"staying"}
    shutil.rmtree(decoded_folder())
    assert keys() == {"staying"}


def test_sets_without_description_are_counted_and_empty_ones_ignored() -> None:
    folder = keep_pictures("rest", 100, used=1)
    (folder / "about.json").unlink()
    (decoded_folder() / "empty").mkdir()
    (rest,) = cached_sets()
    assert (rest.key, rest.about, rest.size, rest.is_decoded) == ("rest", None, 100, True)
