"""Batch norm folded into convolutions: what is folded, and that nothing else changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from cnn_tui.catalog.models import ARCHITECTURES
from cnn_tui.engine.device import Compute
from cnn_tui.engine.features.backbone import Backbone, convert_weights, fuse_batch_norm, split_backbone
from test_split_backbone import GIANT, empty_classifier, fill_weights, pictures_of

LEFT = {"densenet": 0.6, "maxvit": 0.4}  # the part of their norms that no convolution comes right before
FAMILIES = (
    "resnet18",
    "googlenet",
    "densenet121",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "efficientnet_b0",
    "regnet_y_400mf",
    "shufflenet_v2_x0_5",
    "mnasnet0_5",
    "vgg11_bn",
    "convnext_tiny",
    "swin_t",
    "vit_b_32",
    "squeezenet1_1",
)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def backbone(name: str) -> tuple[nn.Module, Tensor]:
    """A frozen part with weights, and images for it."""
    whole = empty_classifier(name)
    fill_weights(whole)
    whole.eval_mode()
    return split_backbone(whole).backbone, pictures_of(whole)


def norms(module: nn.Module) -> int:
    return sum(isinstance(layer, _BatchNorm) for layer in module.modules())


@torch.no_grad()
def assert_folds(name: str) -> None:
    module, pictures = backbone(name)
    before = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    layers = [type(layer) for layer in module.modules()]
    fast, expected = fuse_batch_norm(module), module(pictures)
    assert (fast(pictures) - expected).norm() <= 1e-5 * expected.norm()
    left = next((part for family, part in LEFT.items() if name.startswith(family)), 0.0)
    assert norms(fast) <= left * norms(module)
    assert [type(layer) for layer in module.modules()] == layers
    assert all(torch.equal(tensor, before[key]) for key, tensor in module.state_dict().items())


@pytest.mark.parametrize("name", FAMILIES)
def test_folding_changes_nothing_but_the_work(name: str) -> None:
    assert_folds(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, one in ARCHITECTURES.items() if one.parameters <= GIANT])
def test_the_whole_catalogue_folds(name: str) -> None:
    assert_folds(name)


@pytest.mark.parametrize("name", ["resnet18", "vit_b_32", "densenet121"])
@torch.no_grad()
def test_weights_converted_once_give_what_autocast_gives(name: str) -> None:
    module, pictures = backbone(name)
    before = {key: tensor.dtype for key, tensor in module.state_dict().items()}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        expected = fuse_batch_norm(module)(pictures)
        assert torch.equal(convert_weights(fuse_batch_norm(module), torch.bfloat16)(pictures), expected)
    assert {key: tensor.dtype for key, tensor in module.state_dict().items()} == before


class Branching(nn.Module):
    """A convolution that is used twice, and one that runs twice: neither may be folded."""

    def __init__(self) -> None:
        super().__init__()
        self.used_twice, self.runs_twice = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.first, self.second = nn.BatchNorm2d(3), nn.BatchNorm2d(3)

    def forward(self, pictures: Tensor) -> Tensor:
        once = self.used_twice(pictures)
        sums: Tensor = self.first(once) + once + self.second(self.runs_twice(self.runs_twice(pictures)))
        return sums


class DependsOnPictures(nn.Module):
    """Something that cannot be traced."""

    def forward(self, pictures: Tensor) -> Tensor:
        return pictures.flatten(1) if pictures.sum() > 0 else pictures.flatten(1) * 2


@torch.no_grad()
def test_what_is_no_pair_stays() -> None:
    module = Branching().eval()
    for norm in (module.first, module.second):
        norm.running_mean = torch.full((3,), 2.0)
    fast, pictures = fuse_batch_norm(module), torch.randn(2, 3, 4, 4)
    assert norms(fast) == 2
    torch.testing.assert_close(fast(pictures), module(pictures))


def test_a_network_that_cannot_be_traced_runs_as_it_is() -> None:
    pictures = torch.ones(2, 3, 4, 4)
    run = Backbone(DependsOnPictures(), Compute(torch.device("cpu"), torch.float32))
    assert torch.equal(run(pictures), torch.ones(2, 48))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_gpu_gives_the_processors_features(dtype: torch.dtype) -> None:
    module, pictures = backbone("resnet18")
    expected = Backbone(module, Compute(torch.device("cpu"), torch.float32))(pictures)
    module.to("cuda").to(memory_format=torch.channels_last)
    features = Backbone(module, Compute(torch.device("cuda"), dtype))(pictures.cuda())
    assert features.dtype == dtype
    difference = (features.cpu().float() - expected).norm() / expected.norm()
    assert difference < (1e-2 if dtype is torch.float32 else 5e-2)  # TF32 may be on
