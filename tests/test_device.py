"""The precision that "auto" stands for on a processor."""

from __future__ import annotations

import time

import pytest
import torch

from cnn_tui.engine import device

CPU = torch.device("cpu")
SMALL, LARGE = 128, 512


@pytest.mark.parametrize(
    ("small", "large", "fast"),
    [
        ((1.0, 1.0), (64.0, 32.0), True),
        ((1.0, 3.0), (64.0, 32.0), True),  # the overhead of small matrices
        ((1.0, 1.0), (64.0, 60.0), False),
        ((0.0, 0.0), (0.0, 0.0), False),  # a clock that is too coarse
    ],
)
def test_bfloat16_is_chosen_where_large_matrices_gain_by_it(
    small: tuple[float, float], large: tuple[float, float], fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = {SMALL: small, LARGE: large}
    monkeypatch.setattr(device, "_matmul_seconds", lambda dtype, size: times[size][dtype is torch.bfloat16])
    assert device.bfloat16_is_fast.__wrapped__(CPU) is fast


def test_emulated_bfloat16_is_told_by_small_matrices_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: set[int] = set()

    def measure(dtype: torch.dtype, size: int) -> float:
        sizes.add(size)
        return 10.0 if dtype is torch.bfloat16 else 1.0

    monkeypatch.setattr(device, "_matmul_seconds", measure)
    assert not device.bfloat16_is_fast.__wrapped__(CPU)
    assert sizes == {SMALL}


def test_the_measurement_takes_a_small_part_of_a_start() -> None:
    before = time.process_time()
    device.bfloat16_is_fast.__wrapped__(CPU)
    assert time.process_time() - before < 0.5
