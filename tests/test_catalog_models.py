"""The table of architectures compared with torchvision."""

from __future__ import annotations

import itertools

import pytest
import torch
import torchvision
from torchvision.models import get_model_weights, list_models

from cnn_tui.catalog.models import ARCHITECTURES, nearest
from cnn_tui.engine.models.heads import batch_norms, linear_layers
from cnn_tui.engine.models.skeleton import skeleton

# One of each family; the others differ in depth and width, which does not affect the image size.
REPRESENTATIVES = [
    "alexnet",
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "efficientnet_v2_s",
    "googlenet",
    "inception_v3",
    "maxvit_t",
    "mnasnet0_5",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "regnet_x_400mf",
    "resnet18",
    "shufflenet_v2_x0_5",
    "squeezenet1_0",
    "squeezenet1_1",
    "swin_t",
    "swin_v2_t",
    "vgg11",
    "vit_b_16",
    "vit_b_32",
]
FAMILIES = [
    "convnext",
    "densenet",
    "efficientnet_b",
    "efficientnet_v2",
    "mnasnet",
    "mobilenet",
    "regnet",
    "resn",
    "shufflenet",
    "swin",
    "vgg",
    "wide_resnet",
]


def _can_be_trained(architecture: str, size: int) -> bool:
    # PyTorch's meta device calculates shapes in Python, which takes longer than a small network's arithmetic.
    device = "cpu" if ARCHITECTURES[architecture].parameters < 30_000_000 else "meta"
    try:
        network = skeleton(architecture, 10, size).train()
        state = network.state_dict()
        state.update(
            {name: torch.zeros_like(tensor, device=device) for name, tensor in state.items() if tensor.is_meta}
        )
        network.load_state_dict(state, assign=True)
        network.to(device)(torch.zeros(2, 3, size, size, device=device)).sum().backward()
    except (RuntimeError, ValueError, AssertionError):
        return False
    return True


def test_the_table_has_all_classifiers_of_torchvision() -> None:
    assert set(ARCHITECTURES) == set(list_models(module=torchvision.models))


def test_the_models_of_the_report_come_first() -> None:
    first = list(itertools.islice(ARCHITECTURES, 7))
    assert first == ["vgg16", "vgg19", "resnet18", "resnet34", "resnet50", "alexnet", "googlenet"]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_facts_match_torchvision(name: str) -> None:
    architecture, meta = ARCHITECTURES[name], get_model_weights(name).DEFAULT.meta
    assert architecture.parameters == meta["num_params"]
    assert architecture.gmacs == meta["_ops"]
    assert architecture.accuracy == meta["_metrics"]["ImageNet-1K"]["acc@1"]
    assert architecture.weights_bytes == pytest.approx(meta["_file_size"] * 2**20, abs=2**10)


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_the_minimum_image_size_is_the_smallest_that_trains(name: str) -> None:
    least = ARCHITECTURES[name].min_image_size
    assert _can_be_trained(name, least)
    assert least == ARCHITECTURES[name].image_size_step or least == 1 or not _can_be_trained(name, least - 1)


@pytest.mark.parametrize("name", ["vit_b_16", "vit_b_32", "maxvit_t"])
def test_image_size_steps_are_required(name: str) -> None:
    step = ARCHITECTURES[name].image_size_step
    assert not _can_be_trained(name, step + step // 2)
    assert _can_be_trained(name, 2 * step)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_has_the_same_image_sizes(family: str) -> None:
    members = [architecture for name, architecture in ARCHITECTURES.items() if name.startswith(family)]
    assert len(members) > 1
    assert len({(member.min_image_size, member.image_size_step) for member in members}) == 1


@pytest.mark.parametrize("name", ["vit_l_16", "vit_l_32", "vit_h_14"])
def test_a_large_vision_transformer_takes_multiples_of_its_patch(name: str) -> None:
    patch = int(name[-2:])
    assert (ARCHITECTURES[name].min_image_size, ARCHITECTURES[name].image_size_step) == (patch, patch)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_linear_layers_and_batch_norm_match_the_network(name: str) -> None:
    network = skeleton(name, 10, 224)
    assert ARCHITECTURES[name].linear_layers == len(linear_layers(network))
    assert ARCHITECTURES[name].batch_norm == bool(batch_norms(network))


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("VGG 16", ["vgg16"]),
        ("efficientnet-b0", ["efficientnet_b0"]),
        ("Google Net", ["googlenet"]),
        ("vgg16bn", ["vgg16_bn"]),
        ("resnet", ["resnet18", "resnet34", "resnet50"]),
        ("", []),
        ("zzz", []),
    ],
)
def test_nearest(typed: str, expected: list[str]) -> None:
    assert nearest(typed) == expected


def test_nearest_puts_the_best_match_first() -> None:
    assert nearest("resnet-19")[0] == "resnet18"
    assert nearest("alexnt") == ["alexnet"]


def test_nearest_is_fast_for_long_names() -> None:
    assert nearest("a" * 10_000_000) == []
