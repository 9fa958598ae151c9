"""What runs a job on the trainer's side, and that it always tells its end."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from typing import Protocol, cast

from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.engine.control import Control
from cnn_tui.errors import CnnTuiError
from cnn_tui.events import ErrorReport, Event, StudyEvent
from cnn_tui.imports import collector_paused
from cnn_tui.trainer.course import Course
from cnn_tui.trainer.protocol import ENGINE, STUDIES, Message, Ready, RunEvent, Start, StartRun, StudySaid


class Runner(Protocol):
    """What runs a preset: the engine, or a script in its place."""

    def __call__(self, preset: RunPreset, control: Control, /) -> Iterator[Event]:
        """The run's events."""
        ...


class StudyRunner(Protocol):
    """What runs a study."""

    def __call__(self, study: StudyPreset, control: Control, /, *, plain: bool, fresh: bool) -> Iterator[StudyEvent]:
        """The study's events."""
        ...


class Runners:
    """Both, imported by ``module:function`` when they are first needed.

    The engine's bring PyTorch with them, which takes seconds.
    """

    def __init__(self, run: str = ENGINE, study: str = STUDIES) -> None:
        self._names = run, study

    def load(self) -> None:
        """Import what runs presets, so that the first job finds it there.

        Raises:
            ImportError: there is no such module.
        """
        _import(self._names[0])

    def messages(self, command: Start, control: Control) -> Iterator[Message]:
        """What a job tells; a failure that came before it could tell its end becomes that end."""
        course = Course(command)
        try:
            for message in self._told(command, control):
                course.note(message)
                yield message
        except CnnTuiError as error:
            if course.finished:
                raise
            yield from course.break_off(ErrorReport.of(error))

    def _told(self, command: Start, control: Control) -> Iterator[Message]:
        run, study = self._names
        if isinstance(command, StartRun):
            runner = cast(Runner, _import(run))
            yield from (RunEvent(event=event) for event in runner(command.preset, control))
        else:
            study_runner = cast(StudyRunner, _import(study))
            told = study_runner(command.study, control, plain=command.plain, fresh=command.fresh)
            yield from (StudySaid(event=event) for event in told)


def ready() -> Ready:
    """Say what was loaded; a runner that did without PyTorch has nothing to say."""
    if "torch" not in sys.modules:
        return Ready(pid=os.getpid())
    import torch

    from cnn_tui.config.experiment import TrainingConfig
    from cnn_tui.engine.device import compute, device_name

    chosen = compute(TrainingConfig(precision="float32"))
    return Ready(pid=os.getpid(), torch=torch.__version__, device_name=device_name(chosen.device))


def _import(name: str) -> object:
    module, _, function = name.partition(":")
    with collector_paused():
        return getattr(importlib.import_module(module), function)
