"""Runs a study in this process, tells it, and says with which code to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnn_tui.cli.output import INTERRUPTED
from cnn_tui.cli.reporters import reported
from cnn_tui.cli.study_reporters import make_study_reporter
from cnn_tui.config.changes import study_with_absolute_paths
from cnn_tui.imports import collector_paused
from cnn_tui.reports.study_progress import StudyProgress
from cnn_tui.store.files import ensure_temporary_folder

if TYPE_CHECKING:
    from cnn_tui.config.study import StudyPreset
    from cnn_tui.engine.control import Control
    from cnn_tui.events import StudyEvent

_FAILED = 1


def follow_study(
    study: StudyPreset, control: Control, *, as_json: bool = False, plain: bool = False, fresh: bool = False
) -> StudyProgress:
    """Run a study to its end, or to where ``control`` stops it, and give what came of it.

    Raises:
        ConfigError: two of its values are the same file.
        StorageError: nothing can be kept here.
        OutputError: the events cannot be written; the study was stopped, and what it came to is saved.
    """
    ensure_temporary_folder()
    study = study_with_absolute_paths(study)
    progress = StudyProgress(study)
    with make_study_reporter(progress, as_json) as reporter:
        with collector_paused():
            from cnn_tui import studies

        def report(event: StudyEvent) -> None:
            progress.apply(event)
            reporter.report(event)

        for _ in reported(studies.run_study(study, control, plain=plain, fresh=fresh), report, control):
            pass
    return progress


def exit_code(progress: StudyProgress, control: Control) -> int:
    """0 where every row is done; 130 where a person stopped it; the runs' own code where all failed by one."""
    if control.stopping:
        return INTERRUPTED
    if progress.finished is not None and progress.finished.status == "done":
        return 0
    failures = {record.error.exit_code for record in progress.records.values() if record.error is not None}
    return failures.pop() if len(failures) == 1 and not progress.table.done else _FAILED
