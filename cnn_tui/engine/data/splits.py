"""Which pictures are for training, validation and testing: by class, and the same for the same seed.

Labels are int64 (N,) and rows int64 indices into them. Every choice draws from a generator of its own, so that one
setting never changes what another one chose. Returned rows are in ascending order.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_Rows = NDArray[np.int64]

_VALIDATION, _TEST, _LIMIT = range(3)


def stratified_subset(labels: Tensor, count: int, seed: int, usable: Tensor | None = None) -> Tensor:
    """At most ``count`` rows, as many of each class as the others have, as far as the classes go.

    Of each class the first ones of a random order are taken, of those that are ``usable``, bool (N,), if that is given.
    With the same seed the rows of a smaller count are among those of a larger one.
    """
    groups = _shuffled_classes(labels, torch.arange(len(labels)), np.random.default_rng([seed, _LIMIT]))
    if usable is not None:
        groups = [group[usable.numpy()[group]] for group in groups]
    order = np.random.default_rng([seed, _LIMIT, 1]).permutation(len(groups))
    sizes = np.array([len(groups[place]) for place in order], dtype=np.int64)
    shares = _even_shares(sizes, count)
    return _ascending([groups[place][:share] for place, share in zip(order, shares, strict=True)])


def split_validation(labels: Tensor, indices: Tensor, fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Cut the rows ``indices`` into training and validation rows, ``fraction`` of each class for validation.

    Every class keeps a training row. A fraction above 0 gives a validation row at least, where a class can spare one.
    """
    count = round(fraction * len(indices))
    if fraction > 0:
        count = max(1, count)
    return _cut(labels, indices, count, np.random.default_rng([seed, _VALIDATION]))


def split_test(labels: Tensor, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Cut all rows into training and test rows, ``count`` for testing, of each class in proportion."""
    return _cut(labels, torch.arange(len(labels)), count, np.random.default_rng([seed, _TEST]))


def _cut(labels: Tensor, indices: Tensor, count: int, generator: np.random.Generator) -> tuple[Tensor, Tensor]:
    groups = _shuffled_classes(labels, indices, generator)
    shares = _proportional_shares(np.array([len(group) for group in groups], dtype=np.int64), count)
    kept = [group[share:] for group, share in zip(groups, shares, strict=True)]
    aside = [group[:share] for group, share in zip(groups, shares, strict=True)]
    return _ascending(kept), _ascending(aside)


def _shuffled_classes(labels: Tensor, indices: Tensor, generator: np.random.Generator) -> list[_Rows]:
    """The rows of each class that has any, in random order."""
    rows = indices.cpu().numpy()
    own = labels.cpu().numpy()[rows]
    by_class = np.argsort(own, kind="stable")
    starts = np.flatnonzero(np.diff(own[by_class])) + 1
    return [generator.permutation(group) for group in np.split(rows[by_class], starts) if len(group)]


def _even_shares(sizes: _Rows, count: int) -> _Rows:
    """Shares that add up to ``count`` or to all there is, as equal as ``sizes`` allow; the first get what is left."""
    shares = np.zeros_like(sizes)
    left = min(count, int(sizes.sum()))
    while left:
        open_places = np.flatnonzero(shares < sizes)
        each = max(1, left // len(open_places))
        for place in open_places[:left]:
            taken = min(each, int(sizes[place] - shares[place]), left)
            shares[place] += taken
            left -= taken
    return shares


def _proportional_shares(sizes: _Rows, count: int) -> _Rows:
    """Shares in proportion to ``sizes`` by largest remainder, each leaving one at least."""
    most: _Rows = np.maximum(sizes - 1, 0)
    count = min(count, int(most.sum()))
    exact = sizes * (count / max(1, int(sizes.sum())))
    shares: _Rows = np.minimum(np.floor(exact).astype(np.int64), most)
    while (left := count - int(shares.sum())) > 0:
        lacking = np.where(shares < most, exact - shares, -np.inf)
        best = np.argsort(-lacking, kind="stable")[:left]
        shares[best[shares[best] < most[best]]] += 1
    return shares


def _ascending(groups: list[_Rows]) -> Tensor:
    rows = np.sort(np.concatenate(groups)) if groups else np.empty(0, dtype=np.int64)
    return torch.from_numpy(rows.astype(np.int64))
