"""Setup: choose a preset, change it, see a summary of the experiment, start it.

It is the first screen: pydantic and everything that needs it is imported after the first paint.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen

from cnn_tui.tui.messages import JobRequested, PresetEdited, PresetRequested
from cnn_tui.tui.screen_keys import key_of
from cnn_tui.tui.screens.screen_size import size_classes
from cnn_tui.tui.screens.setup_panes import FieldHelp, PresetHeading, StartBar, SummaryPane
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
    """Presets, the form and a summary of the experiment, side by side where they fit."""

    CSS_PATH = "setup.tcss"
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "start", "Start", tooltip="Train this experiment"),
        Binding("ctrl+s", "save", "Save", tooltip="Save the form as a preset"),
        Binding("ctrl+t", "study", "Study", tooltip="Make a study of the list of values in a field"),
        Binding("f9", "summary", "Summary", tooltip="Show or hide the summary of the experiment"),
        Binding("ctrl+o", "open", "Open", tooltip="Open a preset or session by its path or name"),
        Binding("slash", "search", "Search", key_display="/", tooltip="Search the presets"),
        # For text fields, which take the slash as text and would delete a word at ctrl+f.
        Binding("ctrl+f", "search", "Search", tooltip="Search the presets", priority=True),
        Binding("f8", "next_error", "Next error", show=False, tooltip="Go to the next field with an error"),
    ]
    AUTO_FOCUS = "PresetList > _Entries"

    def __init__(self) -> None:
        super().__init__()
        self._editor: PresetEditor | None = None
        self._busy = self._queues = False

    def compose(self) -> ComposeResult:
        """Three columns between the title bar and the start bar; the form and the summary are mounted later."""
        self.add_class(*size_classes(self.app.size, _WIDTHS))
        yield TitleBar("setup")
        with Horizontal(id="columns"):
            yield PresetList(id="presets")
            with Vertical(id="editor"):
                yield PresetHeading()
                yield FieldHelp()
            yield SummaryPane(id="summary")
        yield StartBar()
        yield KeyFooter()

    async def load_form(self, preset: RunPreset | None, path: Path | None) -> None:
        """Mount the form with ``preset`` from the file ``path``, or with the quickstart, and follow the workbench."""
        from cnn_tui.tui.screens.setup_editor import PresetEditor

        await self.query_one(SummaryPane).load_summary()
        self.query_one(FieldHelp).load_fields()
        editor = PresetEditor(preset, path)
        await self.query_one("#editor").mount(editor, before=self.query_one(FieldHelp))
        self._editor = editor
        self.watch(self.app, "preset_in_setup", self._open_requested)
        self.watch(self.app, "queues", self._watch_queues)
        self.watch(self.app, "busy", self._watch_busy)
        self._read_files()

    def on_screen_resume(self) -> None:
        """Read presets and sessions again: they may have changed."""
        if self._editor is not None:
            self._read_files()

    def on_preset_editor_saved(self) -> None:
        """List the new preset."""
        self._read_files()

    @work(group="read", exclusive=True)
    async def _read_files(self) -> None:
        from cnn_tui.tui.preflight import past_runs
        from cnn_tui.tui.screens.setup_editor import run_presets

        presets, summary = self.query_one(PresetList), self.query_one(SummaryPane)
        presets.entries = entries = await asyncio.to_thread(run_presets)
        if self._editor is not None:
            self._editor.check_file([entry.path for entry in entries])
        summary.past = await asyncio.to_thread(past_runs)

    def on_preset_editor_changed(self, event: PresetEditor.Changed) -> None:
        """Show the new content everywhere around the form."""
        editor = event.editor
        self.query_one(PresetList).loaded = editor.loaded
        self.query_one(PresetHeading).show(editor.loaded)
        self.query_one(FieldHelp).unused = editor.form.unused
        self.query_one(SummaryPane).experiment = editor.form.experiment
        self.post_message(PresetEdited(editor.edited_preset()))
        self._update_start_bar()
        self.refresh_bindings()

    def on_experiment_form_field_focused(self, event: ExperimentForm.FieldFocused) -> None:
        """Show the help of the field."""
        self.query_one(FieldHelp).spec = event.spec

    def _watch_busy(self, busy: bool) -> None:
        if busy and not self._busy:
            # Back from Live, the user presses keys of the workbench, which a text field would take as text.
            self.query_one(PresetList).focus_list()
        self._busy = busy
        self._update_start_bar()

    def _watch_queues(self, queues: bool) -> None:
        self._queues = queues

    @on(SummaryPane.Checked)
    def _update_start_bar(self) -> None:
        """Show whether the experiment can start."""
        if self._editor is None:
            return
        bar, preflight, error = self.query_one(StartBar), self.query_one(SummaryPane).preflight, self._editor.error
        preflight_error = preflight.error if preflight else ""
        bar.has_error = bool(error or preflight_error)
        waits = self._busy and self._queues
        bar.ready = not error and (waits or not self._busy)
        if error:
            bar.text = f"✗ Cannot start: {error}"
        elif self._busy and not waits:
            bar.text = f"A run is in progress: press {key_of('live')} to watch it. The next can start when it ends."
        elif preflight_error:
            bar.text = f"✗ {preflight_error}"
        else:
            ready = "✓ Ready to wait in the queue" if waits else "✓ Ready"
            bar.text = f"{ready}: {preflight.brief}" if preflight else ready

    def action_start(self) -> None:
        """Start the run, or go to the first error."""
        if self._editor is None:
            return
        preset = self._editor.edited_preset()
        if preset is not None:
            from cnn_tui.config.job import Job

            self.post_message(JobRequested(Job(preset=preset), self._editor.waiting))
        else:
            self.remove_class("-show-summary")
            self._editor.focus_first_error()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer a study only if a field holds a list of values."""
        return action != "study" or (self._editor is not None and self._editor.study_draft() is not None)

    def action_study(self) -> None:
        """Open Studies with the list of values in a field."""
        if self._editor is not None and (draft := self._editor.study_draft()) is not None:
            self.post_message(draft)

    def action_next_error(self) -> None:
        """Go to the next field with an error, from any widget."""
        if self._editor is not None:
            self.remove_class("-show-summary")
            self._editor.form.action_next_error()

    def action_search(self) -> None:
        """Search the presets."""
        self.query_one(PresetList).start_search()

    def action_summary(self) -> None:
        """Show or hide the summary; on narrow screens it takes the place of the form."""
        self.toggle_class("-show-summary" if self.has_class("-narrow") else "-hide-summary")

    def action_open(self) -> None:
        """Ask for a file and open it."""
        if self._editor is not None:
            self._editor.ask_to_open()

    def action_save(self) -> None:
        """Ask for a name and save the form, or go to the first error."""
        if self._editor is not None:
            if self._editor.edited_preset() is None:
                self.action_start()
            self._editor.save()

    @on(PresetList.Chosen)
    def _preset_chosen(self, event: PresetList.Chosen) -> None:
        from cnn_tui.tui.screens.setup_editor import source_text

        if self._editor is None:
            return
        if event.entry is None:
            self._editor.open(self._editor.preset, self._editor.source, self._editor.path)
        else:
            self._editor.open(event.preset, source_text(event.entry.path), event.entry.path)

    def go_to_setting(self, path: str) -> None:
        """Focus the field of a setting."""
        self.remove_class("-show-summary")
        if self._editor is not None:
            self._editor.form.focus_field(path)

    def _open_requested(self, request: PresetRequested | None) -> None:
        if request is not None and self._editor is not None:
            self.call_later(self._editor.open, request.preset, request.source, request.path, request.waiting)
