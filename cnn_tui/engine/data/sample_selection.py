"""Which samples a run uses for training, validation and testing: by its limits and its seed, stratified by class.

Labels are int64 (N,) and indices int64 into them; returned indices are in ascending order. Every choice draws from a
generator of its own, so that one setting never changes what another one selects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnn_tui.config.experiment import DataConfig

FOLDER_TEST_FRACTION = 0.2
"""The fraction of a folder without splits that becomes the test split."""

_HELD_OUT_SEED = 0
_STATISTICS_SAMPLE = 1000
_VALIDATION, _TEST, _LIMIT = range(3)  # second element of a generator's seed, so that the three draw independently
_Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Labels:
    """The classes of the training split, int64 (N,), and of the test split, int64 (M,).

    Attributes:
        test: None where test samples are taken from the training split.
        own_validation: how many of the N, at the end, are a validation split of the dataset itself; 0 where validation
            samples are taken from the training split.
    """

    train: Tensor
    test: Tensor | None
    own_validation: int = 0

    def __len__(self) -> int:
        """The number of images, N + M."""
        return len(self.train) + (0 if self.test is None else len(self.test))

    @property
    def offset(self) -> int:
        """The index among all images of the first image of the test split."""
        return 0 if self.test is None else len(self.train)


@dataclass(frozen=True)
class Selection:
    """Indices into the training split (``train``, ``validation``, ``sample``) and into the test split (``test``).

    ``sample`` represents the whole training split, whatever the limits, for channel statistics; empty where these are
    not measured.
    """

    train: Tensor
    validation: Tensor
    test: Tensor
    sample: Tensor


def select_samples(labels: Labels, config: DataConfig, seed: int, usable: Tensor, sampled: bool) -> Selection:
    """The samples of a run, without images that are not ``usable``, bool (N + M,).

    An unusable image is replaced by the next one of its class in a fixed random order. The result therefore does not
    depend on which of the images that were not selected are known to be damaged. Limits on a test or validation split
    of the dataset itself select the same images for every seed, so that all runs are measured on the same ones.
    """
    whole, test = torch.arange(len(labels.train)), torch.arange(len(labels) - labels.offset)
    train, validation = whole[: len(whole) - labels.own_validation], whole[len(whole) - labels.own_validation :]
    if labels.test is None:
        count = max(1, round(FOLDER_TEST_FRACTION * len(train)))
        train, test = split_test(labels.train, count, seed)
    sample = train[:: -(-len(train) // _STATISTICS_SAMPLE)] if sampled else train[:0]
    train_usable = usable[: len(labels.train)]
    selected = _limited(labels.train, train, train_usable, config.train_limit, seed)
    if labels.own_validation:
        count = config.own_validation_count(len(train), len(validation))
        validation = _limited(labels.train, validation, train_usable, count, _HELD_OUT_SEED)
    else:
        selected, validation = split_validation(labels.train, selected, config.validation_fraction, seed)
    test_labels = labels.train if labels.test is None else labels.test
    test = _limited(test_labels, test, usable[labels.offset :], config.test_limit, _HELD_OUT_SEED)
    return Selection(selected, validation, test, sample[usable[sample]])


def selected_indices(labels: Labels, selection: Selection) -> Tensor:
    """The indices among all images of everything in a selection, in ascending order."""
    parts = [selection.train, selection.validation, selection.sample, selection.test + labels.offset]
    indices: Tensor = torch.unique(torch.cat(parts))
    return indices


def stratified_subset(labels: Tensor, count: int, seed: int, usable: Tensor | None = None) -> Tensor:
    """At most ``count`` indices, the same number of each class as far as the classes go.

    Each class contributes the first ones of a random order that are ``usable``, bool (N,). With the same seed a
    smaller subset is contained in a larger one.
    """
    groups = _shuffled_classes(labels, torch.arange(len(labels)), np.random.default_rng([seed, _LIMIT]))
    if usable is not None:
        groups = [group[usable.numpy()[group]] for group in groups]
    order = np.random.default_rng([seed, _LIMIT, 1]).permutation(len(groups))
    sizes = np.array([len(groups[index]) for index in order], dtype=np.int64)
    shares = _even_shares(sizes, count)
    return _ascending([groups[index][:share] for index, share in zip(order, shares, strict=True)])


def split_validation(labels: Tensor, indices: Tensor, fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Split ``indices`` into training and validation indices, ``fraction`` of each class for validation.

    Every class keeps at least one training sample. A fraction above 0 gives at least one validation sample if a class
    can spare one.
    """
    count = round(fraction * len(indices))
    if fraction > 0:
        count = max(1, count)
    return _split(labels, indices, count, np.random.default_rng([seed, _VALIDATION]))


def split_test(labels: Tensor, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Split all indices into training and ``count`` test indices, in proportion to the classes."""
    return _split(labels, torch.arange(len(labels)), count, np.random.default_rng([seed, _TEST]))


def _limited(labels: Tensor, indices: Tensor, usable: Tensor, limit: int | None, seed: int) -> Tensor:
    if limit is None:
        return indices[usable[indices]]
    return indices[stratified_subset(labels[indices], limit, seed, usable[indices])]


def _split(labels: Tensor, indices: Tensor, count: int, generator: np.random.Generator) -> tuple[Tensor, Tensor]:
    groups = _shuffled_classes(labels, indices, generator)
    shares = _proportional_shares(np.array([len(group) for group in groups], dtype=np.int64), count)
    remaining = [group[share:] for group, share in zip(groups, shares, strict=True)]
    held_out = [group[:share] for group, share in zip(groups, shares, strict=True)]
    return _ascending(remaining), _ascending(held_out)


def _shuffled_classes(labels: Tensor, indices: Tensor, generator: np.random.Generator) -> list[_Indices]:
    """The indices of each class that occurs, in random order."""
    values = indices.cpu().numpy()
    classes = labels.cpu().numpy()[values]
    by_class = np.argsort(classes, kind="stable")
    starts = np.flatnonzero(np.diff(classes[by_class])) + 1
    return [generator.permutation(group) for group in np.split(values[by_class], starts) if len(group)]


def _even_shares(sizes: _Indices, count: int) -> _Indices:
    """Shares that sum to ``count`` or to everything, as equal as ``sizes`` allow; the first get the remainder."""
    shares = np.zeros_like(sizes)
    left = min(count, int(sizes.sum()))
    while left:
        not_full = np.flatnonzero(shares < sizes)
        each = max(1, left // len(not_full))
        for index in not_full[:left]:
            taken = min(each, int(sizes[index] - shares[index]), left)
            shares[index] += taken
            left -= taken
    return shares


def _proportional_shares(sizes: _Indices, count: int) -> _Indices:
    """Shares in proportion to ``sizes`` by the largest-remainder method, each leaving at least one."""
    most: _Indices = np.maximum(sizes - 1, 0)
    count = min(count, int(most.sum()))
    exact = sizes * (count / max(1, int(sizes.sum())))
    shares: _Indices = np.minimum(np.floor(exact).astype(np.int64), most)
    while (left := count - int(shares.sum())) > 0:
        remainder = np.where(shares < most, exact - shares, -np.inf)
        best = np.argsort(-remainder, kind="stable")[:left]
        shares[best[shares[best] < most[best]]] += 1
    return shares


def _ascending(groups: list[_Indices]) -> Tensor:
    indices = np.sort(np.concatenate(groups)) if groups else np.empty(0, dtype=np.int64)
    return torch.from_numpy(indices.astype(np.int64))
