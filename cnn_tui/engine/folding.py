"""A frozen network rewritten for speed, for as long as nothing of it is trained.

In eval mode batch norm is a scale and a shift for each channel, and where it follows a convolution both are the
convolution's to do. Which pairs there are is read from the graph that torch.fx traces; what is not such a pair, as
DenseNet's norms before their convolutions, stays.
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


def folded(network: nn.Module) -> GraphModule:
    """A network that gives what ``network`` gives in eval mode, up to float rounding, with less work.

    Layers that stay as they are, are shared with it; it is left as it was.
    """
    graph = Tracer().trace(network)
    module = GraphModule(network, graph)
    for convolution, norm in _pairs(network, graph):
        first, second = network.get_submodule(str(convolution.target)), network.get_submodule(str(norm.target))
        module.set_submodule(str(convolution.target), fuse_conv_bn_eval(first, second))
        norm.replace_all_uses_with(convolution)
        graph.erase_node(norm)
    module.delete_all_unused_submodules()
    module.recompile()
    return module


def with_weights_in(module: GraphModule, dtype: torch.dtype) -> GraphModule:
    """The same with the weights of its convolutions and fully connected layers in another number format.

    Autocast would give the same numbers and convert all weights again for every batch.
    """
    for name, layer in list(module.named_modules()):
        if isinstance(layer, _ConvNd | nn.Linear):
            module.set_submodule(name, _converted(layer, dtype))
    return module


def _pairs(network: nn.Module, graph: Graph) -> Iterator[tuple[Node, Node]]:
    """Convolutions whose only use is a batch norm, each with that."""
    calls = Counter(node.target for node in graph.nodes if node.op == "call_module")
    for norm in list(graph.nodes):
        if not _is(norm, network, _BatchNorm) or not isinstance(norm.args[0], Node):
            continue
        convolution = norm.args[0]
        once = calls[norm.target] == calls[convolution.target] == len(convolution.users) == 1
        if once and _is(convolution, network, _ConvNd):
            yield convolution, norm


def _is(node: Node, network: nn.Module, kind: type[nn.Module]) -> bool:
    return node.op == "call_module" and isinstance(network.get_submodule(str(node.target)), kind)


def _converted(layer: nn.Module, dtype: torch.dtype) -> nn.Module:
    shallow = copy.copy(layer)
    shallow._parameters = {
        name: parameter if parameter is None else nn.Parameter(parameter.detach().to(dtype), requires_grad=False)
        for name, parameter in layer._parameters.items()
    }
    return shallow
