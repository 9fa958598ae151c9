"""A study from its preset to its rows: each a session of its own, trained together where that changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cnn_tui.config.study import Cell, StudyPreset, training_groups
from cnn_tui.engine.control import Control
from cnn_tui.engine.training.record import run_all_recorded
from cnn_tui.events import EndStatus, RowEvent, RowKept, RunFinished, StudyEvent, StudyFinished, StudyStarted
from cnn_tui.store.records import StudyPart, finished_rows
from cnn_tui.store.sessions import all_records


def run_study(
    study: StudyPreset, control: Control, *, plain: bool = False, fresh: bool = False
) -> Iterator[StudyEvent]:
    """Run a study.

    Args:
        plain: every row is trained on its own, as the study itself may ask too.
        fresh: every row is trained, also those that a study finished earlier with the same settings.

    Yields:
        ``study_started`` first and ``study_finished`` last. A row that fails does not end the study.

    Raises:
        StorageError: nothing can be kept here.
    """
    alone = plain or study.plain
    cells = list(study.cells())
    yield StudyStarted(study=study, rows=len(cells))
    kept = {} if fresh else finished_rows(cells, all_records(), alone=alone)
    yield from (RowKept(row=row, session_id=record.id) for row, record in kept.items())
    left, failed = [cell for cell in cells if cell.index not in kept], 0
    for group in _groups(left, alone):
        for told in _run(study, group, control):
            failed += isinstance(told.event, RunFinished) and told.event.status == "failed"
            yield told
        if control.stopping:
            break
    status: EndStatus = "stopped" if control.stopping else "failed" if failed else "done"
    yield StudyFinished(status=status, failed=failed)


def _groups(cells: Sequence[Cell], alone: bool) -> Iterator[list[Cell]]:
    """The cells that are one computation, in the order of the table by their first."""
    if alone:
        yield from ([cell] for cell in cells)
        return
    for places in training_groups([cell.experiment for cell in cells]):
        yield [cells[place] for place in places]


def _run(study: StudyPreset, group: Sequence[Cell], control: Control) -> Iterator[RowEvent]:
    presets = [cell.preset(study) for cell in group]
    parts = [
        StudyPart(name=study.name, row=cell.index, together=len(group), description=study.description) for cell in group
    ]
    for place, event in run_all_recorded(presets, parts, control):
        yield RowEvent(row=group[place].index, event=event)
