"""Which test pictures one session got right and another wrong, and whether that can be chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnn_tui.formatting import noun, pluralize
from cnn_tui.reports.comparable import class_names, source
from cnn_tui.reports.mcnemar import McNemarTest, mcnemar
from cnn_tui.reports.session_data import SessionData
from cnn_tui.store.predictions import Predictions

LEVEL = 0.05
"""A difference counts if chance would show it in fewer cases than this, divided by the comparisons that are made."""
_TINY = 1e-4


@dataclass(frozen=True)
class PictureComparison:
    """Two sessions, told apart by the test pictures that both were tested on.

    Attributes:
        first: a session's letter, as is ``second``.
        shared: how many pictures both were tested on.
        only_first: the places in the test split of those that only the first one got right; ``only_second`` likewise.
        test: None where they cannot be compared.
        sentence: what came out, or why nothing could.
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
class _Shared:
    """The pictures that both were tested on: their places, and who was right on each."""

    index: NDArray[np.int64]
    first_right: NDArray[np.bool_]
    second_right: NDArray[np.bool_]
    relabelled: int


def compare_pictures(
    first: SessionData, second: SessionData, letters: tuple[str, str] = ("A", "B"), comparisons: int = 1
) -> PictureComparison:
    """Compare two sessions picture by picture; ``comparisons`` is how many such are made at once."""
    why_not = _why_not(first, second, letters)
    if why_not or first.predictions is None or second.predictions is None:
        return PictureComparison(*letters, why_not)
    shared = _share(first, second, first.predictions, second.predictions)
    if not len(shared.index):
        return PictureComparison(*letters, f"{letters[0]} and {letters[1]} have no test picture in common.")
    if shared.relabelled:
        return PictureComparison(*letters, _changed(shared, letters))
    only_first = shared.index[shared.first_right & ~shared.second_right]
    only_second = shared.index[~shared.first_right & shared.second_right]
    both_right = int((shared.first_right & shared.second_right).sum())
    test = mcnemar(len(only_first), len(only_second))
    tested = max(len(first.predictions.index), len(second.predictions.index))
    count = len(shared.index)
    lead = f"Of the {pluralize(count, 'picture')} that both were tested on, " if count < tested else ""
    return PictureComparison(
        *letters,
        lead + _sentence(test, letters, len(shared.index), both_right, LEVEL / comparisons),
        shared=len(shared.index),
        both_right=both_right,
        both_wrong=len(shared.index) - both_right - len(only_first) - len(only_second),
        only_first=tuple(only_first.tolist()),
        only_second=tuple(only_second.tolist()),
        test=test,
    )


def _why_not(first: SessionData, second: SessionData, letters: tuple[str, str]) -> str:
    """Why two sessions cannot be compared by their pictures, empty if they can as far as their records tell."""
    a, b = letters
    if first.folder.resolve() == second.folder.resolve():
        return f"{a} and {b} are the same session, so there is nothing to tell apart."
    lacking = [letter for letter, one in zip(letters, (first, second), strict=True) if one.predictions is None]
    if lacking:
        have = noun(len(lacking), "has", "have")
        return f"{' and '.join(lacking)} {have} no predictions on record, so pictures cannot be compared one by one."
    sources = source(first), source(second)
    if sources[0] != sources[1]:
        return f"{a} and {b} were not tested on the same pictures: {a} on {sources[0]}, {b} on {sources[1]}."
    return ""


def _share(first: SessionData, second: SessionData, ours: Predictions, theirs: Predictions) -> _Shared:
    index, here, there = np.intersect1d(ours.index, theirs.index, return_indices=True)
    names = class_names(first, ours)[here], class_names(second, theirs)[there]
    return _Shared(
        index=index,
        first_right=(ours.predicted == ours.actual)[here],
        second_right=(theirs.predicted == theirs.actual)[there],
        relabelled=int((names[0] != names[1]).sum()),
    )


def _changed(shared: _Shared, letters: tuple[str, str]) -> str:
    return (
        f"{letters[0]} and {letters[1]} were not tested on the same pictures: they have changed between the two, "
        f"since {pluralize(shared.relabelled, 'picture')} of {len(shared.index):,} "
        f"{noun(shared.relabelled, 'is', 'are')} of another class."
    )


def _sentence(test: McNemarTest, letters: tuple[str, str], shared: int, both_right: int, level: float) -> str:
    a, b = letters
    if not test.only_first + test.only_second:
        same = f"{both_right:,} of {pluralize(shared, 'picture')}"
        return f"{a} and {b} are right on the same {same}: no difference can be shown."
    better, worse = (a, b) if test.only_first > test.only_second else (b, a)
    more, fewer = sorted((test.only_first, test.only_second), reverse=True)
    verdict = f"{better} is better on these pictures" if test.p_value < level else "no difference can be shown"
    return (
        f"{better} got {pluralize(more, 'picture')} right that {worse} got wrong, and {fewer:,} the other way round: "
        f"a difference this large would come by chance in {_share_of_cases(test.p_value)} of cases "
        f"(McNemar's test), so {verdict}."
    )


def _share_of_cases(p_value: float) -> str:
    if p_value < _TINY:
        return f"fewer than {_TINY * 100:g} %"
    percent = p_value * 100
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.2g} %"
