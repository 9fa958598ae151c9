"""Runs of experiments as generators of events: one alone, or several that share their training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from cnn_tui.config.experiment import Experiment
from cnn_tui.engine.stopping import ShouldStop, Stopped, never
from cnn_tui.engine.training.shared_runs import JointRuns, Keep, OfRun, Run
from cnn_tui.engine.warm import Memory
from cnn_tui.errors import CnnTuiError, TrainingError
from cnn_tui.events import Event


def train(
    experiment: Experiment,
    should_stop: ShouldStop = never,
    *,
    should_abandon: ShouldStop = never,
    session_id: str = "",
    keep: Keep | None = None,
    memory: Memory | None = None,
) -> Iterator[Event]:
    """Run an experiment.

    Args:
        should_stop: asked at every batch; a stopped run still tests what it has learnt.
        should_abandon: asked while a stopped run is tested; ends that too.
        keep: given the artifacts once there are any; its events are passed on.
        memory: what the runs before left, for those that can use it.

    Yields:
        ``run_started`` first and ``run_finished`` last, also when it fails.
    """
    run = Run(experiment, session_id, keep)
    for _, event in train_together([run], should_stop, should_abandon=should_abandon, memory=memory):
        yield event


def train_together(
    runs: Sequence[Run],
    should_stop: ShouldStop = never,
    *,
    should_abandon: ShouldStop = never,
    memory: Memory | None = None,
) -> Iterator[OfRun]:
    """Train runs of one group of ``config.sharing.trained_together`` with the work that they share done once.

    Yields:
        The place of a run and its event; for each run what :func:`train` yields.
    """
    joint = JointRuns(runs, should_stop, should_abandon, memory or Memory())
    try:
        yield from joint.events()
    except Stopped:
        yield from joint.stop()
    except CnnTuiError as error:
        yield from joint.fail(error)
    except (RuntimeError, ValueError, OSError, MemoryError) as error:
        yield from joint.fail(_explained(error, runs[0].experiment))


def _explained(error: Exception, experiment: Experiment) -> CnnTuiError:
    """A failure of the libraries below in words."""
    batch = experiment.training.batch_size
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return TrainingError(
            "There is not enough memory for this run",
            f"{experiment.model.architecture} at {experiment.data.image_size} pixels with batches of {batch} "
            f"did not fit: {_first_line(error)}",
            f"Try smaller batches: --set training.batch_size={max(1, batch // 2)}",
        )
    if "Expected more than 1 value per channel" in str(error):
        return TrainingError(
            "BatchNorm needs more than one picture in a batch",
            f"training.batch_size is {batch} and the pictures have shrunk to a single point at the last layers.",
            "Set training.batch_size to 2 or more, or use larger pictures (data.image_size).",
        )
    return TrainingError("The run could not go on", f"{type(error).__name__}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or "no reason given").splitlines()[0]
