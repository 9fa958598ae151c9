"""Dropout and stochastic depth that draw from their own generator.

PyTorch's draw from the global one, so that whatever else draws there (another run, augmentation, a picture shown
while training) would change the training. These do not share it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

_WORD = 16  # bits
_SHIFTS = torch.arange(_WORD - 1, -1, -1, dtype=torch.int16)
_LEVELS = 2**16  # of a probability: two draws come out of 32 random bits, many times faster than bernoulli_
_LEAST, _MOST = -(2**31), 2**31 - 1


class Randomness:
    """The generators that a network's random layers draw from: one for each layer on each device, made when asked for.

    With one each, it does not matter whether a layer draws for many batches before the next layer draws for the first.
    """

    def __init__(self, seed: int) -> None:
        self._generators: dict[str, torch.Generator] = {}
        self.restart(seed)

    def restart(self, seed: int) -> None:
        """Begin anew from a seed."""
        self._seed = seed
        self._generators.clear()

    def on(self, device: torch.device, layer: str) -> torch.Generator:
        """The generator of a layer on a device."""
        key = f"{device} {layer}"
        if key not in self._generators:
            # Hashed, so that the numbers are not those that shuffles and initial weights draw from the same seed.
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
        """Of many batches (N, ...) what :meth:`forward` makes of one after the other in train mode."""
        if self.draws_bits(batches.shape[1:]):
            return torch.stack([self._drop_by_bits(batch) for batch in batches])
        return _drop(batches, batches.shape, self.p, self._randomness.on(batches.device, self.layer))

    def draws_bits(self, shape: Sequence[int]) -> bool:
        """Whether one random bit decides about each element of a batch of this shape.

        A probability of a half needs no more. Feature maps (B, C, H, W) have so many elements that drawing 16 bits for
        each would take longer than everything else; for all other shapes the numbers stay those of 16 bits.
        """
        return self.p == 0.5 and len(shape) == 4 and math.prod(shape[2:]) > 1

    def bits(self, count: int, elements: int, device: torch.device) -> Tensor:
        """Random bits for so many feature maps of so many elements, to be read by :func:`bit_mask`: int16 (N, W)."""
        generator = self._randomness.on(device, self.layer)
        if device.type == "cpu":  # where 64 bits take as long as 32
            drawn = torch.empty((count, -(-elements // 64)), dtype=torch.int64)
            return drawn.random_(-(2**63), None, generator=generator).view(torch.int16)
        drawn = torch.empty((count, -(-elements // 32)), dtype=torch.int32, device=device)
        return drawn.random_(_LEAST, _MOST, generator=generator).view(torch.int16)

    def _drop_by_bits(self, maps: Tensor) -> Tensor:
        count, channels, height, width = maps.shape
        elements = channels * height * width
        mask = bit_mask(self.bits(count, elements, maps.device), elements).view(count, height, width, channels)
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
        rows = features.shape[0] if self.mode == "row" else 1
        shape = torch.Size([1, rows] + [1] * (features.ndim - 1))
        generator = self._randomness.on(features.device, self._layer)
        return _drop(features.unsqueeze(0), shape, self.p, generator).squeeze(0)


def seed_stochastic(network: nn.Module, randomness: Randomness) -> None:
    """Put the seeded layers in the place of PyTorch's and torchvision's, wherever they are in a network."""
    for path, parent in list(network.named_modules()):
        for name, child in list(parent.named_children()):
            layer = f"{path}.{name}" if path else name
            if isinstance(child, StochasticDepth):
                parent.add_module(name, SeededStochasticDepth(child.p, child.mode, randomness, layer))
            elif isinstance(child, nn.Dropout):
                parent.add_module(name, SeededDropout(child.p, randomness, layer))


def bit_mask(bits: Tensor, elements: int, room: Tensor | None = None) -> Tensor:
    """Which elements bits (N, W) of :meth:`SeededDropout.bits` keep, -1 or 0, int16 (N, elements).

    The elements are those of feature maps with channels last. Bit k of all words decides about the k-th sixteenth of
    them, so that neighbours are computed by the same two shifts.

    Args:
        room: int16 (N or more, 16, W), where the mask is made.
    """
    shifts = _SHIFTS.to(bits.device).unsqueeze(1)
    target = bits.new_empty(len(bits), _WORD, bits.shape[1]) if room is None else room[: len(bits)]
    torch.bitwise_left_shift(bits.unsqueeze(1), shifts, out=target)
    return target.bitwise_right_shift_(_WORD - 1).flatten(1)[:, :elements]


def is_stochastic(module: nn.Module) -> bool:
    """Whether a layer draws random numbers while it is in train mode."""
    return isinstance(module, nn.Dropout | StochasticDepth | SeededStochasticDepth) and module.p > 0


def _drop(batches: Tensor, shape: torch.Size, p: float, generator: torch.Generator) -> Tensor:
    """Batches (N, ...) with what a mask of ``shape``, (N, ...), leaves of them, drawn for one after the other.

    The mask is the same for batches of any precision and memory layout.
    """
    count, draws = shape[1:].numel(), shape[0]
    bits = torch.empty((draws, -(-count // 2)), dtype=torch.int32, device=batches.device)
    for own in bits.unbind():
        own.random_(_LEAST, _MOST, generator=generator)
    level = 0 if p == 1 else min(max(round((1 - p) * _LEVELS), 1), _LEVELS - 1)
    kept = bits.view(torch.int16)[:, :count] < level - _LEVELS // 2
    return batches * kept.to(batches.dtype).mul_(_LEVELS / max(level, 1)).view(shape)
