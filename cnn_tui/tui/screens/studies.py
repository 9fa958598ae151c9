"""Studies: choose the settings to vary, run all combinations, and watch the table and curves grow."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from cnn_tui.config.job import Job
from cnn_tui.config.study import StudyPreset
from cnn_tui.tui.job_state import JobState, can_control
from cnn_tui.tui.messages import JobRequested, PresetRequested, StudyDrafted
from cnn_tui.tui.screens import studies_dialogs, studies_files
from cnn_tui.tui.screens.job_screen import JobScreen
from cnn_tui.tui.screens.screen_size import size_classes
from cnn_tui.tui.screens.setup_panes import StartBar
from cnn_tui.tui.screens.studies_editor import StudyEditor, new_study
from cnn_tui.tui.screens.studies_files import StudyEntry, StudyStatus
from cnn_tui.tui.screens.studies_list import StudyList
from cnn_tui.tui.screens.studies_results import ShownStudy, StudyResults
from cnn_tui.tui.screens.studies_status import is_same_study, status_text
from cnn_tui.tui.widgets.key_footer import KeyFooter
from cnn_tui.tui.widgets.title_bar import TitleBar

_WIDTHS = [(0, "-narrow"), (112, "-wide"), (160, "-roomy")]
_HEIGHTS = [(0, "-low"), (32, "-middle"), (44, "-high")]
_TYPING_PAUSE = 0.15  # seconds to wait for further typing before files are read
_TICK = 1.0  # seconds between repaints, so that a slow connection can carry them


class StudiesScreen(JobScreen):
    """The list of studies, and the form and results of one of them."""

    CSS_PATH = "studies.tcss"
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "start", "Start", tooltip="Start the runs that have not finished"),
        Binding("x", "stop", "Stop", tooltip="Stop: test and save the current runs; finished ones are kept"),
        Binding("p", "pause", "Pause", tooltip="Pause: wait at the next batch"),
        Binding("p", "resume", "Resume", tooltip="Resume the paused study"),
        Binding("ctrl+o", "list", "List", tooltip="Choose another study"),
        Binding("f9", "form", "Form", tooltip="Show or hide the form"),
        Binding("ctrl+s", "save", "Save", tooltip="Save the study as a preset"),
        # With priority, or text fields would take the key to move the cursor.
        Binding("ctrl+e", "export", "Export", tooltip="Export the report as a document or table", priority=True),
        Binding("ctrl+b", "base", "Base", show=False, tooltip="Open the base of the study in Setup"),
    ]
    AUTO_FOCUS = "StudyList > _Entries"

    def __init__(self) -> None:
        super().__init__()
        # Attributes instead of queries, which fail if results arrive while the screen is closed.
        self._title = TitleBar("studies")
        self._list, self._editor, self._results, self._bar = StudyList(), StudyEditor(), StudyResults(), StartBar()
        self._status: StudyStatus | None = None
        self._job: JobState | None = None  # the last study that was run
        self._milestone: tuple[object, ...] = ()
        self._busy = self._queues = False

    def compose(self) -> ComposeResult:
        """The list beside the study: its form above its results."""
        self.add_class(*size_classes(self.app.size, _WIDTHS, _HEIGHTS), "-list", "-form")
        yield self._title
        with Horizontal(id="columns"):
            yield self._list
            with Vertical(id="study"):
                yield self._editor
                yield self._results
        yield self._bar
        yield KeyFooter()

    def on_mount(self) -> None:
        """Watch the job, the preset in Setup, and requests for a study."""
        self.watch(self.app, "job", self._job_changed)
        self.watch(self.app, "queues", self._queues_changed)
        self.watch(self.app, "busy", self._busy_changed)
        self.watch(self.app, "edited_preset", self._editor.follow_setup)
        self.watch(self.app, "drafted_study", self._draft_requested)
        self.set_interval(_TICK, self._tick)

    def on_screen_resume(self) -> None:
        """Reload everything from disk: it may have changed since the screen was left."""
        self._reload_list()
        self._load_status()
        self._repaint()

    @property
    def study(self) -> StudyPreset | None:
        """The study in the form, None while it is invalid."""
        return self._editor.study

    @property
    def active_job(self) -> JobState | None:
        """The running job if it is the shown study."""
        job = self._job
        study = self.study
        is_shown = job is not None and job.active and study is not None and is_same_study(job.job.study, study)
        return job if is_shown else None

    @work(group="list", exclusive=True)
    async def _reload_list(self) -> None:
        entries = await asyncio.to_thread(studies_files.load_entries)
        self._list.show(self._editor.draft, self._job.job.study if self._job else None, entries)

    @work(group="status", exclusive=True)
    async def _load_status(self) -> None:
        study = self.study
        await asyncio.sleep(_TYPING_PAUSE)
        if study is not None:
            self._status = await asyncio.to_thread(studies_files.load_status, study)
            self._repaint()

    @on(StudyEditor.Changed)
    def _study_changed(self) -> None:
        self._load_status()
        self._repaint()

    @on(StudyList.Chosen)
    def _entry_chosen(self, event: StudyList.Chosen) -> None:
        self.open_study(event.entry)

    def _draft_requested(self, request: StudyDrafted | None) -> None:
        if request is not None:
            self.call_later(self._open_draft, request)

    def _open_draft(self, request: StudyDrafted) -> None:
        study = new_study(request.preset, request.factor)
        self._load(StudyEntry("draft", study.name, "draft", study), request.values)
        self._editor.focus_values()

    def open_study(self, entry: StudyEntry) -> None:
        """Show a study, and focus its table if it has results, else its form."""
        self._load(entry)
        self._show_form(not entry.done and entry.origin != "latest")

    def _load(self, entry: StudyEntry, values: str | None = None) -> None:
        self._list.loaded = entry.key
        self.remove_class("-list")
        self.add_class("-form")
        self._editor.load(entry, values)

    def _show_form(self, visible: bool) -> None:
        self.set_class(visible, "-form")
        if visible:
            self._editor.focus_values()
        else:
            self._results.focus_table()

    def _job_changed(self, job: JobState | None) -> None:
        """Load ended runs and repaint when a run starts or ends; the timer repaints their progress."""
        if job is None or job.job.study is None:
            return
        self._job = job
        milestone = (id(job), *job.milestone)
        if milestone != self._milestone:
            self._milestone = milestone
            self._load_ended_runs()
            self._repaint()

    @work(group="ended", exclusive=True)
    async def _load_ended_runs(self) -> None:
        """Load the sessions of runs that have ended, and reload everything at the end of the study."""
        job, status = self._job, self._status
        if job is None or status is None or job.job.study != status.study:
            return
        status.records.update(await asyncio.to_thread(status.load_new, dict(job.history.ended)))
        self._repaint()
        if not job.active:
            self._load_status()
            self._reload_list()

    def _queues_changed(self, queues: bool) -> None:
        self._queues = queues

    def _busy_changed(self, busy: bool) -> None:
        self._busy = busy
        self._update_bar()

    def _tick(self) -> None:
        if self.active_job is not None and self.is_current:
            self._repaint()

    def _repaint(self) -> None:
        """Show the current results of the study, and update the bar and the keys."""
        study, job = self._editor.last_valid, self.active_job
        self._title.follows_job = job is None
        if job is not None:
            self._title.show(job.run)  # at the same time as the bar, or the two would show different progress
        records = self._status.records if self._status and self._status.study == study else {}
        self._results.show(ShownStudy.of(study, records, job))
        self._results.set_class(self.study is None, "-outdated")
        self._update_bar()

    def _update_bar(self) -> None:
        bar, study, status, only_list = self._bar, self.study, self._status, self._shows_only_list
        estimate = status.estimate if status and status.study == study else None
        text = status_text(self._editor.error, self.active_job, estimate, busy=self._busy, queues=self._queues)
        bar.text = "Choose a study: enter opens it." if only_list else text
        bar.has_error = study is None and not only_list
        bar.ready = study is not None and (self._queues or not self._busy) and not only_list
        self.refresh_bindings()

    @property
    def _shows_only_list(self) -> bool:
        return self.has_class("-narrow") and self.has_class("-list")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable actions that are not possible."""
        job = self.active_job
        match action:
            case "stop" | "pause" | "resume":
                return job is not None and can_control(action, job.stage)
            case "start":
                return job is None and not self._shows_only_list
            case "form":
                return not self.has_class("-high") and not self._shows_only_list
            case "save":
                return self._editor.is_form_visible and not self._shows_only_list
            case "export":
                return job is None and not self._shows_only_list and self._results.has_results
            case _:
                return True

    @work(exclusive=True, group="dialog")
    async def action_start(self) -> None:
        """Start the unfinished runs, or all again after confirmation; focus the first error if there is one."""
        study, status = self.study, self._status
        if study is None:
            self.remove_class("-list")
            self._show_form(True)
            self._editor.focus_error()
            return
        fresh = status is not None and status.study == study and not status.estimate.left
        if fresh and not self.active_job and not await studies_dialogs.confirm_repeat(self):
            return
        self.post_message(JobRequested(Job(preset=study, fresh=fresh)))
        self._show_form(False)

    def action_list(self) -> None:
        """Focus the list."""
        self.add_class("-list")
        self._list.focus_list()
        self._update_bar()

    def action_form(self) -> None:
        """Show the form or hide it."""
        self.remove_class("-list")
        self._show_form(not self.has_class("-form"))

    @work(exclusive=True, group="dialog")
    async def action_save(self) -> None:
        """Ask for a name and save the study."""
        if self.study is None:
            self.notify("Correct the errors first.", title="Not saved", severity="warning", markup=False)
        elif (saved := await studies_dialogs.save(self, self.study)) is not None:
            self._load(saved)
            self._reload_list()

    @work(exclusive=True, group="dialog")
    async def action_export(self) -> None:
        """Ask for a file and export the report."""
        if (shown := self._results.shown) is not None:
            await studies_dialogs.export(self, shown.table)

    def action_base(self) -> None:
        """Open the base of the study in Setup."""
        self.post_message(PresetRequested(self._editor.base, "base of a study"))
