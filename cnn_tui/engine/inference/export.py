"""A session's network as a plain state dict for torchvision."""

from __future__ import annotations

import io
from collections.abc import Generator
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from cnn_tui.engine.control import ShouldStop, never
from cnn_tui.engine.inference.restore import restore
from cnn_tui.errors import ConfigError
from cnn_tui.events import Event
from cnn_tui.store.files import replace_atomic
from cnn_tui.store.records import SessionRecord

SUFFIXES = (".pth", ".pt", ".safetensors")


def export_weights(
    record: SessionRecord, folder: Path, target: Path, should_stop: ShouldStop = never
) -> Generator[Event, None, str]:
    """Write all layers of a session's network to ``target``, replacing an earlier file.

    Returns:
        The call that makes the network which loads them with ``strict=True``.

    Raises:
        ConfigError: the suffix is none of :data:`SUFFIXES`, or the format cannot hold this network.
        WeightsError, StorageError: as for :func:`restore`.
        StorageError: the file cannot be written.
        Stopped: ``should_stop`` returned True.
    """
    _require_format(record.experiment.model.architecture, target)
    classifier = yield from restore(record, folder, should_stop)
    state, call = classifier.network.state_dict(), classifier.torchvision_call
    replace_atomic(target, lambda path: _write(path, state, call))
    return call


def _require_format(architecture: str, target: Path) -> None:
    suffix = target.suffix.lower()
    if suffix not in SUFFIXES:
        hint = f"Choose a name that ends in one of {', '.join(SUFFIXES)}."
        raise ConfigError(f"The name {target.name} does not imply a format for weights", "", hint)
    if suffix == ".safetensors" and architecture.startswith("mnasnet"):
        # It refuses a state dict without the versions of its layers, which a safetensors file cannot hold.
        detail = f"torchvision loads {architecture} only from files of PyTorch."
        raise ConfigError("This network cannot be saved as safetensors", detail, "Choose a name that ends in .pth.")


def _write(path: Path, state: dict[str, Tensor], call: str) -> None:
    for name, tensor in state.items():  # the same dictionary has the metadata that MNASNet needs
        state[name] = tensor.detach().contiguous()
    # Both libraries would report a full disk as an error of their own, so they do not write the file themselves.
    if path.suffix.lower() == ".safetensors":
        path.write_bytes(safetensors.torch.save(state, {"format": "pt", "torchvision": call}))
    else:
        content = io.BytesIO()
        torch.save(state, content)
        path.write_bytes(content.getbuffer())
