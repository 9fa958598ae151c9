"""What is known of a session beside its scores: its settings, its times, its machine."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from cnn_tui.config.fields import FieldSpec, experiment_fields, value_at
from cnn_tui.events import Environment, WarningRaised
from cnn_tui.formatting import elapsed, quantity, unit_for
from cnn_tui.reports.best_epoch import CRITERION
from cnn_tui.reports.tables import Table
from cnn_tui.store.records import SessionRecord

_HARDWARE = {"platform", "device", "device_name", "precision", "cpu_count", "memory_bytes"}
Facts = tuple[str, tuple[tuple[str, str], ...]]
"""Names and values under the word for what they are about."""


def session_facts(record: SessionRecord, warnings: Iterable[WarningRaised], folder: Path) -> tuple[Facts, ...]:
    """Settings and facts by what they are about."""
    experiment = tuple((spec.title, _value(spec, record)) for spec in experiment_fields())
    found = (
        ("Time", _times(record)),
        ("Experiment", experiment),
        ("Machine", _machine(record)),
        ("Session", _session(record, folder)),
        ("Warnings", tuple((warning.title, warning.detail) for warning in warnings)),
    )
    return tuple(facts for facts in found if facts[1])


def facts_table(facts: Iterable[Facts]) -> Table:
    """All facts as rows, with what each is about."""
    rows = [(about, name, value) for about, pairs in facts for name, value in pairs]
    return Table(("section", "setting", "value"), tuple(rows), labels=3)


def _times(record: SessionRecord) -> tuple[tuple[str, str], ...]:
    result = record.result
    if result is None:
        return ()
    best = (("best epoch", f"{result.best_epoch:,} by {CRITERION}"),) if result.best_epoch is not None else ()
    return (
        ("epochs", f"{result.epochs_run:,} of {record.experiment.training.epochs:,}"),
        *best,
        ("training", elapsed(result.train_seconds)),
        ("the whole run", elapsed(result.total_seconds)),
        ("speed", f"{result.images_per_second:,.0f} pictures/s"),
        ("peak memory", quantity(result.peak_memory_bytes, "bytes")),
    )


def _machine(record: SessionRecord) -> tuple[tuple[str, str], ...]:
    machine, parameters = record.environment, record.parameters
    weights = (("weights", f"{parameters.trainable:,} of {parameters.total:,} trained"),) if parameters else ()
    if machine is None:
        return weights
    return (
        *weights,
        ("device", f"{machine.device_name} ({machine.device})"),
        ("precision", machine.precision),
        ("processors", f"{machine.cpu_count}, {quantity(machine.memory_bytes, 'bytes')} memory"),
        ("system", machine.platform),
        ("versions", ", ".join(f"{name} {getattr(machine, name)}" for name in _versions())),
    )


def _versions() -> list[str]:
    """The fields of an environment that are versions: the program's own, then those of the libraries."""
    return [name for name in Environment.model_fields if name not in _HARDWARE]


def _session(record: SessionRecord, folder: Path) -> tuple[tuple[str, str], ...]:
    return (("id", record.id), ("begun", _local(record.created)), ("folder", str(folder)))


def _local(iso: str) -> str:
    try:
        return f"{datetime.fromisoformat(iso).astimezone():%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return iso


def _value(spec: FieldSpec, record: SessionRecord) -> str:
    value = value_at(record.experiment, spec.path)
    if value is None:
        return "–"
    text = (
        f"{value:,}"
        if isinstance(value, int) and spec.title != "Seed"
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
    return f"{text} {unit_for(value, spec.unit)}".rstrip()
