"""Last layers trained on stored features, one or many at once; see ``linear_layers`` for how they learn."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from cnn_tui.config.experiment import TrainingConfig
from cnn_tui.engine.data.feeds import Batch, FeatureFeed, Feed
from cnn_tui.engine.device import one_thread
from cnn_tui.engine.models.heads import last_layer
from cnn_tui.engine.models.stochastic import Randomness, SeededDropout, is_stochastic
from cnn_tui.engine.stopping import ShouldStop
from cnn_tui.engine.training.captured import Captured
from cnn_tui.engine.training.evaluate import evaluate
from cnn_tui.engine.training.learner import Looking, Material, Steps
from cnn_tui.engine.training.linear_layers import LinearLayers

_FLOAT_BYTES = 4
_CHUNK_STEPS = 64
_CHUNK_BYTES = 16 * 2**20  # of what so many steps read and say
_GATHERED_BYTES = 512 * 2**10  # what stays in a core's own cache until it is learnt from
# Floating-point operations in a step; below it, threads wait longer for each other than they work.
_WORTH_SHARING = 16e6


def stackable(head: nn.Sequential | None) -> bool:
    """Whether of this head only a fully connected layer at its end is trained."""
    if head is None or not isinstance(head[-1], nn.Linear):
        return False
    return all(_is_frozen(step) for step in head[:-1])


def _is_frozen(step: nn.Module) -> bool:
    """Whether a step before the last layer learns nothing, and draws, if at all, in a way that can be seeded."""
    if any(parameter.requires_grad for parameter in step.parameters()):
        return False
    return isinstance(step, SeededDropout) or not any(is_stochastic(module) for module in step.modules())


class HeadStack:
    """K last layers in S streams of T, those of a stream having one seed and so one order. See ``Learner``."""

    def __init__(self, material: Material, configs: Sequence[TrainingConfig]) -> None:
        """``configs`` has one for each layer, those of a seed together and of every seed as many."""
        if material.head is None:
            raise ValueError("a stack is trained on features")
        self._train = _features(material.train)
        seeds = list(dict.fromkeys(config.seed for config in configs))
        self._material, self._config, self._count = material, configs[0], len(configs)
        self._streams, self._each = len(seeds), len(configs) // len(seeds)
        frozen = _converted(self._frozen(material.head), material.compute.dtype)
        self._prefixes = [_prefix(frozen, seed) for seed in seeds] if len(frozen) else []
        name, _ = last_layer(material.classifier.network)
        self._weight, self._bias = f"{name}.weight", f"{name}.bias"
        states = [material.classifier.first_state(config.seed) for config in configs]
        self._weight_shape = states[0][self._weight].shape
        weights = torch.stack([state[self._weight].flatten(1) for state in states])
        biases = torch.stack([state[self._bias] for state in states]) if self._bias in states[0] else None
        self._layers = self._new_layers(weights, biases, configs)
        self._recorded: dict[torch.Size, Captured] = {}
        self._work = self._config.batch_size * 4 * weights.numel()

    def _frozen(self, head: nn.Sequential) -> nn.Sequential:
        """The steps before the last layer."""
        return head[:-1]

    def _new_layers(self, weights: Tensor, biases: Tensor | None, configs: Sequence[TrainingConfig]) -> LinearLayers:
        """Layers that begin with weights (K, C, F) and biases (K, C)."""
        return LinearLayers(weights, biases, configs, self._streams)

    def steps(self, rows: Sequence[Tensor], factors: Sequence[float], should_stop: ShouldStop) -> Iterator[Steps]:
        """See ``Learner``; several steps at a time."""
        own, schedule = self._own(rows), self._layers.schedule(factors)
        for prefix in self._prefixes:
            prefix.train()
        done = 0
        for part in self._parts(own):
            if should_stop():
                return
            count = -(-part.shape[1] // self._config.batch_size)
            losses, hits = self._learnt(part, schedule[:, done : done + count])
            yield Steps(count, part.shape[1], losses, hits)
            done += count

    @torch.inference_mode()
    def _learnt(self, rows: Tensor, schedule: Tensor) -> tuple[Tensor, ...]:
        """What :meth:`_learn` gives, replayed on a GPU. Dropout draws before it: a recording would draw the same."""
        before = self._before(rows, schedule.shape[1])
        if rows.is_cuda:
            return self._recorded.setdefault(rows.shape, Captured())(self._learn, rows, schedule, *before)
        with one_thread() if self._work < _WORTH_SHARING else nullcontext():
            return self._learn(rows, schedule, *before)

    def _before(self, rows: Tensor, count: int) -> tuple[Tensor, ...]:
        """What the last layers see in some steps, where it cannot be part of a recording."""
        if self._prefixes:
            return (self._through_prefixes(rows, count),)
        return () if self._train.is_resident else tuple(self._inputs(rows, count))

    def _own(self, rows: Sequence[Tensor]) -> Tensor:
        """The rows (S, N) of the streams, on the device; the layers of a stream have the same."""
        own = torch.stack([rows[stream * self._each] for stream in range(self._streams)])
        return own.to(self._material.compute.device)

    def _parts(self, rows: Tensor) -> Iterator[Tensor]:
        """Rows (S, N) of as many steps as are learnt at a time; the last batch, if it is smaller, by itself."""
        size = self._config.batch_size
        step_bytes = _FLOAT_BYTES * size * (self._streams * self._layers.inputs + self._count * self._layers.classes)
        together = 1 if self._train.anew else max(1, min(_CHUNK_STEPS, _CHUNK_BYTES // step_bytes))
        whole = rows.shape[1] // size * size
        yield from (part for part in torch.split(rows[:, :whole], together * size, dim=1) if part.shape[1])
        if whole < rows.shape[1]:
            yield rows[:, whole:]

    def _learn(self, rows: Tensor, schedule: Tensor, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """The scheduled steps on rows (S, steps * B); summed losses and hits of every layer.

        ``inputs`` are what the last layers see, (steps, S, B, F), where frozen steps come before them.
        """
        count, classes, smoothing = schedule.shape[1], self._layers.classes, self._config.label_smoothing
        labels = self._train.labels[rows].view(self._streams, count, 1, -1).transpose(0, 1)
        targets = torch.full(
            (count, self._streams, 1, classes, labels.shape[3]), smoothing / classes, device=labels.device
        )
        targets.scatter_(3, labels.unsqueeze(3), 1 - smoothing + smoothing / classes)
        pulls = targets.mul(-1 / labels.shape[3]).expand(-1, -1, self._each, -1, -1)
        said = self._steps(rows, pulls, schedule, *inputs)  # (steps, S, T, C, B)
        losses = said.mul(targets).sum(dim=(0, 3, 4), dtype=torch.float64).neg_()
        hits = (said.max(dim=3).indices == labels).sum(dim=(0, 3))  # argmax is ten times slower along this axis
        return losses.flatten(), hits.flatten()

    def _steps(self, rows: Tensor, pulls: Tensor, schedule: Tensor, *inputs: Tensor) -> Tensor:
        return self._layers.learn(inputs or self._inputs(rows, schedule.shape[1]), pulls, schedule)

    def _inputs(self, rows: Tensor, count: int) -> Iterator[Tensor]:
        """What the last layers see in some steps, (steps, S, B, F); in parts that stay in a fast cache until then."""
        each = rows.view(self._streams, count, -1).transpose(0, 1)  # (steps, S, B)
        together = max(1, _GATHERED_BYTES // (each[0].numel() * self._layers.inputs * _FLOAT_BYTES))
        for part in torch.split(each, together):
            yield self._train.inputs(part)

    def _through_prefixes(self, rows: Tensor, count: int) -> Tensor:
        """What the last layers see in some steps, (steps, S, B, F), of which dropout draws each batch by itself.

        The fully connected layers among the frozen steps see all batches at once, for which they are twice as fast.
        """
        features = self._train.inputs(rows.view(self._streams, count, -1)).to(self._material.compute.dtype)
        each = [_on_each(prefix, own) for prefix, own in zip(self._prefixes, features, strict=True)]
        return torch.stack(each, dim=1).float()

    def _prepared(self, features: Tensor) -> Tensor:
        """What the last layers see at test time, (S, B, F) of features (S, B, ...)."""
        if not self._prefixes:
            return features
        inputs = features.to(self._material.compute.dtype)
        return torch.stack([prefix(part) for prefix, part in zip(self._prefixes, inputs, strict=True)]).float()

    def look(self, feed: Feed, rows: Sequence[Tensor], least_batch: int = 1) -> Looking:
        """See ``Learner``."""
        for prefix in self._prefixes:
            prefix.eval()
        batch = max(least_batch, self._material.evaluation_batch)
        return evaluate(self._logits, self._batches(_features(feed), self._own(rows), batch))

    def _batches(self, feed: FeatureFeed, rows: Tensor, batch: int) -> Iterator[Batch]:
        for part in torch.split(rows, batch, dim=1):
            yield feed.inputs(part), feed.labels[part].repeat_interleave(self._each, dim=0)

    def _logits(self, features: Tensor) -> Tensor:
        """(K, B, C) of features (S, B, ...)."""
        return self._layers.logits(self._prepared(features)).transpose(2, 3).flatten(0, 1)

    def state(self, course: int) -> dict[str, Tensor]:
        """See ``Learner``."""
        weight, bias = self._layers.read(course)
        return {self._weight: weight.view(self._weight_shape)} | ({} if bias is None else {self._bias: bias})

    def restore(self, course: int, state: dict[str, Tensor]) -> None:
        """See ``Learner``."""
        self._layers.write(course, state[self._weight].flatten(1), state.get(self._bias))


def _converted(frozen: nn.Sequential, dtype: torch.dtype) -> nn.Sequential:
    """The frozen steps in the precision of the backbone's arithmetic, of which they are a part."""
    if dtype is torch.float32:
        return frozen
    return nn.Sequential(
        *(step if isinstance(step, SeededDropout) else copy.deepcopy(step).to(dtype) for step in frozen)
    )


def _prefix(frozen: nn.Sequential, seed: int) -> nn.Sequential:
    """The frozen steps with dropout that draws from this seed."""
    randomness = Randomness(seed)
    return nn.Sequential(
        *(SeededDropout(step.p, randomness, step.layer) if isinstance(step, SeededDropout) else step for step in frozen)
    )


def _on_each(prefix: nn.Sequential, batches: Tensor) -> Tensor:
    """What the frozen steps make of batches (N, B, ...), one after the other."""
    for step in prefix:
        if isinstance(step, SeededDropout) and step.p:
            batches = step.on_each(batches)
        else:
            batches = step(batches.flatten(0, 1)).unflatten(0, batches.shape[:2])
    return batches


def _features(feed: Feed) -> FeatureFeed:
    if not isinstance(feed, FeatureFeed):
        raise TypeError("a stack is trained on features")
    return feed
