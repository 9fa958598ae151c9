"""Last layers that see every position of a map, against the same layers trained by automatic differentiation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from cnn_tui.config.experiment import ModelConfig
from cnn_tui.engine.control import WithResult
from cnn_tui.engine.data.image_source import MemorySource
from cnn_tui.engine.data.loading import LoadedData
from cnn_tui.engine.device import Compute
from cnn_tui.engine.features.backbone import split_backbone
from cnn_tui.engine.features.feature_batches import FeatureBatches
from cnn_tui.engine.models.build import build, load_weights
from cnn_tui.engine.models.stochastic import Randomness, SeededDropout
from cnn_tui.engine.training import map_stack
from cnn_tui.engine.training.learner import NetworkLearner, TrainingSetup
from cnn_tui.engine.training.loop import TrainingRun
from cnn_tui.engine.training.map_stack import MapStack, stackable_on_maps
from cnn_tui.engine.training.train_group import group_runs
from test_stack import CLASSES, ROWS, orders, settings, train

POSITIONS, CHANNELS = 9, 512
PLAIN = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
RATES = [(0.1, 0.0), (0.001, 0.2), (0.01, 0.0)]


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """How many threads share a batch, in parts of two images."""
    monkeypatch.setattr(map_stack, "_WORTH_SHARING", 1)
    monkeypatch.setattr(map_stack, "_PART_BYTES", 2 * 4 * POSITIONS * CHANNELS)
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def material(dtype: torch.dtype = torch.float32, dropout: bool = True) -> TrainingSetup:
    """SqueezeNet's head and features of which most are zero, as after its ReLU."""
    model = ModelConfig(architecture="squeezenet1_1", weights="random", trainable="last_layer")
    made = build(model, CLASSES, 64, 0)
    list(load_weights(made))
    generator = torch.Generator().manual_seed(3)
    features = torch.randn(ROWS, POSITIONS, CHANNELS, generator=generator).relu().to(dtype)
    labels = torch.randint(0, CLASSES, (ROWS,), generator=generator)
    feed = FeatureBatches(features, torch.arange(ROWS), labels)
    head = split_backbone(made).head if dropout else split_backbone(made).head[1:]
    return TrainingSetup(made, head, feed, feed, feed, Compute(torch.device("cpu"), torch.float32), 7, PLAIN)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("dropout", [True, False])
