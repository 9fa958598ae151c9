"""Batches that do not fit in memory, simulated: PyTorch's functions fail for more than so many images at once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cnn_tui.config.changes import override
from cnn_tui.config.experiment import Experiment, ModelConfig
from cnn_tui.engine.device import Compute, is_out_of_memory
from cnn_tui.engine.micro_batches import MemoryPolicy
from cnn_tui.engine.models.build import build, load_weights
from cnn_tui.engine.models.stochastic import Randomness, SeededDropout, SeededStochasticDepth
from cnn_tui.engine.training.head_stack import HeadStack
from cnn_tui.engine.training.learner import TrainingSetup
from cnn_tui.engine.training.map_stack import MapStack
from cnn_tui.engine.training.network_step import NetworkStep
from cnn_tui.engine.training.train import train
from cnn_tui.engine.training.train_group import Artifacts
from cnn_tui.events import EpochFinished, Event, RunFinished
from test_map_stack import material as maps
from test_stack import material as features
from test_stack import orders, settings
from test_stack import train as train_learner

SMALL = [
    "data.dataset=digits",
    "data.train_limit=60",
    "data.test_limit=30",
    "data.image_size=64",
    "model.weights=random",
]
# An uneven last batch, dropout, augmentation and smoothed labels; no BatchNorm.
TUNED = [
    *SMALL,
    "model.architecture=squeezenet1_1",
    "model.trainable=all",
    "data.augment=crop_flip",
    "training.epochs=2",
    "training.batch_size=16",
    "training.label_smoothing=0.1",
    "training.optimizer.name=sgd",
    "training.optimizer.learning_rate=0.01",
    "training.precision=float32",
]
FROZEN = [*TUNED, "model.architecture=alexnet", "model.trainable=last_layer", "data.augment=none"]
NORMED = [*TUNED, "model.architecture=shufflenet_v2_x0_5", "data.image_size=32"]
CPU = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate"
ERRORS = [torch.OutOfMemoryError("CUDA out of memory. 20 GiB"), MemoryError("20 GiB"), RuntimeError(f"{CPU} 20 GiB")]

Limit = Callable[[int], None]


@pytest.fixture
def linear(monkeypatch: pytest.MonkeyPatch) -> Limit:
    """Limits the images that fully connected layers take: they come last, after BatchNorm."""
    return _limiting(monkeypatch, nn.Linear, "forward", 0)


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> Limit:
    """Limits the images that SqueezeNet's last layer takes, which comes after dropout."""
    return _limiting(monkeypatch, nn.AdaptiveAvgPool2d, "forward", 0)


@pytest.fixture
def convolutions(monkeypatch: pytest.MonkeyPatch) -> Limit:
    return _limiting(monkeypatch, nn.Conv2d, "forward", 0)


@pytest.fixture
def last_layers(monkeypatch: pytest.MonkeyPatch) -> Limit:
    """Limits the images that last layers without automatic differentiation take, classes (..., C, B)."""
    return _limiting(monkeypatch, torch, "log_softmax", -1)


def _limiting(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, dimension: int) -> Limit:
    unlimited = getattr(owner, name)

    def limit(images: int, error: Exception = ERRORS[0]) -> None:
        def limited(*args: Any, **options: Any) -> Any:
            inputs = next(one for one in args if isinstance(one, Tensor) and not isinstance(one, nn.Module))
            if inputs.shape[dimension] > images:
                raise error
            return unlimited(*args, **options)

        monkeypatch.setattr(owner, name, limited)

    return limit


def run(chosen: list[str]) -> tuple[list[Event], dict[str, Tensor]]:
    """The events of a run and its trained weights, if it has a result."""
    kept: dict[str, Tensor] = {}

    def keep(artifacts: Artifacts) -> Iterator[Event]:
        kept.update({name: tensor.clone() for name, tensor in artifacts.weights.items()})
        yield from ()

    return list(train(override(Experiment(), chosen), save=keep)), kept


def figures(events: list[Event]) -> list[tuple[float, ...]]:
    return [
        (event.train_loss, event.train_accuracy, event.validation_loss or 0, event.validation_accuracy or 0)
        for event in events
        if isinstance(event, EpochFinished)
    ]


