"""``cnn-tui sessions``: list, show, control, resume, compare, export, import, annotate and delete recorded runs."""

from __future__ import annotations

import gc
import sys
import time
from collections import Counter
from typing import Any

import click

from cnn_tui.cli.background import check_detach_options, detach_options, submit
from cnn_tui.cli.bundle import import_session
from cnn_tui.cli.compare import compare_sessions
from cnn_tui.cli.control import go_on, kill, pause, stop
from cnn_tui.cli.export import export
from cnn_tui.cli.groups import ListByDefault
from cnn_tui.cli.note import note
from cnn_tui.cli.output import console, print_error, print_json, print_message, print_table
from cnn_tui.cli.presets import shown
from cnn_tui.config.fields import experiment_fields, value_at
from cnn_tui.config.preset import RunPreset
from cnn_tui.errors import CnnTuiError, ConfigError
from cnn_tui.formatting import duration, printable
from cnn_tui.history import RunHistory
from cnn_tui.metrics import LISTED, Result
from cnn_tui.reports.labels import session_label
from cnn_tui.store.notes import SessionNote
from cnn_tui.store.records import SessionRecord, resumed_experiment
from cnn_tui.store.session_changes import delete_session
from cnn_tui.store.sessions import (
    SessionEntry,
    find_own_session,
    find_session,
    list_sessions,
    load_session,
    note_or_problem,
    read_history,
)

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_NUMBERS = ("epochs", "lr", "batch", *(metric.name for metric in LISTED), "time")
_COLUMNS = ("session", "name", "model", "data", *_NUMBERS, "status")


@click.group(cls=ListByDefault, subcommand_metavar="[COMMAND] ...")
def sessions() -> None:
    """List, show, control, resume, compare, export, import, annotate and delete runs. Without a command, list them.

    SESSION is an id, the unique beginning of an id, "latest", or a folder.
    """


sessions.add_command(compare_sessions)
sessions.add_command(export)
sessions.add_command(import_session)
sessions.add_command(note)
for _command in (stop, kill, pause, go_on):
    sessions.add_command(_command)


@sessions.command("list")
@_JSON
def list_(as_json: bool) -> None:
    """List all sessions, newest first."""
    gc.disable()  # with thousands of records it takes half of the time, and the process ends soon
    entries = list_sessions()
    if as_json:
        print_json([_document(entry) for entry in entries])
        return
    short = _short_ids([entry.id for entry in entries])
    rows = [(short[entry.id], *_row(entry)) for entry in entries]
    columns: tuple[str, ...] = _COLUMNS
    if any(entry.note.tags for entry in entries):
        columns = (*_COLUMNS, "tags")
        rows = [(*row, entry.note.tag_line) for row, entry in zip(rows, entries, strict=True)]
    print_table(columns, rows, numbers=_NUMBERS, shorten="name")
    for entry in entries:
        if entry.problem is not None:
            print_message(f"{entry.id} is broken: {entry.problem.splitlines()[0]}")
        if entry.note_problem:
            print_message(f"{entry.id} has a broken note: {entry.note_problem.splitlines()[0]}")


@sessions.command()
@click.argument("session")
@_JSON
def show(session: str, as_json: bool) -> None:
    """Show the settings, the last epoch and the result of a SESSION."""
    folder = find_session(session)
    record, history = load_session(folder), read_history(folder)
    note_and_tags, problem = note_or_problem(folder)
    for line in problem.splitlines():
        print_message(line)
    if as_json:
        from cnn_tui.reports.sessions.data import session_json

        print_json(session_json(record, history.epochs, folder, note_and_tags))
        return
    print_table(("setting", "value"), _heading(record, note_and_tags, str(folder)) + _settings(record))
    if history.epochs:
        click.echo()
        print_table(("curve", "last value"), _curves(history), numbers=["last value"])
    if record.result is not None:
        click.echo()
        _show_result(record.result)
    if record.error is not None:
        print_error(CnnTuiError(record.error.title, record.error.detail, record.error.hint))


@sessions.command()
@click.argument("session")
@click.option("--epochs", type=click.IntRange(1), metavar="N", help="Train longer: N epochs in all.")
@click.option("--max-minutes", metavar="MINUTES|none", help="Another time limit; by default the session's own.")
@click.option("--json", "as_json", is_flag=True, help="Print one event per line as JSON.")
@detach_options
@click.pass_context
def resume(
    ctx: click.Context,
    session: str,
    epochs: int | None,
    max_minutes: str | None,
    as_json: bool,
    detach: bool,
    after: str,
    beside: bool,
) -> None:
    """Continue the run of a SESSION that was stopped, crashed or killed, from its last checkpoint.

    The result is that of a run without interruption. Checkpoints are saved at the ends of epochs, within long epochs
    every two minutes, and when a run is stopped. A finished run continues with --epochs, as if it had been started with
    that number; the learning rate has to be constant. A time limit counts from the beginning of the continuation.
    """
    from cnn_tui.cli.job import exit_code, interruptible, run_here
    from cnn_tui.config.job import Job
    from cnn_tui.engine.control import Control

    check_detach_options(ctx, detach, after)
    folder = find_own_session(session, "Move its folder there. A bundle would not help: it contains no checkpoint.")
    record = load_session(folder)
    experiment = resumed_experiment(record, epochs, len(read_history(folder).epochs), max_minutes)
    preset = RunPreset(name=record.name, description=record.description, experiment=experiment)
    job = Job(preset=preset, resume=record.id, beside=beside)
    if detach:
        submit(job, after, as_json)
        return
    control = Control()
    with interruptible(control):
        ctx.exit(exit_code(run_here(job, control, as_json=as_json), control))


