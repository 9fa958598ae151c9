"""Last layers trained on stored features, one or many at once, without automatic differentiation.

The gradient of the cross entropy of a linear layer is known: with features X (B, F), targets T and softmax P (B, C)
it is (P - T)'X / B. Many last layers that see the same batches are one matrix with more rows, so that a step costs
little more than for one; layers of other seeds, whose batches have the same shape, are a batch of such matrices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from cnn_tui.config.experiment import TrainingConfig
from cnn_tui.engine.evaluate import evaluate
from cnn_tui.engine.feeds import Batch, FeatureFeed, Feed
from cnn_tui.engine.heads import last_layer
from cnn_tui.engine.learner import Looking, Material, Steps
from cnn_tui.engine.stochastic import Randomness, SeededDropout, is_stochastic
from cnn_tui.engine.stopping import ShouldStop

_CHUNK_STEPS = 64
_CHUNK_BYTES = 16 * 2**20
_EPSILON = 1e-8  # Adam's, as in torch.optim
_SECOND_BETA = 0.999


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
        seeds = list(dict.fromkeys(config.seed for config in configs))
        self._material, self._config, self._count = material, configs[0], len(configs)
        self._streams, self._each = len(seeds), len(configs) // len(seeds)
        self._prefixes = [_prefix(material.head, seed) for seed in seeds] if len(material.head) > 1 else []
        name, _ = last_layer(material.classifier.network)
        self._weight, self._bias = f"{name}.weight", f"{name}.bias"
        states = [material.classifier.first_state(config.seed) for config in configs]
        weights = torch.stack([state[self._weight] for state in states])
        biases = torch.stack([state[self._bias] for state in states]) if self._bias in states[0] else None
        self._layers = _Layers(weights, biases, configs, self._streams)

    def steps(self, rows: Sequence[Tensor], factors: Sequence[float], should_stop: ShouldStop) -> Iterator[Steps]:
        """See ``Learner``; several steps at a time."""
        feed, size = _features(self._material.train), self._config.batch_size
        own = torch.stack([rows[stream * self._each] for stream in range(self._streams)])
        bytes_each = self._streams * size * self._layers.inputs * 4
        together = max(1, min(_CHUNK_STEPS, _CHUNK_BYTES // bytes_each))
        done, whole = 0, own.shape[1] // size
        for prefix in self._prefixes:
            prefix.train()
        while done < len(factors):
            if should_stop():
                return
            count = min(together, whole - done) or 1
            part = own[:, done * size : (done + count) * size]
            yield self._train(*feed.gather(part), factors[done : done + count])
            done += count

    @torch.no_grad()
    def _train(self, features: Tensor, labels: Tensor, factors: Sequence[float]) -> Steps:
        """A step for each factor, on features (S, steps * B, ...) with labels (S, steps * B)."""
        count, classes = len(factors), self._layers.classes
        smoothing = self._config.label_smoothing
        batches = [self._prepared(part) for part in features.chunk(count, dim=1)]
        targets = nn.functional.one_hot(labels, classes).float().mul_(1 - smoothing).add_(smoothing / classes)
        logits = [
            self._layers.step(inputs, target, factor)
            for inputs, target, factor in zip(batches, targets.chunk(count, dim=1), factors, strict=True)
        ]
        said = torch.cat(logits, dim=1)  # (S, steps * B, T, C)
        losses = said.log_softmax(dim=3).mul_(targets.unsqueeze(2)).sum(dim=(1, 3), dtype=torch.float64).neg_()
        hits = (said.argmax(dim=3) == labels.unsqueeze(2)).sum(dim=1)
        return Steps(count, labels.shape[1], losses.flatten(), hits.flatten())

    def _prepared(self, features: Tensor) -> Tensor:
        """What a last layer sees, (S, B, F) of features (S, B, ...); in training dropout draws for each stream."""
        if not self._prefixes:
            return features
        return torch.stack([prefix(part) for prefix, part in zip(self._prefixes, features, strict=True)])

    def look(self, feed: Feed, rows: Sequence[Tensor], least_batch: int = 1) -> Looking:
        """See ``Learner``."""
        own = torch.stack([rows[stream * self._each] for stream in range(self._streams)])
        for prefix in self._prefixes:
            prefix.eval()
        batch = max(least_batch, self._material.evaluation_batch)
        return evaluate(self._logits, self._batches(_features(feed), own, batch))

    def _batches(self, feed: FeatureFeed, rows: Tensor, batch: int) -> Iterator[Batch]:
        for part in torch.split(rows, batch, dim=1):
            features, labels = feed.gather(part)
            yield features, labels.repeat_interleave(self._each, dim=0)

    def _logits(self, features: Tensor) -> Tensor:
        """(K, B, C) of features (S, B, ...)."""
        return self._layers.logits(self._prepared(features)).transpose(1, 2).flatten(0, 1)

    def state(self, course: int) -> dict[str, Tensor]:
        """See ``Learner``."""
        weight, bias = self._layers.of(course)
        return {self._weight: weight.clone()} | ({} if bias is None else {self._bias: bias.clone()})

    def restore(self, course: int, state: dict[str, Tensor]) -> None:
        """See ``Learner``."""
        weight, bias = self._layers.of(course)
        weight.copy_(state[self._weight])
        if bias is not None:
            bias.copy_(state[self._bias])


class _Layers:
    """Weights and biases of all layers in one flat buffer, as are gradients and moments: a rule is one pass."""

    def __init__(self, weights: Tensor, biases: Tensor | None, configs: Sequence[TrainingConfig], streams: int) -> None:
        """``weights`` (K, C, F) and ``biases`` (K, C) to begin with."""
        count, self.classes, self.inputs = weights.shape
        self._optimizer = configs[0].optimizer
        self._shape = (streams, count // streams * self.classes, self.inputs)
        self._trains_bias = biases is not None
        biases = torch.zeros(count, self.classes, device=weights.device) if biases is None else biases
        self._values = torch.cat([weights.flatten(), biases.flatten()]).float()
        self._weights, self._biases = self._views(self._values)
        self._gradient = torch.zeros_like(self._values)
        self._weight_gradient, self._bias_gradient = self._views(self._gradient)
        self._moments = torch.zeros_like(self._values), torch.zeros_like(self._values)
        self._scratch = torch.empty_like(self._values)
        self._rates = self._spread([config.optimizer.learning_rate for config in configs])
        self._decay = self._spread([config.optimizer.weight_decay for config in configs])
        self._decays = any(config.optimizer.weight_decay for config in configs)
        self._steps = 0

    def logits(self, inputs: Tensor) -> Tensor:
        """(S, B, T, C) of inputs (S, B, F)."""
        flat = torch.baddbmm(self._biases.unsqueeze(1), inputs, self._weights.transpose(1, 2))
        return flat.view(*flat.shape[:2], -1, self.classes)

    def step(self, inputs: Tensor, targets: Tensor, factor: float) -> Tensor:
        """Learn from inputs (S, B, F) with target probabilities (S, B, C); the logits (S, B, T, C) before that."""
        logits = self.logits(inputs)
        error = logits.softmax(dim=3).sub_(targets.unsqueeze(2)).flatten(2)
        scale = 1 / inputs.shape[1]
        torch.baddbmm(
            self._weight_gradient,
            error.transpose(1, 2),
            inputs,
            beta=0,
            alpha=scale,
            out=self._weight_gradient,
        )
        if self._trains_bias:
            torch.sum(error, dim=1, out=self._bias_gradient).mul_(scale)
        self._steps += 1
        self._update(factor)
        return logits

    def _update(self, factor: float) -> None:
        """Adam, AdamW or SGD with momentum, as ``torch.optim`` has them."""
        if self._optimizer.name == "sgd":
            return self._update_sgd(factor)
        if self._decays and self._optimizer.name == "adamw":
            self._values.mul_(1 - factor * self._rates * self._decay)
        elif self._decays:
            self._gradient.addcmul_(self._values, self._decay)
        first, second = self._moments
        beta = self._optimizer.momentum
        first.lerp_(self._gradient, 1 - beta)
        second.mul_(_SECOND_BETA).addcmul_(self._gradient, self._gradient, value=1 - _SECOND_BETA)
        correction = (1 - _SECOND_BETA**self._steps) ** 0.5
        torch.sqrt(second, out=self._scratch).add_(_EPSILON * correction)
        torch.div(first, self._scratch, out=self._scratch)
        self._values.addcmul_(self._scratch, self._rates, value=-factor * correction / (1 - beta**self._steps))
        return None

    def _update_sgd(self, factor: float) -> None:
        if self._decays:
            self._gradient.addcmul_(self._values, self._decay)
        velocity, _ = self._moments
        velocity.mul_(self._optimizer.momentum).add_(self._gradient)
        self._values.addcmul_(velocity, self._rates, value=-factor)

    def of(self, place: int) -> tuple[Tensor, Tensor | None]:
        """Weight (C, F) and bias (C,) of one layer, not copied."""
        weight = self._weights.view(-1, self.classes, self.inputs)[place]
        return weight, self._biases.view(-1, self.classes)[place] if self._trains_bias else None

    def _views(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (S, T*C, F) and biases (S, T*C) in a flat buffer."""
        streams, rows, inputs = self._shape
        size = streams * rows * inputs
        return flat[:size].view(self._shape), flat[size:].view(streams, rows)

    def _spread(self, settings: Sequence[float]) -> Tensor:
        """A setting of each layer, beside every one of its values."""
        each = torch.tensor(settings, dtype=torch.float32, device=self._values.device).unsqueeze(1)
        size = self.classes * self.inputs
        return torch.cat([each.expand(-1, size).flatten(), each.expand(-1, self.classes).flatten()])


def _prefix(head: nn.Sequential, seed: int) -> nn.Sequential:
    """All before the last layer, its dropout drawing from this seed."""
    randomness = Randomness(seed)
    return nn.Sequential(
        *(SeededDropout(step.p, randomness) if isinstance(step, SeededDropout) else step for step in head[:-1])
    )


def _features(feed: Feed) -> FeatureFeed:
    if not isinstance(feed, FeatureFeed):
        raise TypeError("a stack is trained on features")
    return feed
