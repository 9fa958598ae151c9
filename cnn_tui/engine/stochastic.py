"""Dropout and stochastic depth that draw from their own generator.

PyTorch's draw from the global one, so that whatever else draws there (another run, augmentation, a picture shown
while training) would change the training. These do not share it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torchvision.ops import StochasticDepth


class Randomness:
    """The generators that a network's random layers draw from: one for each device, made when first asked for."""

    def __init__(self, seed: int) -> None:
        self._generators: dict[str, torch.Generator] = {}
        self.restart(seed)

    def restart(self, seed: int) -> None:
        """Begin anew from a seed."""
        # Hashed, so that the numbers are not those that shuffles and initial weights draw from the same seed.
        digest = hashlib.sha256(f"dropout {seed}".encode()).digest()
        self._seed = int.from_bytes(digest[:8]) >> 1
        self._generators.clear()

    def on(self, device: torch.device) -> torch.Generator:
        """The generator of a device."""
        key = str(device)
        if key not in self._generators:
            self._generators[key] = torch.Generator(device).manual_seed(self._seed)
        return self._generators[key]

    def state(self) -> dict[str, Tensor]:
        """How far each device's generator has come, for a checkpoint."""
        return {device: generator.get_state() for device, generator in self._generators.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go back to what :meth:`state` gave; devices that it does not name begin anew."""
        self._generators.clear()
        for device, bits in state.items():
            self.on(torch.device(device)).set_state(bits)


class SeededDropout(nn.Dropout):
    """``nn.Dropout`` on its own generator: zeroes elements with probability ``p`` and scales the rest by 1/(1-p)."""

    def __init__(self, p: float, randomness: Randomness) -> None:
        super().__init__(p)
        self._randomness = randomness

    def forward(self, features: Tensor) -> Tensor:
        """Any shape to the same shape; in eval mode the input itself."""
        if not self.training or self.p == 0:
            return features
        return _drop(features, features.shape, self.p, self._randomness)


class SeededStochasticDepth(nn.Module):
    """``torchvision.ops.StochasticDepth`` on its own generator: drops whole rows, or with mode "batch" all at once."""

    def __init__(self, p: float, mode: str, randomness: Randomness) -> None:
        super().__init__()
        self.p = p
        self.mode = mode
        self._randomness = randomness

    def forward(self, features: Tensor) -> Tensor:
        """(N, ...) to the same shape; in eval mode the input itself."""
        if not self.training or self.p == 0:
            return features
        rows = features.shape[0] if self.mode == "row" else 1
        return _drop(features, torch.Size([rows] + [1] * (features.ndim - 1)), self.p, self._randomness)


def seed_stochastic(network: nn.Module, randomness: Randomness) -> None:
    """Put the seeded layers in the place of PyTorch's and torchvision's, wherever they are in a network."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, StochasticDepth):
                parent.add_module(name, SeededStochasticDepth(child.p, child.mode, randomness))
            elif isinstance(child, nn.Dropout):
                parent.add_module(name, SeededDropout(child.p, randomness))


def is_stochastic(module: nn.Module) -> bool:
    """Whether a layer draws random numbers while it is in train mode."""
    return isinstance(module, nn.Dropout | StochasticDepth | SeededStochasticDepth) and module.p > 0


def _drop(features: Tensor, shape: torch.Size, p: float, randomness: Randomness) -> Tensor:
    keep = 1.0 - p
    # Drawn in float32 and one layout, so that the choice is the same for features of any precision and layout.
    mask = torch.empty(shape, dtype=torch.float32, device=features.device)
    mask.bernoulli_(keep, generator=randomness.on(features.device))
    return features * (mask.div_(keep) if keep > 0 else mask).to(features.dtype)
