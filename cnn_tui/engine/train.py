"""One run of one experiment, from its data to its result, as a generator of events."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from cnn_tui.config.experiment import Experiment
from cnn_tui.engine import data
from cnn_tui.engine.device import Compute, compute, environment, peak_memory, reset_peak_memory
from cnn_tui.engine.evaluate import Evaluation, evaluate
from cnn_tui.engine.loop import Fit, Splits, TrainingLoop, diverged
from cnn_tui.engine.models import build, load_weights
from cnn_tui.engine.setup import Stage, set_up
from cnn_tui.engine.sources import PictureSource
from cnn_tui.engine.stopping import ShouldStop, Stopped, never
from cnn_tui.engine.ticker import Ticker
from cnn_tui.errors import CnnTuiError, TrainingError
from cnn_tui.events import ErrorReport, Event, Phase, Progress, RunFinished, RunStarted
from cnn_tui.metrics import Result, confusion_matrix, score


@dataclass(frozen=True)
class Artifacts:
    """What a run leaves besides its events.

    Attributes:
        weights: the trained tensors by name.
        evaluation: what the network said of N test pictures.
        index: the place of each of them in the whole test split, int64 (N,).
        pictures: the whole test split.
    """

    weights: dict[str, Tensor]
    evaluation: Evaluation
    index: Tensor
    pictures: PictureSource


def train(
    experiment: Experiment,
    should_stop: ShouldStop = never,
    *,
    should_abandon: ShouldStop = never,
    session_id: str = "",
    keep: Callable[[Artifacts], Iterator[Event]] | None = None,
) -> Iterator[Event]:
    """Run an experiment.

    Args:
        should_stop: asked at every batch; a stopped run still tests what it has learnt.
        should_abandon: asked while a stopped run is tested; ends that too.
        keep: given the artifacts once there are any; its events are passed on.

    Yields:
        ``run_started`` first and ``run_finished`` last, also when it fails.
    """
    try:
        yield from _run(experiment, should_stop, should_abandon, session_id, keep)
    except Stopped:
        yield RunFinished(status="stopped")
    except CnnTuiError as error:
        yield RunFinished(status="failed", error=report(error))
    except (RuntimeError, ValueError, OSError, MemoryError) as error:
        yield RunFinished(status="failed", error=report(_explained(error, experiment)))


def report(error: CnnTuiError) -> ErrorReport:
    """An error as an event carries it."""
    return ErrorReport(title=error.title, detail=error.detail, hint=error.hint, exit_code=error.exit_code)


def _run(
    experiment: Experiment,
    should_stop: ShouldStop,
    should_abandon: ShouldStop,
    session_id: str,
    keep: Callable[[Artifacts], Iterator[Event]] | None,
) -> Iterator[Event]:
    started = time.perf_counter()
    chosen = compute(experiment.training)
    reset_peak_memory(chosen.device)
    classes = data.class_count(experiment.data)
    classifier = build(experiment.model, classes, experiment.data.image_size, experiment.training.seed)
    yield RunStarted(
        session_id=session_id,
        experiment=experiment,
        environment=environment(chosen),
        parameters=classifier.parameter_counts(),
    )
    loaded = yield from data.load(experiment.data, experiment.training.seed, should_stop)
    yield from load_weights(classifier, should_stop)
    stage = yield from set_up(experiment, classifier, loaded, chosen, should_stop)
    fit = yield from _fit(experiment, stage, loaded, chosen, should_stop)
    evaluation = yield from _test(stage, loaded.test_indices, should_abandon)
    if not math.isfinite(evaluation.loss):
        raise diverged(experiment.training, "on the test pictures")
    result = _result(evaluation, loaded.classes, fit, time.perf_counter() - started, chosen)
    if keep is not None:
        yield from keep(Artifacts(classifier.trained_state(), evaluation, loaded.test_indices, loaded.test))
    yield RunFinished(status="stopped" if fit.stopped else "done", result=result)


def _fit(
    experiment: Experiment, stage: Stage, loaded: data.LoadedData, chosen: Compute, should_stop: ShouldStop
) -> Generator[Event, None, Fit]:
    yield Phase(name="training", detail=f"{len(loaded.train_indices):,} pictures")
    splits = Splits(stage.train_feed, stage.validation_feed, loaded.train_indices, loaded.validation_indices)
    loop = TrainingLoop(stage.learner, splits, experiment.training, chosen, should_stop)
    return (yield from loop.events())


def _test(stage: Stage, rows: Tensor, should_abandon: ShouldStop) -> Generator[Event, None, Evaluation]:
    yield Phase(name="testing", detail=f"{len(rows):,} pictures")
    ticker = Ticker(10)
    testing = evaluate(stage.learner.predict, stage.test_feed.batches(rows, stage.learner.evaluation_batch))
    while True:
        try:
            done = next(testing)
        except StopIteration as finished:
            evaluation: Evaluation = finished.value
            return evaluation
        if should_abandon():
            raise Stopped
        if ticker.due():
            yield Progress(done=done, total=len(rows), unit="pictures")


def _result(evaluation: Evaluation, classes: tuple[str, ...], fit: Fit, seconds: float, chosen: Compute) -> Result:
    matrix = confusion_matrix(evaluation.actual.numpy(), evaluation.predicted.numpy(), len(classes))
    return Result(
        **dict(score(matrix, classes)),
        test_loss=evaluation.loss,
        best_epoch=fit.best.epoch if fit.best else None,
        epochs_run=len(fit.epochs),
        train_seconds=fit.seconds,
        total_seconds=seconds,
        images_per_second=fit.images / fit.seconds if fit.seconds else 0.0,
        peak_memory_bytes=peak_memory(chosen.device),
    )


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
