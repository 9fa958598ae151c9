"""The cut between backbone and head, over the whole catalogue."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from cnn_tui.catalog.features import feature_shape
from cnn_tui.catalog.models import ARCHITECTURES
from cnn_tui.config.experiment import ModelConfig
from cnn_tui.engine.features.backbone import SplitNetwork, split_backbone
from cnn_tui.engine.models.build import Classifier, build
from cnn_tui.errors import TrainingError

GIANT = 90_000_000  # weights; of such networks the shapes are checked, of the rest and VGG-16 the numbers
CASES = [
    (name, trainable)
    for name, architecture in ARCHITECTURES.items()
    for trainable in ("last_layer", "classifier")
    if trainable == "last_layer" or architecture.linear_layers > 1
]
HEADS = {
    "vgg": ["Dropout", "Linear", "ReLU", "Dropout", "Linear"],
    "alexnet": ["Dropout", "Linear", "ReLU", "Dropout", "Linear", "ReLU", "Linear"],
    "resn": ["Linear"],
    "googlenet": ["Dropout", "Linear"],
    "inception": ["Dropout", "Linear"],
    "densenet": ["Linear"],
    "convnext": ["Linear"],
    "maxvit": ["Linear"],
    "mobilenet_v3": ["Dropout", "Linear"],
    "squeezenet": ["Dropout", "Conv2d", "ReLU", "AdaptiveAvgPool2d", "Flatten"],
    "swin": ["Linear"],
    "vit": ["Linear"],
}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small networks gain nothing from threads, and lose much where tests run beside each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def empty_classifier(name: str, trainable: str = "last_layer", batch_norm: str = "frozen") -> Classifier:
    """A classifier with ImageNet's input and without its weights."""
    config = ModelConfig.model_validate({"architecture": name, "trainable": trainable, "batch_norm": batch_norm})
    return build(config, 10, least_size(name), seed=0)


def least_size(name: str) -> int:
    """The smallest side from 32 pixels that an architecture takes."""
    architecture = ARCHITECTURES[name]
    return math.ceil(max(architecture.min_image_size, 32) / architecture.image_size_step) * architecture.image_size_step


def fill_weights(classifier: Classifier) -> None:
    """Weights that let a signal through. Layers with as many inputs share memory, to be only read from."""
    pool = torch.randn(65_521, generator=torch.Generator().manual_seed(0))
    empty = {name: tensor for name, tensor in classifier.network.state_dict().items() if tensor.is_meta}
    state, drawn = {}, dict[int, Tensor]()
    for name, tensor in sorted(empty.items(), key=lambda item: item[1].numel(), reverse=True):
        inputs = tensor[0].numel() if tensor.ndim > 1 else 0
        if inputs not in drawn:
            scaled = pool / math.sqrt(inputs) if inputs else pool.abs() * 0.1 + 0.5
            drawn[inputs] = scaled.repeat(math.ceil(tensor.numel() / len(pool)))
        state[name] = drawn[inputs][: tensor.numel()].view(tensor.shape)
    classifier.fill(state)


def pictures_of(classifier: Classifier, device: str = "cpu") -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 3, classifier.image_size, classifier.image_size, generator=generator).to(device)


def _assert_same(classifier: Classifier, parts: SplitNetwork) -> Tensor:
    """Assert that the parts give what the whole gives; the features between them."""
    pictures = pictures_of(classifier)
    classifier.randomness.restart(0)
    whole = classifier.network(pictures)
    classifier.randomness.restart(0)
    features: Tensor = parts.backbone(pictures)
    halves = parts.head(features)
    assert whole.std() > 0
    difference = float((halves - whole).abs().max())
    assert difference <= 1e-4 * float(whole.abs().max())
    return features


