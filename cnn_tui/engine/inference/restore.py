"""The trained network of a session: the layers that it stores, in the frozen ones that its settings name."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from cnn_tui.engine.control import ShouldStop, never
from cnn_tui.engine.models.build import Classifier, build, load_weights
from cnn_tui.engine.models.frozen_weights import frozen_weights_sha256
from cnn_tui.errors import StorageError, WeightsError
from cnn_tui.events import Event, WarningRaised
from cnn_tui.store.files import sha256_of
from cnn_tui.store.records import SessionRecord
from cnn_tui.store.session_writer import WEIGHTS_FILE

_RUN_AGAIN = "Run the session again to make them."


def restore(record: SessionRecord, folder: Path, should_stop: ShouldStop = never) -> Generator[Event, None, Classifier]:
    """The network of a session as it was after the training, in eval mode, on the CPU.

    Raises:
        WeightsError: the session has no weights, or the frozen ones are not available or not those it was trained with.
        StorageError: a file cannot be read.
        Stopped: ``should_stop`` returned True.
    """
    experiment = record.experiment
    trained = _trained_state(record, folder)
    classifier = build(experiment.model, len(class_names(record)), experiment.data.image_size, experiment.training.seed)
    if experiment.model.trainable != "all":
        _require_own_file(record)
        yield from _without_warnings(load_weights(classifier, should_stop))
    classifier.load_trained(trained, str(folder / WEIGHTS_FILE))
    classifier.eval_mode()
    return classifier


def class_names(record: SessionRecord) -> tuple[str, ...]:
    """The classes of a session in the order of its network's outputs.

    Raises:
        WeightsError: it ended before its test, and has no weights.
    """
    if record.result is None:
        hint = "Wait until it has ended." if record.live else _RUN_AGAIN
        raise WeightsError(f"{record.id} has no trained weights", f"Its status is {record.status}.", hint)
    return record.result.classes


def _trained_state(record: SessionRecord, folder: Path) -> dict[str, Tensor]:
    class_names(record)  # a run without a result is the reason why there are no weights
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise WeightsError(f"{record.id} has no trained weights", f"There is no file {path}.", _RUN_AGAIN)
    if record.weights_sha256 is not None and sha256_of(path) != record.weights_sha256:
        raise _damaged(path, "its checksum is not the one in session.json")
    try:
        return safetensors.torch.load_file(path)
    except (SafetensorError, OSError) as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, why: str) -> WeightsError:
    return WeightsError("The trained weights are damaged", f"{path}: {why}.", _RUN_AGAIN)


def _require_own_file(record: SessionRecord) -> None:
    """Refuse a weights file of the user's that was changed since the training: the frozen layers would be others."""
    recorded, weights = record.frozen_weights_sha256, record.experiment.model.weights
    if recorded is None:
        return  # from nowhere else, or recorded by an earlier version
    try:
        found = frozen_weights_sha256(record.experiment.model)
    except StorageError as error:
        detail = f"The frozen layers of {record.id} are in it. {error.detail}"
        raise WeightsError("The weights file does not exist", detail, f"Put it back at {weights}.") from error
    if found != recorded:
        raise WeightsError(
            "The weights file has changed since the training",
            f"The frozen layers of {record.id} came from {weights}, which had another content then.",
            "Put the earlier file back, or run the session again.",
        )


def _without_warnings(events: Iterator[Event]) -> Iterator[Event]:
    """Warnings about a weights file concern the start of training, such as a last layer that does not fit."""
    return (event for event in events if not isinstance(event, WarningRaised))
