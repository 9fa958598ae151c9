"""What the disk says of studies: their presets, the sessions of their rows, the time that past runs took.

Everything here reads files and is meant for a thread.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from cnn_tui import paths
from cnn_tui.config.changes import with_absolute_paths
from cnn_tui.config.experiment import Experiment
from cnn_tui.config.study import Cell, StudyPreset
from cnn_tui.errors import CnnTuiError, StorageError
from cnn_tui.store.files import slug
from cnn_tui.store.presets import list_presets, renamed_study, save_preset
from cnn_tui.store.records import SessionRecord, recorded_rows
from cnn_tui.store.sessions import all_records, load_session
from cnn_tui.tui.estimate import estimate
from cnn_tui.tui.screens.studies_past import past_studies
from cnn_tui.tui.study_estimate import StudyEstimate, estimate_study
from cnn_tui.tui.survey import past_runs, split_counts

Origin = Literal["draft", "latest", "own", "shipped", "past"]
_SAMPLE = StudyPreset(factor="training.epochs", values=(1,))


@dataclass(frozen=True)
class StudyEntry:
    """A study to choose.

    Attributes:
        key: what tells it from the others.
        done: how many of its runs are on record.
    """

    key: str
    name: str
    origin: Origin
    study: StudyPreset
    done: int = 0
    runs: int = 0


@dataclass(frozen=True)
class Findings:
    """A study, what became of its runs by their places, and what is left to do."""

    study: StudyPreset
    records: dict[int, SessionRecord]
    estimate: StudyEstimate


def entries() -> tuple[StudyEntry, ...]:
    """This person's studies, the shipped ones, and those that were run without being either."""
    records = _records()
    # A broken file does not say what it holds; Setup lists it with its reason.
    found = [_entry(str(one.path), one.name, one.origin, one.study, records) for one in list_presets() if one.study]
    names = {entry.study.name for entry in found}
    past = [study for study in past_studies(records) if study.name not in names]
    return (*found, *(_entry(study.name, study.name, "past", study, records) for study in past))


def find_out(study: StudyPreset) -> Findings:
    """What there is of a study, and what it will take."""
    cells = _cells(study)
    found = recorded_rows(cells, _records(), alone=study.plain)
    left = [cell.experiment for cell in cells if cell.index not in found or found[cell.index].status != "done"]
    return Findings(study, found, estimate_study(len(cells), left, study.plain, _seconds()))


def read_rows(sessions: Iterable[tuple[int, str]]) -> dict[int, SessionRecord]:
    """The records of rows by their sessions; those that cannot be read are left out."""
    found = {}
    for row, session_id in sessions:
        try:
            found[row] = load_session(paths.sessions_folder() / session_id)
        except CnnTuiError:
            continue
    return found


def refuse_as_name(text: str) -> str:
    """Why a study cannot have a name, empty if it can."""
    try:
        renamed_study(_SAMPLE, text.strip())
    except CnnTuiError as error:
        return error.detail or error.title
    return ""


def own_file(name: str) -> Path:
    """Where a study of this name is saved."""
    return paths.user_presets_folder() / f"{slug(name)}.json"


def save(study: StudyPreset, name: str) -> Path | CnnTuiError:
    """Write one's own study, over the one that is there; gives its path, or what went wrong."""
    try:
        return save_preset(study, paths.user_presets_folder(), name, overwrite=True)
    except CnnTuiError as error:
        return error


def _entry(key: str, name: str, origin: Origin, study: StudyPreset, records: Sequence[SessionRecord]) -> StudyEntry:
    cells = _cells(study)
    rows = recorded_rows(cells, records, alone=study.plain)
    done = sum(record.status == "done" for record in rows.values())
    return StudyEntry(key, name, origin, study, done=done, runs=len(cells))


def _cells(study: StudyPreset) -> list[Cell]:
    """The runs of a study as they would be on record."""
    return [replace(cell, experiment=with_absolute_paths(cell.experiment)) for cell in study.cells()]


def _records() -> list[SessionRecord]:
    try:
        return all_records()
    except StorageError:
        return []


def _seconds() -> Callable[[Experiment], float | None]:
    """The time for a run by past ones; each folder is counted once."""
    past = past_runs()
    counts = functools.cache(split_counts)
    return lambda experiment: estimate(experiment, counts(experiment.data), past).seconds
