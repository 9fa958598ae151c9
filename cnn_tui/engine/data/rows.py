"""Which pictures of a dataset a run takes: by its limits and its seed, whatever files turn out to be damaged."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cnn_tui.config.experiment import DataConfig
from cnn_tui.engine.data.splits import split_test, split_validation, stratified_subset

FOLDER_TEST_FRACTION = 0.2
"""The part of a folder without splits of its own that becomes the test split."""

_HELD_OUT_SEED = 0
_SAMPLE = 1000


@dataclass(frozen=True)
class Labels:
    """The classes of the training split, int64 (N,), and of the test split, int64 (M,).

    Attributes:
        test: None where test pictures are cut out of the training split.
        own_validation: how many of the N, the last ones, are a validation split of their own, which nothing is cut out
            of; 0 where validation pictures are cut out of the training split.
    """

    train: Tensor
    test: Tensor | None
    own_validation: int = 0

    def __len__(self) -> int:
        """How many pictures there are: N + M."""
        return len(self.train) + (0 if self.test is None else len(self.test))

    @property
    def offset(self) -> int:
        """What is added to a row of the test split to get its place among all pictures."""
        return 0 if self.test is None else len(self.train)


@dataclass(frozen=True)
class Rows:
    """Rows of the training split, for training and for validation, and rows of the test split, in ascending order.

    ``sample`` are rows of the training split that stand for all of it, whatever the limit and the validation part, if
    there was to be one.
    """

    train: Tensor
    validation: Tensor
    test: Tensor
    sample: Tensor


def choose(labels: Labels, config: DataConfig, seed: int, usable: Tensor, sampled: bool) -> Rows:
    """The rows of a run, without the pictures that are not ``usable``, bool (N + M,).

    Another picture takes the place of one that is not, the same whichever others are known to be usable: what is
    found out about pictures that are not chosen never changes the choice. Of a test split of its own the test limit
    takes the same pictures whatever the seed, so that runs are measured on the same ones; likewise of a validation
    split of its own.
    """
    whole, test = torch.arange(len(labels.train)), torch.arange(len(labels) - labels.offset)
    train, validation = whole[: len(whole) - labels.own_validation], whole[len(whole) - labels.own_validation :]
    if labels.test is None:
        count = max(1, round(FOLDER_TEST_FRACTION * len(train)))
        train, test = split_test(labels.train, count, seed)
    sample = train[:: -(-len(train) // _SAMPLE)] if sampled else train[:0]
    in_train = usable[: len(labels.train)]
    rows = _limited(labels.train, train, in_train, config.train_limit, seed)
    if labels.own_validation:
        count = config.own_validation_count(len(train), len(validation))
        validation = _limited(labels.train, validation, in_train, count, _HELD_OUT_SEED)
    else:
        rows, validation = split_validation(labels.train, rows, config.validation_fraction, seed)
    test_labels = labels.train if labels.test is None else labels.test
    test = _limited(test_labels, test, usable[labels.offset :], config.test_limit, _HELD_OUT_SEED)
    return Rows(rows, validation, test, sample[usable[sample]])


def places(labels: Labels, rows: Rows) -> Tensor:
    """The places among all pictures that rows stand for, in ascending order."""
    found: Tensor = torch.unique(torch.cat([rows.train, rows.validation, rows.sample, rows.test + labels.offset]))
    return found


def _limited(labels: Tensor, rows: Tensor, usable: Tensor, limit: int | None, seed: int) -> Tensor:
    if limit is None:
        return rows[usable[rows]]
    return rows[stratified_subset(labels[rows], limit, seed, usable[rows])]