def ending(events: list[Event]) -> RunFinished:
    assert isinstance(events[-1], RunFinished)
    return events[-1]


def warnings(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.title, event.detail) for event in events if event.type == "warning"]


def assert_same(one: tuple[list[Event], dict[str, Tensor]], other: tuple[list[Event], dict[str, Tensor]]) -> None:
    assert ending(one[0]).status == ending(other[0]).status == "done"
    for row, expected in zip(figures(one[0]), figures(other[0]), strict=True):
        assert row == pytest.approx(expected, rel=1e-4)
    for name, tensor in one[1].items():
        torch.testing.assert_close(tensor, other[1][name], rtol=1e-3, atol=1e-5)
    first, second = ending(one[0]).result, ending(other[0]).result
    assert first is not None
    assert second is not None
    assert first.confusion_matrix == second.confusion_matrix


def test_a_fine_tuned_network_learns_the_same_from_micro_batches(pools: Limit) -> None:
    whole = run(TUNED)
    pools(5)
    divided = run(TUNED)
    assert_same(divided, whole)
    titles = [title for title, _ in warnings(divided[0])]
    assert titles[:2] == ["A training step did not fit in memory"] * 2
    assert "16 images at once were too many. From now on 8 are" in warnings(divided[0])[0][1]
    assert "From now on 4 are" in warnings(divided[0])[1][1]
    assert set(titles[2:]) == {"An evaluation batch did not fit in memory"}
    assert len(titles) < 10  # once for each halving, and not for each batch


@pytest.mark.parametrize("architecture", ["alexnet", "squeezenet1_1"])
def test_last_layers_on_features_learn_the_same_from_micro_batches(architecture: str, last_layers: Limit) -> None:
    chosen = [*FROZEN, f"model.architecture={architecture}"]
    whole = run(chosen)
    last_layers(5)
    divided = run(chosen)
    assert_same(divided, whole)
    assert [title for title, _ in warnings(divided[0])] == ["A training step did not fit in memory"] * 2


