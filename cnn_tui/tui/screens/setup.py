"""Setup: choose a preset, change it, see what it means, start it.

It is the first screen, and a person should not wait for it: what needs pydantic comes behind the first picture.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen

from cnn_tui.config.job import Job
from cnn_tui.tui.messages import JobRequested, PresetEdited
from cnn_tui.tui.screen_keys import key_of
from cnn_tui.tui.screens.breakpoints import room_classes
from cnn_tui.tui.screens.setup_meaning import MeaningPane
from cnn_tui.tui.screens.setup_panes import FieldHelp, PresetHeading, StartBar
from cnn_tui.tui.widgets.key_footer import KeyFooter
from cnn_tui.tui.widgets.preset_list import PresetList
from cnn_tui.tui.widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from pathlib import Path

    from cnn_tui.config.preset import RunPreset
    from cnn_tui.tui.forms.experiment_form import ExperimentForm
    from cnn_tui.tui.screens.setup_editor import PresetEditor

_WIDTHS = [(0, "-narrow"), (116, "-wide"), (160, "-roomy")]


class SetupScreen(Screen[None]):
    """Presets, the form and what it means, side by side as far as there is room."""

    CSS_PATH = "setup.tcss"
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "start", "Start", tooltip="Train what stands in the form"),
        Binding("ctrl+s", "save", "Save", tooltip="Save the form as a preset"),
        Binding("ctrl+t", "study", "Study", tooltip="Make a study of the values that stand in a field"),
        Binding("f9", "details", "Meaning", tooltip="What the experiment means"),
        Binding("ctrl+o", "open", "Open", tooltip="Open a preset or session by its path or name"),
        Binding("slash", "search", "Search", key_display="/", tooltip="Search the presets"),
        # From a field too, where the slash is text and ctrl+f would delete a word.
        Binding("ctrl+f", "search", "Search", tooltip="Search the presets", priority=True),
        Binding("f8", "next_problem", "Next problem", show=False, tooltip="Go to the next field to correct"),
    ]
    AUTO_FOCUS = "PresetList > _Entries"

    def __init__(self) -> None:
        super().__init__()
        self._editor: PresetEditor | None = None
        self._busy = False

    def compose(self) -> ComposeResult:
        """Three columns between the title and the line that starts; the form and its meaning come later."""
        self.add_class(*room_classes(self.app.size, _WIDTHS))
        yield TitleBar("setup")
        with Horizontal(id="columns"):
            yield PresetList(id="presets")
            with Vertical(id="editor"):
                yield PresetHeading()
                yield FieldHelp()
            yield MeaningPane(id="meaning")
        yield StartBar()
        yield KeyFooter()

    async def furnish(self, preset: RunPreset | None, path: Path | None) -> None:
        """Bring the form, with ``preset`` of the file ``path`` or the quickstart in it, and follow the workbench."""
        from cnn_tui.tui.screens.setup_editor import PresetEditor

        await self.query_one(MeaningPane).furnish()
        self.query_one(FieldHelp).furnish()
        editor = PresetEditor(preset, path)
        await self.query_one("#editor").mount(editor, before=self.query_one(FieldHelp))
        self._editor = editor
        self.watch(self.app, "preset_in_setup", self._asked_to_open)
        self.watch(self.app, "busy", self._follow)
        self._look()

    def on_screen_resume(self) -> None:
        """Look again at what is on disk: it may have changed meanwhile."""
        if self._editor is not None:
            self._look()

    def on_preset_editor_saved(self) -> None:
        """List the new preset."""
        self._look()

    @work(group="look", exclusive=True)
    async def _look(self) -> None:
        from cnn_tui.tui.screens.setup_files import entries
        from cnn_tui.tui.survey import past_runs

        presets, meaning = self.query_one(PresetList), self.query_one(MeaningPane)
        presets.entries = await asyncio.to_thread(entries)
        if self._editor is not None:
            self._editor.miss_file([entry.path for entry in presets.entries])
        meaning.past = await asyncio.to_thread(past_runs)

    def on_preset_editor_changed(self, event: PresetEditor.Changed) -> None:
        """Tell what stands there now."""
        editor = event.editor
        self.query_one(PresetList).in_form = editor.in_form
        self.query_one(PresetHeading).show(editor.preset.name, editor.source, editor.changes)
        self.query_one(FieldHelp).unused = editor.unused
        self.query_one(MeaningPane).experiment = editor.experiment
        self.post_message(PresetEdited(editor.filled()))
        self._judge(editor)
        self.refresh_bindings()

    def on_experiment_form_field_focused(self, event: ExperimentForm.FieldFocused) -> None:
        """Explain the field."""
        self.query_one(FieldHelp).spec = event.spec

    @on(MeaningPane.Surveyed)
    def _surveyed(self) -> None:
        if self._editor is not None:
            self._judge(self._editor)

    def _follow(self, busy: bool) -> None:
        if busy and not self._busy:
            # Whoever comes back from Live presses keys of the workbench: a field would take them for text.
            self.query_one(PresetList).focus_list()
        self._busy = busy
        if self._editor is not None:
            self._judge(self._editor)

    def _judge(self, editor: PresetEditor) -> None:
        """Say whether it can start."""
        bar, meaning, trouble = self.query_one(StartBar), self.query_one(MeaningPane), editor.trouble
        bar.wrong = bool(trouble or meaning.problem)
        bar.ready = not trouble and not self._busy
        if trouble:
            bar.words = f"✗ Cannot start: {trouble}"
        elif self._busy:
            bar.words = f"A run is going on: press {key_of('live')} to watch it. The next can start when it has ended."
        elif meaning.problem:
            bar.words = f"✗ {meaning.problem}"
        else:
            bar.words = f"✓ Ready: {meaning.brief}" if meaning.brief else "✓ Ready"

    def action_start(self) -> None:
        """Train what stands in the form; while anything is wrong, go to the first of it."""
        if self._editor is None:
            return
        preset = self._editor.filled()
        if preset is not None:
            self.post_message(JobRequested(Job(preset=preset)))
        else:
            self.remove_class("-show-meaning")
            self._editor.show_trouble()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer a study where several values stand in a field."""
        return action != "study" or (self._editor is not None and self._editor.drafted() is not None)

    def action_study(self) -> None:
        """Open Studies with the values that stand in a field."""
        if self._editor is not None and (drafted := self._editor.drafted()) is not None:
            self.post_message(drafted)

    def action_next_problem(self) -> None:
        """Go to the next field to correct, from wherever the focus is."""
        if self._editor is not None:
            self.remove_class("-show-meaning")
            self._editor.show_next_trouble()

    def action_search(self) -> None:
        """Search the presets."""
        self.query_one(PresetList).start_search()

    def action_details(self) -> None:
        """Show or hide what the experiment means; where there is no room for both, in the place of the form."""
        self.toggle_class("-show-meaning" if self.has_class("-narrow") else "-hide-meaning")

    def action_open(self) -> None:
        """Ask for a file and open it."""
        if self._editor is not None:
            self._editor.ask_what_to_open()

    def action_save(self) -> None:
        """Ask for a name and save the form; while anything is wrong, go to the first of it."""
        if self._editor is not None:
            if self._editor.filled() is None:
                self.action_start()
            self._editor.save()

    @on(PresetList.Chosen)
    def _preset_chosen(self, event: PresetList.Chosen) -> None:
        from cnn_tui.tui.screens.setup_files import source_of

        if self._editor is None:
            return
        if event.entry is None:
            self._editor.open(self._editor.preset, self._editor.source, self._editor.path)
        else:
            self._editor.open(event.preset, source_of(event.entry.path), event.entry.path)

    def go_to_setting(self, path: str) -> None:
        """Put the cursor into the field of a setting."""
        self.remove_class("-show-meaning")
        if self._editor is not None:
            self._editor.go_to(path)

    def _asked_to_open(self, asked: tuple[RunPreset, str, Path | None] | None) -> None:
        if asked is not None and self._editor is not None:
            self.call_later(self._editor.open, *asked)
