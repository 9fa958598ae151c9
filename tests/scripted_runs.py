"""Runners without PyTorch for the tests of the trainers. A child process imports them by name."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from itertools import zip_longest

from cnn_tui.config.job import Job
from cnn_tui.config.preset import RunPreset
from cnn_tui.engine.control import Control
from cnn_tui.errors import DataError
from cnn_tui.events import BatchFinished, Event, JobEvent, JobFinished, JobStarted, RunEvent, RunFinished
from cnn_tui.store.records import StudyPart
from cnn_tui.store.session_writer import SessionWriter, new_record, new_session_folder
from samples import result, started

PACE = threading.Event()  # never set: waiting for it slows runs down


def batch(step: int) -> BatchFinished:
    return BatchFinished(
        epoch=1, step=step, steps=1000, loss=1.0, accuracy=0.5, images_per_second=10.0, learning_rate=0.001
    )


Script = Callable[[str, RunPreset, Control], Iterator[Event]]
"""The events of a run, given its session, its preset and its control."""


def _session(preset: RunPreset, control: Control, script: Script, study: StudyPart | None = None) -> Iterator[Event]:
    """A run that is recorded as a session."""
    session_id, folder = new_session_folder(preset.name)
    with SessionWriter(folder, new_record(session_id, preset, study)) as writer:
        for event in script(session_id, preset, control):
            writer.record(event)
            yield event


def _steps(session_id: str, preset: RunPreset, control: Control) -> Iterator[Event]:
    """As many steps as the preset has epochs, or until the run is stopped."""
    yield started(session_id)
    for step in range(preset.experiment.training.epochs):
        if control.should_stop():
            tested = None if control.should_abandon() else result()
            yield RunFinished(status="stopped", result=tested)
            return
        PACE.wait(0.01)
        yield batch(step + 1)
    yield RunFinished(status="done", result=result())


def one_after_another(job: Job, control: Control, script: Script) -> Iterator[JobEvent]:
    """Run all runs of a job by a script; those after a stop are left out."""
    yield JobStarted(preset=job.preset, runs=len(job.runs))
    for index, preset in enumerate(job.runs):
        if not control.stopping:
            part = None if job.study is None else StudyPart(name=job.study.name, row=index)
            for event in _session(preset, control, script, part):
                yield RunEvent(run=index, event=event)
    yield JobFinished(status="stopped" if control.stopping else "done")


def short(job: Job, control: Control) -> Iterator[JobEvent]:
    """Short runs, one after the other."""
    return one_after_another(job, control, _steps)


def together(job: Job, control: Control) -> Iterator[JobEvent]:
    """Runs that take turns, so that all their sessions are open at the same time."""
    yield JobStarted(preset=job.preset, runs=len(job.runs))
    for events in zip_longest(*(_session(preset, control, _steps) for preset in job.runs)):
        for index, event in enumerate(events):
            if event is not None:
                yield RunEvent(run=index, event=event)
                sys.stdout.write(f"row {index}: {event.type}\n")
    yield JobFinished(status="stopped" if control.stopping else "done")


def noisy(job: Job, control: Control) -> Iterator[JobEvent]:
    """Prints in every possible way, before and during the run, and reads from standard input."""
    sys.stdout.write("printed before the run\n")
    for event in short(job, control):
        yield event
        if isinstance(event, RunEvent):
            sys.stdout.write("printed by Python\n")
            os.write(1, b"written to descriptor 1\n")
            ctypes.CDLL(None).puts(b"printed by C")
            subprocess.run(["echo", "printed by another process"], check=True)
            warnings.warn("a warning", stacklevel=1)
            sys.stderr.write(f"read {sys.stdin.read()!r}\n")


def refusing(job: Job, control: Control) -> Iterator[JobEvent]:
    """Fails with an expected error before it has started."""
    raise DataError("No images", "The folder is empty.", "Add images.")
    yield


def broken(job: Job, control: Control) -> Iterator[JobEvent]:
    """Fails unexpectedly after the first events of a run; only a preset named "good" works."""
    for event in short(job, control):
        yield event
        if isinstance(event, RunEvent) and job.preset.name != "good":
            raise ZeroDivisionError("a bug in the engine")


def broken_together(job: Job, control: Control) -> Iterator[JobEvent]:
    """Fails unexpectedly while several runs are open."""
    for number, event in enumerate(together(job, control)):
        yield event
        if number == 4:
            raise ZeroDivisionError("a bug in the engine")


def crashing(job: Job, control: Control) -> Iterator[JobEvent]:
    """Reads from address 0 after the first event of a run; only a preset named "good" works."""
    for event in short(job, control):
        yield event
        if isinstance(event, RunEvent) and job.preset.name != "good":
            sys.stdout.write("about to crash\n")
            ctypes.string_at(0)


def early(job: Job, control: Control) -> Iterator[JobEvent]:
    """Exits with a session on disk that was never reported."""
    session_id, folder = new_session_folder(job.preset.name)
    with SessionWriter(folder, new_record(session_id, job.runs[0])):
        os._exit(7)
    yield


def options(job: Job, control: Control) -> Iterator[JobEvent]:
    """Reports the options of the job in the name of its preset."""
    name = f"plain {job.plain} fresh {job.fresh}"
    yield JobStarted(preset=job.preset.model_copy(update={"name": name}), runs=0)
    yield JobFinished(status="done")
