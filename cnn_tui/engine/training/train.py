"""Runs of experiments as generators of events: one alone, or several that share their training."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cnn_tui.config.experiment import Experiment
from cnn_tui.config.study import training_key
from cnn_tui.engine.control import ShouldStop, Stopped, WithResult, never
from cnn_tui.engine.data import loading
from cnn_tui.engine.data.loading import LoadedData
from cnn_tui.engine.device import Compute, compute, environment, reset_peak_memory
from cnn_tui.engine.micro_batches import MemoryPolicy
from cnn_tui.engine.models.build import build, load_weights
from cnn_tui.engine.training.checkpoint import CheckpointStore
from cnn_tui.engine.training.failures import diverged, explained
from cnn_tui.engine.training.loop import RunUpdate, TrainingLoop, TrainingRun
from cnn_tui.engine.training.setup import RunCache, set_up
from cnn_tui.engine.training.time_limit import TimeLimit
from cnn_tui.engine.training.train_group import Artifacts, FinalEvaluation, TrainGroup, group_runs
from cnn_tui.errors import CnnTuiError, TrainingError
from cnn_tui.events import EpochFinished, ErrorReport, Event, Phase, Progress, RunFinished, RunStarted
from cnn_tui.formatting import pluralize

_Value = TypeVar("_Value")
IndexedEvent = tuple[int, Event]
"""The index of a run, and its event."""

SaveArtifacts = Callable[[Artifacts], Iterator[Event]]


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
) -> Iterator[IndexedEvent]:
    """Train the runs of one group of ``config.study.training_groups``, doing the work that they share once.

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
        yield from runs.fail(explained(error, requests[0].experiment))


@dataclass(frozen=True)
class RunRequest:
    """One run that the user wants.

    Attributes:
        save: called with its artifacts; the events it yields are passed on.
        checkpoints: of a run that trains alone; it continues from the one that is loaded.
    """

    experiment: Experiment
    session_id: str = ""
    save: SaveArtifacts | None = None
    checkpoints: CheckpointStore | None = None


