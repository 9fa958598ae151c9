"""The studies on disk: presets, sessions of their runs, and estimates. Functions that read files belong in a thread."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from pydantic import ValidationError

from cnn_tui import paths
from cnn_tui.config.changes import with_absolute_paths
from cnn_tui.config.experiment import Experiment
from cnn_tui.config.fields import experiment_fields, value_at
from cnn_tui.config.study import NOT_VARIED, Cell, StudyPreset, Value
from cnn_tui.errors import CnnTuiError, StorageError
from cnn_tui.store.presets import list_presets
from cnn_tui.store.records import SessionRecord, recorded_rows
from cnn_tui.store.sessions import all_records, load_session
from cnn_tui.tui.estimate import StudyEstimate, estimate, estimate_study
from cnn_tui.tui.preflight import folder_counts, past_runs

Origin = Literal["draft", "latest", "own", "shipped", "past"]
_SEED = "training.seed"
_MOST_FACTORS = 2


@dataclass(frozen=True)
class StudyEntry:
    """A study to choose.

    Attributes:
        key: identifies it in the list.
        done: the number of finished runs, of ``runs`` in total.
    """

    key: str
    name: str
    origin: Origin
    study: StudyPreset
    done: int = 0
    runs: int = 0


@dataclass(frozen=True)
class StudyStatus:
    """The sessions of a study's runs by their indices, and an estimate of the unfinished ones."""

    study: StudyPreset
    records: dict[int, SessionRecord]
    estimate: StudyEstimate

    def load_new(self, sessions: Mapping[int, str]) -> dict[int, SessionRecord]:
        """Load those of the runs' ``sessions`` that are not in ``records``; unreadable ones are left out."""
        known = {index: record.id for index, record in self.records.items()}
        new = {}
        for index, session_id in sessions.items():
            if session_id != known.get(index):
                with contextlib.suppress(CnnTuiError):
                    new[index] = load_session(paths.sessions_folder() / session_id)
        return new


def load_entries() -> tuple[StudyEntry, ...]:
    """The user's studies, the shipped ones, and past ones without a preset."""
    records = _load_records()
    # Unreadable presets are listed in Setup, with the reason: nothing says whether they are studies.
    presets = [_entry(str(one.path), one.name, one.origin, one.study, records) for one in list_presets() if one.study]
    names = {entry.study.name for entry in presets}
    past = [study for study in past_studies(records) if study.name not in names]
    return (*presets, *(_entry(study.name, study.name, "past", study, records) for study in past))


def load_status(study: StudyPreset) -> StudyStatus:
    """Find the sessions of a study, and estimate the rest."""
    cells = _cells(study)
    records = recorded_rows(cells, _load_records(), alone=study.plain)
    finished = {index for index, record in records.items() if record.status == "done"}
    left = [cell.experiment for cell in cells if cell.index not in finished]
    return StudyStatus(study, records, estimate_study(len(cells), left, study.plain, _time_estimator()))


def _entry(key: str, name: str, origin: Origin, study: StudyPreset, records: Sequence[SessionRecord]) -> StudyEntry:
    cells = _cells(study)
    rows = recorded_rows(cells, records, alone=study.plain)
    done = sum(record.status == "done" for record in rows.values())
    return StudyEntry(key, name, origin, study, done=done, runs=len(cells))


def _cells(study: StudyPreset) -> list[Cell]:
    """The cells of a study with absolute paths, as sessions store them."""
    return [replace(cell, experiment=with_absolute_paths(cell.experiment)) for cell in study.cells()]


def _load_records() -> list[SessionRecord]:
    try:
        return all_records()
    except StorageError:
        return []


def _time_estimator() -> Callable[[Experiment], float | None]:
    """A function that estimates the seconds of a run from past ones; it counts the images of each folder once."""
    past = past_runs()
    counts = functools.cache(folder_counts)
    return lambda experiment: estimate(experiment, counts(experiment.data), past).seconds


def past_studies(records: Sequence[SessionRecord]) -> Iterator[StudyPreset]:
    """Reconstruct studies from their sessions, the latest first. No I/O.

    Args:
        records: all sessions, the newest first.
    """
    by_name: dict[str, dict[int, SessionRecord]] = {}
    for record in records:
        if record.study is not None:
            by_name.setdefault(record.study.name, {}).setdefault(record.study.row, record)
    for name, rows in by_name.items():
        study = _reconstruct(name, [rows[index] for index in sorted(rows)])
        if study is not None:
            yield study


def _reconstruct(name: str, rows: Sequence[SessionRecord]) -> StudyPreset | None:
    """The study with these rows; None if they differ in more settings than a study can vary."""
    factors = _factors(rows)
    if not 1 <= len(factors) <= _MOST_FACTORS:
        return None
    factor, *others = factors
    document = {
        "name": name,
        "description": _description(rows[0]),
        "base": rows[0].experiment,
        "factor": factor,
        "values": _values(rows, factor),
        "second_factor": others[0] if others else None,
        "second_values": _values(rows, others[0]) if others else (),
        "repeats": 1 if _SEED in factors else len(_values(rows, _SEED)),
        "plain": all(record.study is not None and record.study.together == 1 for record in rows),
    }
    try:
        return StudyPreset.model_validate(document)
    except ValidationError:
        return None


def _description(record: SessionRecord) -> str:
    """The description of the study; older sessions only have their own."""
    description = record.study.description if record.study is not None else None
    return record.description if description is None else description


def _factors(rows: Sequence[SessionRecord]) -> list[str]:
    """The settings that differ between rows, the most frequently changing first; the seed only if no other does."""
    paths = [spec.path for spec in experiment_fields() if spec.path not in NOT_VARIED]
    varied = [path for path in paths if len(_values(rows, path)) > 1]
    if varied in ([], [_SEED]):
        in_name = [path for path in paths if f" {path.rpartition('.')[2]}=" in rows[0].name and path != _SEED]
        return in_name or varied
    changes = {path: sum(_at(one, path) != _at(other, path) for one, other in pairwise(rows)) for path in varied}
    return sorted((path for path in varied if path != _SEED), key=lambda path: -changes[path])


def _values(rows: Sequence[SessionRecord], path: str) -> tuple[Value, ...]:
    return tuple(dict.fromkeys(_at(record, path) for record in rows))


def _at(record: SessionRecord, path: str) -> Value:
    value: Value = value_at(record.experiment, path)
    return value
