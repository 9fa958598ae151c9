"""What a session was trained on, with which settings, and how long it took."""

from __future__ import annotations

from datetime import datetime

from rich.table import Table as RichTable
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from cnn_tui.config.fields import FieldSpec, experiment_fields, value_at
from cnn_tui.events import Environment
from cnn_tui.reports.tables import Table
from cnn_tui.reports.texts import duration
from cnn_tui.store.names import printable
from cnn_tui.store.records import SessionRecord
from cnn_tui.tui.screens.results_data import SessionView

_HARDWARE = {"platform", "device", "device_name", "precision", "cpu_count", "memory_bytes"}
Section = tuple[str, tuple[tuple[str, str], ...]]


class SettingsPane(VerticalScroll):
    """Sections of settings, figures and facts about the machine."""

    DEFAULT_CSS = """
    SettingsPane { padding: 0 1; scrollbar-size-vertical: 1; }
    """

    def compose(self) -> ComposeResult:
        """One text, scrolled as a whole."""
        yield Static("", id="settings")

    def show(self, view: SessionView) -> None:
        """Tell about a session."""
        self.query_one("#settings", Static).update(_grid(sections(view)))


def settings_table(view: SessionView) -> Table:
    """All settings and facts as rows, with the section each belongs to."""
    rows = [(heading, name, value) for heading, pairs in sections(view) for name, value in pairs]
    return Table(("section", "setting", "value"), tuple(rows), labels=3)


def sections(view: SessionView) -> tuple[Section, ...]:
    """Settings and facts by what they are about."""
    record = view.record
    experiment = tuple((spec.title, _value(spec, record)) for spec in experiment_fields())
    warnings = tuple((warning.title, warning.detail) for warning in view.warnings)
    found = (
        ("Time", _times(record)),
        ("Experiment", experiment),
        ("Machine", _machine(record)),
        ("Session", _session(view)),
        ("Warnings", warnings),
    )
    return tuple(section for section in found if section[1])


def _grid(shown: tuple[Section, ...]) -> RichTable:
    grid = RichTable.grid(padding=(0, 2), expand=True)
    grid.add_column(ratio=2)
    grid.add_column(ratio=3, overflow="fold")
    for place, (heading, pairs) in enumerate(shown):
        if place:
            grid.add_row()
        grid.add_row(Text(heading, "bold underline"))
        for name, value in pairs:
            grid.add_row(Text(printable(name), "dim"), Text(printable(value)))
    return grid


def _times(record: SessionRecord) -> tuple[tuple[str, str], ...]:
    result = record.result
    if result is None:
        return ()
    best = (("best epoch", f"{result.best_epoch:,} by validation loss"),) if result.best_epoch is not None else ()
    return (
        ("epochs", f"{result.epochs_run:,} of {record.experiment.training.epochs:,}"),
        *best,
        ("training", duration(result.train_seconds)),
        ("the whole run", duration(result.total_seconds)),
        ("speed", f"{result.images_per_second:,.0f} pictures/s"),
        ("peak memory", _bytes(result.peak_memory_bytes)),
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
        ("processors", f"{machine.cpu_count}, {_bytes(machine.memory_bytes)} memory"),
        ("system", machine.platform),
        ("versions", ", ".join(f"{name} {getattr(machine, name)}" for name in _versions())),
    )


def _versions() -> list[str]:
    """The fields of an environment that are versions: the program's own, then those of the libraries."""
    return [name for name in Environment.model_fields if name not in _HARDWARE]


def _session(view: SessionView) -> tuple[tuple[str, str], ...]:
    return (("id", view.record.id), ("begun", _local(view.record.created)), ("folder", str(view.folder)))


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
    return f"{text} {spec.unit}".rstrip()


def _bytes(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