class SharedRuns:
    """Trains the runs of one group of ``config.study.training_groups``.

    Their data, model and device settings are the same, so those of the first run are used. Runs that differ only in
    ``epochs`` share one :class:`TrainingRun`: the shorter one is tested and finished on the way.

    Args:
        should_stop: called at every batch; stopped runs are still tested.
        should_abandon: called while a stopped run is tested; ends that too.
        cache: what earlier runs left.
    """

    def __init__(
        self, requests: Sequence[RunRequest], should_stop: ShouldStop, should_abandon: ShouldStop, cache: RunCache
    ) -> None:
        self._requests = requests
        self._cache = cache
        self._experiment = requests[0].experiment
        # Only a run that is alone has a limit.
        self._limit = TimeLimit(self._experiment.training.max_minutes, should_stop)
        self._should_stop = self._limit.should_stop
        self._memory = MemoryPolicy(self._experiment.training.on_out_of_memory)
        self._should_abandon = should_abandon
        self._unfinished = list(range(len(requests)))
        self._started = time.perf_counter()
        self._train_seconds = 0.0

    def events(self) -> Iterator[IndexedEvent]:
        """``run_started`` first and ``run_finished`` last for every run.

        Raises:
            Stopped: the user ended them before there was anything to test.
            CnnTuiError: the unfinished runs cannot continue.
        """
        device, settings = compute(self._experiment.training), self._experiment
        reset_peak_memory(device.device)
        classes, seed = loading.class_count(settings.data), settings.training.seed
        classifier = build(settings.model, classes, settings.data.image_size, seed)
        facts, counts = environment(device), classifier.parameter_counts()
        for index, request in enumerate(self._requests):
            started = RunStarted(
                session_id=request.session_id, experiment=request.experiment, environment=facts, parameters=counts
            )
            yield index, started
        seeds = {request.experiment.training.seed for request in self._requests}
        loaded = yield from self._for_all_with_result(
            loading.load_for_seeds(
                settings.data, seeds, self._should_stop, self._cache.images, sampled=classifier.mean is None
            )
        )
        yield from self._for_all(load_weights(classifier, self._should_stop, self._cache.weights))
        runs, served = self._training_runs(loaded)
        united = loading.united([run.data for run in runs])
        setup = yield from self._for_all_with_result(
            set_up(settings, classifier, united, device, self._should_stop, self._cache, self._memory)
        )
        for group in group_runs(setup, runs):
            yield from self._train(group, [served[index] for index in group.indices], device)

    def stop(self) -> Iterator[IndexedEvent]:
        """End every unfinished run without a result."""
        yield from self._for_all(self._limit.warnings("the training has not begun", "Set a larger limit, or none."))
        yield from self._finish_all(RunFinished(status="stopped"))

    def fail(self, error: CnnTuiError) -> Iterator[IndexedEvent]:
        """End every unfinished run with an error."""
        yield from self._finish_all(RunFinished(status="failed", error=ErrorReport.of(error)))

    def _training_runs(self, loaded: Mapping[int, LoadedData]) -> tuple[list[TrainingRun], list[list[int]]]:
        """The training runs that the requests need, and the indices of the requests that each of them serves."""
        served: dict[Experiment, list[int]] = {}
        for index, request in enumerate(self._requests):
            served.setdefault(training_key(request.experiment), []).append(index)
        longest = [
            max((self._requests[index].experiment for index in indices), key=lambda one: one.training.epochs)
            for indices in served.values()
        ]
        runs = [TrainingRun(one.training, loaded[one.training.seed]) for one in longest]
        return runs, list(served.values())

    def _train(self, group: TrainGroup, served: list[list[int]], device: Compute) -> Iterator[IndexedEvent]:
        for run, indices in zip(group.runs, served, strict=True):
            phase = Phase(name="training", detail=pluralize(len(run.data.train_indices), "image"))
            yield from ((index, phase) for index in indices)
        checkpoints = self._requests[0].checkpoints if len(self._requests) == 1 else None
        validation, limit = group.setup.validation, self._limit
        loop = TrainingLoop(group.learner, group.runs, validation, limit.should_stop, checkpoints, limit.allows)
        final = FinalEvaluation(group, loop, device, self._should_abandon)
        for member, update in loop.events():
            yield from self._memory_warnings()
            for index in self._still_unfinished(served[member]):
                yield from self._report(index, update, group.runs[member].config.epochs)
                if isinstance(update, EpochFinished) and update.epoch == self._epochs(index) < loop.epochs:
                    yield from self._test_and_finish(index, member, final)
        for member, indices in enumerate(served):
            for index in self._still_unfinished(indices):
                yield from self._time_warnings(index, len(loop.stats[member].epochs))
                yield from self._test_and_finish(index, member, final)
        self._train_seconds += final.trained

    def _time_warnings(self, index: int, epochs: int) -> Iterator[IndexedEvent]:
        """That the time limit has ended a run after so many epochs, if it has."""
        done = f"{epochs:,} of {pluralize(self._epochs(index), 'epoch')} are complete"
        resume = f"'cnn-tui sessions resume {self._requests[index].session_id}' continues the run."
        yield from ((index, warning) for warning in self._limit.warnings(done, resume))

    def _report(self, index: int, update: RunUpdate, epochs: int) -> Iterator[IndexedEvent]:
        """The event for a request of an update of its training run, which may have more ``epochs`` than it."""
        if isinstance(update, TrainingError):
            yield from self._finish(index, RunFinished(status="failed", error=ErrorReport.of(update)))
        elif isinstance(update, Progress) and update.total is not None:
            yield index, update.model_copy(update={"total": update.total // epochs * self._epochs(index)})
        else:
            yield index, update

    def _test_and_finish(self, index: int, member: int, final: FinalEvaluation) -> Iterator[IndexedEvent]:
        """Test a run, save its artifacts and end it."""
        yield index, Phase(name="testing", detail=pluralize(final.test_count(member), "image"))
        testing = WithResult(final.artifacts(member))
        yield from ((index, event) for event in testing)
        artifacts = testing.value
        if not math.isfinite(artifacts.evaluation.loss):
            error = diverged(self._requests[index].experiment.training, "on the test images")
            yield from self._finish(index, RunFinished(status="failed", error=ErrorReport.of(error)))
            return
        # All time that was not training went into what the runs share, and counts for each of them.
        other_seconds = time.perf_counter() - self._started - self._train_seconds - final.trained
        result = final.result(member, artifacts.evaluation, other_seconds)
        save = self._requests[index].save
        if save is not None:
            yield from ((index, event) for event in save(artifacts))
        yield from self._finish(index, RunFinished(status="stopped" if final.stopped else "done", result=result))

    def _finish(self, index: int, finished: RunFinished) -> Iterator[IndexedEvent]:
        yield from self._memory_warnings()
        self._unfinished.remove(index)
        yield index, finished

    def _finish_all(self, finished: RunFinished) -> Iterator[IndexedEvent]:
        for index in list(self._unfinished):
            yield from self._finish(index, finished)

    def _still_unfinished(self, indices: list[int]) -> list[int]:
        return [index for index in indices if index in self._unfinished]

    def _epochs(self, index: int) -> int:
        return self._requests[index].experiment.training.epochs

    def _for_all(self, events: Iterator[Event]) -> Iterator[IndexedEvent]:
        """Events that concern all runs, repeated for each unfinished one."""
        for event in events:
            yield from self._memory_warnings()
            yield from ((index, event) for index in self._unfinished)

    def _memory_warnings(self) -> Iterator[IndexedEvent]:
        """What was done since the last call because memory did not suffice."""
        for warning in self._memory.take_warnings():
            yield from ((index, warning) for index in self._unfinished)

    def _for_all_with_result(self, steps: Generator[Event, None, _Value]) -> Generator[IndexedEvent, None, _Value]:
        """Like :meth:`_for_all`, for a generator with a return value."""
        events = WithResult(steps)
        yield from self._for_all(iter(events))
        return events.value
