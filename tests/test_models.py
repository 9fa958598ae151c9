"""Classifiers: their first weights, what of them is frozen, and their own randomness."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

from cnn_tui.config.experiment import ModelConfig
from cnn_tui.engine.models.build import Classifier, build, load_weights
from cnn_tui.engine.models.heads import batch_norms, last_layer
from cnn_tui.engine.models.stochastic import Randomness, SeededDropout, SeededStochasticDepth, seed_stochastic
from cnn_tui.errors import WeightsError

LAST_LAYERS = {
    "alexnet": "classifier.6",
    "convnext_tiny": "classifier.2",
    "densenet121": "classifier",
    "efficientnet_b0": "classifier.1",
    "googlenet": "fc",
    "inception_v3": "fc",
    "maxvit_t": "classifier.5",
    "mnasnet0_5": "classifier.1",
    "mobilenet_v2": "classifier.1",
    "mobilenet_v3_small": "classifier.3",
    "regnet_y_400mf": "fc",
    "resnet18": "fc",
    "shufflenet_v2_x0_5": "fc",
    "squeezenet1_1": "classifier.1",
    "swin_t": "head",
    "vgg16": "classifier.6",
    "vit_b_32": "heads.head",
}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _config(**settings: Any) -> ModelConfig:
    return ModelConfig.model_validate({"architecture": "resnet18", "weights": "random", "trainable": "all"} | settings)


def _ready(size: int = 32, seed: int = 0, classes: int = 3, **settings: Any) -> Classifier:
    classifier = build(_config(**settings), classes, size, seed)
    assert list(load_weights(classifier)) == []
    return classifier


def _pictures(size: int = 32) -> Tensor:
    return torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(1))


def _step(classifier: Classifier) -> None:
    classifier.train_mode()
    optimizer = torch.optim.SGD(classifier.trainable_parameters(), lr=0.1)
    logits, _ = classifier.training_outputs(_pictures(classifier.image_size))
    torch.autograd.backward(nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 0])))
    optimizer.step()


def _changed(classifier: Classifier) -> set[str]:
    """The tensors that a training step changes."""
    before = {name: tensor.clone() for name, tensor in classifier.network.state_dict().items()}
    _step(classifier)
    return {name for name, tensor in classifier.network.state_dict().items() if not torch.equal(tensor, before[name])}


@pytest.mark.parametrize(("architecture", "name"), LAST_LAYERS.items())
def test_the_last_layer_has_as_many_outputs_as_there_are_classes(architecture: str, name: str) -> None:
    found, layer = last_layer(build(_config(architecture=architecture), 7, 224, 0).network)
    assert found == name
    weight = layer.get_parameter("weight")
    assert weight.shape[0] == 7


def test_building_takes_no_memory_and_counts_all() -> None:
    counts = build(_config(trainable="last_layer"), 10, 224, 0).parameter_counts()
    assert (counts.total, counts.trainable) == (11_181_642, 5_130)


@pytest.mark.parametrize("architecture", ["resnet18", "googlenet", "mnasnet0_5", "swin_t"])
def test_the_same_seed_gives_the_same_weights(architecture: str) -> None:
    first, again, other = (_ready(architecture=architecture, seed=seed) for seed in (5, 5, 6))
    states = [classifier.network.state_dict() for classifier in (first, again, other)]
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())
    assert not all(torch.equal(tensor, states[2][name]) for name, tensor in states[0].items())
    assert not any(tensor.is_meta for tensor in first.network.state_dict().values())


def test_loading_and_training_leave_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    _step(_ready(architecture="squeezenet1_1"))
    _step(_ready(architecture="efficientnet_b0"))
    assert torch.equal(torch.get_rng_state(), before)


def test_random_weights_leave_normalisation_to_the_data() -> None:
    classifier = build(_config(), 10, 32, 0)
    assert (classifier.mean, classifier.std) == (None, None)


@pytest.mark.parametrize(("architecture", "mean"), [("resnet18", 0.485), ("efficientnet_v2_l", 0.5)])
def test_imagenet_weights_bring_their_normalisation(architecture: str, mean: float) -> None:
    classifier = build(_config(architecture=architecture, weights="imagenet"), 10, 224, 0)
    assert classifier.mean is not None
    assert classifier.std is not None
    assert classifier.mean[0] == mean
    assert len(classifier.std) == 3


def test_the_frozen_part_does_not_move() -> None:
    assert _changed(_ready(trainable="last_layer")) == {"fc.weight", "fc.bias"}


def test_the_classifier_is_all_fully_connected_layers() -> None:
    changed = _changed(_ready(architecture="mobilenet_v3_small", trainable="classifier"))
    assert changed == {f"classifier.{index}.{kind}" for index in (0, 3) for kind in ("weight", "bias")}


def test_adapting_moves_the_statistics_and_not_the_weights() -> None:
    classifier = _ready(trainable="last_layer", batch_norm="adapt")
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    moved = {f"{name}.{buffer}" for name in batch_norms(classifier.network) for buffer in buffers}
    assert _changed(classifier) == moved | {"fc.weight", "fc.bias"}


@pytest.mark.parametrize("batch_norm", ["frozen", "adapt"])
def test_training_all_trains_all(batch_norm: str) -> None:
    classifier = _ready(batch_norm=batch_norm)
    assert _changed(classifier) == set(classifier.network.state_dict())


def test_the_head_is_in_train_mode_and_the_backbone_is_not() -> None:
    classifier = build(_config(architecture="efficientnet_b0", trainable="last_layer"), 10, 32, 0)
    classifier.train_mode()
    training = {name for name, module in classifier.network.named_modules() if module.training}
    assert training == {"classifier", "classifier.0", "classifier.1"}
    classifier.eval_mode()
    assert not any(module.training for module in classifier.network.modules())


def test_googlenets_dropout_before_its_last_layer_belongs_to_the_head() -> None:
    classifier = build(_config(architecture="googlenet", trainable="last_layer"), 10, 32, 0)
    classifier.train_mode()
    assert {name for name, module in classifier.network.named_modules() if module.training} == {"dropout", "fc"}


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"trainable": "last_layer"}, 2),
        ({"trainable": "last_layer", "batch_norm": "adapt"}, 2 + 20 * 3),
        ({"trainable": "all"}, 122),
    ],
)
def test_what_is_saved_is_what_changes(settings: dict[str, Any], names: int) -> None:
    classifier = _ready(**settings)
    assert len(classifier.trained_state()) == names
    assert set(classifier.trained_state()) == _changed(classifier)


@pytest.mark.parametrize("trainable", ["last_layer", "all"])
def test_what_was_saved_comes_back(trainable: str) -> None:
    trained = _ready(trainable=trainable)
    _step(trained)
    other = _ready(trainable=trainable, seed=0)
    held = other.trainable_parameters()
    other.load_trained({name: tensor.clone() for name, tensor in trained.trained_state().items()}, "a session")
    trained.eval_mode()
    other.eval_mode()
    assert torch.equal(trained.network(_pictures()), other.network(_pictures()))
    assert all(one is another for one, another in zip(held, other.trainable_parameters(), strict=True))


def test_a_whole_state_needs_no_weights_first() -> None:
    saved = _ready(architecture="mnasnet0_5").trained_state()
    empty = build(_config(architecture="mnasnet0_5", weights="imagenet"), 3, 32, 0)
    empty.load_trained(saved, "a session")
    assert all(torch.equal(tensor, saved[name]) for name, tensor in empty.network.state_dict().items())
    assert all(parameter.requires_grad for parameter in empty.network.parameters())


def test_a_state_of_another_model_is_refused() -> None:
    saved = _ready(classes=4, trainable="last_layer").trained_state()
    with pytest.raises(WeightsError, match=r"fc.weight is 4x512 and should be 3x512"):
        _ready(trainable="last_layer").load_trained(saved, "a session")


@pytest.mark.parametrize(
    ("architecture", "size", "weights"), [("googlenet", 32, (0.3, 0.3)), ("inception_v3", 299, (0.4,))]
)
def test_auxiliary_heads_help_to_train_all_from_nothing(
    architecture: str, size: int, weights: tuple[float, ...]
) -> None:
    classifier = _ready(size=size, architecture=architecture)
    classifier.train_mode()
    with torch.no_grad():
        logits, auxiliary = classifier.training_outputs(_pictures(size)[:2])
    assert logits.shape == (2, 3)
    assert tuple(weight for _, weight in auxiliary) == weights
    assert all(extra.shape == (2, 3) for extra, _ in auxiliary)


def test_a_network_gives_its_logits_alone_in_either_mode() -> None:
    classifier = _ready(architecture="googlenet")
    for mode in (classifier.train_mode, classifier.eval_mode):
        mode()
        assert classifier.network(_pictures()).shape == (4, 3)


@pytest.mark.parametrize(
    ("architecture", "size", "settings"),
    [
        ("googlenet", 32, {"weights": "imagenet"}),
        ("googlenet", 32, {"trainable": "last_layer"}),
        ("inception_v3", 128, {}),
    ],
)
def test_there_are_no_auxiliary_heads_otherwise(architecture: str, size: int, settings: dict[str, str]) -> None:
    names = dict(build(_config(architecture=architecture, **settings), 3, size, 0).network.named_children())
    assert not {"aux1", "aux2", "AuxLogits"} & set(names)


def test_dropout_draws_the_same_whatever_else_draws() -> None:
    features = torch.ones(8, 100)
    first, second = SeededDropout(0.5, Randomness(3)), SeededDropout(0.5, Randomness(3))
    alone = [first(features) for _ in range(2)]
    beside = []
    for _ in range(2):
        torch.rand(7)
        beside.append(second(features))
    assert all(map(torch.equal, alone, beside))
    assert not torch.equal(*alone)


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 1.0])
def test_dropout_scales_what_it_keeps(p: float) -> None:
    dropped = SeededDropout(p, Randomness(0))(torch.ones(20_000))
    kept = dropped != 0
    assert float(kept.float().mean()) == pytest.approx(1 - p, abs=0.02)
    assert torch.allclose(dropped[kept], torch.tensor(1 / (1 - p) if p < 1 else math.nan))


def test_stochastic_depth_drops_whole_rows() -> None:
    rows = SeededStochasticDepth(0.4, "row", Randomness(0))(torch.ones(5_000, 3, 2))
    assert torch.equal(rows.amin(dim=(1, 2)), rows.amax(dim=(1, 2)))
    assert float((rows[:, 0, 0] != 0).float().mean()) == pytest.approx(0.6, abs=0.03)
    assert float(rows.max()) == pytest.approx(1 / 0.6, rel=2**-15)


def test_stochastic_depth_can_drop_the_batch() -> None:
    layer = SeededStochasticDepth(0.5, "batch", Randomness(0))
    means = {float(layer(torch.ones(6, 2)).mean()) for _ in range(30)}
    assert means == {0.0, 2.0}


def test_precision_and_layout_do_not_change_what_is_dropped() -> None:
    features = torch.ones(4, 6, 5, 5)
    variants = (features, features.bfloat16(), features.to(memory_format=torch.channels_last))
    masks = [SeededDropout(0.5, Randomness(0))(variant) != 0 for variant in variants]
    assert torch.equal(masks[0], masks[1])
    assert torch.equal(masks[0], masks[2])


@pytest.mark.parametrize("shape", [(3, 5), (2, 3, 7)])
def test_dropout_draws_for_many_batches_what_it_draws_for_one_after_the_other(shape: tuple[int, ...]) -> None:
    batches = torch.rand(4, *shape)
    together, alone = (SeededDropout(0.3, Randomness(3), "layer") for _ in range(2))
    assert torch.equal(together.on_each(batches), torch.stack([alone(batch) for batch in batches]))


def test_each_layer_draws_by_itself() -> None:
    randomness, features = Randomness(0), torch.ones(200)
    one, other = (SeededDropout(0.5, randomness, layer) for layer in ("one", "other"))
    first = one(features)
    assert not torch.equal(other(features), first)
    again = Randomness(0)
    SeededDropout(0.5, again, "other")(features)
    assert torch.equal(SeededDropout(0.5, again, "one")(features), first)


def test_random_layers_pass_everything_at_test_time() -> None:
    features = torch.randn(4, 3)
    for layer in (SeededDropout(0.9, Randomness(0)), SeededStochasticDepth(0.9, "row", Randomness(0))):
        assert layer.eval()(features) is features


def test_every_random_layer_is_replaced() -> None:
    classifier = build(_config(architecture="efficientnet_b0"), 3, 32, 0)
    kinds = {type(module) for module in classifier.network.modules()}
    assert {SeededDropout, SeededStochasticDepth} <= kinds
    assert not {nn.Dropout, StochasticDepth} & kinds


def test_replacing_keeps_probability_and_mode() -> None:
    network = nn.Sequential(nn.Sequential(nn.Dropout(0.3, inplace=True)), StochasticDepth(0.4, "batch"))
    seed_stochastic(network, Randomness(0))
    dropout, depth = network.get_submodule("0.0"), network.get_submodule("1")
    assert isinstance(dropout, SeededDropout)
    assert isinstance(depth, SeededStochasticDepth)
    assert (dropout.p, depth.p, depth.mode) == (0.3, 0.4, "batch")


def test_randomness_begins_anew_from_a_seed() -> None:
    randomness = Randomness(0)
    layer, features = SeededDropout(0.5, randomness), torch.ones(100)
    first = layer(features)
    assert not torch.equal(layer(features), first)
    randomness.restart(0)
    assert torch.equal(layer(features), first)
    randomness.restart(1)
    assert not torch.equal(layer(features), first)
