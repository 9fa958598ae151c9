"""Weights files: locating and downloading torchvision's, finding the user's own, and reading either.

No code in a file is ever executed. Its format is detected by its content, not by its name.
"""

from __future__ import annotations

import argparse
import hashlib
import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, cast
from urllib.parse import urlparse

import numpy as np
import safetensors.torch
import torch
from numpy._core import multiarray
from safetensors import SafetensorError
from torchvision.models import get_model_weights

from cnn_tui.catalog.models import ARCHITECTURES
from cnn_tui.engine.control import ShouldStop
from cnn_tui.engine.download import DownloadError, download
from cnn_tui.errors import WeightsError
from cnn_tui.events import Event, Phase
from cnn_tui.paths import weights_folder

Triple = tuple[float, float, float]
_SUFFIXES = (".pth", ".pt", ".bin", ".ckpt", ".safetensors")
_SHOWN = 3
_HEAD_BYTES = 512
_LONGEST_HEADER = 100_000_000  # of a safetensors file, by its specification
_SAVE_ANEW = "Save it again with torch.save(model.state_dict(), path) or as .safetensors."
_DOWNLOAD_AGAIN = "Download it again, and check the file before you use it."
# What torch.load raises for corrupted files, found by fuzzing it.
_UNREADABLE = (
    pickle.UnpicklingError,
    struct.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
)
_FOREIGN = (
    (b"\x89HDF", "It is an HDF5 file, as Keras writes."),
    (b"\x1f\x8b", "It is compressed with gzip."),
    (b"BZh", "It is compressed with bzip2."),
    (b"\xfd7zXZ", "It is compressed with xz."),
    (b"\x93NUMPY", "It is a NumPy array."),
    (b"GGUF", "It is a GGUF file."),
)


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


def read_content(path: Path) -> Any:
    """The content of a PyTorch or safetensors file, with tensors on the CPU.

    Raises:
        WeightsError: the file is missing, of another format, damaged, or contains more than data.
    """
    try:
        _require_file(path)
        return _reader(path)(path)
    except SafetensorError as error:
        raise _refusal(path, f"As a safetensors file it is damaged or cut off: {error}.", _DOWNLOAD_AGAIN) from error
    except _UNREADABLE as error:
        raise _unreadable(path, error) from error


def _require_file(path: Path) -> None:
    if path.is_dir():
        held = sorted(entry.name for entry in path.iterdir() if entry.suffix.lower() in _SUFFIXES)
        found = f"In it are {', '.join(held[:_SHOWN])}{' and others' if held[_SHOWN:] else ''}. " if held else ""
        raise WeightsError("The weights file is a folder", f"model.weights is {path}. {found}".strip(), "Name a file.")
    if not path.is_file():
        raise WeightsError(
            "The weights file does not exist",
            f"model.weights is {str(path)!r}, and that is no file.",
            "Give imagenet, random, or the path of a .pth, .pt or .safetensors file.",
        )


def _reader(path: Path) -> Callable[[Path], Any]:
    """The function that reads a file of this format.

    Raises:
        WeightsError: the format is not supported.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(b"PK"):
        return _read_zip
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= _LONGEST_HEADER:
        return safetensors.torch.load_file
    # PyTorch before 1.6 wrote bare pickles, before 0.1.10 tar archives.
    if head.startswith(b"\x80") or head[257:262] == b"ustar":
        return _read_pickle
    raise _refusal(path, *_foreign(head))


def _foreign(head: bytes) -> tuple[str, str]:
    """What a file of another format is, by its first bytes, and a next step for the user."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        return "It is empty.", _DOWNLOAD_AGAIN
    if text.startswith(b"version https://git-lfs"):
        return "It is a Git LFS pointer; the weights themselves were not fetched.", "Fetch them with 'git lfs pull'."
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "It is a web page: what was downloaded is not the weights.", _DOWNLOAD_AGAIN
    known = next((words for magic, words in _FOREIGN if head.startswith(magic)), "")
    return known or f"It is no PyTorch and no safetensors file: it begins with {head[:8]!r}.", _SAVE_ANEW


def _read_zip(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.endswith("/constants.pkl") for name in names):
        raise _refusal(
            path,
            "This is a TorchScript program, not a state dict.",
            f"Save its weights alone: torch.save(torch.jit.load({path.name!r}).state_dict(), 'weights.pth').",
        )
    if not any(name.endswith("/data.pkl") for name in names):
        raise _refusal(path, "It is a zip archive, but not one of torch.save.", _SAVE_ANEW)
    return _read_pickle(path)


def _read_pickle(path: Path) -> Any:
    with (
        warnings.catch_warnings(action="ignore"),  # about files that are either refused below or read anyway
        torch.serialization.safe_globals(_inert()),
        path.open("rb") as file,  # given a path, torch.load would trust its suffix
    ):
        return torch.load(file, map_location="cpu", weights_only=True)


def _inert() -> list[Any]:
    """Types that training programs save beside the weights and that hold only data: arguments, arrays, paths.

    Some come with the name that files use, which is an older one where NumPy or pathlib has moved the type.
    """
    codes = np.typecodes["All"].replace("O", "")  # numbers and strings, no objects
    arrays: list[Any] = [np.ndarray, np.dtype, *{type(np.dtype(code)) for code in codes}]
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        arrays += [(multiarray.scalar, f"{module}.scalar"), (multiarray._reconstruct, f"{module}._reconstruct")]
    paths: list[Any] = []
    for module in ("pathlib", "pathlib._local"):
        paths += [(PurePosixPath, f"{module}.PosixPath"), (PureWindowsPath, f"{module}.WindowsPath")]
    return [argparse.Namespace, *arrays, *paths]


def _unreadable(path: Path, error: Exception) -> WeightsError:
    """An error of torch.load in our own words: its own message suggests loading the file unsafely."""
    message = str(error)
    foreign = re.search(r"(?:GLOBAL|class|type|instance of|function) ['\"]?([A-Za-z_]\w*(?:\.\w+)+)", message)
    if foreign:
        return _refusal(
            path,
            f"It holds more than tensors, a {foreign.group(1)}; code in a file is never run.",
            "Where it was made, save the weights alone: torch.save(model.state_dict(), path).",
        )
    if isinstance(error, pickle.UnpicklingError):
        return _refusal(path, "It is damaged, or holds more than tensors; code in a file is never run.", _SAVE_ANEW)
    if isinstance(error, OSError) and error.strerror:
        return _refusal(path, f"{error.strerror}.", "Look at the file and its permissions.")
    return _refusal(path, "It is damaged or cut off.", _DOWNLOAD_AGAIN)


def _refusal(path: Path, reason: str, hint: str) -> WeightsError:
    return WeightsError("The weights file cannot be read", f"{path}: {reason}", hint)
