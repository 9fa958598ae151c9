"""The preset that the user edits in Setup: its form, and opening and saving preset files."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from cnn_tui import paths
from cnn_tui.config.changes import preset_with_absolute_paths, with_experiment
from cnn_tui.config.fields import field
from cnn_tui.config.preset import RunPreset
from cnn_tui.errors import CnnTuiError, PresetError
from cnn_tui.formatting import pluralize, printable
from cnn_tui.store.files import slug
from cnn_tui.store.presets import (
    SESSION_FILE,
    PresetEntry,
    find_preset,
    list_presets,
    load_preset,
    renamed_preset,
    save_preset,
)
from cnn_tui.tui.forms.experiment_form import ExperimentForm
from cnn_tui.tui.messages import StudyDrafted
from cnn_tui.tui.screens.dialogs import AskTextScreen, ConfirmScreen
from cnn_tui.tui.screens.errors import notify_error
from cnn_tui.tui.widgets.preset_list import LoadedPreset


class PresetEditor(Vertical):
    """A form, and the preset that was last loaded into it, at first the quickstart.

    Attributes:
        preset: the loaded preset.
        source: where it came from, as text.
        path: its file, None if it has none.
        waiting: the number of the waiting job that it is, None for all others.
    """

    DEFAULT_CSS = """
    PresetEditor { height: 1fr; }
    """

    @dataclass
    class Changed(Message):
        """The form or the loaded preset has changed."""

        editor: PresetEditor

    class Saved(Message):
        """A preset was saved."""

    def __init__(self, preset: RunPreset | None = None, path: Path | None = None) -> None:
        super().__init__()
        self.path = path if preset else _quickstart_file()
        self.source = source_text(self.path) if self.path else ""
        self.preset = preset or _quickstart()
        self.waiting: int | None = None

    def compose(self) -> ComposeResult:
        """The form."""
        yield ExperimentForm(self.preset.experiment)

    @property
    def form(self) -> ExperimentForm:
        """The form."""
        return self.query_one(ExperimentForm)

    @property
    def loaded(self) -> LoadedPreset:
        """The loaded preset and the number of changed fields."""
        return LoadedPreset(self.preset, self.source, self.path, len(self.form.changed))

    @property
    def error(self) -> str:
        """The number of errors and the next step; empty if the form is valid."""
        errors = self.form.errors
        if not errors:
            return ""
        if (draft := self.study_draft()) is not None:
            return f"press ctrl+t to make a study of “{field(draft.factor).title}”"
        first = self._first_error_field()
        where = f"press f8 to go to “{field(first).title}”" if first else "see the message below the form"
        return f"{pluralize(len(errors), 'error')}, {where}"

    def edited_preset(self) -> RunPreset | None:
        """The preset with the content of the form, None while that is invalid."""
        experiment = self.form.experiment
        return None if experiment is None else with_experiment(self.preset, experiment)

    def study_draft(self) -> StudyDrafted | None:
        """The study of the list in a field, None if there is no list or anything else is invalid."""
        listed, base = self.form.value_list, self.form.study_base()
        if listed is None or base is None:
            return None
        spec, values = listed
        return StudyDrafted(with_experiment(self.preset, base), spec.path, values)

    def focus_first_error(self) -> None:
        """Focus the first field with an error."""
        if (path := self._first_error_field()) is not None:
            self.form.focus_field(path)

    @on(ExperimentForm.Changed)
    def _report_change(self) -> None:
        self.post_message(self.Changed(self))

    @work(group="dialog", exclusive=True)
    async def open(self, preset: RunPreset, source: str, path: Path | None = None, waiting: int | None = None) -> None:
        """Load a preset into the form, after a question if changes would be lost."""
        if self.form.changed:
            changes = pluralize(len(self.form.changed), "changed field")
            question = f"Open “{preset.name}” and discard {changes}?"
            if not await self.app.push_screen_wait(ConfirmScreen(question, "Open"), mode="setup"):
                return
        self._load(preset, source, path)
        self.waiting = waiting

    @work(group="dialog", exclusive=True)
    async def ask_to_open(self) -> None:
        """Ask for a file and open it."""
        question = "Open a preset or session: path or name"
        text = await self.app.push_screen_wait(AskTextScreen(question, error_in=_open_error))
        if text is not None:
            preset, path = _read(text)
            self.open(preset, source_text(path), path)

    @work(group="dialog", exclusive=True)
    async def save(self) -> None:
        """Ask for a name and save the form as one of the user's presets."""
        preset = self.edited_preset()
        if preset is None:
            self.notify("Correct the errors first.", title="Not saved", severity="warning", markup=False)
            return
        name = await self._ask_name()
        if name is not None:
            self._save(preset_with_absolute_paths(preset.model_copy(update={"name": name})))

    async def _ask_name(self) -> str | None:
        """The name to save under, None if the user cancels."""
        dialog = AskTextScreen("Save your preset as", self.preset.name, _name_error)
        name = await self.app.push_screen_wait(dialog)
        if name is None:
            return None
        path = paths.user_presets_folder() / f"{slug(name.strip())}.json"
        question = f"Your preset {path.name} exists. Overwrite it?"
        if path.exists() and not await self.app.push_screen_wait(ConfirmScreen(question, "Overwrite")):
            return None
        return name.strip()

    def _save(self, preset: RunPreset) -> None:
        try:
            path = save_preset(preset, paths.user_presets_folder(), preset.name, overwrite=True)
        except CnnTuiError as error:
            notify_error(self, error)
            return
        self.notify(printable(str(path)), title="Saved", markup=False)
        self._load(preset, source_text(path), path)
        self.post_message(self.Saved())

    def check_file(self, listed: Collection[Path]) -> None:
        """Note if the loaded preset is one of the user's and its file is not among those listed."""
        files = {path.resolve() for path in listed}
        if self.path is not None and _is_own(self.path) and self.path.resolve() not in files:
            self.path, self.source = None, f"{self.source} (file deleted)"
            self._report_change()

    def _load(self, preset: RunPreset, source: str, path: Path | None) -> None:
        self.preset, self.source, self.path = preset, source, path
        self.form.load(preset.experiment)
        self._report_change()

    def _first_error_field(self) -> str | None:
        """The path of the first field with an error, or of the first field of a broken rule."""
        return next((path for error in self.form.errors for path in (error.path, *error.fields) if path), None)


