"""Fitting a state dict to a network: old names, other picture sizes, another number of classes; all else is refused."""

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
_RENAMED = (  # layers that torchvision has renamed since it published the files
    (re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\."), r"\1\2."),
    (re.compile(r"\.mlp\.linear_1\."), ".mlp.0."),
    (re.compile(r"\.mlp\.linear_2\."), ".mlp.3."),
)
_POSITIONS = "encoder.pos_embedding"
_SHOWN = 4


@dataclass(frozen=True)
class Fitted:
    """A state dict that a network can take.

    Attributes:
        state: every tensor of the network, but the last layer's where they do not fit.
        last_layer_problem: why the last layer is left out, in words; empty where it is there.
        notes: what was done to find the tensors in their file, in words.
        passed_over: other sets of tensors in the file that would have done as well.
    """

    state: dict[str, Tensor]
    last_layer_problem: str
    notes: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()


def fit(state: Mapping[str, Tensor], network: nn.Module, origin: str) -> Fitted:
    """Fit tensors to a network, whose own may be on the meta device.

    Args:
        origin: where the tensors come from, for messages.

    Raises:
        WeightsError: a tensor other than the last layer's is missing, unknown, of another shape or no weights.
    """
    expected = network.state_dict()
    state = _without_auxiliary({present_name(name): tensor for name, tensor in state.items()}, expected)
    _require_whole(state, expected, origin)
    state = _with_counters(_at_picture_size(state, network, origin), expected)
    # A last layer that was replaced by several has other names below its own.
    last = {name for name in (*expected, *state) if name.startswith(f"{last_layer(network)[0]}.")}
    problem = "; ".join(_differences(_only(state, last), _only(expected, last)))
    wanted = _only(expected, expected.keys() - last) if problem else expected
    given = _only(state, state.keys() - last) if problem else state
    require_same(given, wanted, origin)
    _require_fractions(given, wanted, origin)
    fitted = {name: given[name].to(tensor.dtype) for name, tensor in wanted.items()}
    _require_finite(fitted, origin)
    return Fitted(fitted, problem)


def require_same(given: Mapping[str, Tensor], expected: Mapping[str, Tensor], origin: str) -> None:
    """Refuse tensors that are not those expected, by name and shape.

    Raises:
        WeightsError: naming the first few that differ.
    """
    differences = _differences(given, expected)
    if differences:
        more = len(differences) - _SHOWN
        raise WeightsError(
            "The weights are of another model",
            f"{origin}: {'; '.join(differences[:_SHOWN])}{f'; and {more:,} more' if more > 0 else ''}.",
            "Set model.architecture to the network that the file was saved from, or model.weights to another file.",
        )


def present_name(name: str) -> str:
    """What torchvision calls today what an older file calls ``name``."""
    for pattern, replacement in _RENAMED:
        name = pattern.sub(replacement, name)
    return name


def _require_whole(given: Mapping[str, Tensor], expected: Mapping[str, Tensor], origin: str) -> None:
    """Refuse a file without the network's very first tensor that is otherwise all of this network."""
    if next(iter(expected)) in given or not given.keys() < expected.keys():
        return
    raise WeightsError(
        "The weights file holds only a part of the model",
        f"{origin}: it has {_listed(sorted(given))}, {len(given)} of {len(expected)} tensors, as a run saves them "
        "that trained only its last layers.",
        "Set model.weights to imagenet, random or a file with all layers. To use that run's weights, use its session.",
    )


def _require_fractions(given: Mapping[str, Tensor], expected: Mapping[str, Tensor], origin: str) -> None:
    """Refuse integers where weights should be, as quantised models have them: their scale is not in the tensor."""
    wrong = [
        name for name, tensor in expected.items() if tensor.is_floating_point() and not given[name].is_floating_point()
    ]
    if wrong:
        raise WeightsError(
            "The weights file holds no ordinary weights",
            f"{origin}: {len(wrong):,} of {len(expected):,} tensors are quantised or of another kind, the first is "
            f"{wrong[0]} ({str(given[wrong[0]].dtype).removeprefix('torch.')}).",
            "Save the weights of the model as it was before it was quantised.",
        )


def _require_finite(state: Mapping[str, Tensor], origin: str) -> None:
    """Refuse NaN and infinity, from which every loss would be NaN."""
    wrong = [name for name, tensor in state.items() if not bool(tensor.isfinite().all())]
    if wrong:
        raise WeightsError(
            "The weights file holds NaN or infinity",
            f"{origin}: {len(wrong):,} of {len(state):,} tensors do, the first is {wrong[0]}.",
            "The training that wrote it had diverged, or the file is damaged: take an earlier one.",
        )


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
    """Leave out the heads that torchvision's GoogLeNet and Inception files have for training, unless they are used."""
    return {name: tensor for name, tensor in state.items() if name in expected or not name.startswith(_AUXILIARY)}


def _with_counters(state: dict[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Add BatchNorm's step counters, which files older than them lack."""
    counters = {name: torch.tensor(0) for name in expected if name.endswith(".num_batches_tracked")}
    return counters | state


def _at_picture_size(state: dict[str, Tensor], network: nn.Module, origin: str) -> dict[str, Tensor]:
    """Resample a vision transformer's table of positions to the pictures' size."""
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