def test_features_are_the_same_from_smaller_batches(
    convolutions: Limit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(FROZEN)
    monkeypatch.setenv("CNN_TUI_HOME", str(tmp_path / "another"))  # without the features of the first run
    convolutions(3)
    divided = run(FROZEN)
    assert_same(divided, whole)
    assert {title for title, _ in warnings(divided[0])} == {"A batch for the frozen layers did not fit in memory"}
    monkeypatch.setenv("CNN_TUI_HOME", str(tmp_path / "third"))
    assert_same(run([*FROZEN, "training.feature_cache=off"]), whole)


def test_where_batch_norm_is_trained_the_warning_says_that_the_result_differs(linear: Limit) -> None:
    linear(2)
    events, _ = run(NORMED)
    assert ending(events).status == "done"
    trained = [detail for title, detail in warnings(events) if title.startswith("A training step")]
    assert len(trained) == 3
    assert all("BatchNorm" in detail for detail in trained)
    linear(1)  # a variance needs two images
    assert ending(run(NORMED)[0]).status == "failed"


def test_a_failed_attempt_leaves_no_trace_in_running_statistics(linear: Limit) -> None:
    classifier = build(ModelConfig(architecture="resnet18", weights="random", trainable="all"), 4, 32, 0)
    list(load_weights(classifier))
    expected = copy.deepcopy(classifier.network).train()
    inputs, labels = torch.randn(6, 3, 32, 32), torch.arange(6) % 4
    compute = Compute(torch.device("cpu"), torch.float32)
    step = NetworkStep(classifier, None, compute, 0.0, MemoryPolicy("halve"))
    classifier.train_mode()
    linear(3)
    step(inputs, labels)
    for part in (inputs[:3], inputs[3:]):
        expected(part)
    for name, buffer in classifier.network.named_buffers():
        if "running" in name:
            torch.testing.assert_close(buffer, expected.get_buffer(name))


@pytest.mark.parametrize("name", ["adamw", "sgd"])
@pytest.mark.parametrize("kind", [HeadStack, MapStack])
def test_a_stack_of_seeds_and_rates_learns_the_same_from_micro_batches(
    name: str, kind: type[HeadStack], last_layers: Limit
) -> None:
    pairs = [(seed, rate) for seed in (0, 1) for rate in (0.1, 0.001)]
    optimizers = [{"name": name, "learning_rate": rate, "weight_decay": 0.1} for _, rate in pairs]
    configs = [
        settings(optimizer=optimizer, seed=seed, label_smoothing=0.1)
        for (seed, _), optimizer in zip(pairs, optimizers, strict=True)
    ]
    order, factors = orders([seed for seed, _ in pairs]), [1.0, 0.5, 0.25, 0.1]
    material = features(0.5) if kind is HeadStack else maps()
    whole = kind(material, configs)
    expected = train_learner(whole, order, factors)
    last_layers(7)
    memory = MemoryPolicy("halve")
    divided = kind(_with_memory(features(0.5) if kind is HeadStack else maps(), memory), configs)
    for losses, others in zip(train_learner(divided, order, factors), expected, strict=True):
        assert losses == pytest.approx(others, rel=1e-4)
    assert len(memory.take_warnings()) == 2
    for place in range(len(configs)):
        for tensor, other in zip(divided.state(place).values(), whole.state(place).values(), strict=True):
            torch.testing.assert_close(tensor, other, rtol=1e-3, atol=1e-5)


def _with_memory(given: TrainingSetup, memory: MemoryPolicy) -> TrainingSetup:
    return TrainingSetup(**{**vars(given), "memory": memory})


def test_steps_that_were_taken_are_not_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, unlimited = iter(range(100)), torch.log_softmax

    def failing_late(*args: Any, **options: Any) -> Tensor:
        if next(calls) == 2:
            raise ERRORS[0]
        return unlimited(*args, **options)

    monkeypatch.setattr(torch, "log_softmax", failing_late)
    stack = HeadStack(_with_memory(features(), MemoryPolicy("halve")), [settings()])
    with pytest.raises(torch.OutOfMemoryError):
        train_learner(stack, orders([0]), [1.0] * 4)


@pytest.mark.parametrize("error", ERRORS)
def test_by_setting_a_run_fails_with_a_smaller_batch(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    _fail_always(monkeypatch, error)
    events, _ = run([*TUNED, "training.batch_size=24", "training.on_out_of_memory=fail"])
    failure = ending(events).error
    assert failure is not None
    assert "20 GiB" in failure.detail
    assert "training.batch_size=12" in failure.hint
    assert "training.on_out_of_memory=halve" in failure.hint
    assert warnings(events) == []


@pytest.mark.parametrize("error", ERRORS)
def test_a_single_image_that_does_not_fit_ends_the_run(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    _fail_always(monkeypatch, error)
    events, _ = run(TUNED)
    failure = ending(events).error
    assert failure is not None
    assert "as few images as possible" in failure.detail
    assert "data.image_size" in failure.hint
    assert [detail.partition(" at once")[0] for _, detail in warnings(events)] == [
        "16 images",
        "8 images",
        "4 images",
        "2 images",
    ]


def _fail_always(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def exhausted(*_: object) -> None:
        raise error

    monkeypatch.setattr(nn.AdaptiveAvgPool2d, "forward", exhausted)


def test_another_error_is_not_taken_for_exhausted_memory() -> None:
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize("shape", [(7, 33), (7, 4, 3, 3)])
@pytest.mark.parametrize("kind", ["dropout", "row", "batch"])
def test_layers_draw_the_numbers_of_the_whole_batch_for_a_micro_batch(kind: str, shape: tuple[int, ...]) -> None:
    def layer(randomness: Randomness) -> nn.Module:
        return SeededDropout(0.5, randomness) if kind == "dropout" else SeededStochasticDepth(0.5, kind, randomness)

    ones = torch.ones(shape)
    whole, randomness = layer(Randomness(0)), Randomness(0)
    divided = layer(randomness)
    for _ in range(2):
        expected, parts = whole(ones), []
        for rows in (slice(0, 3), slice(3, 6), slice(6, 7)):
            with randomness.micro_batch(rows, 7):
                parts.append(divided(ones[rows]))
        assert torch.equal(torch.cat(parts), expected)
