"""Runs a job in this process and reports its progress."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cnn_tui.cli.output import INTERRUPTED, OUT_OF_TIME
from cnn_tui.cli.reporters import Reporter, make_reporter
from cnn_tui.errors import OutputError
from cnn_tui.imports import importing_engine
from cnn_tui.reports.job_progress import JobProgress
from cnn_tui.store.files import ensure_temporary_folder

if TYPE_CHECKING:
    from cnn_tui.config.job import Job
    from cnn_tui.engine.control import Control
    from cnn_tui.events import JobEvent

_SOME_FAILED = 1


def run_here(job: Job, control: Control, *, as_json: bool = False) -> JobProgress:
    """Run a job until it ends or ``control`` stops it, and return its final state.

    Raises:
        ConfigError: two values of a study are the same file.
        StorageError: neither a session nor a temporary file can be written.
        OutputError: the report cannot be written; the job was stopped and is saved.
    """
    ensure_temporary_folder()
    progress = JobProgress(job.with_absolute_paths())
    with make_reporter(progress, as_json) as reporter:
        with importing_engine():
            from cnn_tui.jobs import run_job
        _report_all(run_job(progress.job, control), progress, reporter, control)
    return progress


def _report_all(events: Iterator[JobEvent], progress: JobProgress, reporter: Reporter, control: Control) -> None:
    """Report all events. If that fails, stop the job as an interrupt would, wait until it is saved, and raise."""
    failure: OutputError | None = None
    for event in events:
        progress.apply(event)
        if failure is None:
            try:
                reporter.report(event)
            except OutputError as error:
                failure = error
                control.stop()
    if failure is not None:
        raise OutputError(f"{failure.title}; the results so far are saved") from failure


def exit_code(progress: JobProgress, control: Control) -> int:
    """The exit code for the end of a job.

    0 if all runs are done, 130 if the user stopped the job, 124 if a run reached its time limit and none failed, the
    error's own code if all failed with the same one.
    """
    if control.stopping:
        return INTERRUPTED
    history = progress.history
    status = history.finished.status if history.finished else "failed"
    if status != "failed":
        return 0 if status == "done" else OUT_OF_TIME
    codes = {error.exit_code for error in history.errors.values()}
    return codes.pop() if len(codes) == 1 and len(history.errors) == len(history.ended) else _SOME_FAILED


@contextmanager
def interruptible(control: Control) -> Iterator[None]:
    """Let Ctrl+C and SIGTERM stop the job at its next batch; a second one skips the test."""

    def stop(signum: int, frame: object) -> None:
        control.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