@sessions.command()
@click.argument("names", nargs=-1, required=True, metavar="SESSION...")
@click.option("--yes", is_flag=True, help="Delete without confirmation.")
def delete(names: tuple[str, ...], yes: bool) -> None:
    """Delete each SESSION permanently, with its weights and predictions."""
    ids = list(dict.fromkeys(find_session(name).name for name in names))
    if not yes and not _confirmed(ids):
        return
    for session_id in ids:
        click.echo(printable(f"deleted {delete_session(session_id).name}"))


def _confirmed(ids: list[str]) -> bool:
    if not sys.stdin.isatty():
        detail = "It cannot be confirmed, because standard input is not a terminal."
        raise ConfigError("Deleting needs --yes", detail, "Add --yes.")
    return click.confirm(printable(f"Delete {', '.join(ids)} permanently?"), err=True)


def _short_ids(ids: list[str]) -> dict[str, str]:
    """The time stamp of each id, which also names the session, or the full id if the time stamp is not unique."""
    stamps = Counter(session_id.partition("-")[0] for session_id in ids)
    return {name: name if stamps[name.partition("-")[0]] > 1 else name.partition("-")[0] for name in ids}


def _row(entry: SessionEntry) -> tuple[str, ...]:
    """The cells after the id."""
    if entry.record is None:
        return *[""] * (len(_COLUMNS) - 2), "broken"
    record, result = entry.record, entry.record.result
    experiment = record.experiment
    history = read_history(entry.folder) if record.live else None
    return (
        session_label(record.name, record.study),
        experiment.model.architecture,
        experiment.data.label,
        _epochs(record, history),
        f"{experiment.training.optimizer.learning_rate:g}",
        str(experiment.training.batch_size),
        *(metric.text(result.value(metric)) if result else "" for metric in LISTED),
        f"{result.total_seconds:.1f} s" if result else _time_so_far(history),
        f"{record.status} on {history.environment.device}" if history and history.environment else record.status,
    )


def _time_so_far(history: RunHistory | None) -> str:
    """The time since a run that has not ended has started."""
    return "" if history is None or history.started is None else duration(time.time() - history.started)


def _epochs(record: SessionRecord, history: RunHistory | None) -> str:
    """The requested epochs, after the number of epochs run if it is smaller."""
    requested = record.experiment.training.epochs
    run = record.result.epochs_run if record.result else len(history.epochs) if history else requested
    return str(requested) if run == requested else f"{run}/{requested}"


def _document(entry: SessionEntry) -> dict[str, Any]:
    record = entry.record.model_dump(mode="json") if entry.record else None
    note_and_tags = {"note": entry.note.note, "tags": list(entry.note.tags)}
    return {"id": entry.id, "folder": str(entry.folder), "record": record, "problem": entry.problem, **note_and_tags}


def _heading(record: SessionRecord, note: SessionNote, folder: str) -> list[tuple[str, str]]:
    rows = [("session", record.id), ("name", record.name), ("status", record.status), ("created", record.created)]
    rows += [("note", note.note)] if note.note else []
    rows += [("tags", note.tag_line)] if note.tags else []
    if record.environment is not None:
        rows.append(("device", f"{record.environment.device_name} ({record.environment.precision})"))
    if record.parameters is not None:
        rows.append(("parameters", f"{record.parameters.trainable:,} of {record.parameters.total:,} trained"))
    return [*rows, ("folder", folder)]


def _settings(record: SessionRecord) -> list[tuple[str, str]]:
    return [(spec.path, shown(value_at(record.experiment, spec.path))) for spec in experiment_fields()]


def _curves(history: RunHistory) -> list[tuple[str, str]]:
    last = history.epochs[-1]
    values = {
        "train loss": last.train_loss,
        "train accuracy": last.train_accuracy,
        "validation loss": last.validation_loss,
        "validation accuracy": last.validation_accuracy,
    }
    rows = [(name, f"{value:.4f}") for name, value in values.items() if value is not None]
    return [("epoch", str(last.epoch)), *rows]


def _show_result(result: Result) -> None:
    from cnn_tui.cli.result_tables import class_table
    from cnn_tui.reports.labels import BEST_EPOCH_CRITERION

    console().print(class_table(result))
    click.echo()
    # The table of classes contains the macro means.
    scores = [(one.title, one.text(result.value(one))) for one in result.metrics if not one.per_class]
    costs = [("epochs run", str(result.epochs_run)), ("training", f"{result.train_seconds:.1f} s")]
    best = [] if result.best_epoch is None else [(f"best epoch by {BEST_EPOCH_CRITERION}", str(result.best_epoch))]
    print_table(("figure", "value"), [*scores, *best, *costs], numbers=["value"])
