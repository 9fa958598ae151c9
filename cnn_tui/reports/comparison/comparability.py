"""Whether results of sessions are comparable: sentences that explain why some are not, or why curves are missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cnn_tui.config.fields import field, value_at
from cnn_tui.reports.labels import setting_text
from cnn_tui.reports.sessions.data import SessionData
from cnn_tui.store.predictions import Predictions
from cnn_tui.store.records import LIVE

Basis = Literal["test", "validation", "machine", "none"]
"""What two sessions must share for a measurement to be comparable: test images, validation images or the machine.

Measurements of basis "none" have no best value.
"""
_VALIDATION_SETTINGS = ("data.validation_fraction", "data.train_limit", "training.seed")
_Difference = Callable[[SessionData, SessionData, str, str], str]


@dataclass(frozen=True)
class Comparability:
    """The comparable sessions, by index, on each basis.

    Attributes:
        notes: a sentence for each basis on which not all sessions are comparable.
    """

    sessions: Mapping[Basis, frozenset[int]]
    notes: tuple[str, ...]


def comparability(sessions: Sequence[SessionData], letters: Sequence[str]) -> Comparability:
    """Determine which results of sessions are comparable; notes name the sessions by letter."""
    tested = [index for index, one in enumerate(sessions) if one.record.result is not None]
    validated = [index for index, one in enumerate(sessions) if any(e.validation_loss is not None for e in one.epochs)]
    test, test_reason = _all_or_none(sessions, letters, tested, _test_difference)
    validation, validation_reason = _all_or_none(sessions, letters, validated, _validation_difference)
    machine, machine_notes = _on_one_machine(sessions, letters, tested)
    reasons = (("test", test_reason), ("validation", validation_reason))
    notes = [f"The best {kind} results are not marked: {reason}." for kind, reason in reasons if reason]
    comparable: dict[Basis, frozenset[int]] = {
        "test": test,
        "validation": validation,
        "machine": machine,
        "none": frozenset(),
    }
    return Comparability(comparable, (*notes, *machine_notes))


def missing_curves(sessions: Sequence[SessionData], letters: Sequence[str]) -> Iterator[str]:
    """A sentence for each reason why curves are missing, with the letters of the sessions."""
    affected: dict[tuple[str, str], list[str]] = {}
    for letter, session in zip(letters, sessions, strict=True):
        missing = _missing_curves(session)
        if missing is not None:
            affected.setdefault(missing, []).append(letter)
    for (curves, reason), found in affected.items():
        names = found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"
        yield f"{names} {'has' if len(found) == 1 else 'have'} no {curves}: {reason}."


def source(session: SessionData) -> str:
    """The source of a session's images: a folder, or the name of a dataset."""
    data = session.record.experiment.data
    return data.dataset if data.root is None else str(Path(data.root).expanduser())


def class_names(session: SessionData, predictions: Predictions) -> NDArray[np.str_]:
    """The actual class of each test image by name, because class indices of two sessions may differ."""
    result = session.record.result
    classes = np.array(result.classes if result else (), dtype=np.str_)
    known = len(classes) > predictions.actual.max(initial=-1)
    return classes[predictions.actual] if known else predictions.actual.astype(np.str_)


def _test_difference(first: SessionData, second: SessionData, a: str, b: str) -> str:
    """A clause on how the test images of two sessions differ, empty if they do not.

    Without recorded predictions it compares the numbers of images per class.
    """
    if source(first) != source(second):
        return f"{a} was tested on {source(first)}, {b} on {source(second)}"
    ours, theirs = _supports(first), _supports(second)
    if ours.keys() != theirs.keys():
        return f"{a} and {b} have different classes"
    if sum(ours.values()) != sum(theirs.values()):
        return f"{a} was tested on {sum(ours.values()):,} images, {b} on {sum(theirs.values()):,}"
    if ours != theirs or _different_images(first, second):
        return f"{a} and {b} were tested on different images of {source(first)}"
    return ""


