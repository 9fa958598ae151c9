"""Splits as properties: disjoint, complete, even or in proportion, and the same for the same seed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cnn_tui.engine.data.sample_selection import split_test, split_validation, stratified_subset

labels_of = st.lists(st.integers(0, 6), min_size=1, max_size=200).map(torch.tensor)
seeds = st.integers(0, 2**53 - 1)


def counts(labels: Tensor, rows: Tensor) -> Counter[int]:
    return Counter(labels[rows].tolist())


def test_a_known_case() -> None:
    labels = torch.tensor([0] * 10 + [1] * 20 + [2] * 70)
    train, validation = split_validation(labels, torch.arange(100), 0.1, seed=0)
    assert counts(labels, validation) == {0: 1, 1: 2, 2: 7}
    assert counts(labels, train) == {0: 9, 1: 18, 2: 63}
    assert counts(labels, stratified_subset(labels, 60, seed=0)) == {0: 10, 1: 20, 2: 30}
    assert split_test(labels, 20, seed=0)[1].tolist() != split_test(labels, 20, seed=1)[1].tolist()


@given(labels_of, st.integers(1, 250), seeds)
def test_a_subset_takes_evenly_from_the_classes(labels: Tensor, count: int, seed: int) -> None:
    rows = stratified_subset(labels, count, seed)
    assert len(rows) == min(count, len(labels))
    assert rows.tolist() == sorted(set(rows.tolist()))
    taken, there = counts(labels, rows), Counter(labels.tolist())
    most = max(taken.values())
    assert all(taken[label] >= most - 1 or taken[label] == there[label] for label in there)


@given(labels_of, st.integers(1, 200), st.integers(1, 50), seeds)
def test_a_smaller_subset_lies_in_a_larger_one(labels: Tensor, count: int, more: int, seed: int) -> None:
    small = set(stratified_subset(labels, count, seed).tolist())
    assert small <= set(stratified_subset(labels, count + more, seed).tolist())


@given(labels_of, st.floats(0, 0.9), seeds, st.data())
def test_validation_is_cut_in_proportion(labels: Tensor, fraction: float, seed: int, data: st.DataObject) -> None:
    rows = stratified_subset(labels, data.draw(st.integers(1, len(labels))), seed=1)
    train, validation = split_validation(labels, rows, fraction, seed)
    assert sorted(train.tolist() + validation.tolist()) == rows.tolist()
    there, kept, aside = counts(labels, rows), counts(labels, train), counts(labels, validation)
    assert set(kept) == set(there)
    spare = len(rows) - len(there)
    wanted = max(1, round(fraction * len(rows))) if fraction else 0
    assert len(validation) == min(wanted, spare)
    if wanted <= spare:
        bound = 1 + len(there) if any(size == 1 for size in kept.values()) else 1
        assert all(abs(aside[label] - there[label] * wanted / len(rows)) <= bound for label in there)


def test_no_fraction_keeps_no_validation_rows() -> None:
    train, validation = split_validation(torch.tensor([0, 1, 0, 1]), torch.tensor([1, 3]), 0.0, seed=0)
    assert train.tolist() == [1, 3]
    assert validation.shape == (0,)
    assert validation.dtype == torch.int64


@given(labels_of, seeds)
def test_the_same_seed_gives_the_same_rows(labels: Tensor, seed: int) -> None:
    rows = torch.arange(len(labels))
    for one, other in zip(
        (*split_validation(labels, rows, 0.3, seed), *split_test(labels, 3, seed), stratified_subset(labels, 5, seed)),
        (*split_validation(labels, rows, 0.3, seed), *split_test(labels, 3, seed), stratified_subset(labels, 5, seed)),
        strict=True,
    ):
        assert torch.equal(one, other)


def test_nobody_elses_random_numbers_are_touched() -> None:
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state(legacy=False)
    split_test(torch.tensor([0, 1, 2] * 30), 18, seed=3)
    assert torch.equal(torch_state, torch.get_rng_state())
    assert repr(numpy_state) == repr(np.random.get_state(legacy=False))
