"""Pretrained weights: where torchvision's are, how they come here, and what a weights file may hold."""

from __future__ import annotations

import hashlib
import pickle
import re
import struct
import warnings
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast
from urllib.parse import urlparse

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor
from torchvision.models import get_model_weights

from cnn_tui.catalog.models import ARCHITECTURES
from cnn_tui.engine.download import DownloadError, download
from cnn_tui.engine.stopping import ShouldStop
from cnn_tui.errors import WeightsError
from cnn_tui.events import Event, Phase
from cnn_tui.paths import weights_folder

Triple = tuple[float, float, float]

_WRAPPERS = ("state_dict", "model")
_PREFIXES = ("module.", "_orig_mod.")
# What torch.load's unpickler lets through when bytes are wrong, found by feeding it such.
_UNREADABLE = (
    pickle.UnpicklingError,
    struct.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class WeightsSource:
    """A published weights file; its name carries the first digits of its sha256."""

    url: str
    sha256_prefix: str

    @property
    def file_name(self) -> str:
        """The last part of the URL."""
        return PurePosixPath(urlparse(self.url).path).name

    @property
    def own_path(self) -> Path:
        """Where this program keeps it."""
        return weights_folder() / self.file_name


def imagenet_source(architecture: str) -> WeightsSource:
    """Where torchvision's best weights of an architecture are."""
    url: str = get_model_weights(architecture).DEFAULT.url
    digits = re.search(r"-([0-9a-f]{8,})\.pth$", url)
    return WeightsSource(url, digits.group(1) if digits else "")


def imagenet_normalisation(architecture: str) -> tuple[Triple, Triple]:
    """Mean and standard deviation of the three channels (0 to 1) that torchvision's best weights were trained with."""
    transforms = get_model_weights(architecture).DEFAULT.transforms()
    return cast(Triple, tuple(transforms.mean)), cast(Triple, tuple(transforms.std))


def weights_available(architecture: str) -> Path | None:
    """The ImageNet weights' file if this machine has it: in this program's folder, or in PyTorch's own cache."""
    source = imagenet_source(architecture)
    for path in (source.own_path, Path(torch.hub.get_dir()) / "checkpoints" / source.file_name):
        if path.is_file():
            return path
    return None


def fetch_imagenet(architecture: str, should_stop: ShouldStop) -> Generator[Event, None, Path]:
    """Download the ImageNet weights unless they are here, and return the path of the checked file.

    Raises:
        WeightsError: they cannot be fetched, or what is here is damaged.
        Stopped: ``should_stop`` said so.
    """
    source, path = imagenet_source(architecture), weights_available(architecture)
    if path is not None:
        _require_digest(path, source.sha256_prefix)
        return path
    size = ARCHITECTURES[architecture].weights_bytes / 1e6
    yield Phase(name="downloading", detail=f"ImageNet weights of {architecture}, {size:,.0f} MB")
    try:
        prefix = source.sha256_prefix or None
        yield from download(source.url, source.own_path, sha256_prefix=prefix, should_stop=should_stop)
    except DownloadError as error:
        raise _unreachable(architecture, source, error) from error
    return source.own_path


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file by name, on the CPU; wrappers and prefixes that training programs add are removed.

    Nothing in the file is executed: a pickle that holds more than tensors is refused.

    Raises:
        WeightsError: the file is missing, unreadable or holds no state dict.
    """
    if not path.is_file():
        raise WeightsError(
            "The weights file is not there",
            f"model.weights is {str(path)!r}, and that is no file.",
            "Give imagenet, random, or the path of a .pth, .pt or .safetensors file.",
        )
    content = _read_safetensors(path) if path.suffix.lower() == ".safetensors" else _read_pickle(path)
    return _without_prefix(_state_dict(content, path))


def _require_digest(path: Path, prefix: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(prefix):
        raise WeightsError(
            "The weights file is damaged",
            f"The sha256 of {path} begins with {found[:8]}; its name says {prefix}.",
            "Delete it, and it is downloaded again.",
        )


def _unreachable(architecture: str, source: WeightsSource, error: DownloadError) -> WeightsError:
    return WeightsError(
        f"The ImageNet weights of {architecture} could not be downloaded",
        error.detail,
        f"Download {source.url} on a machine that can reach it, and put the file at {source.own_path}. "
        "Without it, set model.weights to random or to a file of your own.",
    )


def _read_safetensors(path: Path) -> Any:
    try:
        return safetensors.torch.load_file(path)
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, error) from error


def _read_pickle(path: Path) -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):  # of what is refused a few lines on, or read all the same
            return torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> WeightsError:
    if isinstance(error, pickle.UnpicklingError):
        reason = "It holds more than tensors, or is no PyTorch file; code in a file is never run."
    else:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return WeightsError(
        "The weights file cannot be read",
        f"{path}: {reason}",
        "Save it anew with torch.save(model.state_dict(), path) or as .safetensors.",
    )


def _state_dict(content: Any, path: Path) -> dict[str, Tensor]:
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if isinstance(content, Mapping) and content:
        state = {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}
        if len(state) == len(content):
            return state
    raise WeightsError(
        "The weights file holds no state dict",
        f"{path}: a mapping from names to tensors is expected, alone or under 'state_dict' or 'model'.",
        "Save it anew with torch.save(model.state_dict(), path).",
    )


def _without_prefix(state: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return state
