"""Stacked last layers against the same layers trained by automatic differentiation, one at a time."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cnn_tui.config.experiment import ModelConfig, TrainingConfig
from cnn_tui.engine.control import WithResult, never
from cnn_tui.engine.device import Compute
from cnn_tui.engine.features.feature_batches import FeatureBatches
from cnn_tui.engine.models.build import Classifier, build, load_weights
from cnn_tui.engine.models.stochastic import Randomness, SeededDropout
from cnn_tui.engine.training.head_stack import HeadStack, stackable
from cnn_tui.engine.training.learner import Learner, NetworkLearner, TrainingSetup

ROWS, FEATURES, CLASSES = 50, 512, 4
PLAIN = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def settings(**changes: Any) -> TrainingConfig:
    return TrainingConfig.model_validate({"batch_size": 16, "device": "cpu", **changes})


def classifier(seed: int = 0) -> Classifier:
    """A ResNet whose last layer takes the features."""
    model = ModelConfig(architecture="resnet18", weights="random", trainable="last_layer")
    made = build(model, CLASSES, 32, seed)
    list(load_weights(made))
    return made


def material(dropout: float = 0.0, device: str = "cpu") -> TrainingSetup:
    """Features and a last layer; with dropout there is a frozen layer between two of them before it."""
    made = classifier()
    randomness, hidden = Randomness(0), nn.Linear(FEATURES, FEATURES, bias=False).requires_grad_(False)
    nn.init.eye_(hidden.weight)
    dropouts = [SeededDropout(dropout, randomness, layer) for layer in ("first", "second")]
    steps = [dropouts[0], hidden, nn.ReLU(), dropouts[1]] if dropout else []
    head = nn.Sequential(*steps, made.network.get_submodule("fc"))
    made.network.add_module("dropout", nn.Sequential(*steps))
    made.network.to(device)
    generator = torch.Generator().manual_seed(3)
    features = torch.rand(ROWS, FEATURES, generator=generator)
    labels = torch.randint(0, CLASSES, (ROWS,), generator=generator)
    feed = FeatureBatches(features.to(device), torch.arange(ROWS, device=device), labels.to(device))
    return TrainingSetup(made, head, feed, feed, feed, Compute(torch.device(device), torch.float32), 64, PLAIN)


def train(learner: Learner, orders: list[list[Tensor]], factors: list[float]) -> list[list[float]]:
    """Epoch by epoch in these orders of rows, one for each course; the summed losses of each epoch."""
    told = []
    for rows in orders:
        done = list(learner.steps(rows, factors, never))
        told.append(torch.stack([one.losses for one in done]).sum(0).tolist())
    return told


def orders(seeds: list[int], epochs: int = 3) -> list[list[Tensor]]:
    generators = {seed: torch.Generator().manual_seed(seed) for seed in seeds}
    made = []
    for _ in range(epochs):
        each = {seed: torch.randperm(ROWS, generator=generator) for seed, generator in generators.items()}
        made.append([each[seed] for seed in seeds])
    return made


GPU = pytest.param(
    "cuda",
    marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")],
)


@pytest.mark.parametrize("device", ["cpu", GPU])
@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_stack_learns_what_each_layer_learns_alone(name: str, dropout: float, device: str) -> None:
    pairs = [(0.1, 0.0), (0.001, 0.2), (0.01, 0.0)]
    configs = [
        settings(optimizer={"name": name, "learning_rate": rate, "weight_decay": decay}, label_smoothing=0.1)
        for rate, decay in pairs
    ]
    order, factors = orders([0, 0, 0]), [1.0, 0.5, 0.25, 0.1]
    stack = HeadStack(material(dropout, device), configs)
    together = train(stack, order, factors)
    for place, config in enumerate(configs):
        alone = NetworkLearner(material(dropout, device), config)
        losses = train(alone, [[rows[place]] for rows in order], factors)
        assert [row[place] for row in together] == pytest.approx([row[0] for row in losses], rel=1e-4)
        for tensor, other in zip(stack.state(place).values(), alone.state(0).values(), strict=True):
            torch.testing.assert_close(tensor, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("device", ["cpu", GPU])
def test_a_stack_that_nobody_holds_is_gone(device: str) -> None:
    stack = HeadStack(material(0.5, device), [settings()])
    train(stack, orders([0]), [1.0] * 4)
    gone = weakref.ref(stack)
    gc.disable()
    try:
        del stack
        assert gone() is None
    finally:
        gc.enable()


def test_sgd_without_momentum_is_plain_descent() -> None:
    config = settings(optimizer={"name": "sgd", "learning_rate": 0.1, "momentum": 0.0})
    order, factors = orders([0]), [1.0, 0.5, 0.25, 0.1]
    stack, alone = HeadStack(material(), [config]), NetworkLearner(material(), config)
    assert train(stack, order, factors) == [pytest.approx(row, rel=1e-4) for row in train(alone, order, factors)]


def test_frozen_steps_run_in_the_precision_of_the_backbone_and_the_last_layer_in_float32() -> None:
    plain = material(0.5)
    frozen = nn.Linear(FEATURES, FEATURES).requires_grad_(False)
    given = TrainingSetup(
        plain.classifier,
        nn.Sequential(plain.head[0], frozen, plain.head[-1]) if plain.head else None,
        *(plain.train, plain.validation, plain.test),
        Compute(torch.device("cpu"), torch.bfloat16),
        64,
        PLAIN,
    )
    stack = HeadStack(given, [settings()])
    train(stack, orders([0]), [1.0] * 4)
    assert frozen.weight.dtype is torch.float32
    assert stack.state(0)["fc.weight"].dtype is torch.float32
    looking = WithResult(stack.evaluate(given.test, [torch.arange(ROWS)]))
    list(looking)
    feed = given.test
    assert isinstance(feed, FeatureBatches)
    assert isinstance(feed.features, Tensor)
    exact = frozen(feed.features) @ stack.state(0)["fc.weight"].T + stack.state(0)["fc.bias"]
    assert looking.value[0].loss == pytest.approx(float(nn.functional.cross_entropy(exact, feed.labels)), rel=2e-2)
    rounded = frozen.bfloat16()(feed.features.bfloat16()).float()
    near = rounded @ stack.state(0)["fc.weight"].T + stack.state(0)["fc.bias"]
    assert looking.value[0].loss == pytest.approx(float(nn.functional.cross_entropy(near, feed.labels)), rel=1e-5)


def test_steps_and_pictures_are_counted_whatever_the_last_batch() -> None:
    learner = HeadStack(material(), [settings()])
    done = list(learner.steps([torch.arange(ROWS)], [1.0] * 4, never))
    assert sum(one.count for one in done) == 4
    assert sum(one.images for one in done) == ROWS
    assert done[-1].images == ROWS % 16


def test_a_stop_is_asked_before_anything_is_learnt() -> None:
    learner = HeadStack(material(), [settings()])
    before = learner.state(0)
    assert list(learner.steps([torch.arange(ROWS)], [1.0] * 4, lambda: True)) == []
    assert all(torch.equal(tensor, before[name]) for name, tensor in learner.state(0).items())


def test_a_look_is_each_layers_own_and_leaves_dropout_out() -> None:
    configs = [settings(optimizer={"learning_rate": rate}) for rate in (0.1, 0.001)]
    stack, rows = HeadStack(material(0.5), configs), torch.arange(10, 40)
    train(stack, orders([0, 0]), [1.0] * 4)
    looking = WithResult(stack.evaluate(material().test, [rows, rows]))
    assert list(looking) == [len(rows)]
    feed = material().test
    assert isinstance(feed, FeatureBatches)
    assert isinstance(feed.features, Tensor)
    for place, look in enumerate(looking.value):
        state = stack.state(place)
        logits = feed.features[rows] @ state["fc.weight"].T + state["fc.bias"]
        assert torch.equal(look.predicted, logits.argmax(1))
        assert torch.equal(look.actual, feed.labels[rows])
        assert look.loss == pytest.approx(float(nn.functional.cross_entropy(logits, look.actual)), rel=1e-5)


def test_a_state_can_be_gone_back_to() -> None:
    stack = HeadStack(material(), [settings(), settings(optimizer={"learning_rate": 0.1})])
    before = stack.state(1)
    train(stack, orders([0, 0]), [1.0] * 4)
    assert not torch.equal(stack.state(1)["fc.weight"], before["fc.weight"])
    stack.restore(1, before)
    torch.testing.assert_close(stack.state(1)["fc.weight"], before["fc.weight"])


def test_only_a_linear_layer_after_frozen_steps_is_stackable() -> None:
    frozen = nn.Linear(2, 2).requires_grad_(False)
    assert stackable(nn.Sequential(frozen, nn.ReLU(), SeededDropout(0.5, Randomness(0)), nn.Linear(2, 2)))
    assert not stackable(None)
    assert not stackable(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)))
    assert not stackable(nn.Sequential(nn.Conv2d(2, 2, 1), nn.Flatten()))
