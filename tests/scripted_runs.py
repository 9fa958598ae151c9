"""Runs without PyTorch for the tests of the trainers, each a runner that a child process can import by name."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator

from cnn_tui.config.preset import RunPreset
from cnn_tui.engine.control import Control
from cnn_tui.errors import DataError
from cnn_tui.events import BatchFinished, Event, RunFinished
from cnn_tui.store.session_writer import SessionWriter
from cnn_tui.store.sessions import new_session_folder
from samples import result, started

PACE = threading.Event()  # never set: waiting for it gives a run its pace


def batch(step: int) -> BatchFinished:
    return BatchFinished(
        epoch=1, step=step, steps=1000, loss=1.0, accuracy=0.5, images_per_second=10.0, learning_rate=0.001
    )


def short(preset: RunPreset, control: Control) -> Iterator[Event]:
    """A kept run of as many steps as the preset has epochs, or until it is stopped."""
    session_id, folder = new_session_folder(preset.name)
    with SessionWriter(folder, session_id, preset) as writer:
        for event in _story(session_id, preset.experiment.training.epochs, control):
            writer.record(event)
            yield event


def _story(session_id: str, steps: int, control: Control) -> Iterator[Event]:
    yield started(session_id)
    for step in range(steps):
        if control.should_stop():
            tested = None if control.should_abandon() else result()
            yield RunFinished(status="stopped", result=tested)
            return
        PACE.wait(0.01)
        yield batch(step + 1)
    yield RunFinished(status="done", result=result())


def noisy(preset: RunPreset, control: Control) -> Iterator[Event]:
    """Prints in every way there is, before and during the run, and reads what it should not get."""
    sys.stdout.write("printed before the run\n")
    for event in short(preset, control):
        yield event
        sys.stdout.write("printed by Python\n")
        os.write(1, b"written to descriptor 1\n")
        ctypes.CDLL(None).puts(b"printed by C")
        subprocess.run(["echo", "printed by another process"], check=True)
        warnings.warn("a warning", stacklevel=1)
        sys.stderr.write(f"read {sys.stdin.read()!r}\n")


def refusing(preset: RunPreset, control: Control) -> Iterator[Event]:
    """Fails as expected before it has begun."""
    raise DataError("No pictures", "The folder is empty.", "Fill it.")
    yield


def broken(preset: RunPreset, control: Control) -> Iterator[Event]:
    """Fails in a way that nobody foresaw, having begun; only a preset named "good" runs."""
    for event in short(preset, control):
        yield event
        if preset.name != "good":
            raise ZeroDivisionError("a mistake in the engine")


def crashing(preset: RunPreset, control: Control) -> Iterator[Event]:
    """Reads from address 0 after its first event; only a preset named "good" runs."""
    for event in short(preset, control):
        yield event
        if preset.name != "good":
            sys.stdout.write("about to crash\n")
            ctypes.string_at(0)


def early(preset: RunPreset, control: Control) -> Iterator[Event]:
    """Dies with a session on disk that nobody was told of."""
    session_id, folder = new_session_folder(preset.name)
    with SessionWriter(folder, session_id, preset):
        os._exit(7)
    yield
