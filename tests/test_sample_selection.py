"""The choice of a run's rows: how many, of which split, and that it does not depend on what is found out by others."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cnn_tui.config.experiment import DataConfig
from cnn_tui.engine.data.sample_selection import Labels, Selection, select_samples, selected_indices

some = st.lists(st.integers(0, 4), min_size=2, max_size=60).map(torch.tensor)
divided = st.builds(lambda train, own, test: Labels(torch.cat([train, own]), test, len(own)), some, some, some)
labels_of = st.builds(Labels, some, st.none() | some) | divided
limits = st.none() | st.integers(2, 40)
configs = st.builds(
    lambda train, test, fraction: DataConfig(train_limit=train, test_limit=test, validation_fraction=fraction),
    limits,
    limits,
    st.sampled_from([0.0, 0.1, 0.5]),
)


def found_one_by_one(labels: Labels, config: DataConfig, seed: int, sound: Tensor) -> tuple[Selection, Tensor]:
    """The rows that are chosen when only chosen images are looked at; what was then known to be usable."""
    usable = torch.ones(len(labels), dtype=torch.bool)
    while True:
        rows = select_samples(labels, config, seed, usable, sampled=True)
        taken = selected_indices(labels, rows)
        if sound[taken].all():
            return rows, usable
        usable[taken] = sound[taken]


@given(labels_of, configs, st.integers(0, 99), st.data())
def test_knowing_more_of_what_is_damaged_changes_nothing(
    labels: Labels, config: DataConfig, seed: int, data: st.DataObject
) -> None:
    bools = st.lists(st.booleans(), min_size=len(labels), max_size=len(labels)).map(torch.tensor)
    sound = data.draw(bools)
    rows, _ = found_one_by_one(labels, config, seed, sound)
    everything_known = select_samples(labels, config, seed, sound, sampled=True)
    for one, other in zip(
        (rows.train, rows.validation, rows.test, rows.sample),
        (everything_known.train, everything_known.validation, everything_known.test, everything_known.sample),
        strict=True,
    ):
        assert one.tolist() == other.tolist()


@given(labels_of, configs, st.integers(0, 99))
def test_rows_lie_within_the_limits_and_apart(labels: Labels, config: DataConfig, seed: int) -> None:
    rows = select_samples(labels, config, seed, torch.ones(len(labels), dtype=torch.bool), sampled=False)
    train = rows.train.tolist() + rows.validation.tolist()
    limited = rows.train.tolist() if labels.own_validation else train
    assert len(train) == len(set(train))
    assert len(limited) <= (config.train_limit or len(train))
    assert len(rows.test) <= (config.test_limit or len(rows.test))
    if labels.test is None:
        assert not set(train) & set(rows.test.tolist())
    assert selected_indices(labels, rows).tolist() == sorted({*train, *(rows.test + labels.offset).tolist()})
    assert len(rows.sample) == 0


@given(labels_of, configs, st.integers(0, 99))
def test_the_sample_is_of_the_training_split_whatever_the_limits(labels: Labels, config: DataConfig, seed: int) -> None:
    usable = torch.ones(len(labels), dtype=torch.bool)
    sample = select_samples(labels, config, seed, usable, sampled=True).sample
    whole = select_samples(labels, DataConfig(validation_fraction=0.0), seed, usable, sampled=False)
    assert sample.tolist() == whole.train.tolist()  # of so few all


@given(divided, configs, st.integers(0, 99), st.integers(0, 99))
def test_a_validation_split_of_its_own_is_kept_apart_and_the_same_for_every_seed(
    labels: Labels, config: DataConfig, seed: int, other: int
) -> None:
    usable, first = torch.ones(len(labels), dtype=torch.bool), len(labels.train) - labels.own_validation
    one, two = (select_samples(labels, config, each, usable, sampled=False) for each in (seed, other))
    assert (one.train < first).all()
    assert (one.validation >= first).all()
    assert one.validation.tolist() == two.validation.tolist()
    assert len(one.train) == min(first, config.train_limit or first)
    assert len(one.validation) == config.own_validation_count(first, labels.own_validation)
    part = len(one.train) / first
    assert abs(len(one.validation) - part * labels.own_validation) <= 1


@given(labels_of, configs, st.integers(0, 99), st.integers(0, 99))
def test_the_test_limit_takes_the_same_pictures_whatever_the_seed(
    labels: Labels, config: DataConfig, seed: int, other: int
) -> None:
    usable = torch.ones(len(labels), dtype=torch.bool)
    if labels.test is not None:
        one, two = (select_samples(labels, config, each, usable, sampled=False).test for each in (seed, other))
        assert one.tolist() == two.tolist()
