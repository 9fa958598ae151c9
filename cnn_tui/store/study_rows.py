"""The rows of a study that are on record: those that stand as they are, and those that came to nothing yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cnn_tui.config.study import Cell
from cnn_tui.store.records import SessionRecord
from cnn_tui.store.sessions import list_sessions


def finished_rows(cells: Sequence[Cell], *, alone: bool) -> dict[int, SessionRecord]:
    """The newest session that came to its end in a study with the settings of a cell, for those that have one.

    Args:
        alone: only sessions that were not trained together with others, so that their time is their own.

    Raises:
        StorageError: the sessions folder cannot be listed.
    """
    return _finished(cells, all_records(), alone)


def recorded_rows(cells: Sequence[Cell], records: Sequence[SessionRecord], *, alone: bool) -> dict[int, SessionRecord]:
    """What became of each cell by these records, the newest first: finished if any did, else as the last one stands."""
    others = {
        record.experiment: record
        for record in reversed(records)
        if record.study is not None and record.status != "done"
    }
    unfinished = {cell.index: others[cell.experiment] for cell in cells if cell.experiment in others}
    return unfinished | _finished(cells, records, alone)


def all_records() -> list[SessionRecord]:
    """Every session that can be read, the newest first.

    Raises:
        StorageError: the sessions folder cannot be listed.
    """
    return [entry.record for entry in list_sessions() if entry.record is not None]


def _finished(cells: Iterable[Cell], records: Sequence[SessionRecord], alone: bool) -> dict[int, SessionRecord]:
    done = {
        record.experiment: record
        for record in reversed(records)
        if record.status == "done" and record.study is not None and not (alone and record.study.together > 1)
    }
    return {cell.index: done[cell.experiment] for cell in cells if cell.experiment in done}
