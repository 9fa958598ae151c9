"""What goes on at the trainer: jobs are asked for here, and what it says of them is told to the workbench."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.notifications import SeverityLevel
from textual.screen import ModalScreen

from cnn_tui.config.locations import located_preset, located_study
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.errors import ConfigError
from cnn_tui.events import ErrorReport, RunFinished, StudyFinished
from cnn_tui.store.names import printable
from cnn_tui.store.session_names import distinctly_named
from cnn_tui.trainer import protocol
from cnn_tui.trainer.endings import tells_of_kill
from cnn_tui.tui.run_state import RunState
from cnn_tui.tui.screen_keys import ModeName, key_of
from cnn_tui.tui.screens.errors import printable_lines
from cnn_tui.tui.study_state import StudyState

if TYPE_CHECKING:
    from cnn_tui.tui.state import WorkbenchState


class JobDesk:
    """Keeps the one job that goes on or was the last, and the workbench's ``run_state`` and ``study_state`` with it."""

    def __init__(self, app: WorkbenchState, trainer: protocol.Trainer) -> None:
        self._app = app
        self._job: RunState | StudyState | None = None
        self._way: ModeName | None = None
        self.trainer = trainer

    @property
    def what(self) -> str:
        """What is going on, in a word."""
        return "study" if isinstance(self._job, StudyState) else "run"

    def run(self, preset: RunPreset) -> None:
        """Start a run, unless something is going on; its session's name is told from those that there are."""
        if self._refused():
            return
        self._app.busy = True
        self._way = None
        named = distinctly_named(preset)
        self._app.run_state = self._job = RunState(named)
        self.trainer.submit(located_preset(named))
        self._app.switch_mode("live")

    def study(self, study: StudyPreset, fresh: bool) -> None:
        """Start a study, unless something is going on."""
        if self._refused():
            return
        try:
            submitted = located_study(study)
        except ConfigError as error:
            self._tell(ErrorReport.of(error))
            return
        self._app.busy = True
        self._app.study_state = self._job = job = StudyState(study)
        self._app.run_state = job.shown
        self.trainer.submit_study(submitted, fresh=fresh)

    def stop(self) -> None:
        """Stop the run or study."""
        if (job := self._job) is not None and job.going:
            job.stop()
            self._show_change(job)
            self.trainer.stop()

    def pause(self) -> None:
        """Pause the run or study, or let it go on."""
        if (job := self._job) is not None and job.stage == "paused":
            self.trainer.resume()
        elif job is not None and job.stage == "running":
            self.trainer.pause()

    def kill(self) -> None:
        """End the trainer."""
        if (job := self._job) is not None and job.going:
            self.trainer.kill()

    def close(self, finish: bool) -> None:
        """Let the trainer end, after its job or by stopping it; nothing leads anywhere any more."""
        self._way = None
        self.trainer.close(finish)

    def lead_on(self) -> None:
        """Leave Live for what the job came to, unless a dialog is open: it stays, and is answered first."""
        way, self._way = self._way, None
        if way is None or self._app.current_mode != "live":
            return
        if isinstance(self._app.screen, ModalScreen):
            self._way = way
        else:
            self._app.switch_mode(way)

    def hear(self, said: protocol.Message) -> None:
        """Fold in what happened; the end of a run opens its results for whoever watches it."""
        if (job := self._job) is not None:
            job.apply(said)
            self._show_change(job)
        match said:
            case protocol.Idle():
                self._app.busy = False
            case protocol.Refused():
                self._app.notify(printable(said.reason), title="Not now", severity="warning", markup=False)
            case protocol.Lost() if job is None or job.error != said.error:
                self._tell(said.error)
            case protocol.RunEvent(event=RunFinished() as finished):
                self._show_end(finished)
            case protocol.StudySaid(event=StudyFinished() as finished):
                self._show_study_end(finished)
            case _:
                pass

    def _show_change(self, job: RunState | StudyState) -> None:
        """Tell the screens that something happened in the run, or in the study and its run to look at."""
        app = self._app
        if isinstance(job, StudyState):
            app.mutate_reactive(type(app).study_state)
        if app.run_state is job.shown:
            app.mutate_reactive(type(app).run_state)
        else:
            app.run_state = job.shown

    def _show_end(self, finished: RunFinished) -> None:
        if self._app.run_state is None:
            return
        if finished.result is not None:
            self._app.shown_session = self._app.run_state.history.session_id
            self._lead_to("results")
        elif finished.error is not None and self._app.current_mode != "live":
            self._tell(finished.error)

    def _show_study_end(self, finished: StudyFinished) -> None:
        """Say it where it cannot be seen; only who watches the training is led to the table."""
        app = self._app
        if finished.error is not None:
            self._tell(finished.error)
        elif app.current_mode not in ("live", "studies") and app.study_state is not None:
            name = printable(app.study_state.study.name)
            app.notify(
                f"{name}. Press {key_of('studies')} for its table.", title=f"Study {finished.status}", markup=False
            )
        self._lead_to("studies")

    def _lead_to(self, mode: ModeName) -> None:
        """Show what the job came to, if it is watched."""
        self._way = mode
        self.lead_on()

    def _tell(self, error: ErrorReport) -> None:
        text = "\n".join(part for part in (error.detail, error.hint) if part)
        title = printable(error.title)
        severity: SeverityLevel = "information" if tells_of_kill(error) else "error"
        self._app.notify(printable_lines(text), title=title, severity=severity, markup=False, timeout=15)

    def _refused(self) -> bool:
        if self.trainer.busy:
            title = f"A {self.what} is going on"
            words = f"Press {key_of('live')} to watch it and x there to stop it, or wait for its end."
            self._app.notify(words, title=title, severity="warning", markup=False)
        return self.trainer.busy
