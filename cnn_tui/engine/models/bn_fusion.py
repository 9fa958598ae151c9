"""Rewriting a frozen network for speed by fusing batch norm into convolutions.

In eval mode batch norm is a scale and a shift per channel, which a preceding convolution can do with its own weights.
The pairs are found in the graph that torch.fx traces. Other batch norms, such as DenseNet's before its convolutions,
stay. torch.compile would fuse them too, but costs more time than it saves in one pass over a dataset.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator

import torch
from torch import nn
from torch.fx import Graph, GraphModule, Node, Tracer
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils import fuse_conv_bn_eval


def fuse_batch_norm(network: nn.Module) -> GraphModule:
    """A network with the output of ``network`` in eval mode, up to float rounding, and less work.

    Unchanged layers are shared with ``network``, which is not modified.
    """
    graph = Tracer().trace(network)
    module = GraphModule(network, graph)
    for convolution, norm in _pairs(graph):
        first, second = (network.get_submodule(str(node.target)) for node in (convolution, norm))
        if isinstance(first, _ConvNd) and isinstance(second, _BatchNorm):
            module.set_submodule(str(convolution.target), fuse_conv_bn_eval(first, second))
            norm.replace_all_uses_with(convolution)
            graph.erase_node(norm)
    module.delete_all_unused_submodules()
    module.recompile()
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
