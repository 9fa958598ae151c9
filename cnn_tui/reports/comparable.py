"""Which figures of sessions may be compared with each other, and in words why others may not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cnn_tui.config.fields import field, value_at
from cnn_tui.reports.session_data import SessionData, setting_text
from cnn_tui.store.predictions import Predictions
from cnn_tui.store.records import LIVE

Basis = Literal["test", "validation", "machine", "none"]
"""What has to be the same for a figure to be compared: test pictures, validation pictures, machine, or nothing."""
_VALIDATION_SETTINGS = ("data.validation_fraction", "data.train_limit", "training.seed")
_Difference = Callable[[SessionData, SessionData, str, str], str]


@dataclass(frozen=True)
class Comparable:
    """Which sessions, by index, may be compared on each basis.

    Attributes:
        notes: a sentence for each basis on which not all of them may.
    """

    test: frozenset[int]
    validation: frozenset[int]
    machine: frozenset[int]
    notes: tuple[str, ...]

    def among(self, basis: Basis) -> frozenset[int]:
        """The sessions whose figures may be compared on a basis."""
        match basis:
            case "test":
                return self.test
            case "validation":
                return self.validation
            case "machine":
                return self.machine
            case "none":
                return frozenset()


def comparable(sessions: Sequence[SessionData], letters: Sequence[str]) -> Comparable:
    """Find out which figures of sessions may be compared; the letters name the sessions in the notes."""
    tested = [index for index, one in enumerate(sessions) if one.record.result is not None]
    validated = [index for index, one in enumerate(sessions) if any(e.validation_loss is not None for e in one.epochs)]
    test, why_test = _all_or_none(sessions, letters, tested, _test_difference)
    validation, why_validation = _all_or_none(sessions, letters, validated, _validation_difference)
    machine, why_machine = _on_one_machine(sessions, letters, tested)
    said = (("test figures", why_test), ("validation figures", why_validation))
    notes = [f"The best {what} are not marked: {why}." for what, why in said if why]
    return Comparable(test, validation, machine, (*notes, *why_machine))


def source(session: SessionData) -> str:
    """Where a session's pictures come from: its folder, or the dataset's name."""
    data = session.record.experiment.data
    return data.dataset if data.root is None else str(Path(data.root).expanduser())


def class_names(session: SessionData, predictions: Predictions) -> NDArray[np.str_]:
    """The class of each test picture by name: the same class may have another index in another session."""
    result = session.record.result
    classes = np.array(result.classes if result else (), dtype=np.str_)
    known = len(classes) > predictions.actual.max(initial=-1)
    return classes[predictions.actual] if known else predictions.actual.astype(np.str_)


def _test_difference(first: SessionData, second: SessionData, a: str, b: str) -> str:
    """Why two sessions were not tested on the same pictures, as a clause; empty if they were.

    Without predictions on record the numbers of pictures by class have to do.
    """
    if source(first) != source(second):
        return f"{a} was tested on {source(first)}, {b} on {source(second)}"
    ours, theirs = _supports(first), _supports(second)
    if ours.keys() != theirs.keys():
        return f"{a} and {b} do not have the same classes"
    if sum(ours.values()) != sum(theirs.values()):
        return f"{a} was tested on {sum(ours.values()):,} pictures, {b} on {sum(theirs.values()):,}"
    if ours != theirs or _other_pictures(first, second):
        return f"{a} and {b} were tested on other pictures of {source(first)}"
    return ""


def _validation_difference(first: SessionData, second: SessionData, a: str, b: str) -> str:
    """Why two sessions were not validated on the same pictures, as a clause; empty if they were."""
    if source(first) != source(second):
        return f"{a} was validated on {source(first)}, {b} on {source(second)}"
    for path in _VALIDATION_SETTINGS:
        ours, theirs = (setting_text(value_at(one.record.experiment, path)) for one in (first, second))
        if ours != theirs:
            told = f"{field(path).title.lower()} {ours} and {theirs}"
            return f"{a} and {b} were validated on other pictures ({told})"
    return ""


def _all_or_none(
    sessions: Sequence[SessionData], letters: Sequence[str], present: Sequence[int], difference: _Difference
) -> tuple[frozenset[int], str]:
    """All sessions that have figures if none of them differs from the first, else none and the first difference."""
    for index in present[1:]:
        why = difference(sessions[present[0]], sessions[index], letters[present[0]], letters[index])
        if why:
            return frozenset(), why
    return frozenset(present), ""


def _on_one_machine(
    sessions: Sequence[SessionData], letters: Sequence[str], tested: Sequence[int]
) -> tuple[frozenset[int], tuple[str, ...]]:
    """The sessions whose times are those of a whole run on one machine, with sentences about the others."""
    whole = [index for index in tested if not _not_whole(sessions[index])]
    apart = [f"{letters[index]} {_not_whole(sessions[index])}" for index in tested if index not in whole]
    if len(tested) < 2:
        return frozenset(), ()
    if len(whole) < 2:
        return frozenset(), (f"The best times, speed and memory are not marked: {', '.join(apart)}.",)
    machines = {letters[index]: _machine(sessions[index]) for index in whole}
    if len(set(machines.values())) > 1:
        ran = ", ".join(f"{letter} ran on {machine}" for letter, machine in machines.items())
        return frozenset(), (f"The best times, speed and memory are not marked: {ran}.",)
    return frozenset(whole), tuple(_left_out(apart))


def _left_out(apart: Sequence[str]) -> Iterator[str]:
    if apart:
        yield f"Left out where times, speed and memory are compared: {', '.join(apart)}."


def _not_whole(session: SessionData) -> str:
    """Why a session's times are not those of one whole run on a known machine; empty if they are."""
    record = session.record
    if record.status != "done":
        return f"is {record.status}" if record.status in LIVE else _ENDED.get(record.status, f"was {record.status}")
    if record.study is not None and record.study.together > 1:
        return f"was trained together with {record.study.together - 1:,} other runs"
    return "" if record.environment else "has no machine on record"


_ENDED = {"failed": "failed"}


def _machine(session: SessionData) -> str:
    machine = session.record.environment
    if machine is None:
        return ""
    device = machine.device.partition(":")[0]
    return f"{machine.device_name} ({device}, {machine.cpu_count} processors, {machine.platform})"


def _supports(session: SessionData) -> dict[str, int]:
    """How many test pictures each class has."""
    result = session.record.result
    return {row.name: row.support for row in result.per_class} if result else {}


def _other_pictures(first: SessionData, second: SessionData) -> bool:
    """Whether two sessions of one source, with as many pictures of each class, were tested on other ones."""
    ours, theirs = first.predictions, second.predictions
    if ours is None or theirs is None:
        # Only where the test split is cut out of a folder does the seed choose its pictures.
        data, seeds = first.record.experiment.data, {one.record.experiment.training.seed for one in (first, second)}
        return data.dataset == "folder" and len(seeds) > 1
    here, there = np.argsort(ours.index), np.argsort(theirs.index)
    if not np.array_equal(ours.index[here], theirs.index[there]):
        return True
    return not np.array_equal(class_names(first, ours)[here], class_names(second, theirs)[there])
