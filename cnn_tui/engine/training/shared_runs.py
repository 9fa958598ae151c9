"""Runs that share their training: one set of pictures and features, and as few courses of training as they need."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor

from cnn_tui.amounts import some
from cnn_tui.config.experiment import Experiment
from cnn_tui.config.sharing import same_training
from cnn_tui.engine.data import loading
from cnn_tui.engine.data.image_source import PictureSource
from cnn_tui.engine.data.loading import LoadedData
from cnn_tui.engine.data.value_range import ValueRange
from cnn_tui.engine.device import Compute, compute, environment, peak_memory, reset_peak_memory
from cnn_tui.engine.models.build import build, load_weights
from cnn_tui.engine.returning import Returning
from cnn_tui.engine.stopping import ShouldStop, Stopped
from cnn_tui.engine.ticker import Ticker
from cnn_tui.engine.training.arrangement import Arranged, arrange
from cnn_tui.engine.training.evaluate import Evaluation
from cnn_tui.engine.training.loop import Course, Told, TrainingLoop, diverged
from cnn_tui.engine.training.setup import set_up
from cnn_tui.engine.warm import Memory
from cnn_tui.errors import CnnTuiError, TrainingError
from cnn_tui.events import EpochFinished, ErrorReport, Event, Phase, Progress, RunFinished, RunStarted
from cnn_tui.metrics import Result, confusion_matrix, score

_Value = TypeVar("_Value")
OfRun = tuple[int, Event]
"""The place of a run, and its event."""


@dataclass(frozen=True)
class Artifacts:
    """What a run leaves besides its events.

    Attributes:
        weights: the trained tensors by name.
        evaluation: what the network said of N test pictures.
        index: the place of each of them in the whole test split, int64 (N,).
        pictures: the test split, of which those can be used.
        value_range: what pictures with more than eight bits were scaled by, None where there are none.
    """

    weights: dict[str, Tensor]
    evaluation: Evaluation
    index: Tensor
    pictures: PictureSource
    value_range: ValueRange | None


Keep = Callable[[Artifacts], Iterator[Event]]


@dataclass(frozen=True)
class Run:
    """One run; ``keep`` is given its artifacts once there are any, and its events are passed on."""

    experiment: Experiment
    session_id: str = ""
    keep: Keep | None = None


class JointRuns:
    """Trains the runs of one group of ``config.sharing.trained_together``; the first one's settings stand for all.

    Args:
        should_stop: asked at every batch; stopped runs still test what they have learnt.
        should_abandon: asked while a stopped run is tested; ends that too.
        memory: what the runs before left, for those that can use it.
    """

    def __init__(
        self, runs: Sequence[Run], should_stop: ShouldStop, should_abandon: ShouldStop, memory: Memory
    ) -> None:
        self._runs = runs
        self._memory = memory
        self._experiment = runs[0].experiment
        self._should_stop = should_stop
        self._should_abandon = should_abandon
        self._open = list(range(len(runs)))
        self._started = time.perf_counter()
        self._trained = 0.0

    def events(self) -> Iterator[OfRun]:
        """``run_started`` first and ``run_finished`` last for every run.

        Raises:
            Stopped: a person ended them before there was anything to test.
            CnnTuiError: those that have not ended yet cannot go on.
        """
        chosen, settings = compute(self._experiment.training), self._experiment
        reset_peak_memory(chosen.device)
        classes, seed = loading.class_count(settings.data), settings.training.seed
        classifier = build(settings.model, classes, settings.data.image_size, seed)
        facts, counts = environment(chosen), classifier.parameter_counts()
        for place, run in enumerate(self._runs):
            yield (
                place,
                RunStarted(session_id=run.session_id, experiment=run.experiment, environment=facts, parameters=counts),
            )
        seeds = {run.experiment.training.seed for run in self._runs}
        measured = classifier.mean is None
        loaded = yield from self._shared(
            loading.load_for_seeds(settings.data, seeds, self._should_stop, self._memory, sampled=measured)
        )
        yield from self._all(load_weights(classifier, self._should_stop, self._memory))
        courses, takers = self._courses(loaded)
        material = yield from self._shared(
            set_up(
                settings,
                classifier,
                loading.united([course.rows for course in courses]),
                chosen,
                self._should_stop,
                self._memory,
            )
        )
        for arranged in arrange(material, courses):
            yield from self._train(arranged, [takers[place] for place in arranged.places], chosen)

    def stop(self) -> Iterator[OfRun]:
        """End every run that has not ended, without a result."""
        yield from self._end_all(RunFinished(status="stopped"))

    def fail(self, error: CnnTuiError) -> Iterator[OfRun]:
        """End every run that has not ended, with an error."""
        yield from self._end_all(RunFinished(status="failed", error=ErrorReport.of(error)))

    def _courses(self, loaded: Mapping[int, LoadedData]) -> tuple[list[Course], list[list[int]]]:
        """The courses that the runs need, and the runs that each of them serves."""
        takers: dict[Experiment, list[int]] = {}
        for place, run in enumerate(self._runs):
            takers.setdefault(same_training(run.experiment), []).append(place)
        longest = [
            max((self._runs[place].experiment for place in places), key=lambda one: one.training.epochs)
            for places in takers.values()
        ]
        courses = [Course(one.training, loaded[one.training.seed]) for one in longest]
        return courses, list(takers.values())

    def _train(self, arranged: Arranged, takers: list[list[int]], chosen: Compute) -> Iterator[OfRun]:
        for course, places in zip(arranged.courses, takers, strict=True):
            phase = Phase(name="training", detail=some(len(course.rows.train_indices), "picture"))
            yield from ((place, phase) for place in places)
        loop = TrainingLoop(arranged.learner, arranged.courses, arranged.material.validation, self._should_stop)
        ends = _Ends(arranged, loop, chosen, self._should_abandon)
        for which, told in loop.events():
            for place in self._still(takers[which]):
                yield from self._tell(place, told, arranged.courses[which].config.epochs)
                if isinstance(told, EpochFinished) and told.epoch == self._epochs(place) < loop.epochs:
                    yield from self._finish(place, which, ends)
        for which, places in enumerate(takers):
            for place in self._still(places):
                yield from self._finish(place, which, ends)
        self._trained += sum(fit.seconds for fit in loop.fits)

    def _tell(self, place: int, told: Told, epochs: int) -> Iterator[OfRun]:
        """What becomes of a course of so many epochs, to a run that it serves, which counts its own steps."""
        if isinstance(told, TrainingError):
            yield from self._end(place, RunFinished(status="failed", error=ErrorReport.of(told)))
        elif isinstance(told, Progress) and told.total is not None:
            yield place, told.model_copy(update={"total": told.total // epochs * self._epochs(place)})
        else:
            yield place, told

    def _finish(self, place: int, which: int, ends: _Ends) -> Iterator[OfRun]:
        """Test a run, keep what it leaves and end it."""
        yield place, Phase(name="testing", detail=some(ends.tested(which), "picture"))
        finding = Returning(ends.find(which))
        yield from ((place, event) for event in finding)
        artifacts = finding.value
        if not math.isfinite(artifacts.evaluation.loss):
            error = diverged(self._runs[place].experiment.training, "on the test pictures")
            yield from self._end(place, RunFinished(status="failed", error=ErrorReport.of(error)))
            return
        # What was not spent on training was spent on what the runs share.
        apart = time.perf_counter() - self._started - self._trained - ends.trained
        result = ends.result(which, artifacts.evaluation, apart)
        keep = self._runs[place].keep
        if keep is not None:
            yield from ((place, event) for event in keep(artifacts))
        yield from self._end(place, RunFinished(status="stopped" if ends.stopped else "done", result=result))

    def _end(self, place: int, finished: RunFinished) -> Iterator[OfRun]:
        self._open.remove(place)
        yield place, finished

    def _end_all(self, finished: RunFinished) -> Iterator[OfRun]:
        for place in list(self._open):
            yield from self._end(place, finished)

    def _still(self, places: list[int]) -> list[int]:
        return [place for place in places if place in self._open]

    def _epochs(self, place: int) -> int:
        return self._runs[place].experiment.training.epochs

    def _all(self, events: Iterator[Event]) -> Iterator[OfRun]:
        """What concerns all runs, told to each of them."""
        for event in events:
            yield from ((place, event) for place in self._open)

    def _shared(self, steps: Generator[Event, None, _Value]) -> Generator[OfRun, None, _Value]:
        """Like :meth:`_all`, of something that comes to a value."""
        events = Returning(steps)
        yield from self._all(iter(events))
        return events.value


class _Ends:
    """What courses have come to at a moment, tested once for all of them."""

    def __init__(self, arranged: Arranged, loop: TrainingLoop, chosen: Compute, should_abandon: ShouldStop) -> None:
        self._arranged = arranged
        self._loop = loop
        self._chosen = chosen
        self._should_abandon = should_abandon
        self._tested: tuple[int, list[Evaluation]] | None = None

    @property
    def stopped(self) -> bool:
        """Whether a person ended the training."""
        return self._loop.stopped

    @property
    def trained(self) -> float:
        """Seconds that all courses together were trained."""
        return sum(fit.seconds for fit in self._loop.fits)

    def tested(self, which: int) -> int:
        """How many pictures a course is tested on."""
        return len(self._arranged.courses[which].rows.test_indices)

    def find(self, which: int) -> Generator[Event, None, Artifacts]:
        """Test the courses, unless that was done since they last learnt.

        Raises:
            Stopped: a person will not wait for it.
        """
        moment = self._loop.moment
        if self._tested is None or self._tested[0] != moment:
            self._tested = (moment, (yield from self._test()))
        rows = self._arranged.courses[which].rows
        weights, evaluation = self._arranged.learner.state(which), self._tested[1][which]
        return Artifacts(weights, evaluation, rows.test_indices, rows.test, rows.value_range)

    def _test(self) -> Generator[Event, None, list[Evaluation]]:
        ticker, rows = Ticker(10), [course.rows.test_indices for course in self._arranged.courses]
        looking = Returning(self._arranged.learner.look(self._arranged.material.test, rows))
        for done in looking:
            if self._should_abandon():
                raise Stopped
            if ticker.due():
                yield Progress(done=done, total=len(rows[0]), unit="pictures")
        return looking.value

    def result(self, which: int, evaluation: Evaluation, apart: float) -> Result:
        """The figures of a run; ``apart`` is how many seconds went into anything but training."""
        fit, classes = self._loop.fits[which], self._arranged.courses[which].rows.classes
        matrix = confusion_matrix(evaluation.actual.numpy(), evaluation.predicted.numpy(), len(classes))
        return Result(
            **dict(score(matrix, classes)),
            test_loss=evaluation.loss,
            best_epoch=fit.best.epoch if fit.best else None,
            epochs_run=len(fit.epochs),
            train_seconds=fit.seconds,
            total_seconds=fit.seconds + apart,
            images_per_second=fit.images / fit.seconds if fit.seconds else 0.0,
            peak_memory_bytes=peak_memory(self._chosen.device),
        )
