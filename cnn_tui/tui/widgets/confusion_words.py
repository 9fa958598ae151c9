"""What a cell of the confusion matrix says, in plain words."""

from __future__ import annotations

import re

from cnn_tui.formatting import printable
from cnn_tui.metrics import Scores

_WORDS = re.compile(r"[a-z]{3,}([ _][a-z]{3,})*")
_SAME = frozenset({"deer", "fish", "sheep", "trout", "shrimp"})
_IRREGULAR = {"mouse": "mice", "man": "men", "woman": "women", "child": "children", "wolf": "wolves", "goose": "geese"}


def describe_cell(scores: Scores, actual: int, predicted: int) -> str:
    """One sentence about the pictures of class ``actual`` that were taken for class ``predicted``.

    Names that are plain English nouns are put in the plural; any other stands in quotation marks.
    """
    count, support = scores.confusion_matrix[actual][predicted], sum(scores.confusion_matrix[actual])
    those = _plural(scores.classes[actual])
    if support == 0:
        return f"There were no test pictures of {_plain_plural(scores.classes[actual])}."
    amount = _amount(count, support)
    verb = "was" if count == 1 else "were"
    if actual == predicted:
        return f"{amount} {those} {verb} recognised."
    other = scores.classes[predicted]
    taken_for = _singular(other) if count == 1 else _plain_plural(other)
    return f"{amount} {those} {verb} taken for {taken_for}."


def _amount(count: int, support: int) -> str:
    if count == 0:
        return f"None of {support:,}"
    if count == support:
        return f"All {support:,}" if support > 1 else "The only one of 1"
    return f"{count:,} of {support:,}"


def _plural(name: str) -> str:
    return _plain_plural(name) if _is_noun(name) else f"pictures of {_quoted(name)}"


def _plain_plural(name: str) -> str:
    if not _is_noun(name):
        return _quoted(name)
    *before, noun = re.split("[ _]", name)
    return " ".join((*before, _noun_plural(noun)))


def _singular(name: str) -> str:
    if not _is_noun(name):
        return _quoted(name)
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name.replace('_', ' ')}"


def _is_noun(name: str) -> bool:
    return len(name) <= 40 and _WORDS.fullmatch(name) is not None


def _noun_plural(noun: str) -> str:
    if noun in _SAME or noun.endswith("fish"):
        return noun
    if noun in _IRREGULAR:
        return _IRREGULAR[noun]
    if re.search(r"(s|x|z|ch|sh)$", noun):
        return noun + "es"
    return noun[:-1] + "ies" if re.search(r"[^aeiou]y$", noun) else noun + "s"


def _quoted(name: str) -> str:
    return f"“{printable(name)}”"
