"""Last layers trained on stored features, one or many at once; ``linear_layers`` has the arithmetic.

``torch.func`` and ``vmap`` would train many heads at once, too, but call each operation from Python: for layers this
small the calls would take longer than the arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from functools import partial

import torch
from torch import Tensor, nn

from cnn_tui.config.experiment import TrainingConfig
from cnn_tui.engine.control import ShouldStop
from cnn_tui.engine.data.batches import Batch, BatchSource
from cnn_tui.engine.device import one_thread
from cnn_tui.engine.features.feature_batches import FeatureBatches
from cnn_tui.engine.micro_batches import MicroBatches, Undo
from cnn_tui.engine.models.heads import last_layer
from cnn_tui.engine.models.stochastic import Randomness, SeededDropout, is_stochastic
from cnn_tui.engine.training.checkpoint import with_prefix
from cnn_tui.engine.training.cuda_graph import CudaGraphRunner
from cnn_tui.engine.training.evaluate import evaluate, evaluation_micro_batches
from cnn_tui.engine.training.frozen_steps import converted, on_each, with_randomness
from cnn_tui.engine.training.learner import EvaluationSteps, StepResults, TrainingSetup
from cnn_tui.engine.training.linear_layers import LinearLayers

_FLOAT_BYTES = 4
_CHUNK_STEPS = 64
_CHUNK_BYTES = 16 * 2**20  # inputs and results of that many steps
_GATHERED_BYTES = 512 * 2**10  # inputs that stay in a core's own cache until they are used
# Floating-point operations of a step; below it, threads wait for each other longer than they work.
_WORTH_SHARING = 16e6


def stackable(head: nn.Sequential | None) -> bool:
    """Whether only a fully connected layer at the end of this head is trained."""
    if head is None or not isinstance(head[-1], nn.Linear):
        return False
    return all(_is_frozen(step) for step in head[:-1])


def _is_frozen(step: nn.Module) -> bool:
    """Whether a step before the last layer is not trained, and deterministic or a dropout that can be seeded."""
    if any(parameter.requires_grad for parameter in step.parameters()):
        return False
    return isinstance(step, SeededDropout) or not any(is_stochastic(module) for module in step.modules())


class HeadStack:
    """K last layers in S streams of T: the layers of a stream have one seed and so the same batches. A ``Learner``."""

    def __init__(self, setup: TrainingSetup, configs: Sequence[TrainingConfig]) -> None:
        """``configs`` has one for each layer, grouped by seed, the same number for every seed."""
        if setup.head is None:
            raise ValueError("a stack is trained on features")
        self._train = _features(setup.train)
        seeds = list(dict.fromkeys(config.seed for config in configs))
        self._setup, self._config, self._count = setup, configs[0], len(configs)
        self._streams, self._per_stream = len(seeds), len(configs) // len(seeds)
        frozen = converted(self._frozen(setup.head), setup.compute.dtype)
        self._randomness = [Randomness(seed) for seed in seeds]
        self._prefixes = [with_randomness(frozen, own) for own in self._randomness] if len(frozen) else []
        name, _ = last_layer(setup.classifier.network)
        self._weight, self._bias = f"{name}.weight", f"{name}.bias"
        states = [setup.classifier.initial_state(config.seed) for config in configs]
        self._weight_shape = states[0][self._weight].shape
        weights = torch.stack([state[self._weight].flatten(1) for state in states])
        biases = torch.stack([state[self._bias] for state in states]) if self._bias in states[0] else None
        self._layers = self._new_layers(weights, biases, configs)
        self._graphs: dict[torch.Size, CudaGraphRunner] = {}
        consequence = "and their gradients added up: the same result up to rounding"
        self._micro_batches = MicroBatches(setup.memory, "A training step", consequence)
        self._evaluation = evaluation_micro_batches(setup.memory)
        self._operations = self._config.batch_size * 4 * weights.numel()

    def _frozen(self, head: nn.Sequential) -> nn.Sequential:
        """The steps before the last layer."""
        return head[:-1]

    def _new_layers(self, weights: Tensor, biases: Tensor | None, configs: Sequence[TrainingConfig]) -> LinearLayers:
        """Layers with initial weights (K, C, F) and biases (K, C)."""
        return LinearLayers(weights, biases, configs, self._streams)

    def steps(
        self, indices: Sequence[Tensor], rate_factors: Sequence[float], should_stop: ShouldStop
    ) -> Iterator[StepResults]:
        """As in ``Learner``; several steps at a time."""
        own, schedule = self._by_stream(indices), self._layers.schedule(rate_factors)
        for prefix in self._prefixes:
            prefix.train()
        done = 0
        for part in self._parts(own):
            if should_stop():
                return
            count = -(-part.shape[1] // self._config.batch_size)
            losses, hits = self._train_part(part, schedule[:, done : done + count])
            self._layers.steps_taken += count
            yield StepResults(count, part.shape[1], losses, hits)
            done += count

    @torch.inference_mode()
    def _train_part(self, indices: Tensor, schedule: Tensor) -> tuple[Tensor, ...]:
        """Take the scheduled steps; summed losses and hits of every layer, (K,)."""
        batch = indices.shape[1] // schedule.shape[1]
        return self._micro_batches.run(batch, partial(self._take_steps, indices, schedule), self._save)

    def _save(self) -> Undo:
        """What an attempt at steps changes and can be undone: the generators of dropout, but not the weights."""
        generators, updates = [own.state() for own in self._randomness], self._layers.updates

        def undo() -> bool:
            for own, states in zip(self._randomness, generators, strict=True):
                own.restore(states)
            return self._layers.updates == updates

        return undo

    def _take_steps(self, indices: Tensor, schedule: Tensor, slices: Sequence[slice]) -> tuple[Tensor, ...]:
        """The steps on whole batches, or one after the other with batches in slices."""
        if len(slices) == 1:
            return self._take_whole_steps(indices, schedule)
        self._graphs.clear()  # they hold the memory of whole batches
        each = indices.view(self._streams, schedule.shape[1], -1).unbind(1)
        return _added(self._take_divided_step(own, slices, *step) for own, step in zip(each, schedule.T, strict=True))

    def _take_divided_step(
        self, indices: Tensor, slices: Sequence[slice], rate: Tensor, number: Tensor
    ) -> tuple[Tensor, Tensor]:
        """A step on samples (S, B) whose gradient is added up slice by slice; summed losses and hits, (K,)."""
        results, batch = [], indices.shape[1]
        self._layers.clear_gradient()
        for rows in slices:
            own = indices[:, rows]
            with ExitStack() as stack:
                for randomness in self._randomness:
                    stack.enter_context(randomness.micro_batch(rows, batch))
                (inputs,) = self._before(own, 1) or self._inputs(own, 1)
            labels, targets = self._labels_and_targets(own, 1)
            loss_gradient = targets[0].mul(-1 / batch).expand(-1, self._per_stream, -1, -1)
            log_probabilities = self._layers.add_gradient(inputs[0], loss_gradient)
            results.append(_summed(log_probabilities.unsqueeze(0), labels, targets))
        self._layers.take_step(rate, number)
        return _added(results)

    def _take_whole_steps(self, indices: Tensor, schedule: Tensor) -> tuple[Tensor, ...]:
        """:meth:`_losses_and_hits`, as a CUDA graph on a GPU.

        Dropout draws before it: a replayed graph would draw the same numbers every time.
        """
        before = self._before(indices, schedule.shape[1])
        if indices.is_cuda:
            runner = self._graphs.setdefault(indices.shape, CudaGraphRunner())
            return runner(self._losses_and_hits, indices, schedule, *before)
        with one_thread() if self._operations < _WORTH_SHARING else nullcontext():
            return self._losses_and_hits(indices, schedule, *before)

    def _before(self, indices: Tensor, count: int) -> tuple[Tensor, ...]:
        """The inputs of the last layers in ``count`` steps, where they cannot be part of a CUDA graph."""
        if self._prefixes:
            return (self._through_prefixes(indices, count),)
        return () if self._train.is_resident else tuple(self._inputs(indices, count))

    def _by_stream(self, indices: Sequence[Tensor]) -> Tensor:
        """The indices (S, N) of the streams on the device, from those of each layer."""
        own = torch.stack([indices[stream * self._per_stream] for stream in range(self._streams)])
        return own.to(self._setup.compute.device)

    def _parts(self, indices: Tensor) -> Iterator[Tensor]:
        """Indices (S, N) of the steps that are taken at a time; a smaller last batch comes by itself."""
        size = self._config.batch_size
        step_bytes = _FLOAT_BYTES * size * (self._streams * self._layers.inputs + self._count * self._layers.classes)
        together = 1 if self._train.compute else max(1, min(_CHUNK_STEPS, _CHUNK_BYTES // step_bytes))
        whole = indices.shape[1] // size * size
        yield from (part for part in torch.split(indices[:, :whole], together * size, dim=1) if part.shape[1])
        if whole < indices.shape[1]:
            yield indices[:, whole:]

    def _losses_and_hits(self, indices: Tensor, schedule: Tensor, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Take the scheduled steps on samples (S, steps * B); summed losses and hits of every layer, (K,).

        ``inputs`` of the last layers, (steps, S, B, F), are given where frozen steps come before them.
        """
        labels, targets = self._labels_and_targets(indices, schedule.shape[1])
        loss_gradients = targets.mul(-1 / labels.shape[3]).expand(-1, -1, self._per_stream, -1, -1)
        log_probabilities = self._steps(indices, loss_gradients, schedule, *inputs)
        return _summed(log_probabilities, labels, targets)

    def _labels_and_targets(self, indices: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """For samples (S, steps * B): labels (steps, S, 1, B) and smoothed targets (steps, S, 1, C, B)."""
        classes, smoothing = self._layers.classes, self._config.label_smoothing
        labels = self._train.labels[indices].view(self._streams, count, 1, -1).transpose(0, 1)
        targets = torch.full(
            (count, self._streams, 1, classes, labels.shape[3]), smoothing / classes, device=labels.device
        )
        return labels, targets.scatter_(3, labels.unsqueeze(3), 1 - smoothing + smoothing / classes)

    def _steps(self, indices: Tensor, loss_gradients: Tensor, schedule: Tensor, *inputs: Tensor) -> Tensor:
        return self._layers.train_steps(inputs or self._inputs(indices, schedule.shape[1]), loss_gradients, schedule)

    def _inputs(self, indices: Tensor, count: int) -> Iterator[Tensor]:
        """The inputs of ``count`` steps, (steps, S, B, F), in parts that stay in the cache until they are used."""
        each = indices.view(self._streams, count, -1).transpose(0, 1)  # (steps, S, B)
        together = max(1, _GATHERED_BYTES // (each[0].numel() * self._layers.inputs * _FLOAT_BYTES))
        for part in torch.split(each, together):
            yield self._train.inputs(part)

    def _through_prefixes(self, indices: Tensor, count: int) -> Tensor:
        """The inputs of ``count`` steps after the frozen steps, (steps, S, B, F); dropout draws batch by batch.

        Frozen fully connected layers see all batches at once, which makes them twice as fast.
        """
        features = self._train.inputs(indices.view(self._streams, count, -1)).to(self._setup.compute.dtype)
        each = [on_each(prefix, own) for prefix, own in zip(self._prefixes, features, strict=True)]
        return torch.stack(each, dim=1).float()

    def _prepared(self, features: Tensor) -> Tensor:
        """The inputs of the last layers at test time, (S, B, F) of features (S, B, ...)."""
        if not self._prefixes:
            return features
        inputs = features.to(self._setup.compute.dtype)
        return torch.stack([prefix(part) for prefix, part in zip(self._prefixes, inputs, strict=True)]).float()

    def evaluate(
        self, source: BatchSource, indices: Sequence[Tensor], least_batch: int = 1, *, ranked: bool = False
    ) -> EvaluationSteps:
        """As in ``Learner``."""
        for prefix in self._prefixes:
            prefix.eval()
        batch = max(self._micro_batches.limited(least_batch), self._setup.evaluation_batch)
        batches = self._batches(_features(source), self._by_stream(indices), batch)
        return evaluate(self._logits, batches, self._evaluation, ranked=len(indices[0]) if ranked else None)

    def _batches(self, source: FeatureBatches, indices: Tensor, batch: int) -> Iterator[Batch]:
        for part in torch.split(indices, batch, dim=1):
            yield source.inputs(part), source.labels[part].repeat_interleave(self._per_stream, dim=0)

    def _logits(self, features: Tensor) -> Tensor:
        """(K, B, C) of features (S, B, ...)."""
        return self._layers.logits(self._prepared(features)).transpose(2, 3).flatten(0, 1)

    def state(self, run: int) -> dict[str, Tensor]:
        """As in ``Learner``."""
        weight, bias = self._layers.read(run)
        return {self._weight: weight.view(self._weight_shape)} | ({} if bias is None else {self._bias: bias})

    def restore(self, run: int, state: dict[str, Tensor]) -> None:
        """As in ``Learner``."""
        self._layers.write(run, state[self._weight].flatten(1), state.get(self._bias))

    def snapshot(self) -> dict[str, Tensor]:
        """As in ``Learner``."""
        streams = enumerate(self._randomness)
        states = {f"dropout.{stream}.{key}": state for stream, own in streams for key, state in own.state().items()}
        return {**self._layers.snapshot(), **states}

    def resume(self, snapshot: Mapping[str, Tensor]) -> None:
        """As in ``Learner``."""
        self._layers.resume(snapshot)
        for stream, randomness in enumerate(self._randomness):
            randomness.restore(with_prefix(snapshot, f"dropout.{stream}."))


def _added(results: Iterable[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    losses, hits = zip(*results, strict=True)
    return torch.stack(losses).sum(dim=0), torch.stack(hits).sum(dim=0)


def _summed(log_probabilities: Tensor, labels: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Summed losses and hits of every layer, (K,), from log-probabilities (steps, S, T, C, B)."""
    losses = log_probabilities.mul(targets).sum(dim=(0, 3, 4), dtype=torch.float64).neg_()
    predicted = log_probabilities.max(dim=3).indices  # argmax is ten times slower along this axis
    return losses.flatten(), (predicted == labels).sum(dim=(0, 3)).flatten()


def _features(source: BatchSource) -> FeatureBatches:
    if not isinstance(source, FeatureBatches):
        raise TypeError("a stack is trained on features")
    return source
