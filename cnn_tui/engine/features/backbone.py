"""The frozen part of a network: split off, rewritten for speed, and run without gradients.

The split is at the deepest possible point: the head's layers are walked in order, and the first that is trained or
stochastic starts the head. ResNet is split after its average pool, VGG with ``last_layer`` after the first fully
connected layer and its ReLU, VGG with ``classifier`` and AlexNet after the flatten.
"""

from __future__ import annotations

import copy
import functools
import hashlib
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile

import torch
from torch import Tensor, nn
from torch.fx import Graph, GraphModule, Node, Tracer
from torch.fx.proxy import TraceError
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils import fuse_conv_bn_eval
from torchvision.models import SqueezeNet

from cnn_tui.catalog.features import are_packed
from cnn_tui.engine.device import Compute, free_memory
from cnn_tui.engine.features.packed_maps import packed
from cnn_tui.engine.micro_batches import UNDIVIDED, MicroBatches
from cnn_tui.engine.models.build import Classifier
from cnn_tui.engine.models.heads import batch_norms, head_names, head_steps
from cnn_tui.engine.models.stochastic import is_stochastic
from cnn_tui.errors import TrainingError

_CPU_PIXELS = 8 * 224 * 224  # of one batch: larger ones no longer fit in the caches
_GPU_BYTES_PER_PIXEL = 640  # input and output of VGG's first layers, the widest at full resolution
_GPU_SHARE = 0.25  # of the free memory that one batch may take
_LARGEST_BATCH = 512


@dataclass(frozen=True)
class SplitNetwork:
    """A network in two parts, which share its weights: ``head(backbone(images))`` are its logits.

    Attributes:
        backbone: maps normalised images (N, 3, S, S) to features, (N, F) or for SqueezeNet (N, C, H, W). It is
            deterministic and frozen.
        head: maps features to logits (N, classes).
    """

    backbone: nn.Module
    head: nn.Sequential


def split_backbone(classifier: Classifier) -> SplitNetwork:
    """Split a classifier into backbone and head.

    Raises:
        TrainingError: no part of it gives the same output in every epoch.
    """
    network, config = classifier.network, classifier.config
    if config.trainable == "all":
        raise _not_splittable(config.architecture, "every layer is trained")
    if config.batch_norm == "adapt" and batch_norms(network):
        raise _not_splittable(config.architecture, "its batch norm adapts, which changes what the frozen layers give")
    steps = tuple(head_steps(network))
    fixed = tuple(takewhile(_is_fixed, steps))
    return SplitNetwork(_backbone(network, fixed), _head(network, steps[len(fixed) :]))


def _is_fixed(step: nn.Module) -> bool:
    trained = any(parameter.requires_grad for parameter in step.parameters())
    return not trained and not any(is_stochastic(module) for module in step.modules())


def _backbone(network: nn.Module, fixed: tuple[nn.Module, ...]) -> nn.Module:
    if isinstance(network, SqueezeNet):
        return nn.Sequential(network.features, *fixed)
    # The network's own forward is kept, as it flattens or pools between its children: only the head is replaced.
    first, *rest = head_names(network)
    return _with_children(network, {first: nn.Sequential(*fixed)} | {name: nn.Identity() for name in rest})


def _head(network: nn.Module, steps: tuple[nn.Module, ...]) -> nn.Sequential:
    # SqueezeNet is the only one that flattens after its head.
    return nn.Sequential(*steps, nn.Flatten()) if isinstance(network, SqueezeNet) else nn.Sequential(*steps)


def _with_children(network: nn.Module, children: Mapping[str, nn.Module]) -> nn.Module:
    """A shallow copy of the network with some children replaced; everything else is shared."""
    shallow = copy.copy(network)
    shallow._modules = {**network._modules, **children}
    return shallow


def _not_splittable(architecture: str, reason: str) -> TrainingError:
    return TrainingError(
        "Features cannot be computed once", f"{architecture}: {reason}.", "Set training.feature_cache to off."
    )