def run_presets() -> tuple[PresetEntry, ...]:
    """All presets of runs, the quickstart first among the shipped ones."""
    first, runs = _quickstart_file(), [entry for entry in list_presets() if entry.study is None]
    return tuple(sorted(runs, key=lambda entry: (entry.origin != "own", entry.path != first)))


def source_text(path: Path) -> str:
    """Where a preset comes from: "your preset", "shipped preset", or the path of its file."""
    if _is_own(path):
        return "your preset"
    return "shipped preset" if path.parent.resolve() == paths.shipped_presets_folder().resolve() else str(path)


def _is_own(path: Path) -> bool:
    return path.parent.resolve() == paths.user_presets_folder().resolve()


def _quickstart_file() -> Path:
    return paths.shipped_presets_folder() / "quickstart.json"


def _quickstart() -> RunPreset:
    try:
        return load_preset(_quickstart_file())
    except PresetError:
        return RunPreset()


def _read(text: str) -> tuple[RunPreset, Path]:
    """The preset of a path, a session's folder or a preset's name, without the results of a session.

    Raises:
        PresetError: there is none, or it is invalid.
    """
    path = find_preset(text.strip())
    preset = load_preset(path)
    return (renamed_preset(preset, preset.name) if path.name == SESSION_FILE else preset), path


def _open_error(text: str) -> str:
    """Why a text cannot be opened, empty if it can."""
    if not text.strip():
        return "Type the path of a .json file, of a session's folder, or a preset's name."
    try:
        _read(text)
    except PresetError as error:
        return " ".join(str(error).split("\n"))
    return ""


def _name_error(text: str) -> str:
    """Why a preset cannot have a name, empty if it can."""
    try:
        renamed_preset(RunPreset(), text.strip())
    except PresetError as error:
        return error.detail or error.title
    return ""
