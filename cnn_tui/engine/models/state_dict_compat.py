"""Adapting a state dict to a network: old names, another image size or number of classes. Anything else is refused."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.models import VisionTransformer
from torchvision.models.vision_transformer import interpolate_embeddings

from cnn_tui.engine.models.heads import last_layer
from cnn_tui.errors import WeightsError

_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
_RENAMED = (  # layers that torchvision has renamed since it published the weights
    (re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\."), r"\1\2."),
    (re.compile(r"\.mlp\.linear_1\."), ".mlp.0."),
    (re.compile(r"\.mlp\.linear_2\."), ".mlp.3."),
)
_POSITIONS = "encoder.pos_embedding"
_SHOWN = 4


@dataclass(frozen=True)
class CompatibleState:
    """A state dict that a network can load.

    Attributes:
        state: every tensor of the network, without the last layer's if they do not match.
        last_layer_mismatch: why the last layer is missing; empty if it is not.
        notes: how the tensors were found in their file, as text.
        alternatives: other state dicts in the file that match as well.
    """

    state: dict[str, Tensor]
    last_layer_mismatch: str
    notes: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()


def make_compatible(state: Mapping[str, Tensor], network: nn.Module, origin: str) -> CompatibleState:
    """Adapt tensors to a network, which may be on the meta device.

    Args:
        origin: where the tensors come from, for messages.

    Raises:
        WeightsError: a tensor other than the last layer's is missing, unknown, quantised, not finite or has another
            shape.
    """
    expected = network.state_dict()
    state = _without_auxiliary({current_name(name): tensor for name, tensor in state.items()}, expected)
    _require_whole(state, expected, origin)
    state = _with_counters(_at_image_size(state, network, origin), expected)
    # A last layer that was replaced by several has other names below its own.
    last = {name for name in (*expected, *state) if name.startswith(f"{last_layer(network)[0]}.")}
    mismatch = "; ".join(_differences(_only(state, last), _only(expected, last)))
    wanted = _only(expected, expected.keys() - last) if mismatch else expected
    given = _only(state, state.keys() - last) if mismatch else state
    require_matching(given, wanted, origin)
    _require_fractions(given, wanted, origin)
    compatible = {name: given[name].to(tensor.dtype) for name, tensor in wanted.items()}
    _require_finite(compatible, origin)
    return CompatibleState(compatible, mismatch)


def require_matching(given: Mapping[str, Tensor], expected: Mapping[str, Tensor], origin: str) -> None:
    """Refuse tensors whose names or shapes differ from the expected ones.

    Raises:
        WeightsError: it names the first few that differ.
    """
    differences = _differences(given, expected)
    if differences:
        more = len(differences) - _SHOWN
        raise WeightsError(
            "The weights are of another model",
            f"{origin}: {'; '.join(differences[:_SHOWN])}{f'; and {more:,} more' if more > 0 else ''}.",
            "Set model.architecture to the network that the file was saved from, or model.weights to another file.",
        )


def current_name(name: str) -> str:
    """The current name in torchvision of a tensor that an older file calls ``name``."""
    for pattern, replacement in _RENAMED:
        name = pattern.sub(replacement, name)
    return name


def _require_whole(given: Mapping[str, Tensor], expected: Mapping[str, Tensor], origin: str) -> None:
    """Refuse a file that lacks the network's first tensor and otherwise has only tensors of this network."""
    if next(iter(expected)) in given or not given.keys() < expected.keys():
        return
    raise WeightsError(
        "The weights file contains only a part of the model",
        f"{origin}: it has {_listed(sorted(given))}, {len(given)} of {len(expected)} tensors, as a run saves them "
        "that trained only its last layers.",
        "Set model.weights to imagenet, random or a file with all layers. To use that run's weights, use its session.",
    )


def _require_fractions(given: Mapping[str, Tensor], expected: Mapping[str, Tensor], origin: str) -> None:
    """Refuse integers in place of weights: in quantised models the scale is not part of the tensor."""
    wrong = [
        name for name, tensor in expected.items() if tensor.is_floating_point() and not given[name].is_floating_point()
    ]
    if wrong:
        raise WeightsError(
            "The weights file contains no ordinary weights",
            f"{origin}: {len(wrong):,} of {len(expected):,} tensors are quantised or of another kind, the first is "
            f"{wrong[0]} ({str(given[wrong[0]].dtype).removeprefix('torch.')}).",
            "Save the weights of the model as it was before it was quantised.",
        )


def _require_finite(state: Mapping[str, Tensor], origin: str) -> None:
    """Refuse NaN and infinity, which would make every loss NaN."""
    wrong = [name for name, tensor in state.items() if not _is_finite(tensor)]
    if wrong:
        raise WeightsError(
            "The weights file contains NaN or infinity",
            f"{origin}: {len(wrong):,} of {len(state):,} tensors do, the first is {wrong[0]}.",
            "The training that wrote it had diverged, or the file is damaged: take an earlier one.",
        )


def _is_finite(tensor: Tensor) -> bool:
    """Whether all elements are. A finite sum proves it, and takes a fraction of the time of isfinite() on each."""
    return bool(tensor.sum().isfinite()) or bool(tensor.isfinite().all())


def _differences(given: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> list[str]:
    missing = [f"{name} is missing" for name in expected if name not in given]
    unknown = [f"{name} is not in this model" for name in given if name not in expected]
    shapes = [
        f"{name} is {_size(given[name])} and should be {_size(tensor)}"
        for name, tensor in expected.items()
        if name in given and given[name].shape != tensor.shape
    ]
    return shapes + missing + unknown


def _without_auxiliary(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Remove the auxiliary heads in the files of GoogLeNet and Inception, unless they are used."""
    return {name: tensor for name, tensor in state.items() if name in expected or not name.startswith(_AUXILIARY)}


def _with_counters(state: dict[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Add BatchNorm's step counters, which files of PyTorch before 0.4.1 lack."""
    counters = {name: torch.tensor(0) for name in expected if name.endswith(".num_batches_tracked")}
    return counters | state


def _at_image_size(state: dict[str, Tensor], network: nn.Module, origin: str) -> dict[str, Tensor]:
    """Interpolate a vision transformer's position embeddings to the image size."""
    if not isinstance(network, VisionTransformer) or _POSITIONS not in state:
        return state
    positions = OrderedDict([(_POSITIONS, state[_POSITIONS].float())])
    try:
        resampled = interpolate_embeddings(network.image_size, network.patch_size, positions)
    except ValueError as error:
        raise WeightsError("The weights are of another model", f"{origin}: {_POSITIONS}: {error}") from error
    return state | {_POSITIONS: resampled[_POSITIONS]}


def _only(state: Mapping[str, Tensor], names: Iterable[str]) -> dict[str, Tensor]:
    wanted = set(names)
    return {name: tensor for name, tensor in state.items() if name in wanted}


def _size(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a single number"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
