"""The pane of Setup that tells what the experiment in the form means."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from textual import work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.message import Message
from textual.reactive import reactive

from cnn_tui.config.experiment import Experiment
from cnn_tui.tui.estimate import PastRun
from cnn_tui.tui.survey import Survey, survey
from cnn_tui.tui.widgets.experiment_summary import ExperimentSummary

_DELAY = 0.1


class MeaningPane(VerticalScroll, can_focus=False):
    """Surveys its experiment in a thread whenever that changes; keeps the last survey, dimmed, while there is none."""

    experiment: reactive[Experiment | None] = reactive(None)
    """What to look at, None while it is not known."""
    past: reactive[tuple[PastRun, ...]] = reactive(())
    """What runs on this machine took."""

    @dataclass
    class Surveyed(Message):
        """Something was found out about the present experiment."""

        survey: Survey

    def compose(self) -> ComposeResult:
        """The words."""
        yield ExperimentSummary()

    @property
    def survey(self) -> Survey | None:
        """What is known of the present experiment."""
        found = self.query_one(ExperimentSummary).survey
        return found if found is not None and found.experiment == self.experiment else None

    def watch_experiment(self, experiment: Experiment | None) -> None:
        """Look at it, once the person pauses."""
        self.query_one(ExperimentSummary).set_class(experiment is None, "-outdated")
        self._look()

    def watch_past(self) -> None:
        """Estimate anew."""
        self._look()

    @work(exclusive=True)
    async def _look(self) -> None:
        summary = self.query_one(ExperimentSummary)
        await asyncio.sleep(_DELAY)
        if self.experiment is not None:
            found = await asyncio.to_thread(survey, self.experiment, self.past)
            summary.survey = found
            self.post_message(self.Surveyed(found))
