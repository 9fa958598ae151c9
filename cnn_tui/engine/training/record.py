"""A run that is kept: its events pass through, and its session folder fills up on the way."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional

from cnn_tui.config.preset import RunPreset
from cnn_tui.engine.control import Control
from cnn_tui.engine.data.image_source import PictureSource
from cnn_tui.engine.training.shared_runs import Artifacts, OfRun, Run
from cnn_tui.engine.training.train import train_together
from cnn_tui.engine.warm import Memory
from cnn_tui.errors import StorageError
from cnn_tui.events import Event, WarningRaised
from cnn_tui.store.files import ensure_writable
from cnn_tui.store.predictions import Predictions
from cnn_tui.store.records import StudyPart
from cnn_tui.store.session_writer import SessionWriter
from cnn_tui.store.sessions import new_session_folder
from cnn_tui.store.thumbnails import MAX_SIDE, save_thumbnails, worth_keeping

_AT_ONCE = 256


_MEMORY = Memory()  # of this process, so that the next run like the last one starts at once


def run_recorded(preset: RunPreset, control: Control) -> Iterator[Event]:
    """Run a preset as a new session.

    Raises:
        StorageError: nothing can be kept here, found before training starts.
    """
    for _, event in run_all_recorded([preset], [None], control):
        yield event


def run_all_recorded(
    presets: Sequence[RunPreset], parts: Sequence[StudyPart | None], control: Control
) -> Iterator[OfRun]:
    """Run presets that train together, each as a new session, and tell each event with the place of its run.

    Args:
        parts: the study that each belongs to, if any.

    Raises:
        StorageError: nothing can be kept here, found before training starts.
    """
    with ExitStack() as stack:
        writers = [stack.enter_context(_begin(preset, part)) for preset, part in zip(presets, parts, strict=True)]
        runs = [
            Run(preset.experiment, writer.session.id, functools.partial(_keep, writer))
            for preset, writer in zip(presets, writers, strict=True)
        ]
        told: set[int] = set()
        for place, event in train_together(
            runs, control.should_stop, should_abandon=control.should_abandon, memory=_MEMORY
        ):
            writer = writers[place]
            writer.record(event)
            if writer.problem is not None and place not in told:
                told.add(place)
                yield place, _unsaved(writer.problem)
            yield place, event


def _begin(preset: RunPreset, part: StudyPart | None) -> SessionWriter:
    session_id, folder = new_session_folder(preset.name)
    ensure_writable(folder)
    return SessionWriter(folder, session_id, preset, part)


def _keep(writer: SessionWriter, artifacts: Artifacts) -> Iterator[Event]:
    """Save weights, predictions and thumbnails; what cannot be saved is told and does not end the run."""
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in artifacts.weights.items()}
    found = artifacts.evaluation
    predictions = Predictions(
        actual=found.actual.numpy(),
        predicted=found.predicted.numpy(),
        confidence=found.confidence.numpy(),
        index=artifacts.index.numpy(),
    )
    if artifacts.value_range is not None:
        writer.save_value_range(artifacts.value_range.low, artifacts.value_range.high)
    try:
        writer.save_weights_file(lambda path: _write(path, save(weights)))
        writer.save_predictions(predictions)
        _keep_thumbnails(writer.folder, predictions, artifacts.pictures)
    except StorageError as error:
        yield _unsaved(error)


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _keep_thumbnails(folder: Path, predictions: Predictions, source: PictureSource) -> None:
    height, width = source.pictures(torch.from_numpy(predictions.index[:1])).shape[-2:]
    scale = min(1.0, MAX_SIDE / max(height, width))
    size = (round(height * scale), round(width * scale))
    index = predictions.index[worth_keeping(predictions, 3 * size[0] * size[1])]
    kept = [thumbnails(pictures, size) for pictures, _ in source.batches(torch.from_numpy(index), _AT_ONCE)]
    save_thumbnails(folder, index, torch.cat(kept).numpy())


def thumbnails(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """Pictures uint8 (B, C, H, W) as uint8 (B, h, w, 3) on the processor, ``size`` being (h, w)."""
    small = pictures.cpu()
    if tuple(small.shape[-2:]) != size:
        small = functional.interpolate(small, size=size, mode="bilinear", antialias=True)
    return small.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).contiguous()


def _unsaved(error: StorageError) -> WarningRaised:
    return WarningRaised(title=error.title, detail=error.detail, hint=error.hint)
