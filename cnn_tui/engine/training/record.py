"""Runs recorded as sessions: events are passed on and written to the session folder on the way."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch
from safetensors.torch import load_file, save, save_file
from torch import Tensor
from torch.nn import functional

from cnn_tui.config.experiment import Experiment
from cnn_tui.config.preset import RunPreset
from cnn_tui.engine.control import Control
from cnn_tui.engine.data.batches import Channels
from cnn_tui.engine.data.image_source import ImageSource
from cnn_tui.engine.models.frozen_weights import frozen_weights_sha256
from cnn_tui.engine.training.checkpoint import Checkpoint
from cnn_tui.engine.training.evaluate import Evaluation
from cnn_tui.engine.training.setup import RunCache
from cnn_tui.engine.training.train import IndexedEvent, RunRequest, train_together
from cnn_tui.engine.training.train_group import Artifacts
from cnn_tui.errors import StorageError
from cnn_tui.events import EpochFinished, Event, RunFinished, RunStarted, WarningRaised
from cnn_tui.store.checkpoints import CheckpointInfo, newest_checkpoint
from cnn_tui.store.event_log import read_events
from cnn_tui.store.predictions import THUMBNAIL_SIDE, Predictions, save_thumbnails, select_thumbnails
from cnn_tui.store.records import ImageInput, StudyPart
from cnn_tui.store.session_writer import SessionWriter, continued_session, new_session
from cnn_tui.store.sessions import EVENTS_FILE

_THUMBNAIL_BATCH = 256
_CACHE = RunCache()  # of this process: the next run with the same data starts immediately


def run_recorded(
    presets: Sequence[RunPreset], parts: Sequence[StudyPart | None], control: Control
) -> Iterator[IndexedEvent]:
    """Run presets that train together, each as a new session; yields the index of a run and its event.

    Args:
        parts: the part of a study that each is, if any.

    Raises:
        StorageError: the session folder cannot be written; raised before training starts.
    """
    with ExitStack() as stack:
        writers = [stack.enter_context(new_session(preset, part)) for preset, part in zip(presets, parts, strict=True)]
        yield from _record(writers, [None] * len(writers), control)


def resume_recorded(session: Path, experiment: Experiment, control: Control) -> Iterator[Event]:
    """Continue the run of a session from its newest checkpoint; yields the events until then first.

    Args:
        experiment: as :func:`resumed_experiment` gives it.

    Raises:
        StorageError: the session has no checkpoint, is running, is damaged or cannot be written.
    """
    found = newest_checkpoint(session)
    if found is None:
        raise StorageError(
            f"{session.name} cannot be resumed",
            "It has no undamaged checkpoint. The first one is saved after a few seconds of training.",
            f"Start it again: cnn-tui run {session.name}",
        )
    info, path = found
    fields = {name: getattr(info, name) for name in Checkpoint.__dataclass_fields__ if name != "tensors"}
    checkpoint, events = Checkpoint(**fields, tensors=load_file(path)), _events_until(session, info, experiment)
    with continued_session(session, experiment, events) as writer:
        for _, event in _record([writer], [checkpoint], control):
            if not isinstance(event, RunStarted):
                yield event
            elif events and isinstance(events[0], RunStarted):
                yield from events
            else:  # the log is damaged
                yield from (event, *events)


def _record(
    writers: Sequence[SessionWriter], checkpoints: Sequence[Checkpoint | None], control: Control
) -> Iterator[IndexedEvent]:
    """Train the runs of these sessions, each from its checkpoint if it has one; yields and records the events."""
    runs = [
        RunRequest(
            writer.session.experiment, writer.session.id, functools.partial(_save, writer), _Checkpoints(writer, loaded)
        )
        for writer, loaded in zip(writers, checkpoints, strict=True)
    ]
    reported: set[int] = set()
    for index, event in train_together(runs, control.should_stop, should_abandon=control.should_abandon, cache=_CACHE):
        writer = writers[index]
        writer.record(event)
        if writer.problem is not None and index not in reported:
            reported.add(index)
            yield index, _unsaved(writer.problem)
        yield index, event


class _Checkpoints:
    """The checkpoints of a session. A ``CheckpointStore``."""

    def __init__(self, writer: SessionWriter, loaded: Checkpoint | None) -> None:
        self._writer = writer
        self._loaded = loaded

    def load(self) -> Checkpoint | None:
        """As in ``CheckpointStore``; once, because it may be as large as the network."""
        loaded, self._loaded = self._loaded, None
        return loaded

    def save(self, checkpoint: Checkpoint) -> None:
        """As in ``CheckpointStore``; a failure does not end the run."""
        fields = {name: getattr(checkpoint, name) for name in CheckpointInfo.model_fields if hasattr(checkpoint, name)}
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
        size = sum(tensor.nbytes for tensor in tensors.values())
        self._writer.save_checkpoint(CheckpointInfo(**fields, events=0), lambda path: save_file(tensors, path), size)


def _events_until(session: Path, info: CheckpointInfo, experiment: Experiment) -> list[Event]:
    """The events of a session until a checkpoint; if the log is damaged, its epochs are those of the checkpoint."""
    events: list[Event] = []
    with contextlib.suppress(StorageError):
        events.extend(itertools.islice(read_events(session / EVENTS_FILE), info.events))
    started = [event.model_copy(update={"experiment": experiment}) for event in events if isinstance(event, RunStarted)]
    others = [event for event in events if not isinstance(event, RunStarted | RunFinished)]
    if [event for event in others if isinstance(event, EpochFinished)] != list(info.epochs):
        others = list(info.epochs)
    return [*started[:1], *others]


def _save(writer: SessionWriter, artifacts: Artifacts) -> Iterator[Event]:
    """Save weights, predictions and thumbnails; a failure is a warning and does not end the run."""
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in artifacts.weights.items()}
    predictions = _predictions(artifacts.evaluation, artifacts.index)
    if artifacts.value_range is not None:
        writer.save_value_range(artifacts.value_range.low, artifacts.value_range.high)
    writer.save_image_input(image_input(artifacts.images, artifacts.index, artifacts.normalisation))
    try:
        writer.save_weights_file(lambda path: _write(path, save(weights)))
        writer.save_frozen_weights_sha256(frozen_weights_sha256(writer.session.experiment.model))
        predictions.save(writer.folder)
        _save_thumbnails(writer.folder, predictions, artifacts.images)
    except StorageError as error:
        yield _unsaved(error)


def image_input(images: ImageSource, index: Tensor, normalisation: tuple[Channels, Channels]) -> ImageInput:
    """How a split's images, of which those at ``index`` can be read, become the input of a network."""
    _, channels, height, width = images.images(index[:1]).shape
    mean, std = normalisation
    return ImageInput(height=height, width=width, channels=1 if channels == 1 else 3, mean=mean, std=std)


