"""What the workbench's screens follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import App
from textual.reactive import var

if TYPE_CHECKING:
    from pathlib import Path

    from cnn_tui.config.preset import RunPreset
    from cnn_tui.tui.messages import StudyDrafted
    from cnn_tui.tui.run_state import RunState
    from cnn_tui.tui.study_state import StudyState


class WorkbenchState(App[None]):
    """The reactive attributes of the workbench, which screens bind to and jobs change."""

    run_state: var[RunState | None] = var(None)
    """The run that is going on or was the last; mutated, so watchers are called after each of its events."""
    study_state: var[StudyState | None] = var(None)
    """The study that is going on or was the last, likewise; ``run_state`` is then the run of it to look at."""
    busy: var[bool] = var(False)
    """Whether a run or a study is going on, also between two runs of a study."""
    drafted_study: var[StudyDrafted | None] = var(None, always_update=True)
    """What Studies was last asked to open; told again whenever it is asked again."""
    preset_in_setup: var[tuple[RunPreset, str, Path | None] | None] = var(None, always_update=True)
    """What Setup was last asked to open, where it came from and its file, likewise."""
    edited_preset: var[RunPreset | None] = var(None)
    """What last stood in Setup's form without a mistake."""
    shown_session: var[str | None] = var(None)
    """The session whose results are open, by its id."""
