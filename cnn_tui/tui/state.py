"""The state of the workbench that its screens show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import App
from textual.reactive import var

if TYPE_CHECKING:
    from cnn_tui.config.preset import RunPreset
    from cnn_tui.trainer.protocol import QueueChanged
    from cnn_tui.tui.job_state import JobState
    from cnn_tui.tui.messages import PresetRequested, StudyDrafted


class WorkbenchState(App[None]):
    """The reactive attributes of the workbench, which screens watch."""

    job: var[JobState | None] = var(None)
    """The job that is running or was the last. It is mutated: watchers are called after each message."""
    busy: var[bool] = var(False)
    """Whether the trainer is busy with a job."""
    queues: var[bool] = var(False)
    """Whether a job that is started while another runs waits in a queue."""
    queue: var[QueueChanged | None] = var(None, always_update=True)
    """How many jobs wait; None before that is known and without a queue. Watchers are called for every change."""
    drafted_study: var[StudyDrafted | None] = var(None, always_update=True)
    """The study that was last requested for the Studies screen; watchers are called for every request."""
    preset_in_setup: var[PresetRequested | None] = var(None, always_update=True)
    """The preset that was last requested for Setup; watchers are called for every request."""
    edited_preset: var[RunPreset | None] = var(None)
    """The last valid preset of Setup's form."""
    shown_session: var[str | None] = var(None)
    """The id of the session that Results shows."""