def _predictions(evaluation: Evaluation, index: Tensor) -> Predictions:
    ranking = evaluation.ranking
    return Predictions(
        actual=evaluation.actual.numpy(),
        predicted=evaluation.predicted.numpy(),
        confidence=evaluation.confidence.numpy(),
        index=index.numpy(),
        top_classes=None if ranking is None else ranking.classes.numpy(),
        top_probabilities=None if ranking is None else ranking.probabilities.numpy(),
        logits=None if ranking is None or ranking.logits is None else ranking.logits.numpy(),
    )


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _save_thumbnails(folder: Path, predictions: Predictions, source: ImageSource) -> None:
    height, width = source.images(torch.from_numpy(predictions.index[:1])).shape[-2:]
    scale = min(1.0, THUMBNAIL_SIDE / max(height, width))
    size = (round(height * scale), round(width * scale))
    index = predictions.index[select_thumbnails(predictions, 3 * size[0] * size[1])]
    kept = [thumbnails(images, size) for images, _ in source.batches(torch.from_numpy(index), _THUMBNAIL_BATCH)]
    save_thumbnails(folder, index, torch.cat(kept).numpy())


def thumbnails(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Images uint8 (B, C, H, W) as uint8 (B, h, w, 3) on the CPU, ``size`` being (h, w)."""
    small = images.cpu()
    if tuple(small.shape[-2:]) != size:
        small = functional.interpolate(small, size=size, mode="bilinear", antialias=True)
    return small.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).contiguous()


def _unsaved(error: StorageError) -> WarningRaised:
    return WarningRaised(title=error.title, detail=error.detail, hint=error.hint)
