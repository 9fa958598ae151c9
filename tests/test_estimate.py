"""What is said of a run beforehand, against what the engine then does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnn_tui import paths
from cnn_tui.catalog.datasets import DATASETS
from cnn_tui.catalog.models import ARCHITECTURES
from cnn_tui.config.changes import override
from cnn_tui.config.experiment import DataConfig, Experiment
from cnn_tui.engine.data.sample_selection import split_validation, stratified_subset
from cnn_tui.engine.models.build import build
from cnn_tui.store.downloads import has_imagenet_weights
from cnn_tui.tui.estimate import PastRun, SplitCounts, estimate, pictures, steps_per_epoch
from cnn_tui.tui.model_parts import model_parts
from cnn_tui.tui.survey import survey

COUNTED = (
    *("vgg16", "resnet18", "alexnet", "googlenet", "inception_v3"),
    *("maxvit_t", "mobilenet_v3_small", "squeezenet1_0", "vit_b_16"),
)
DIGITS = ["data.dataset=digits", "model.weights=random", "model.trainable=all", "data.image_size=32"]


def experiment(*settings: str) -> Experiment:
    return override(Experiment(), settings)


def past(*settings: str, pace: float = 100.0, train: float = 10.0, total: float = 14.0, memory: int = 500) -> PastRun:
    return PastRun(experiment(*settings), pace, train, total, memory)


@pytest.mark.parametrize("limit", [None, 100, 1_437, 9_999])
@pytest.mark.parametrize("fraction", [0.0, 0.001, 0.1, 0.35])
def test_splits_are_as_large_as_the_engine_makes_them(limit: int | None, fraction: float) -> None:
    labels = torch.arange(DATASETS["digits"].train or 0) % 10
    rows = torch.arange(len(labels)) if limit is None else stratified_subset(labels, limit, 0)
    train, validation = split_validation(labels, rows, fraction, 0)
    found = pictures(DataConfig(dataset="digits", train_limit=limit, validation_fraction=fraction), None)
    assert found is not None
    assert (found.train, found.validation, found.test) == (len(train), len(validation), 360)


def test_a_folder_without_splits_gives_a_fifth_for_testing() -> None:
    config = DataConfig(dataset="folder", root="somewhere", validation_fraction=0.1)
    assert pictures(config, None) is None
    without, split = pictures(config, SplitCounts(100, None)), pictures(config, SplitCounts(100, 7))
    assert without is not None
    assert split is not None
    assert (without.train, without.validation, without.test) == (72, 8, 20)
    assert (split.train, split.validation, split.test) == (90, 10, 7)


@given(st.integers(1, 10_000), st.integers(1, 500))
def test_steps_are_batches_but_for_a_last_one_of_a_single_picture(train: int, batch: int) -> None:
    sizes = [min(batch, train - start) for start in range(0, train, batch)]
    if len(sizes) > 1 and sizes[-1] == 1 and batch > 1:
        sizes.pop()
    assert steps_per_epoch(train, batch) == len(sizes)


def _check_parameters(architecture: str, weights: str, trainable: str) -> None:
    chosen = experiment(
        f"data.image_size={518 if architecture == 'vit_h_14' else 448}",
        f"model.architecture={architecture}",
        f"model.weights={weights}",
        f"model.trainable={trainable}",
    )
    counted = build(chosen.model, 10, chosen.data.image_size, 0).parameter_counts()
    parts = model_parts(chosen, 10)
    assert sum(part.parameters for part in parts) == pytest.approx(counted.total, rel=0.01)
    if trainable != "all":
        assert sum(part.parameters for part in parts if part.trained) == counted.trainable


@pytest.mark.parametrize("trainable", ["last_layer", "classifier", "all"])
@pytest.mark.parametrize("architecture", COUNTED)
def test_parameters_are_those_of_the_network(architecture: str, trainable: str) -> None:
    _check_parameters(architecture, "random" if trainable == "all" else "imagenet", trainable)


@pytest.mark.slow
@pytest.mark.parametrize("trainable", ["classifier", "all"])
@pytest.mark.parametrize("architecture", sorted(set(ARCHITECTURES) - set(COUNTED)))
def test_parameters_are_those_of_every_other_network(architecture: str, trainable: str) -> None:
    _check_parameters(architecture, "imagenet", trainable)


def test_where_the_classes_are_not_known_the_last_layer_is_told_for_each() -> None:
    *_, last = model_parts(experiment("data.dataset=folder", "data.root=x"), None)
    assert (last.parameters, last.per_class, last.trained) == (513, True, True)


def test_before_the_first_run_neither_time_nor_memory_is_known() -> None:
    found = estimate(experiment(*DIGITS))
    assert (found.seconds, found.memory_bytes, found.runs) == (None, None, 0)
    assert (found.steps_per_epoch, found.steps) == (41, 410)
    assert found.least_memory_bytes == pytest.approx(4 * 4 * 11_181_642)


def test_time_follows_the_pace_of_runs_like_it() -> None:
    found = estimate(experiment(*DIGITS, "training.epochs=100"), None, [past(*DIGITS)])
    assert found.seconds == pytest.approx(100 * 1293 / 100 + 4)
    assert (found.memory_bytes, found.runs) == (500, 1)


@pytest.mark.parametrize(
    "setting",
    [
        "model.architecture=resnet34",
        "data.image_size=64",
        "model.trainable=last_layer",
        "training.device=cpu",
        "training.precision=float32",
    ],
)
def test_runs_that_cost_something_else_say_nothing(setting: str) -> None:
    assert estimate(experiment(*DIGITS), None, [past(*DIGITS, setting)]).seconds is None


def test_a_run_with_the_same_batch_size_is_preferred_and_memory_needs_one() -> None:
    other, same = past(*DIGITS, "training.batch_size=64", memory=9), past(*DIGITS, pace=50.0, total=10.0)
    assert estimate(experiment(*DIGITS), None, [other, same]).seconds == pytest.approx(10 * 1293 / 50)
    alone = estimate(experiment(*DIGITS), None, [other])
    assert alone.memory_bytes is None
    assert alone.seconds is not None


def test_with_kept_features_the_fastest_run_that_needed_as_many_counts() -> None:
    frozen = (*DIGITS, "model.trainable=last_layer", "data.train_limit=1000")
    computed, reused = past(*frozen, total=50.0), past(*frozen, total=20.0)
    smaller = past(*frozen, "data.train_limit=100", total=11.0)
    elsewhere = past(*frozen, "data.dataset=mnist", "data.train_limit=5000", total=11.0)
    runs = [elsewhere, smaller, reused, computed]
    assert estimate(experiment(*frozen), None, runs[:3], kept=True).seconds == pytest.approx(90 + 10)
    assert estimate(experiment(*frozen), None, [computed], kept=True).seconds == pytest.approx(90 + 40)
    assert estimate(experiment(*frozen), None, [computed, reused]).seconds == pytest.approx(90 + 25)
    fewer = estimate(experiment(*frozen, "data.train_limit=100"), None, [reused, computed], kept=True)
    assert fewer.seconds == pytest.approx(9 + 10)


def test_what_is_not_here_has_to_be_downloaded() -> None:
    found = survey(experiment("data.dataset=mnist"), ())
    assert [download.title for download in found.downloads] == ["MNIST", "ImageNet weights of resnet18"]
    assert found.downloads[0].bytes == DATASETS["mnist"].download_bytes
    for file in DATASETS["mnist"].files:
        target = paths.datasets_folder() / "mnist" / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    assert [download.title for download in survey(experiment("data.dataset=mnist"), ()).downloads] == [
        "ImageNet weights of resnet18"
    ]
    assert survey(experiment(*DIGITS), ()).downloads == ()


def test_a_weights_file_is_known_by_its_name_and_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    with (folder / "vgg16_bn-6c64b313.pth").open("wb") as file:
        file.truncate(ARCHITECTURES["vgg16_bn"].weights_bytes + 300)
    assert has_imagenet_weights("vgg16_bn")
    assert not has_imagenet_weights("vgg16")
    assert not has_imagenet_weights("vgg11_bn")


def test_a_folder_is_counted_and_a_missing_one_is_told(tmp_path: Path) -> None:
    for name, count in (("train/cat", 3), ("train/dog", 5), ("test/cat", 1), ("test/dog", 1)):
        (tmp_path / name).mkdir(parents=True)
        for number in range(count):
            (tmp_path / name / f"{number}.png").touch()
    found = survey(experiment(f"data.root={tmp_path}", "data.dataset=folder", "data.validation_fraction=0.25"), ())
    assert found.classes == 2
    assert found.estimate.pictures is not None
    assert (found.estimate.pictures.train, found.estimate.pictures.validation, found.estimate.pictures.test) == (
        6,
        2,
        2,
    )
    for missing in ("/nowhere", "~nobody-of-this-name/x", "a\x00b"):
        assert "no such folder" in survey(experiment(f"data.root={missing}", "data.dataset=folder"), ()).problem
    assert "weights file" in survey(experiment("model.weights=/nowhere.pth"), ()).problem