def _validation_difference(first: SessionData, second: SessionData, a: str, b: str) -> str:
    """A clause on how the validation images of two sessions differ, empty if they do not."""
    if source(first) != source(second):
        return f"{a} was validated on {source(first)}, {b} on {source(second)}"
    for path in _VALIDATION_SETTINGS:
        ours, theirs = (setting_text(value_at(one.record.experiment, path)) for one in (first, second))
        if ours != theirs:
            setting = f"{field(path).title.lower()} {ours} and {theirs}"
            return f"{a} and {b} were validated on different images ({setting})"
    return ""


def _all_or_none(
    sessions: Sequence[SessionData], letters: Sequence[str], present: Sequence[int], difference: _Difference
) -> tuple[frozenset[int], str]:
    """All present sessions if none differs from the first of them, else none and the first difference."""
    for index in present[1:]:
        reason = difference(sessions[present[0]], sessions[index], letters[present[0]], letters[index])
        if reason:
            return frozenset(), reason
    return frozenset(present), ""


def _on_one_machine(
    sessions: Sequence[SessionData], letters: Sequence[str], tested: Sequence[int]
) -> tuple[frozenset[int], tuple[str, ...]]:
    """The sessions with times of a complete run on one machine, and sentences about the others."""
    if len(tested) < 2:
        return frozenset(), ()
    reasons = {index: reason for index in tested if (reason := _incomplete(sessions[index]))}
    complete = [index for index in tested if index not in reasons]
    excluded = ", ".join(f"{letters[index]} {reason}" for index, reason in reasons.items())
    if len(complete) < 2:
        return frozenset(), (f"The best times, speed and memory are not marked: {excluded}.",)
    machines = {letters[index]: _machine(sessions[index]) for index in complete}
    if len(set(machines.values())) > 1:
        ran = ", ".join(f"{letter} ran on {machine}" for letter, machine in machines.items())
        return frozenset(), (f"The best times, speed and memory are not marked: {ran}.",)
    note = (f"Excluded from the comparison of times, speed and memory: {excluded}.",) if excluded else ()
    return frozenset(complete), note


def _incomplete(session: SessionData) -> str:
    """Why a session's times are not those of one complete run on a known machine; empty if they are."""
    record = session.record
    if record.status == "failed":
        return "failed"
    if record.status != "done":
        return f"is {record.status}" if record.status in LIVE else f"was {record.status}"
    if record.study is not None and record.study.together > 1:
        return f"was trained together with {record.study.together - 1:,} other runs"
    return "" if record.environment else "has no recorded machine"


def _machine(session: SessionData) -> str:
    machine = session.record.environment
    if machine is None:
        return ""
    device = machine.device.partition(":")[0]
    return f"{machine.device_name} ({device}, {machine.cpu_count} processors, {machine.platform})"


def _supports(session: SessionData) -> dict[str, int]:
    """The number of test images of each class."""
    result = session.record.result
    return {row.name: row.support for row in result.per_class} if result else {}


def _different_images(first: SessionData, second: SessionData) -> bool:
    """Whether two sessions, with the same source and numbers of images per class, were tested on different images."""
    ours, theirs = first.predictions, second.predictions
    if ours is None or theirs is None:
        # The seed selects test images only if the test split is cut from a folder.
        data, seeds = first.record.experiment.data, {one.record.experiment.training.seed for one in (first, second)}
        return data.dataset == "folder" and len(seeds) > 1
    here, there = np.argsort(ours.index), np.argsort(theirs.index)
    if not np.array_equal(ours.index[here], theirs.index[there]):
        return True
    return not np.array_equal(class_names(first, ours)[here], class_names(second, theirs)[there])


def _missing_curves(session: SessionData) -> tuple[str, str] | None:
    """The missing curves of a session and the reason, None if none are missing."""
    record = session.record
    if session.events_damage:
        return "curves", "the event log is damaged"
    if not session.epochs:
        if record.live:
            return "curves", "the first epoch has not finished yet"
        done = record.status == "done"
        return "curves", "no epochs were recorded" if done else f"{record.status} before the first epoch finished"
    if all(epoch.validation_loss is None for epoch in session.epochs):
        disabled = record.experiment.data.validation_fraction == 0
        return "validation curves", "validation_fraction is 0" if disabled else "there were no validation images"
    return None
