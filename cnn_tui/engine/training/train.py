"""Runs of experiments as generators of events: one alone, or several that share their training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from cnn_tui.config.experiment import Experiment
from cnn_tui.engine.control import ShouldStop, Stopped, never
from cnn_tui.engine.training.run_cache import RunCache
from cnn_tui.engine.training.shared_runs import RunEvent, RunRequest, SaveArtifacts, SharedRuns
from cnn_tui.errors import CnnTuiError, TrainingError
from cnn_tui.events import Event


def train(
    experiment: Experiment,
    should_stop: ShouldStop = never,
    *,
    should_abandon: ShouldStop = never,
    session_id: str = "",
    save: SaveArtifacts | None = None,
    cache: RunCache | None = None,
) -> Iterator[Event]:
    """Run an experiment.

    Args:
        should_stop: called at every batch; a stopped run is still tested.
        should_abandon: called while a stopped run is tested; ends that too.
        save: called with the artifacts after the test; the events it yields are passed on.
        cache: what earlier runs left.

    Yields:
        ``run_started`` first and ``run_finished`` last, also when it fails.
    """
    request = RunRequest(experiment, session_id, save)
    for _, event in train_together([request], should_stop, should_abandon=should_abandon, cache=cache):
        yield event


def train_together(
    requests: Sequence[RunRequest],
    should_stop: ShouldStop = never,
    *,
    should_abandon: ShouldStop = never,
    cache: RunCache | None = None,
) -> Iterator[RunEvent]:
    """Train the runs of one group of ``config.sharing.trained_together``, doing the work that they share once.

    Yields:
        The index of a run and its event; for each run the events of :func:`train`.
    """
    runs = SharedRuns(requests, should_stop, should_abandon, cache or RunCache())
    try:
        yield from runs.events()
    except Stopped:
        yield from runs.stop()
    except CnnTuiError as error:
        yield from runs.fail(error)
    except (RuntimeError, ValueError, OSError, MemoryError) as error:
        yield from runs.fail(_explained(error, requests[0].experiment))


def _explained(error: Exception, experiment: Experiment) -> CnnTuiError:
    """An error of PyTorch or the system as one with a reason and a next step."""
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
    return TrainingError("The run could not continue", f"{type(error).__name__}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or "no reason given").splitlines()[0]