@pytest.mark.parametrize(("name", "trainable"), CASES)
@torch.no_grad()
def test_halves_are_the_whole_and_the_catalogue_knows_the_shape_between_them(name: str, trainable: str) -> None:
    classifier = empty_classifier(name, trainable)
    if ARCHITECTURES[name].parameters > GIANT and name != "vgg16":
        classifier.eval_mode()
        classifier.network.to("meta")
        parts = split_backbone(classifier)
        features = parts.backbone(pictures_of(classifier, "meta"))
        assert parts.head(features).shape == (2, 10)
    else:
        fill_weights(classifier)
        classifier.train_mode()
        features = _assert_same(classifier, split_backbone(classifier))
    shape = (features[0, 0].numel(), features.shape[1]) if features.ndim > 2 else tuple(features.shape[1:])
    assert feature_shape(name, trainable, classifier.image_size) == shape


@pytest.mark.parametrize(
    "name", ["resnet18", "alexnet", "googlenet", "squeezenet1_1", "mobilenet_v3_small", "vit_b_32"]
)
@torch.no_grad()
def test_halves_are_the_whole_at_test_time(name: str) -> None:
    classifier = empty_classifier(name)
    fill_weights(classifier)
    classifier.eval_mode()
    _assert_same(classifier, split_backbone(classifier))


@pytest.mark.parametrize(("family", "layers"), HEADS.items())
def test_the_head_begins_at_the_first_layer_that_is_trained_or_random(family: str, layers: list[str]) -> None:
    for name in [name for name in ARCHITECTURES if name.startswith(family)][:2]:
        head = split_backbone(empty_classifier(name)).head
        assert [type(layer).__name__.removeprefix("Seeded") for layer in head.children()] == layers


def test_training_all_fully_connected_layers_cuts_after_the_flatten() -> None:
    for name in ("vgg16", "alexnet", "mobilenet_v3_small"):
        parts = split_backbone(empty_classifier(name, "classifier"))
        assert sum(isinstance(layer, nn.Linear) for layer in parts.head) == ARCHITECTURES[name].linear_layers
        assert len(list(parts.backbone.get_submodule("classifier").children())) == 0


def test_vgg_keeps_its_first_fully_connected_layer_in_the_backbone() -> None:
    prefix = split_backbone(empty_classifier("vgg16")).backbone.get_submodule("classifier")
    assert [type(layer).__name__ for layer in prefix.children()] == ["Linear", "ReLU"]


def test_the_backbone_is_the_same_each_time_and_nothing_of_it_is_trained() -> None:
    classifier = empty_classifier("efficientnet_b0")
    fill_weights(classifier)
    parts = split_backbone(classifier)
    classifier.train_mode()
    pictures = pictures_of(classifier)
    first, second = parts.backbone(pictures), parts.backbone(pictures)
    assert torch.equal(first, second)
    assert not first.requires_grad


def test_training_the_head_trains_the_network() -> None:
    classifier = empty_classifier("resnet18")
    fill_weights(classifier)
    with torch.no_grad():
        next(split_backbone(classifier).head.parameters()).fill_(3)
    assert classifier.network.get_parameter("fc.weight").eq(3).all()


def test_cutting_leaves_the_network_whole() -> None:
    classifier = empty_classifier("googlenet")
    before = [name for name, _ in classifier.network.named_modules()]
    split_backbone(classifier)
    assert [name for name, _ in classifier.network.named_modules()] == before


@pytest.mark.parametrize(
    ("trainable", "batch_norm", "reason"),
    [("all", "frozen", "every layer is trained"), ("last_layer", "adapt", "batch norm adapts")],
)
def test_what_changes_in_every_epoch_cannot_be_cut(trainable: str, batch_norm: str, reason: str) -> None:
    with pytest.raises(TrainingError) as caught:
        split_backbone(empty_classifier("resnet18", trainable, batch_norm))
    assert reason in caught.value.detail


def test_adapting_batch_norm_changes_nothing_where_there_is_none() -> None:
    assert len(list(split_backbone(empty_classifier("alexnet", batch_norm="adapt")).head.children())) == 7
