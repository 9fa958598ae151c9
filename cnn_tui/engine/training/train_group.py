"""Training runs that are one computation: as many last layers as a stack takes, else one run at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from cnn_tui.engine.control import RateLimiter, ShouldStop, Stopped, WithResult
from cnn_tui.engine.data.batches import Channels
from cnn_tui.engine.data.image_source import ImageSource
from cnn_tui.engine.data.value_range import ValueRange
from cnn_tui.engine.device import Compute, peak_memory
from cnn_tui.engine.features.feature_batches import FeatureBatches
from cnn_tui.engine.training.evaluate import Evaluation
from cnn_tui.engine.training.head_stack import HeadStack, stackable
from cnn_tui.engine.training.learner import Learner, NetworkLearner, TrainingSetup
from cnn_tui.engine.training.loop import TrainingLoop, TrainingRun
from cnn_tui.engine.training.map_stack import MapStack, stackable_on_maps
from cnn_tui.events import Event, Progress
from cnn_tui.metrics import Result, result_fields
from cnn_tui.outcome import Outcome, confusion_matrix, top_hits


@dataclass(frozen=True)
class TrainGroup:
    """Runs that one learner trains side by side; ``indices`` are theirs among all training runs."""

    indices: tuple[int, ...]
    runs: tuple[TrainingRun, ...]
    learner: Learner
    setup: TrainingSetup


@dataclass(frozen=True)
class Artifacts:
    """What a run leaves besides its events.

    Attributes:
        weights: the trained tensors by name.
        evaluation: of the network on N test images.
        index: of each of them in the whole test split, int64 (N,).
        images: the test split, of which those N can be read.
        value_range: by which images with more than eight bits were scaled; None where there are none.
        normalisation: mean and standard deviation by which images were normalised.
    """

    weights: dict[str, Tensor]
    evaluation: Evaluation
    index: Tensor
    images: ImageSource
    value_range: ValueRange | None
    normalisation: tuple[Channels, Channels]


def group_runs(setup: TrainingSetup, runs: Sequence[TrainingRun]) -> Iterator[TrainGroup]:
    """The runs in groups, to be trained one after the other, each starting as it would alone."""
    stack = _stack_for(setup)
    if stack is not None:
        for indices in _stacks(runs):
            members = tuple(runs[index] for index in indices)
            yield TrainGroup(indices, members, stack(setup, [run.config for run in members]), setup)
        return
    # All runs use the same network, so their initial weights are taken before the first one trains it.
    initial = [setup.classifier.initial_state(run.config.seed) for run in runs if len(runs) > 1]
    for index, run in enumerate(runs):
        learner = NetworkLearner(setup, run.config)
        if initial:
            setup.classifier.randomness.restart(run.config.seed)
            learner.restore(0, initial[index])
        yield TrainGroup((index,), (run,), learner, setup)


def _stack_for(setup: TrainingSetup) -> type[HeadStack] | None:
    if not isinstance(setup.train, FeatureBatches):
        return None
    if stackable_on_maps(setup.head, setup.train):
        return MapStack
    return HeadStack if stackable(setup.head) else None


def _stacks(runs: Sequence[TrainingRun]) -> Iterator[tuple[int, ...]]:
    """The indices of runs that fit in one stack: the same number of images, and of runs for every seed."""
    by_seed: dict[tuple[int, ...], list[int]] = {}
    for index, run in enumerate(runs):
        data = run.data
        sizes = (len(data.train_indices), len(data.validation_indices), len(data.test_indices))
        by_seed.setdefault((run.config.seed, *sizes), []).append(index)
    same_shape: dict[tuple[int, ...], list[int]] = {}
    for key, indices in by_seed.items():
        same_shape.setdefault((len(indices), *key[1:]), []).extend(indices)
    yield from map(tuple, same_shape.values())


class FinalEvaluation:
    """Tests the runs of a group on their test images, all at once and only if the weights changed since."""

    def __init__(self, group: TrainGroup, loop: TrainingLoop, compute: Compute, should_abandon: ShouldStop) -> None:
        self._group = group
        self._loop = loop
        self._compute = compute
        self._should_abandon = should_abandon
        self._evaluated: tuple[int, list[Evaluation]] | None = None

    @property
    def stopped(self) -> bool:
        """Whether the user ended the training."""
        return self._loop.stopped

    @property
    def trained(self) -> float:
        """Seconds of training of all runs together, in this process."""
        return sum(stats.seconds for stats in self._loop.stats) - self._loop.seconds_before

    def test_count(self, index: int) -> int:
        """The number of test images of a run."""
        return len(self._group.runs[index].data.test_indices)

    def artifacts(self, index: int) -> Generator[Event, None, Artifacts]:
        """Test the group and return the artifacts of one run.

        Raises:
            Stopped: ``should_abandon`` returned True.
        """
        version = self._loop.weights_version
        if self._evaluated is None or self._evaluated[0] != version:
            self._evaluated = (version, (yield from self._evaluate()))
        data = self._group.runs[index].data
        weights, evaluation = self._group.learner.state(index), self._evaluated[1][index]
        facts = data.value_range, self._group.setup.normalisation
        return Artifacts(weights, evaluation, data.test_indices, data.test, *facts)

    def _evaluate(self) -> Generator[Event, None, list[Evaluation]]:
        limiter, indices = RateLimiter(10), [run.data.test_indices for run in self._group.runs]
        steps = WithResult(self._group.learner.evaluate(self._group.setup.test, indices, ranked=True))
        for done in steps:
            if self._should_abandon():
                raise Stopped
            if limiter.due():
                yield Progress(done=done, total=len(indices[0]), unit="pictures")
        return steps.value

    def result(self, index: int, evaluation: Evaluation, other_seconds: float) -> Result:
        """The figures of a run; ``other_seconds`` is the time that went into anything but training."""
        stats, classes = self._loop.stats[index], self._group.runs[index].data.classes
        return Result(
            **result_fields(_outcome(evaluation, len(classes)), classes),
            best_epoch=stats.best.epoch if stats.best else None,
            epochs_run=len(stats.epochs),
            train_seconds=stats.seconds,
            total_seconds=stats.seconds + other_seconds,
            images_per_second=stats.images / stats.seconds if stats.seconds else 0.0,
            peak_memory_bytes=peak_memory(self._compute.device),
        )


def _outcome(evaluation: Evaluation, classes: int) -> Outcome:
    actual, ranking = evaluation.actual.numpy(), evaluation.ranking
    matrix = confusion_matrix(actual, evaluation.predicted.numpy(), classes)
    hits = None if ranking is None else top_hits(actual, ranking.classes.numpy())
    return Outcome(matrix.tolist(), evaluation.loss, hits)
