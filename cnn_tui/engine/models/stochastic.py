"""Dropout and stochastic depth that draw from their own generator.

PyTorch's draw from the global one, so that anything else that draws there (another run, augmentation, an image shown
during training) would change the training.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

_WORD = 16  # bits
_LEVELS = 2**16  # of a probability: 32 random bits give two draws, many times faster than bernoulli_
_LEAST, _MOST = -(2**31), 2**31 - 1


class Randomness:
    """The generators of a network's stochastic layers: one per layer and device, created when first used.

    With one for each layer, a layer may draw for many batches before the next layer draws for the first.

    Attributes:
        rows: those of its batch that a layer is given at a time.
    """

    def __init__(self, seed: int) -> None:
        self._generators: dict[str, torch.Generator] = {}
        self._batch: int | None = None
        self.rows = slice(None)
        self.restart(seed)

    def restart(self, seed: int) -> None:
        """Start again from a seed."""
        self._seed = seed
        self._generators.clear()

    def state(self) -> dict[str, Tensor]:
        """The states of all generators by device and layer, for :meth:`restore`."""
        return {key: generator.get_state() for key, generator in self._generators.items()}

    def restore(self, states: Mapping[str, Tensor]) -> None:
        """Continue from :meth:`state`."""
        self._generators.clear()
        for key, state in states.items():
            self._generators[key] = torch.Generator(key.partition(" ")[0])
            self._generators[key].set_state(state)

    @contextmanager
    def micro_batch(self, rows: slice, count: int) -> Iterator[None]:
        """Within it, layers are given these rows of a batch of ``count``, and use the numbers that are theirs in it.

        They draw for the whole batch each time: in parts, not every device would give the same numbers.
        """
        if rows == slice(0, count):
            yield
            return
        before = self.state()
        self.rows, self._batch = rows, count
        try:
            yield
        finally:
            self.rows, self._batch = slice(None), None
            if rows.stop < count:
                self.restore(before)

    def whole_batch(self, rows: int) -> int:
        """The number of rows to draw for when a layer is given this number."""
        return rows if self._batch is None else self._batch

    def on(self, device: torch.device, layer: str) -> torch.Generator:
        """The generator of a layer on a device."""
        key = f"{device} {layer}"
        if key not in self._generators:
            # Hashed, so that the numbers differ from those of shuffles and initial weights, which use the seed itself.
            digest = hashlib.sha256(f"dropout {self._seed} {layer}".encode()).digest()
            self._generators[key] = torch.Generator(device).manual_seed(int.from_bytes(digest[:8]) >> 1)
        return self._generators[key]


class SeededDropout(nn.Dropout):
    """``nn.Dropout`` on its own generator: zeroes elements with probability ``p`` and scales the rest by 1/(1-p)."""

    def __init__(self, p: float, randomness: Randomness, layer: str = "") -> None:
        super().__init__(p)
        self.layer = layer
        self._randomness = randomness

    def forward(self, features: Tensor) -> Tensor:
        """Any shape to the same shape; in eval mode the input itself."""
        return self.on_each(features.unsqueeze(0)).squeeze(0) if self.training and self.p else features

    def on_each(self, batches: Tensor) -> Tensor:
        """Dropout of batches (N, ...) in train mode, with the same numbers as one :meth:`forward` per batch."""
        if self.draws_bits(batches.shape[1:]):
            return torch.stack([self._drop_by_bits(batch) for batch in batches])
        count, rows, *rest = batches.shape
        shape = torch.Size([count, self._randomness.whole_batch(rows), *rest])
        mask = _mask(shape, self.p, self._randomness.on(batches.device, self.layer), batches.dtype)
        return batches * mask[:, self._randomness.rows]

    def draws_bits(self, shape: Sequence[int]) -> bool:
        """Whether one random bit is drawn per element of a batch of this shape, not 16.

        A probability of 0.5 needs no more. Feature maps (B, C, H, W) have so many elements that drawing 16 bits for
        each takes longer than everything else. Other shapes keep 16 bits, and with them the numbers of older runs.
        """
        return self.p == 0.5 and len(shape) == 4 and math.prod(shape[2:]) > 1

    def bits(self, count: int, elements: int, device: torch.device) -> Tensor:
        """Random bits for ``count`` feature maps of ``elements`` each, for :func:`bit_mask`: int16 (N, W)."""
        generator = self._randomness.on(device, self.layer)
        if device.type == "cpu":  # where 64 bits take as long as 32
            drawn = torch.empty((count, -(-elements // 64)), dtype=torch.int64)
            return drawn.random_(-(2**63), None, generator=generator).view(torch.int16)
        drawn = torch.empty((count, -(-elements // 32)), dtype=torch.int32, device=device)
        return drawn.random_(_LEAST, _MOST, generator=generator).view(torch.int16)

    def _drop_by_bits(self, maps: Tensor) -> Tensor:
        count, channels, height, width = maps.shape
        elements = channels * height * width
        bits = self.bits(self._randomness.whole_batch(count), elements, maps.device)[self._randomness.rows]
        mask = bit_mask(bits, elements).view(count, height, width, channels)
        return maps * mask.permute(0, 3, 1, 2).to(maps.dtype).mul_(-2)


class SeededStochasticDepth(nn.Module):
    """``torchvision.ops.StochasticDepth`` on its own generator: drops whole rows, or with mode "batch" all at once."""

    def __init__(self, p: float, mode: str, randomness: Randomness, layer: str = "") -> None:
        super().__init__()
        self.p = p
        self.mode = mode
        self._layer = layer
        self._randomness = randomness

    def forward(self, features: Tensor) -> Tensor:
        """(N, ...) to the same shape; in eval mode the input itself."""
        if not self.training or self.p == 0:
            return features
        by_row = self.mode == "row"
        rows = self._randomness.whole_batch(features.shape[0]) if by_row else 1
        shape = torch.Size([1, rows] + [1] * (features.ndim - 1))
        mask = _mask(shape, self.p, self._randomness.on(features.device, self._layer), features.dtype)
        if by_row:
            mask = mask[:, self._randomness.rows]
        # Without the additional dimension the result could have another memory layout, and so other roundings later.
        return (features.unsqueeze(0) * mask).squeeze(0)


def seed_stochastic(network: nn.Module, randomness: Randomness) -> None:
    """Replace every dropout and stochastic depth in a network by a seeded one."""
    for path, parent in list(network.named_modules()):
        for name, child in list(parent.named_children()):
            layer = f"{path}.{name}" if path else name
            if isinstance(child, StochasticDepth):
                parent.add_module(name, SeededStochasticDepth(child.p, child.mode, randomness, layer))
            elif isinstance(child, nn.Dropout):
                parent.add_module(name, SeededDropout(child.p, randomness, layer))


def bit_mask(bits: Tensor, elements: int, out: Tensor | None = None) -> Tensor:
    """The mask for bits (N, W) of :meth:`SeededDropout.bits`: -1 keeps an element and 0 drops it, (N, elements).

    Elements are in channels-last order. Bit k of all words belongs to the k-th sixteenth of them, so that neighbouring
    elements take the same two shifts and the computation vectorises.

    Args:
        out: int16 or int32 (N or more, 16, W), which the mask is written to.
    """
    target = bits.new_empty(len(bits), _WORD, bits.shape[1]) if out is None else out[: len(bits)]
    sign = 8 * target.element_size() - 1
    shifts = torch.arange(sign, sign - _WORD, -1, dtype=target.dtype, device=bits.device).unsqueeze(1)
    torch.bitwise_left_shift(bits.to(target.dtype).unsqueeze(1), shifts, out=target)
    return target.bitwise_right_shift_(sign).flatten(1)[:, :elements]


def is_stochastic(module: nn.Module) -> bool:
    """Whether a layer draws random numbers in train mode."""
    return isinstance(module, nn.Dropout | StochasticDepth | SeededStochasticDepth) and module.p > 0


def _mask(shape: torch.Size, p: float, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
    """A random mask of ``shape`` (N, ...), drawn for one of N batches after the other.

    It does not depend on the precision and memory layout of the batches.
    """
    count, draws = shape[1:].numel(), shape[0]
    bits = torch.empty((draws, -(-count // 2)), dtype=torch.int32, device=generator.device)
    for own in bits.unbind():
        own.random_(_LEAST, _MOST, generator=generator)
    level = 0 if p == 1 else min(max(round((1 - p) * _LEVELS), 1), _LEVELS - 1)
    kept = bits.view(torch.int16)[:, :count] < level - _LEVELS // 2
    return kept.to(dtype).mul_(_LEVELS / max(level, 1)).view(shape)
