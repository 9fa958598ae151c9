"""Studies that were run, told from their sessions alone: their preset is gone or never was. No I/O in here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from pydantic import ValidationError

from cnn_tui.config.fields import experiment_fields, value_at
from cnn_tui.config.study import StudyPreset, Value
from cnn_tui.store.records import SessionRecord

_SEED = "training.seed"
_MOST_FACTORS = 2


def past_studies(records: Sequence[SessionRecord]) -> Iterator[StudyPreset]:
    """The studies that sessions tell of, the one that ran last first.

    Args:
        records: the sessions, the newest first.
    """
    by_name: dict[str, dict[int, SessionRecord]] = {}
    for record in records:
        if record.study is not None:
            by_name.setdefault(record.study.name, {}).setdefault(record.study.row, record)
    for name, rows in by_name.items():
        study = _study(name, [rows[place] for place in sorted(rows)])
        if study is not None:
            yield study


def _study(name: str, rows: Sequence[SessionRecord]) -> StudyPreset | None:
    """The study whose rows these are; None where they differ in more than a study varies."""
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
    kept = record.study.description if record.study is not None else None
    return record.description if kept is None else kept


def _factors(rows: Sequence[SessionRecord]) -> list[str]:
    """What differs between rows, that which changes from one to the next first; seeds only if nothing else does."""
    paths = [spec.path for spec in experiment_fields()]
    varied = [path for path in paths if len(_values(rows, path)) > 1]
    if varied in ([], [_SEED]):
        named = [path for path in paths if f" {path.rpartition('.')[2]}=" in rows[0].name and path != _SEED]
        return named or varied
    changes = {path: sum(_at(one, path) != _at(other, path) for one, other in pairwise(rows)) for path in varied}
    return sorted((path for path in varied if path != _SEED), key=lambda path: -changes[path])


def _values(rows: Sequence[SessionRecord], path: str) -> tuple[Value, ...]:
    return tuple(dict.fromkeys(_at(record, path) for record in rows))


def _at(record: SessionRecord, path: str) -> Value:
    value: Value = value_at(record.experiment, path)
    return value
