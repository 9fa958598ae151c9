"""A session as reports need it, read from its folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnn_tui.errors import StorageError
from cnn_tui.events import EpochFinished, WarningRaised
from cnn_tui.history import RunHistory
from cnn_tui.store.notes import NO_NOTE, SessionNote
from cnn_tui.store.predictions import PREDICTIONS_FILE, Predictions
from cnn_tui.store.records import SessionRecord
from cnn_tui.store.sessions import find_session, load_session, note_or_problem, read_history


@dataclass(frozen=True, eq=False)
class SessionData:
    """What is on record of a run.

    Attributes:
        predictions: None where there are none, or none that can be read.
        damage: what could not be read, empty if all could.
        note: what a person wrote about it.
        events_damage: why the events, and so the curves, could not be read; part of ``damage``.
    """

    folder: Path
    record: SessionRecord
    epochs: tuple[EpochFinished, ...] = ()
    warnings: tuple[WarningRaised, ...] = ()
    predictions: Predictions | None = None
    damage: str = ""
    events_damage: str = ""
    note: SessionNote = NO_NOTE


def read_session(name: str | Path) -> SessionData:
    """Read a session, by a name as :func:`find_session` takes it or by its folder.

    Curves, predictions and a note that are damaged are left out.

    Raises:
        SessionNotFoundError: none or several answer to the name.
        StorageError: its record is damaged.
    """
    folder = name if isinstance(name, Path) else find_session(name)
    record = load_session(folder)
    history, events_damage = _history(folder)
    predictions, damage = _predictions(folder)
    note, note_damage = note_or_problem(folder)
    return SessionData(
        folder=folder,
        record=record,
        epochs=tuple(history.epochs),
        warnings=tuple(history.warnings),
        predictions=predictions,
        damage="\n".join(part for part in (events_damage, damage, note_damage) if part),
        events_damage=events_damage,
        note=note,
    )


def session_json(
    record: SessionRecord, epochs: Iterable[EpochFinished], folder: Path, note: SessionNote
) -> dict[str, Any]:
    """All figures of a session, and what a person wrote about it, as JSON has them."""
    told = [epoch.model_dump(mode="json") for epoch in epochs]
    written = {"note": note.note, "tags": list(note.tags)}
    return {**record.model_dump(mode="json"), "folder": str(folder), **written, "epochs": told}


def setting_text(value: Any) -> str:
    """A setting's value as a person writes it, a dash for none."""
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _history(folder: Path) -> tuple[RunHistory, str]:
    try:
        return read_history(folder), ""
    except StorageError as error:
        return RunHistory(), str(error)


def _predictions(folder: Path) -> tuple[Predictions | None, str]:
    if not (folder / PREDICTIONS_FILE).exists():
        return None, ""
    try:
        return Predictions.load(folder), ""
    except StorageError as error:
        return None, str(error)
