"""cnn-tui with scripted runs instead of PyTorch, for tests of its processes, terminal, output and signals.

Run it like the program: ``python tests/scripted_program.py run some-preset --json``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from cnn_tui.config.job import Job
from cnn_tui.config.preset import RunPreset
from cnn_tui.engine.control import Control
from cnn_tui.events import (
    BatchFinished,
    EpochFinished,
    Event,
    JobEvent,
    Phase,
    RunFinished,
    RunStarted,
)
from samples import ENVIRONMENT, result
from scripted_runs import PACE, one_after_another

PROGRAM = [sys.executable, str(Path(__file__))]
_RESULT = result(
    tuple(tuple(4 * (actual == predicted) for predicted in range(10)) for actual in range(10)),
    tuple(map(str, range(10))),
)


def train(job: Job, control: Control) -> Iterator[JobEvent]:
    """Run a job without training: every epoch is one batch of 20 milliseconds."""
    return one_after_another(job, control, _epochs)


def _epochs(session_id: str, preset: RunPreset, control: Control) -> Iterator[Event]:
    yield RunStarted(session_id=session_id, experiment=preset.experiment, environment=ENVIRONMENT, parameters=None)
    yield Phase(name="training")
    for number in range(1, preset.experiment.training.epochs + 1):
        if control.should_stop():
            yield RunFinished(status="stopped", result=None if control.should_abandon() else _RESULT)
            return
        PACE.wait(0.02)
        yield BatchFinished(
            epoch=number, step=1, steps=1, loss=0.5, accuracy=0.5, images_per_second=100.0, learning_rate=0.001
        )
        yield EpochFinished(
            epoch=number,
            train_loss=1.0 / number,
            train_accuracy=0.5,
            validation_loss=1.0 / number,
            validation_accuracy=0.5,
            learning_rate=0.001,
            seconds=0.02,
        )
    yield RunFinished(status="done", result=_RESULT)


def main() -> None:
    """Run the program with :func:`train`, in this process and in the background service."""
    from cnn_tui.__main__ import main as program
    from cnn_tui.service import client

    # The service is started with this environment.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
    jobs = ModuleType("cnn_tui.jobs")
    vars(jobs)["run_job"] = train
    sys.modules[jobs.__name__] = jobs
    client.runner = "scripted_program:train"
    program()


if __name__ == "__main__":
    main()
