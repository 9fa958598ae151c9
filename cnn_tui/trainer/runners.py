"""What runs a preset on the trainer's side, and that it always tells its end."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator

from cnn_tui.config.preset import RunPreset
from cnn_tui.engine.control import Control
from cnn_tui.errors import CnnTuiError
from cnn_tui.events import Event, RunFinished
from cnn_tui.trainer.endings import report
from cnn_tui.trainer.protocol import ENGINE, Ready

Runner = Callable[[RunPreset, Control], Iterator[Event]]
"""What runs a preset: the engine, or a script in its place."""


def load_runner(name: str = ENGINE) -> Runner:
    """Import a runner by ``module:function``. The engine's brings PyTorch with it, which takes seconds.

    Raises:
        ImportError: there is no such module.
    """
    module, _, function = name.partition(":")
    runner: Runner = getattr(importlib.import_module(module), function)
    return runner


def ready() -> Ready:
    """Say what was loaded; a runner that did without PyTorch has nothing to say."""
    if "torch" not in sys.modules:
        return Ready(pid=os.getpid())
    import torch

    from cnn_tui.config.experiment import TrainingConfig
    from cnn_tui.engine.device import compute, device_name

    chosen = compute(TrainingConfig(precision="float32"))
    return Ready(pid=os.getpid(), torch=torch.__version__, device_name=device_name(chosen.device))


def events_of(runner: Runner, preset: RunPreset, control: Control) -> Iterator[Event]:
    """The events of a run; a failure that came before the run could tell it ends in ``run_finished`` like any other."""
    finished = False
    try:
        for event in runner(preset, control):
            finished = isinstance(event, RunFinished)
            yield event
    except CnnTuiError as error:
        if finished:
            raise
        yield RunFinished(status="failed", error=report(error))
