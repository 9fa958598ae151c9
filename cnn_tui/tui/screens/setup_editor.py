"""The preset that a person works on: its form, and opening and saving it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from cnn_tui.config.changes import preset_with_absolute_paths, with_experiment
from cnn_tui.config.experiment import Experiment
from cnn_tui.config.fields import field
from cnn_tui.config.preset import RunPreset
from cnn_tui.errors import CnnTuiError
from cnn_tui.formatting import pluralize, printable
from cnn_tui.tui.forms.experiment_form import ExperimentForm
from cnn_tui.tui.messages import StudyDrafted
from cnn_tui.tui.screens import setup_files
from cnn_tui.tui.screens.ask_text import AskTextScreen
from cnn_tui.tui.screens.confirm import ConfirmScreen
from cnn_tui.tui.screens.errors import notify_error
from cnn_tui.tui.widgets.preset_list import InForm


class PresetEditor(Vertical):
    """A form, and the preset that was last loaded into it. Without one it begins with the quickstart.

    Attributes:
        preset: what was loaded.
        source: where that came from, in words.
        path: its file, None where it has none.
    """

    DEFAULT_CSS = """
    PresetEditor { height: 1fr; }
    """

    @dataclass
    class Changed(Message):
        """Another value or another preset stands in it."""

        editor: PresetEditor

    class Saved(Message):
        """There is another preset of one's own."""

    def __init__(self, preset: RunPreset | None = None, path: Path | None = None) -> None:
        super().__init__()
        self.path = path if preset else setup_files.quickstart_file()
        self.source = setup_files.source_of(self.path) if self.path else ""
        self.preset = preset or setup_files.quickstart()

    def compose(self) -> ComposeResult:
        """The form."""
        yield ExperimentForm(self.preset.experiment)

    @property
    def _form(self) -> ExperimentForm:
        return self.query_one(ExperimentForm)

    @property
    def experiment(self) -> Experiment | None:
        """What stands in the form, None while anything is wrong."""
        return self._form.to_model()

    @property
    def unused(self) -> Mapping[str, str]:
        """The paths of the fields that make no difference, each with the reason."""
        return self._form.unused

    @property
    def changes(self) -> int:
        """How many fields differ from what was loaded."""
        return len(self._form.changed)

    @property
    def in_form(self) -> InForm:
        """What was loaded and how far it was changed, for the list that marks it."""
        return InForm(self.preset, self.source, self.path, self.changes)

    @property
    def trouble(self) -> str:
        """What is wrong and where to look, empty if nothing is."""
        if not self._form.problems:
            return ""
        if (drafted := self.drafted()) is not None:
            return f"ctrl+t makes a study of “{field(drafted.factor).title}”"
        fields = self._fields_to_correct()
        where = f"f8 goes to “{field(fields[0]).title}”" if fields else "see the form's last line"
        return f"{pluralize(len(self._form.problems), 'thing')} to correct, {where}"

    def filled(self) -> RunPreset | None:
        """The preset with what stands in the form, None while anything is wrong."""
        experiment = self.experiment
        return None if experiment is None else with_experiment(self.preset, experiment)

    def drafted(self) -> StudyDrafted | None:
        """The study that a list in a field makes, None where there is no list or anything else is wrong."""
        listed, base = self._form.several, self._form.base()
        if listed is None or base is None:
            return None
        spec, values = listed
        return StudyDrafted(with_experiment(self.preset, base), spec.path, values)

    def go_to(self, path: str) -> None:
        """Put the cursor into the field at a dotted path."""
        self._form.focus_field(path)

    def show_trouble(self) -> None:
        """Put the cursor into the first field to correct."""
        for path in self._fields_to_correct()[:1]:
            self.go_to(path)

    def show_next_trouble(self) -> None:
        """Put the cursor into the next field to correct, after the last into the first."""
        self._form.action_next_problem()

    @on(ExperimentForm.Changed)
    def _tell(self) -> None:
        self.post_message(self.Changed(self))

    @work(group="dialog", exclusive=True)
    async def open(self, preset: RunPreset, source: str, path: Path | None = None) -> None:
        """Put a preset into the form, asking first where changes would be lost."""
        if self.changes:
            question = f"{pluralize(self.changes, 'changed field')} will be lost. Open “{preset.name}” all the same?"
            if not await self.app.push_screen_wait(ConfirmScreen(question, "Open it"), mode="setup"):
                return
        self._load(preset, source, path)

    @work(group="dialog", exclusive=True)
    async def ask_what_to_open(self) -> None:
        """Ask for a file and open it."""
        question = "Open a preset or session: a path or a name"
        text = await self.app.push_screen_wait(AskTextScreen(question, refuse=setup_files.refuse_to_open))
        if text is not None:
            preset, path = setup_files.read(text)
            self.open(preset, setup_files.source_of(path), path)

    @work(group="dialog", exclusive=True)
    async def save(self) -> None:
        """Ask for a name and save the form as a preset of one's own."""
        preset = self.filled()
        if preset is None:
            self.notify("Correct what is wrong first.", title="Not saved", severity="warning", markup=False)
            return
        name = await self._ask_name()
        if name is not None:
            self._save(preset_with_absolute_paths(preset.model_copy(update={"name": name})))

    async def _ask_name(self) -> str | None:
        """A name to save under, None if the person thought better of it or wants to keep the file of that name."""
        asked = AskTextScreen("Save as a preset of your own, named", self.preset.name, setup_files.refuse_as_name)
        name = await self.app.push_screen_wait(asked)
        if name is None:
            return None
        path = setup_files.own_file(name.strip())
        question = f"You have a preset in {path.name} already. Overwrite it?"
        if path.exists() and not await self.app.push_screen_wait(ConfirmScreen(question, "Overwrite")):
            return None
        return name.strip()

    def _save(self, preset: RunPreset) -> None:
        saved = setup_files.save(preset, preset.name)
        if isinstance(saved, CnnTuiError):
            notify_error(self, saved)
            return
        self.notify(printable(str(saved)), title="Saved", markup=False)
        self._load(preset, "your preset", saved)
        self.post_message(self.Saved())

    def miss_file(self, listed: Collection[Path]) -> None:
        """Say so if what was loaded is a preset of one's own whose file is no longer among those that are there."""
        if self.path is not None and setup_files.is_gone(self.path, listed):
            self.path, self.source = None, f"{self.source}, its file is gone"
            self._tell()

    def _load(self, preset: RunPreset, source: str, path: Path | None) -> None:
        self.preset, self.source, self.path = preset, source, path
        self._form.load(preset.experiment)
        self._tell()

    def _fields_to_correct(self) -> list[str]:
        """Their paths, in the order of the form's problems."""
        return [
            path for problem in self._form.problems for path in ([problem.path] if problem.path else problem.fields)
        ]
