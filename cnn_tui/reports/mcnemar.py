"""McNemar's test: whether two classifiers that saw the same pictures differ by more than chance."""

from __future__ import annotations

import math
from dataclasses import dataclass

_FEW = 25  # below so many pictures on which they differ, the exact test is taken


@dataclass(frozen=True)
class McNemarTest:
    """The outcome of the test.

    Attributes:
        only_first: the pictures that only the first one got right; ``only_second`` likewise.
        p_value: how often chance would show such a difference, or a larger one, between two that are equally good.
        exact: whether it comes from the binomial distribution, else from chi-square with continuity correction.
    """

    only_first: int
    only_second: int
    p_value: float
    exact: bool


def mcnemar(only_first: int, only_second: int) -> McNemarTest:
    """Test the counts of pictures that only one of two got right; those that both or none got right say nothing."""
    differing = only_first + only_second
    exact = differing < _FEW
    p_value = _binomial(min(only_first, only_second), differing) if exact else _chi_square(only_first, only_second)
    return McNemarTest(only_first, only_second, p_value, exact)


def _binomial(fewer: int, differing: int) -> float:
    """Both tails of a fair coin."""
    tail = sum(math.comb(differing, count) for count in range(fewer + 1))
    return min(1.0, 2 * tail / (1 << differing))


def _chi_square(only_first: int, only_second: int) -> float:
    """The upper tail of chi-square with one degree of freedom."""
    distance = max(0, abs(only_first - only_second) - 1)
    return math.erfc(math.sqrt(distance**2 / (only_first + only_second) / 2))
