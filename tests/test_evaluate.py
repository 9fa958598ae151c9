"""Evaluation in batches: losses, predictions, and the most probable classes of each image."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cnn_tui.engine.control import WithResult
from cnn_tui.engine.training import evaluate as module
from cnn_tui.engine.training.evaluate import Evaluation, evaluate

IMAGES, NETWORKS = 23, 3


def logits_of(classes: int, seed: int = 0) -> Tensor:
    """Logits (K, N, C) with many equal values, as bfloat16 arithmetic gives them."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(NETWORKS, IMAGES, classes, generator=generator).mul(2).round()


def evaluated(logits: Tensor, ranked: int | None = IMAGES, batch: int = 5) -> list[Evaluation]:
    """What comes of logits and labels of 0, 1, 2, ..."""

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        for first in range(0, IMAGES, batch):
            rows = torch.arange(first, min(first + batch, IMAGES))
            yield rows, rows % logits.shape[2]

    steps = WithResult(evaluate(lambda rows: logits[:, rows], batches(), ranked=ranked))
    assert list(steps)[-1] == IMAGES
    return steps.value


@pytest.mark.parametrize("classes", [1, 2, 5, 6, 40])
def test_rankings_are_those_of_a_sort_with_the_predicted_class_first(classes: int) -> None:
    logits = logits_of(classes)
    for network, found in zip(logits, evaluated(logits), strict=True):
        assert found.ranking is not None
        ranked = found.ranking.classes.long()
        assert ranked.shape == (IMAGES, min(5, classes))
        assert torch.equal(ranked[:, 0], found.predicted)
        assert all(len(set(row)) == len(row) for row in ranked.tolist())
        assert torch.equal(network.gather(1, ranked), network.sort(dim=1, descending=True).values[:, :5])
        torch.testing.assert_close(found.ranking.probabilities, network.softmax(dim=1).gather(1, ranked))
        torch.testing.assert_close(found.ranking.probabilities[:, 0], found.confidence)
        assert found.ranking.logits is not None
        assert torch.equal(found.ranking.logits, network.half())


def test_rankings_change_nothing_else() -> None:
    logits = logits_of(8)
    for plain, ranked in zip(evaluated(logits, None), evaluated(logits), strict=True):
        assert plain.ranking is None
        assert plain.loss == ranked.loss
        assert torch.equal(plain.predicted, ranked.predicted)
        assert torch.equal(plain.confidence, ranked.confidence)


def test_logits_beyond_float16_are_its_largest_values() -> None:
    found = evaluated(logits_of(3) * 1e6)[0]
    assert found.ranking is not None
    assert found.ranking.logits is not None
    assert bool(found.ranking.logits.isfinite().all())


@pytest.mark.parametrize("name", ["_MOST_CLASSES", "_MOST_LOGIT_BYTES"])
def test_too_many_logits_are_left_out(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(module, name, 5)
    found = evaluated(logits_of(6))[0]
    assert found.ranking is not None
    assert found.ranking.logits is None
    assert found.ranking.classes.shape == (IMAGES, 5)


def test_a_loss_is_the_mean_cross_entropy_of_its_network() -> None:
    logits = logits_of(4)
    labels = torch.arange(IMAGES) % 4
    for network, found in zip(logits, evaluated(logits), strict=True):
        assert found.loss == pytest.approx(float(nn.functional.cross_entropy(network, labels)))
        np.testing.assert_array_equal(found.actual.numpy(), labels.numpy())
