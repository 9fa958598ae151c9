"""Two sessions compared image by image, with McNemar's test of whether their difference may be chance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnn_tui.formatting import noun, pluralize
from cnn_tui.reports.comparison.comparability import class_names, source
from cnn_tui.reports.sessions.data import SessionData
from cnn_tui.store.predictions import Predictions

LEVEL = 0.05
"""The significance level, to be divided by the number of comparisons (Bonferroni)."""
_FEW = 25  # with fewer differing images, the exact test is used
_TINY = 1e-4


@dataclass(frozen=True)
class McNemarTest:
    """The result of McNemar's test.

    Attributes:
        only_first: the number of images that only the first classifier got right, as ``only_second`` of the second.
        p_value: the probability of such a difference, or a larger one, between two equally good classifiers.
        exact: whether it is from the binomial distribution, else from chi-square with continuity correction.
    """

    only_first: int
    only_second: int
    p_value: float
    exact: bool


@dataclass(frozen=True)
class ImageComparison:
    """Two sessions compared on the test images of both.

    Attributes:
        first: the letter of a session, as ``second``.
        sentence: the result, or the reason why there is none.
        shared: the number of images that both were tested on.
        only_first: the indices in the test split of images that only the first got right, as ``only_second``.
        test: None if the sessions cannot be compared.
    """

    first: str
    second: str
    sentence: str
    shared: int = 0
    both_right: int = 0
    both_wrong: int = 0
    only_first: tuple[int, ...] = ()
    only_second: tuple[int, ...] = ()
    test: McNemarTest | None = None


@dataclass(frozen=True, eq=False)
class _SharedImages:
    """The test images of both sessions by index, whether each session got them right, and how many changed class."""

    index: NDArray[np.int64]
    first_right: NDArray[np.bool_]
    second_right: NDArray[np.bool_]
    relabelled: int


def compare_images(
    first: SessionData, second: SessionData, letters: tuple[str, str] = ("A", "B"), comparisons: int = 1
) -> ImageComparison:
    """Compare two sessions image by image, as one of ``comparisons`` comparisons."""
    obstacle = _obstacle(first, second, letters)
    if obstacle or first.predictions is None or second.predictions is None:
        return ImageComparison(*letters, obstacle)
    shared = _shared_images(first, second, first.predictions, second.predictions)
    count = len(shared.index)
    if not count:
        return ImageComparison(*letters, f"{letters[0]} and {letters[1]} have no test images in common.")
    if shared.relabelled:
        return ImageComparison(*letters, _relabelled(shared, letters))
    only_first = shared.index[shared.first_right & ~shared.second_right]
    only_second = shared.index[~shared.first_right & shared.second_right]
    both_right = int((shared.first_right & shared.second_right).sum())
    test = mcnemar(len(only_first), len(only_second))
    tested = max(len(first.predictions.index), len(second.predictions.index))
    lead = f"Of the {pluralize(count, 'image')} that both were tested on, " if count < tested else ""
    return ImageComparison(
        *letters,
        lead + _verdict(test, letters, count, both_right, LEVEL / comparisons),
        shared=count,
        both_right=both_right,
        both_wrong=count - both_right - len(only_first) - len(only_second),
        only_first=tuple(only_first.tolist()),
        only_second=tuple(only_second.tolist()),
        test=test,
    )


def mcnemar(only_first: int, only_second: int) -> McNemarTest:
    """Test the numbers of images that only one of two classifiers got right; the others carry no information."""
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


def _obstacle(first: SessionData, second: SessionData, letters: tuple[str, str]) -> str:
    """Why the records of two sessions rule out a comparison of images, empty if they do not."""
    a, b = letters
    if first.folder.resolve() == second.folder.resolve():
        return f"{a} and {b} are the same session, so there is nothing to compare."
    lacking = [letter for letter, one in zip(letters, (first, second), strict=True) if one.predictions is None]
    if lacking:
        have = noun(len(lacking), "has", "have")
        return f"{' and '.join(lacking)} {have} no recorded predictions, so single images cannot be compared."
    sources = source(first), source(second)
    if sources[0] != sources[1]:
        return f"{a} and {b} were not tested on the same images: {a} on {sources[0]}, {b} on {sources[1]}."
    return ""


def _shared_images(first: SessionData, second: SessionData, ours: Predictions, theirs: Predictions) -> _SharedImages:
    index, here, there = np.intersect1d(ours.index, theirs.index, return_indices=True)
    names = class_names(first, ours)[here], class_names(second, theirs)[there]
    return _SharedImages(
        index=index,
        first_right=(ours.predicted == ours.actual)[here],
        second_right=(theirs.predicted == theirs.actual)[there],
        relabelled=int((names[0] != names[1]).sum()),
    )


def _relabelled(shared: _SharedImages, letters: tuple[str, str]) -> str:
    have = noun(shared.relabelled, "has", "have")
    return (
        f"{letters[0]} and {letters[1]} were not tested on the same images: {pluralize(shared.relabelled, 'image')} of "
        f"{len(shared.index):,} {have} another class, so the data has changed between the two."
    )


def _verdict(test: McNemarTest, letters: tuple[str, str], shared: int, both_right: int, level: float) -> str:
    a, b = letters
    if not test.only_first + test.only_second:
        same = f"{both_right:,} of {pluralize(shared, 'image')}"
        return f"{a} and {b} got the same {same} right: no significant difference."
    better, worse = (a, b) if test.only_first > test.only_second else (b, a)
    more, fewer = sorted((test.only_first, test.only_second), reverse=True)
    verdict = f"{better} is better on these images" if test.p_value < level else "the difference is not significant"
    return (
        f"{better} got {pluralize(more, 'image')} right that {worse} got wrong, and {fewer:,} the other way round: "
        f"a difference this large would occur by chance in {_percentage(test.p_value)} of cases "
        f"(McNemar's test), so {verdict}."
    )


def _percentage(p_value: float) -> str:
    if p_value < _TINY:
        return f"fewer than {_TINY * 100:g} %"
    percent = p_value * 100
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.2g} %"
