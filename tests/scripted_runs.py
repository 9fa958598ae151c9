"""Runs and studies without PyTorch for the tests of the trainers, each a runner that a child can import by name."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from itertools import zip_longest

from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.engine.control import Control
from cnn_tui.errors import DataError
from cnn_tui.events import BatchFinished, Event, RowEvent, RunFinished, StudyEvent, StudyFinished, StudyStarted
from cnn_tui.store.session_writer import SessionWriter, new_session_folder
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


def one_by_one(study: StudyPreset, control: Control, *, plain: bool, fresh: bool) -> Iterator[StudyEvent]:
    """A study whose rows are short runs, one after the other; those after a stop are left out."""
    cells = list(study.cells())
    yield StudyStarted(study=study, rows=len(cells))
    for cell in cells:
        if not control.stopping:
            for event in short(cell.preset(study), control):
                yield RowEvent(row=cell.index, event=event)
    yield StudyFinished(status="stopped" if control.stopping else "done")


def together(study: StudyPreset, control: Control, *, plain: bool, fresh: bool) -> Iterator[StudyEvent]:
    """A study whose rows take turns, so that all their sessions are open at once."""
    cells = list(study.cells())
    yield StudyStarted(study=study, rows=len(cells))
    for events in zip_longest(*(short(cell.preset(study), control) for cell in cells)):
        for row, event in enumerate(events):
            if event is not None:
                yield RowEvent(row=row, event=event)
                sys.stdout.write(f"row {row}: {event.type}\n")
    yield StudyFinished(status="stopped" if control.stopping else "done")


def told(study: StudyPreset, control: Control, *, plain: bool, fresh: bool) -> Iterator[StudyEvent]:
    """Tells how it was asked to run, by its name."""
    yield StudyStarted(study=study.model_copy(update={"name": f"plain {plain} fresh {fresh}"}), rows=0)
    yield StudyFinished(status="done")


def refusing_study(study: StudyPreset, control: Control, *, plain: bool, fresh: bool) -> Iterator[StudyEvent]:
    """Fails as expected before it has begun."""
    raise DataError("No pictures", "The folder is empty.", "Fill it.")
    yield


def broken_study(study: StudyPreset, control: Control, *, plain: bool, fresh: bool) -> Iterator[StudyEvent]:
    """Fails in a way that nobody foresaw, with rows that have begun."""
    for number, event in enumerate(together(study, control, plain=plain, fresh=fresh)):
        yield event
        if number == 4:
            raise ZeroDivisionError("a mistake in the study")
