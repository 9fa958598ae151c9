"""What Studies asks a person: under which name to save, where to export to, which of several runs to open."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual.widget import Widget

from cnn_tui.config.changes import study_with_absolute_paths
from cnn_tui.config.study import StudyPreset
from cnn_tui.errors import CnnTuiError, StorageError
from cnn_tui.formatting import printable
from cnn_tui.reports.formats import SUFFIXES, format_of, render_study, write_report
from cnn_tui.reports.studies.table import StudyTable
from cnn_tui.store.files import ensure_writable, slug
from cnn_tui.tui.forms.choice_screen import ChoiceScreen
from cnn_tui.tui.screens import studies_files
from cnn_tui.tui.screens.ask_text import AskTextScreen
from cnn_tui.tui.screens.confirm import ConfirmScreen
from cnn_tui.tui.screens.errors import notify_error
from cnn_tui.tui.screens.studies_files import StudyEntry
from cnn_tui.tui.screens.studies_rows import StudyLine, figure_words


async def save(asking: Widget, study: StudyPreset) -> StudyEntry | None:
    """Save a study under a name that a person chooses; None if nothing was saved."""
    asked = AskTextScreen("Save as a study of your own, named", study.name, studies_files.refuse_as_name)
    name = await asking.app.push_screen_wait(asked)
    if name is None:
        return None
    path = studies_files.own_file(name.strip())
    question = f"You have a preset in {path.name} already. Overwrite it?"
    if path.exists() and not await asking.app.push_screen_wait(ConfirmScreen(question, "Overwrite")):
        return None
    try:
        study = study_with_absolute_paths(study)
    except CnnTuiError as error:
        notify_error(asking, error)
        return None
    saved = await asyncio.to_thread(studies_files.save, study, name.strip())
    if isinstance(saved, CnnTuiError):
        notify_error(asking, saved)
        return None
    asking.notify(printable(str(saved)), title="Saved", markup=False)
    return StudyEntry(str(saved), saved.stem, "own", study.model_copy(update={"name": name.strip()}))


async def export(asking: Widget, table: StudyTable) -> None:
    """Write the report of a study into a file that a person names; its end decides the format."""
    question = f"Write the report to a file: {', '.join(SUFFIXES)}"
    answer = await asking.app.push_screen_wait(
        AskTextScreen(question, f"./{slug(table.study.name)}.html", _refuse_file)
    )
    if answer is None:
        return
    path = Path(answer.strip()).expanduser()
    question = f"Replace {path.name}?"
    if path.exists() and not await asking.app.push_screen_wait(ConfirmScreen(question, "Replace")):
        return
    try:
        await asyncio.to_thread(_write, path, table)
    except CnnTuiError as error:
        notify_error(asking, error)
    else:
        asking.notify(printable(str(path.absolute())), title="Report written to", markup=False)


async def choose_session(asking: Widget, line: StudyLine) -> str | None:
    """The session of a row that a person wants; of several seeds they are asked for one."""
    if len(line.sessions) < 2:
        return next(iter(line.sessions), None)
    accuracy = line.row.accuracy
    figures = [f"{value:.4f}" for value in accuracy.values] if accuracy else []
    named = {
        f"run {number}" + (f", accuracy {figures[number - 1]}" if len(figures) == len(line.sessions) else ""): session
        for number, session in enumerate(line.sessions, 1)
    }
    title = f"{line.row.label}: {figure_words(accuracy)}".rstrip(": ")
    chosen = await asking.app.push_screen_wait(ChoiceScreen(title, tuple(named), next(iter(named))))
    return named.get(chosen or "")


def _refuse_file(text: str) -> str:
    if not text.strip() or "\0" in text:
        return "This is no file's name."
    path = Path(text.strip()).expanduser()
    if path.is_dir():
        return f"{path} is a folder."
    return "" if format_of(path) else f"The name must end in one of {', '.join(SUFFIXES)}."


def _write(path: Path, table: StudyTable) -> None:
    """Write a report.

    Raises:
        StorageError: the folder or the file cannot be written.
    """
    chosen = format_of(path)
    if chosen is None:
        raise StorageError(f"{path} tells no format", f"Its name must end in one of {', '.join(SUFFIXES)}.")
    ensure_writable(path.parent, free_bytes=0)
    write_report(path, render_study(table, chosen, output=path))
