"""Setup: choose a preset, change it, see what it means, start it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Footer

from cnn_tui.config.fields import field
from cnn_tui.config.preset import RunPreset
from cnn_tui.errors import CnnTuiError
from cnn_tui.store.names import printable
from cnn_tui.tui.amounts import some
from cnn_tui.tui.forms.experiment_form import ExperimentForm
from cnn_tui.tui.messages import RunRequested
from cnn_tui.tui.screens import setup_files
from cnn_tui.tui.screens.ask_text import AskTextScreen
from cnn_tui.tui.screens.breakpoints import room_classes
from cnn_tui.tui.screens.confirm import ConfirmScreen
from cnn_tui.tui.screens.errors import notify_error
from cnn_tui.tui.screens.setup_meaning import MeaningPane
from cnn_tui.tui.screens.setup_panes import FieldHelp, PresetHeading, StartBar
from cnn_tui.tui.survey import past_runs
from cnn_tui.tui.widgets.experiment_summary import brief
from cnn_tui.tui.widgets.preset_list import PresetList
from cnn_tui.tui.widgets.title_bar import TitleBar

_WIDTHS = [(0, "-narrow"), (116, "-wide"), (160, "-roomy")]


class SetupScreen(Screen[None]):
    """Presets, the form and what it means, side by side as far as there is room."""

    CSS_PATH = "setup.tcss"
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "start", "Start"),
        Binding("ctrl+s", "save", "Save"),
        Binding("ctrl+o", "open", "Open"),
        Binding("slash", "search", "Search", key_display="/"),
        Binding("f2", "details", "Meaning", tooltip="What the experiment means"),
    ]
    AUTO_FOCUS = "PresetList > _Entries"

    def __init__(self) -> None:
        super().__init__()
        self._preset, self._source = setup_files.quickstart(), "shipped preset"
        self._busy = False

    def compose(self) -> ComposeResult:
        """Three columns between the title and the line that starts."""
        self.add_class(*room_classes(self.app.size, _WIDTHS))
        yield TitleBar("setup")
        with Horizontal(id="columns"):
            yield PresetList(setup_files.quickstart_file(), id="presets")
            with Vertical(id="editor"):
                yield PresetHeading()
                yield ExperimentForm(self._preset.experiment)
                yield FieldHelp()
            yield MeaningPane(id="meaning")
        yield StartBar()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Follow what the workbench wants opened and whether a run is going on."""
        self.watch(self.app, "preset_in_setup", self._asked_to_open)
        self.watch(self.app, "busy", self._follow)

    def on_screen_resume(self) -> None:
        """Look again at what is on disk: it may have changed meanwhile."""
        self._look()

    @property
    def _form(self) -> ExperimentForm:
        return self.query_one(ExperimentForm)

    @work(group="look", exclusive=True)
    async def _look(self) -> None:
        presets, meaning = self.query_one(PresetList), self.query_one(MeaningPane)
        presets.entries = await asyncio.to_thread(setup_files.entries)
        meaning.past = await asyncio.to_thread(past_runs)

    @on(ExperimentForm.Changed)
    def _form_changed(self, event: ExperimentForm.Changed) -> None:
        self.query_one(PresetHeading).show(self._preset.name, self._source, len(event.changed))
        self.query_one(MeaningPane).experiment = event.experiment
        self._judge()

    @on(MeaningPane.Surveyed)
    def _surveyed(self) -> None:
        self._judge()

    @on(ExperimentForm.FieldFocused)
    def _field_focused(self, event: ExperimentForm.FieldFocused) -> None:
        self.query_one(FieldHelp).spec = event.spec

    def _follow(self, busy: bool) -> None:
        self._busy = busy
        self._judge()

    def _judge(self) -> None:
        """Say whether it can start."""
        bar, form = self.query_one(StartBar), self._form
        bar.wrong = bool(form.problems)
        bar.ready = not form.problems and not self._busy
        if form.problems:
            bar.words = self._wrong_words(form)
        elif self._busy:
            bar.words = "A run is going on: press 2 to watch it. The next can start when it has ended."
        else:
            found = self.query_one(MeaningPane).survey
            bar.words = f"✓ Ready: {brief(found)}" if found else "✓ Ready"

    def _wrong_words(self, form: ExperimentForm) -> str:
        titles = [field(path).title for path in _fields_of(form)[:1]]
        where = f"F8 goes to “{titles[0]}”" if titles else "see the form's last line"
        return f"✗ Cannot start: {some(len(form.problems), 'thing')} to correct, {where}"

    def action_start(self) -> None:
        """Train what stands in the form; while anything is wrong, go to the first of it."""
        experiment = self._form.to_model()
        if experiment is not None:
            self.post_message(RunRequested(self._preset.model_copy(update={"experiment": experiment})))
            return
        self.remove_class("-show-meaning")
        for path in _fields_of(self._form)[:1]:
            self._form.focus_field(path)

    def action_search(self) -> None:
        """Search the presets."""
        self.query_one(PresetList).start_search()

    def action_details(self) -> None:
        """Show or hide what the experiment means; where there is no room for both, in the place of the form."""
        self.toggle_class("-show-meaning" if self.has_class("-narrow") else "-hide-meaning")

    @on(PresetList.Chosen)
    def _preset_chosen(self, event: PresetList.Chosen) -> None:
        source = "shipped preset" if event.entry.origin == "shipped" else "your preset"
        self._open(event.preset, source, event.entry.path)

    def _asked_to_open(self, asked: tuple[RunPreset, str] | None) -> None:
        if asked is not None:
            self.call_later(self._open, *asked)

    @work(group="dialog", exclusive=True)
    async def _open(self, preset: RunPreset, source: str, path: Path | None = None) -> None:
        """Put a preset into the form, asking first where changes would be lost."""
        changes = len(self._form.changed)
        if changes:
            question = f"{some(changes, 'changed field')} will be lost. Open “{preset.name}” all the same?"
            if not await self.app.push_screen_wait(ConfirmScreen(question, "Open it"), mode="setup"):
                return
        self._load(preset, source, path)

    def _load(self, preset: RunPreset, source: str, path: Path | None) -> None:
        self._preset, self._source = preset, source
        self.query_one(PresetList).loaded = path
        self._form.load(preset.experiment)
        self.query_one(PresetHeading).show(preset.name, source, 0)

    @work(group="dialog", exclusive=True)
    async def action_open(self) -> None:
        """Ask for a file and open it."""
        question = "Open a preset or session: a path or a name"
        text = await self.app.push_screen_wait(AskTextScreen(question, refuse=setup_files.refuse_to_open))
        if text is not None:
            preset, path = setup_files.read(text)
            self._open(preset, str(path), path)

    @work(group="dialog", exclusive=True)
    async def action_save(self) -> None:
        """Ask for a name and save the form as a preset of one's own."""
        experiment = self._form.to_model()
        if experiment is None:
            self.action_start()
            self.notify("Correct what is wrong first.", title="Not saved", severity="warning", markup=False)
            return
        name = await self._ask_name()
        if name is not None:
            self._save(self._preset.model_copy(update={"name": name, "experiment": experiment}))

    async def _ask_name(self) -> str | None:
        """A name to save under, None if the person thought better of it or wants to keep the file of that name."""
        asked = AskTextScreen("Save as a preset of your own, named", self._preset.name, setup_files.refuse_as_name)
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
        self._look()


def _fields_of(form: ExperimentForm) -> list[str]:
    """The paths of the fields to correct, in the order of the form's problems."""
    return [path for problem in form.problems for path in ([problem.path] if problem.path else problem.fields)]