def test_a_stack_learns_what_each_layer_learns_alone(name: str, dropout: bool, threads: int) -> None:
    configs = [
        settings(optimizer={"name": name, "learning_rate": rate, "weight_decay": decay}, label_smoothing=0.1)
        for rate, decay in RATES
    ]
    order, factors = orders([0, 0, 0]), [1.0, 0.5, 0.25, 0.1]
    stack = MapStack(material(dropout=dropout), configs)
    together = train(stack, order, factors)
    for place, config in enumerate(configs):
        alone = NetworkLearner(material(dropout=dropout), config)
        losses = train(alone, [[rows[place]] for rows in order], factors)
        assert [row[place] for row in together] == pytest.approx([row[0] for row in losses], rel=1e-4)
        for tensor, other in zip(stack.state(place).values(), alone.state(0).values(), strict=True):
            torch.testing.assert_close(tensor, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_features_in_half_precision_are_learnt_from_as_they_are(dtype: torch.dtype, threads: int) -> None:
    half, config = material(dtype), settings()
    assert isinstance(half.train, FeatureBatches)
    stack, alone = MapStack(half, [config]), NetworkLearner(material(dtype), config)
    assert train(stack, orders([0]), [1.0] * 4) == [
        pytest.approx(row, rel=1e-5) for row in train(alone, orders([0]), [1.0] * 4)
    ]


def test_seeds_have_their_own_order_dropout_and_beginning(threads: int) -> None:
    configs = [settings(seed=seed) for seed in (0, 1)]
    order = orders([0, 1])
    together = train(MapStack(material(), configs), order, [1.0] * 4)
    for place, config in enumerate(configs):
        alone = train(MapStack(material(), [config]), [[rows[place]] for rows in order], [1.0] * 4)
        assert [row[place] for row in together] == pytest.approx([row[0] for row in alone], rel=1e-5)
    assert together[0][0] != pytest.approx(together[0][1], rel=1e-4)


def test_a_look_leaves_dropout_out_and_states_can_be_gone_back_to() -> None:
    parts, rows = material(torch.float16), torch.arange(10, 40)
    stack = MapStack(parts, [settings(optimizer={"learning_rate": rate}) for rate in (0.1, 0.001)])
    before = stack.state(1)
    assert before["classifier.1.weight"].shape == (CLASSES, CHANNELS, 1, 1)
    train(stack, orders([0, 0]), [1.0] * 4)
    looking = WithResult(stack.evaluate(parts.test, [rows, rows]))
    assert list(looking)[-1] == len(rows)
    assert isinstance(parts.test, FeatureBatches)
    features = parts.test.inputs(rows)
    for place, look in enumerate(looking.value):
        state = stack.state(place)
        responses = features @ state["classifier.1.weight"].flatten(1).T + state["classifier.1.bias"]
        logits = responses.relu().mean(1)
        assert torch.equal(look.predicted, logits.argmax(1))
        assert look.loss == pytest.approx(float(nn.functional.cross_entropy(logits, look.actual)), rel=1e-5)
    stack.restore(1, before)
    torch.testing.assert_close(stack.state(1)["classifier.1.weight"], before["classifier.1.weight"])


def test_a_stop_is_asked_before_each_step() -> None:
    learner, asked = MapStack(material(), [settings()]), iter([False, True])
    assert [one.images for one in learner.steps([torch.arange(ROWS)], [1.0] * 4, lambda: next(asked))] == [16]


def test_training_leaves_the_number_of_threads_and_the_features_as_they_were(threads: int) -> None:
    parts = material(torch.float16)
    assert isinstance(parts.train, FeatureBatches)
    assert isinstance(parts.train.features, Tensor)
    before = parts.train.features.clone()
    train(MapStack(parts, [settings()]), orders([0]), [1.0] * 4)
    assert torch.equal(parts.train.features, before)
    assert torch.get_num_threads() == threads


def test_several_rates_on_maps_are_one_computation() -> None:
    parts = material()
    source = MemorySource(torch.zeros(ROWS, 1, 1, 1, dtype=torch.uint8), torch.zeros(ROWS, dtype=torch.int64), ("a",))
    rows = torch.arange(ROWS)
    loaded = LoadedData(source, source, rows, rows[:0], rows, rows, ("a",), "", None)
    courses = [TrainingRun(settings(optimizer={"learning_rate": rate}), loaded) for rate, _ in RATES]
    (arranged,) = group_runs(parts, courses)
    assert isinstance(arranged.learner, MapStack)


def test_only_a_convolution_behind_dropout_is_stackable_on_maps() -> None:
    parts = material()
    assert isinstance(parts.train, FeatureBatches)
    assert stackable_on_maps(parts.head, parts.train)
    assert not stackable_on_maps(None, parts.train)
    assert not stackable_on_maps(nn.Sequential(nn.Linear(2, 2)), parts.train)
    wide = nn.Sequential(nn.Conv2d(CHANNELS, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten())
    assert not stackable_on_maps(wide, parts.train)
    flat = FeatureBatches(torch.zeros(4, CHANNELS), torch.arange(4), torch.arange(4))
    assert not stackable_on_maps(parts.head, flat)
    single = FeatureBatches(torch.zeros(4, 1, CHANNELS), torch.arange(4), torch.arange(4))
    assert not stackable_on_maps(parts.head, single)  # whose dropout draws as for a vector


def test_bits_decide_about_each_element_by_itself() -> None:
    dropout, maps = SeededDropout(0.5, Randomness(0)), torch.ones(64, 48, 7, 5)
    kept = dropout(maps) != 0
    assert torch.equal(dropout(maps).unique(), torch.tensor([0.0, 2.0]))
    each = kept.flatten(1).float()
    count = each.numel()
    assert float(each.mean()) == pytest.approx(0.5, abs=4 / count**0.5)
    for elements, others in ((each[:, :-1], each[:, 1:]), (each[:-1], each[1:]), (each[:, :-105], each[:, 105:])):
        assert float((elements == others).float().mean()) == pytest.approx(0.5, abs=4 / count**0.5)
    assert float(each.mean(0).std()) == pytest.approx(0.5 / 64**0.5, rel=0.1)
    assert float(each.mean(1).std()) == pytest.approx(0.5 / 1680**0.5, rel=0.4)


def test_bits_are_the_same_for_many_batches_for_any_layout_and_precision() -> None:
    maps = torch.rand(3, 4, 10, 5, 3)
    together, alone = (SeededDropout(0.5, Randomness(3), "layer") for _ in range(2))
    assert torch.equal(together.on_each(maps), torch.stack([alone(batch) for batch in maps]))
    one = SeededDropout(0.5, Randomness(3))(torch.ones_like(maps[0])) != 0
    last = torch.ones_like(maps[0]).to(memory_format=torch.channels_last)
    assert torch.equal(SeededDropout(0.5, Randomness(3))(last.half()) != 0, one)
    # A map's positions may as well lie in one row.
    rows = torch.ones(4, 10, 15, 1)
    assert torch.equal((SeededDropout(0.5, Randomness(3))(rows) != 0).flatten(2), one.flatten(2))


def test_vectors_and_other_probabilities_draw_what_they_always_did() -> None:
    bits = "".join(str(int(value)) for value in (SeededDropout(0.5, Randomness(3))(torch.ones(2, 16)) != 0).flatten())
    assert bits == "11100001000111000110101011000101"
    maps = SeededDropout(0.3, Randomness(3))(torch.ones(2, 4, 2, 2)) != 0
    assert "".join(str(int(value)) for value in maps.flatten()) == "11100011000111010111101011101101"
