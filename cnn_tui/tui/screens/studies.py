"""Studies: choose what is varied, run it, and watch the table and its curves grow."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen

from cnn_tui.config.job import Job
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.tui.job_state import JobState, can_control
from cnn_tui.tui.messages import JobRequested, PauseRequested, PresetRequested, StopRequested, StudyDrafted
from cnn_tui.tui.screens import studies_dialogs, studies_draft, studies_files, studies_words
from cnn_tui.tui.screens.breakpoints import room_classes
from cnn_tui.tui.screens.confirm import ConfirmScreen
from cnn_tui.tui.screens.setup_panes import StartBar
from cnn_tui.tui.screens.studies_editor import StudyEditor
from cnn_tui.tui.screens.studies_files import Findings, StudyEntry
from cnn_tui.tui.screens.studies_list import StudyList
from cnn_tui.tui.screens.studies_results import ShownStudy, StudyResults
from cnn_tui.tui.widgets.key_footer import KeyFooter
from cnn_tui.tui.widgets.title_bar import TitleBar

_WIDTHS = [(0, "-narrow"), (112, "-wide"), (160, "-roomy")]
_HEIGHTS = [(0, "-low"), (32, "-middle"), (44, "-high")]
_DELAY = 0.15
_TICK = 1.0  # a thin line has to carry the repaints


class StudiesScreen(Screen[None]):
    """The studies, and of one of them the form and what it came to."""

    CSS_PATH = "studies.tcss"
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "start", "Start", tooltip="Run what is left of the study"),
        Binding("x", "stop", "Stop", tooltip="Stop: test and save what there is; finished rows are kept"),
        Binding("p", "pause", "Pause", tooltip="Pause: wait at the next batch"),
        Binding("p", "resume", "Resume", tooltip="Resume the paused study"),
        Binding("ctrl+o", "list", "List", tooltip="Choose another study"),
        Binding("f9", "form", "Form", tooltip="Show the form, or what the study came to"),
        Binding("ctrl+s", "save", "Save", tooltip="Save the study as a preset"),
        # From a field too, where the key would go to the end of the line.
        Binding(
            "ctrl+e",
            "export",
            "Export",
            tooltip="Write the report as Markdown, HTML, LaTeX, CSV or text",
            priority=True,
        ),
        Binding("ctrl+b", "base", "Base", show=False, tooltip="Open the experiment that is varied in Setup"),
    ]
    AUTO_FOCUS = "StudyList > _Entries"

    def __init__(self) -> None:
        super().__init__()
        # Kept, not looked up: what a study comes to may be told while the workbench closes.
        self._list, self._editor, self._results, self._bar = StudyList(), StudyEditor(), StudyResults(), StartBar()
        self._title = TitleBar("studies")
        self._findings: Findings | None = None
        self._state: JobState | None = None  # the last job that was a study
        self._milestone: tuple[object, ...] = ()
        self._busy = False

    def compose(self) -> ComposeResult:
        """The list beside the study: its form above what it came to."""
        self.add_class(*room_classes(self.app.size, _WIDTHS, _HEIGHTS), "-list", "-form")
        yield self._title
        with Horizontal(id="columns"):
            yield self._list
            with Vertical(id="study"):
                yield self._editor
                yield self._results
        yield self._bar
        yield KeyFooter()

    def on_mount(self) -> None:
        """Follow the study that goes on, and what others want opened."""
        self.watch(self.app, "job", self._follow)
        self.watch(self.app, "busy", self._follow_trainer)
        self.watch(self.app, "edited_preset", self._editor.follow_setup)
        self.watch(self.app, "drafted_study", self._asked_to_open)
        self.set_interval(_TICK, self._tick)

    def on_screen_resume(self) -> None:
        """Look again at what is on disk: it may have changed meanwhile."""
        self._look()
        self._find_out()
        self._paint()

    @property
    def study(self) -> StudyPreset | None:
        """The study in the form, None while anything is wrong in it."""
        return self._editor.study

    @property
    def active_job(self) -> JobState | None:
        """The running job, if it is the study that is shown."""
        state = self._state
        return state if state is not None and state.active and state.job.study == self.study else None

    @work(group="look", exclusive=True)
    async def _look(self) -> None:
        latest = self._state.job.study if self._state else None
        entries = await asyncio.to_thread(studies_files.entries)
        self._list.entries = studies_draft.with_own(entries, self._editor.draft, latest)

    @work(group="find", exclusive=True)
    async def _find_out(self) -> None:
        study = self.study
        await asyncio.sleep(_DELAY)
        if study is not None:
            self._findings = await asyncio.to_thread(studies_files.find_out, study)
            self._paint()

    @on(StudyEditor.Changed)
    def _study_changed(self) -> None:
        self._find_out()
        self._paint()

    @on(StudyList.Chosen)
    def _chosen(self, event: StudyList.Chosen) -> None:
        self.open_study(event.entry)

    def _asked_to_open(self, asked: StudyDrafted | None) -> None:
        if asked is not None:
            self.call_later(self._open_draft, asked)

    def _open_draft(self, asked: StudyDrafted) -> None:
        study = studies_draft.draft(asked.preset, asked.factor)
        self._load(StudyEntry("draft", study.name, "draft", study), asked.values)
        self._editor.focus_values()

    def open_study(self, entry: StudyEntry) -> None:
        """Show a study, and put the cursor where it is gone on with."""
        self._load(entry)
        self.set_class(not entry.done and entry.origin != "latest", "-form")
        if self.has_class("-form"):
            self._editor.focus_values()
        else:
            self._results.focus_table()

    def _load(self, entry: StudyEntry, values: str | None = None) -> None:
        self._list.loaded = entry.key
        self.remove_class("-list")
        self.add_class("-form")
        self._editor.load(entry, values)

    def _follow(self, state: JobState | None) -> None:
        """Read the sessions of ended rows. Repaint when a row starts or ends, else at the screen's own pace."""
        if state is None or state.job.study is None:
            return
        self._state = state
        milestone = (id(state), *state.milestone)
        if milestone != self._milestone:
            self._milestone = milestone
            self._read_ended()
            self._paint()

    @work(group="read", exclusive=True)
    async def _read_ended(self) -> None:
        """Read the sessions of the rows that have ended; at the end look at everything once more."""
        state, findings = self._state, self._findings
        if state is None or findings is None or state.job.study != findings.study:
            return
        known = {row: record.id for row, record in findings.records.items()}
        news = [(row, session) for row, session in state.history.ended.items() if known.get(row) != session]
        findings.records.update(await asyncio.to_thread(studies_files.read_rows, news))
        self._paint()
        if not state.active:
            self._find_out()
            self._look()

    def _follow_trainer(self, busy: bool) -> None:
        self._busy = busy
        self._judge()

    def _tick(self) -> None:
        if self.active_job is not None and self.is_current:
            self._paint()

    def _paint(self) -> None:
        """Show the study as far as it is known, and say what can be done."""
        study, job = self._editor.last, self.active_job
        self._title.led = job is not None
        if job is not None:
            self._title.show(job.run)  # at the same time as the line below
        records = dict(self._findings.records) if self._findings and self._findings.study == study else {}
        if job is not None:  # a running study decides which records count: it may repeat all of them
            ended = job.history.ended
            records = {row: record for row, record in records.items() if ended.get(row) == record.id}
        self._results.show(ShownStudy(study, records, job.running if job else {}))
        self._results.set_class(self.study is None, "-outdated")
        self._judge()

    def _judge(self) -> None:
        bar, study, findings = self._bar, self.study, self._findings
        bar.wrong = study is None and not self._covered
        bar.ready = study is not None and not self._busy and not self._covered
        estimate = findings.estimate if findings and findings.study == study else None
        words = studies_words.bar(self._editor.problem, self.active_job, self._busy, estimate)
        bar.words = "Choose a study: enter opens it." if self._covered else words
        self.refresh_bindings()

    @property
    def _covered(self) -> bool:
        """Whether the list stands in the place of the study."""
        return self.has_class("-narrow") and self.has_class("-list")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what can be done with what is shown."""
        idle = self.active_job is None
        match action:
            case "stop" | "pause" | "resume":
                return self.active_job is not None and can_control(action, self.active_job.stage)
            case "start":
                return idle and not self._covered
            case "form":
                return not self.has_class("-high") and not self._covered
            case "save":
                return self._editor.shows_form and not self._covered
            case "export":
                return idle and not self._covered and self._results.has_figures
            case _:
                return True

    @work(exclusive=True, group="dialog")
    async def action_start(self) -> None:
        """Run what is left of the study; while anything is wrong, go to it."""
        study, findings = self.study, self._findings
        if study is None:
            self.action_form(show=True)
            self._editor.show_trouble()
            return
        fresh = findings is not None and findings.study == study and not findings.estimate.left
        if fresh and not self.active_job:
            question = "All runs of this study are there. Train them again, as new sessions?"
            if not await self.app.push_screen_wait(ConfirmScreen(question, "Train again")):
                return
        self.post_message(JobRequested(Job(preset=study, fresh=fresh)))
        self.remove_class("-form")
        self._results.focus_table()

    def action_stop(self) -> None:
        """Let the study end; what has begun is tested and saved."""
        self.post_message(StopRequested())

    def action_pause(self) -> None:
        """Let the study wait."""
        self.post_message(PauseRequested())

    def action_resume(self) -> None:
        """Let the study go on."""
        self.post_message(PauseRequested())

    def action_list(self) -> None:
        """Go to the list."""
        self.add_class("-list")
        self._list.focus_list()
        self._judge()

    def action_form(self, show: bool = False) -> None:
        """Show the form in the place of the curves, or these again."""
        self.remove_class("-list")
        self.set_class(show or not self.has_class("-form"), "-form")
        if self.has_class("-form"):
            self._editor.focus_values()
        else:
            self._results.focus_table()

    @work(exclusive=True, group="dialog")
    async def action_save(self) -> None:
        """Ask for a name and save the study as a preset of one's own."""
        if self.study is None:
            self.notify("Correct what is wrong first.", title="Not saved", severity="warning", markup=False)
        elif (saved := await studies_dialogs.save(self, self.study)) is not None:
            self._load(saved)
            self._look()

    @work(exclusive=True, group="dialog")
    async def action_export(self) -> None:
        """Ask for a file and write the report of what there is into it."""
        if (shown := self._results.shown) is not None:
            await studies_dialogs.export(self, shown.table)

    def action_base(self) -> None:
        """Open the experiment that is varied in Setup."""
        study = self._editor.last
        preset = RunPreset(name=study.name, description=f"The base of the study {study.name}.", experiment=study.base)
        self.post_message(PresetRequested(preset, "base of a study"))