@dataclass(frozen=True)
class Backbone:
    """A frozen part and the precision it runs in: normalised images (B, 3, S, S) to features (B, ...).

    Attributes:
        origin: identifies its weights: equal origins give equal features. None if unknown.
        micro_batches: how many images of a batch it runs on at once.
    """

    module: nn.Module
    compute: Compute
    origin: Hashable = None
    micro_batches: MicroBatches = field(default=UNDIVIDED, compare=False)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """The features, in the precision of the arithmetic."""
        parts = self.micro_batches.run(len(images), partial(self._parts, images))
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _parts(self, images: Tensor, slices: Sequence[slice]) -> list[Tensor]:
        with self.compute.autocast():
            return [self._fused(images[rows]).to(self.compute.dtype) for rows in slices]

    def rows(self, images: Tensor) -> Tensor:
        """The features with one row for each image: (B, F), or (B, P, C) for maps of P positions."""
        features = self(images)
        return features.flatten(2).transpose(1, 2).contiguous() if features.ndim > 2 else features

    def storable(self, images: Tensor) -> Tensor:
        """The :meth:`rows` as they are stored: large maps in float32 are packed."""
        rows = self.rows(images)
        return packed(rows) if rows.dtype is torch.float32 and are_packed(rows.shape[1:]) else rows

    def fingerprint(self) -> bytes:
        """A hash of its layers and of every weight and statistic."""
        digest = hashlib.sha256(repr(self.module).encode())
        for name, tensor in self.module.state_dict().items():
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
        return digest.digest()

    @functools.cached_property
    def _fused(self) -> nn.Module:
        try:
            module = fuse_batch_norm(self.module)
        except TraceError:  # control flow that depends on the images
            return self.module
        return module if self.compute.dtype is torch.float32 else convert_weights(module, self.compute.dtype)


def feature_batch(image_size: int, device: torch.device) -> int:
    """The number of images of this size that go through a backbone at once."""
    pixels = _CPU_PIXELS
    if device.type != "cpu":
        pixels = int(_GPU_SHARE * free_memory(device)) // _GPU_BYTES_PER_PIXEL
    return max(1, min(_LARGEST_BATCH, pixels // image_size**2))


def fuse_batch_norm(network: nn.Module) -> GraphModule:
    """A network with the output of ``network`` in eval mode, up to float rounding, and less work.

    In eval mode batch norm is a scale and a shift per channel, which a preceding convolution can do with its own
    weights. The pairs are found in the graph that torch.fx traces; other batch norms, such as DenseNet's before its
    convolutions, stay. torch.compile would fuse them too, but costs more time than it saves in one pass over a dataset.
    Unchanged layers are shared with ``network``, which is not modified.
    """
    graph = Tracer().trace(network)
    fused: dict[str, nn.Module] = {}
    for convolution, norm in _pairs(graph):
        first, second = (network.get_submodule(str(node.target)) for node in (convolution, norm))
        if isinstance(first, _ConvNd) and isinstance(second, _BatchNorm):
            fused[str(convolution.target)] = fuse_conv_bn_eval(first, second)
            norm.replace_all_uses_with(convolution)
            graph.erase_node(norm)
    module = GraphModule(network, graph)  # takes only the layers that the graph still has
    for name, layer in fused.items():
        module.set_submodule(name, layer)
    return module


def convert_weights(module: GraphModule, dtype: torch.dtype) -> GraphModule:
    """The same module with the weights of its convolutions and fully connected layers in another precision.

    Autocast gives the same numbers, but converts all weights again for every batch.
    """
    for name in {str(node.target) for node in module.graph.nodes if node.op == "call_module"}:
        layer = module.get_submodule(name)
        if isinstance(layer, _ConvNd | nn.Linear):
            module.set_submodule(name, _converted(layer, dtype))
    return module


def _pairs(graph: Graph) -> Iterator[tuple[Node, Node]]:
    """Pairs of layers of which the first is used only by the second, and both run once."""
    calls = Counter(node.target for node in graph.nodes if node.op == "call_module")
    for second in list(graph.nodes):
        first = next(iter(second.args), None) if second.op == "call_module" else None
        if not isinstance(first, Node) or first.op != "call_module" or len(first.users) > 1:
            continue
        if calls[first.target] == calls[second.target] == 1:
            yield first, second


def _converted(layer: nn.Module, dtype: torch.dtype) -> nn.Module:
    shallow = copy.copy(layer)
    shallow._parameters = {
        name: parameter if parameter is None else nn.Parameter(parameter.detach().to(dtype), requires_grad=False)
        for name, parameter in layer._parameters.items()
    }
    return shallow
