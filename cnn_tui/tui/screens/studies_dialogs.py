"""The dialogs of Studies: repeat, save and export a study, and choose one of several runs to open."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual.widget import Widget

from cnn_tui import paths
from cnn_tui.config.changes import study_with_absolute_paths
from cnn_tui.config.study import StudyPreset
from cnn_tui.errors import CnnTuiError, StorageError
from cnn_tui.formatting import printable
from cnn_tui.reports.formats import SUFFIXES, format_of, render_study, write_report
from cnn_tui.reports.studies.table import StudyTable
from cnn_tui.store.files import ensure_writable, slug
from cnn_tui.store.presets import renamed_study, save_preset
from cnn_tui.tui.forms.choice_screen import ChoiceScreen
from cnn_tui.tui.screens.dialogs import AskTextScreen, ConfirmScreen
from cnn_tui.tui.screens.errors import notify_error
from cnn_tui.tui.screens.studies_files import StudyEntry
from cnn_tui.tui.screens.studies_table import StudyLine, figure_text


async def confirm_repeat(widget: Widget) -> bool:
    """Ask whether to train all runs of a finished study again."""
    question = "All runs have finished. Train them again, as new sessions?"
    return await widget.app.push_screen_wait(ConfirmScreen(question, "Train again"))


async def save(widget: Widget, study: StudyPreset) -> StudyEntry | None:
    """Ask for a name and save a study as a preset of the user; None if it was not saved."""

    def name_error(text: str) -> str:
        try:
            renamed_study(study, text.strip())
        except CnnTuiError as error:
            return error.detail or error.title
        return ""

    answer = await widget.app.push_screen_wait(AskTextScreen("Save the study as", study.name, name_error))
    if answer is None:
        return None
    name, folder = answer.strip(), paths.user_presets_folder()
    file = folder / f"{slug(name)}.json"
    question = f"You already have a preset {file.name}. Overwrite it?"
    if file.exists() and not await widget.app.push_screen_wait(ConfirmScreen(question, "Overwrite")):
        return None
    try:
        study = study_with_absolute_paths(study)
        saved = await asyncio.to_thread(save_preset, study, folder, name, overwrite=True)
    except CnnTuiError as error:
        notify_error(widget, error)
        return None
    widget.notify(printable(str(saved)), title="Study saved", markup=False)
    return StudyEntry(str(saved), saved.stem, "own", study.model_copy(update={"name": name}))


async def export(widget: Widget, table: StudyTable) -> None:
    """Ask for a file and write the report of a study to it; the suffix selects the format."""
    question = f"Export the report to a file ({', '.join(SUFFIXES)})"
    suggestion = f"./{slug(table.study.name)}.html"
    answer = await widget.app.push_screen_wait(AskTextScreen(question, suggestion, _file_error))
    if answer is None:
        return
    path = Path(answer.strip()).expanduser()
    question = f"Replace {path.name}?"
    if path.exists() and not await widget.app.push_screen_wait(ConfirmScreen(question, "Replace")):
        return
    try:
        await asyncio.to_thread(_write, path, table)
    except CnnTuiError as error:
        notify_error(widget, error)
    else:
        widget.notify(printable(str(path.absolute())), title="Report exported", markup=False)


async def choose_session(widget: Widget, line: StudyLine) -> str | None:
    """The session of a row; the user chooses if it has several."""
    if len(line.sessions) < 2:
        return next(iter(line.sessions), None)
    accuracies = line.row.accuracy.values if line.row.accuracy else ()
    if len(accuracies) != len(line.sessions):  # it is unknown which of them belongs to which session
        accuracies = ()
    choices = {}
    for position, session in enumerate(line.sessions):
        accuracy = f", accuracy {accuracies[position]:.4f}" if accuracies else ""
        choices[f"run {position + 1}{accuracy}"] = session
    title = f"{line.row.label}: {figure_text(line.row.accuracy)}".rstrip(": ")
    chosen = await widget.app.push_screen_wait(ChoiceScreen(title, tuple(choices), next(iter(choices))))
    return choices.get(chosen or "")


def _file_error(text: str) -> str:
    """Why a report cannot be written to a file of this name, empty if it can."""
    if not text.strip() or "\0" in text:
        return "This is not a file name."
    path = Path(text.strip()).expanduser()
    if path.is_dir():
        return f"{path} is a folder."
    return "" if format_of(path) else f"The name must end in one of {', '.join(SUFFIXES)}."


def _write(path: Path, table: StudyTable) -> None:
    """Write a report.

    Raises:
        StorageError: the folder or the file is not writable.
    """
    report_format = format_of(path)
    if report_format is None:
        raise StorageError(f"Unknown format: {path.name}", f"The name must end in one of {', '.join(SUFFIXES)}.")
    ensure_writable(path.parent, free_bytes=0)
    write_report(path, render_study(table, report_format, output=path))
