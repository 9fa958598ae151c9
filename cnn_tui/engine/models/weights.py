"""Pretrained weights: locating and downloading torchvision's, and finding the user's own file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import cast
from urllib.parse import urlparse

import torch
from torchvision.models import get_model_weights

from cnn_tui.catalog.models import ARCHITECTURES
from cnn_tui.engine.control import ShouldStop
from cnn_tui.engine.download import DownloadError, download
from cnn_tui.errors import WeightsError
from cnn_tui.events import Event, Phase
from cnn_tui.paths import weights_folder

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class WeightsSource:
    """A published weights file, whose name contains the first digits of its sha256."""

    url: str
    sha256_prefix: str

    @property
    def file_name(self) -> str:
        """The last part of the URL."""
        return PurePosixPath(urlparse(self.url).path).name

    @property
    def own_path(self) -> Path:
        """Where this program stores it."""
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
    """The file of the ImageNet weights if it is in this program's folder or in PyTorch's cache."""
    source = imagenet_source(architecture)
    for path in (source.own_path, Path(torch.hub.get_dir()) / "checkpoints" / source.file_name):
        if path.is_file():
            return path
    return None


def fetch_imagenet(architecture: str, should_stop: ShouldStop) -> Generator[Event, None, Path]:
    """Download the ImageNet weights unless they are available; returns the path of the verified file.

    Raises:
        WeightsError: they cannot be downloaded, or the available file is damaged.
        Stopped: ``should_stop`` returned True.
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


def user_weights_file(weights: str) -> Path:
    """The user's own weights file, by the value of ``model.weights``.

    Raises:
        WeightsError: it is not a valid path.
    """
    try:
        path = Path(weights).expanduser()
        path.lstat()
    except FileNotFoundError:
        return path  # the reader reports it
    except (RuntimeError, ValueError, OSError) as error:
        detail = f"model.weights is {weights!r}: {error}."
        raise WeightsError("The weights file does not exist", detail, "Give the path of a file.") from error
    return path


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
