"""The pane of Setup that tells what the experiment in the form means."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual import work
from textual.containers import VerticalScroll
from textual.message import Message
from textual.reactive import reactive

if TYPE_CHECKING:
    from cnn_tui.config.experiment import Experiment
    from cnn_tui.tui.estimate import PastRun
    from cnn_tui.tui.survey import Survey
    from cnn_tui.tui.widgets.experiment_summary import ExperimentSummary

_DELAY = 0.1


class MeaningPane(VerticalScroll, can_focus=False):
    """Surveys its experiment in a thread whenever that changes; keeps the last survey, dimmed, while there is none."""

    experiment: reactive[Experiment | None] = reactive(None, init=False)
    """What to look at, None while it is not known."""
    past: reactive[tuple[PastRun, ...]] = reactive((), init=False)
    """What runs on this machine took."""

    @dataclass
    class Surveyed(Message):
        """Something was found out about the present experiment."""

        survey: Survey

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._summary: ExperimentSummary | None = None

    async def furnish(self) -> None:
        """Bring the words, which have to be there before there is an experiment."""
        from cnn_tui.tui.widgets.experiment_summary import ExperimentSummary

        self._summary = ExperimentSummary()
        await self.mount(self._summary)

    @property
    def brief(self) -> str:
        """What is known of the present experiment, in one line; empty while that is nothing."""
        return self._summary.brief if self._summary and self._survey else ""

    @property
    def problem(self) -> str:
        """Why pictures or weights of one's own cannot be used as it seems now; empty if they can."""
        return self._survey.problem if self._survey else ""

    @property
    def _survey(self) -> Survey | None:
        found = self._summary.survey if self._summary else None
        return found if found is not None and found.experiment == self.experiment else None

    def watch_experiment(self, experiment: Experiment | None) -> None:
        """Look at it, once the person pauses."""
        if self._summary is not None:
            self._summary.set_class(experiment is None, "-outdated")
            self._look(self._summary)

    def watch_past(self) -> None:
        """Estimate anew."""
        if self._summary is not None:
            self._look(self._summary)

    @work(exclusive=True)
    async def _look(self, summary: ExperimentSummary) -> None:
        from cnn_tui.tui.survey import survey

        await asyncio.sleep(_DELAY)
        if self.experiment is not None:
            found = await asyncio.to_thread(survey, self.experiment, self.past)
            summary.survey = found
            self.post_message(self.Surveyed(found))
