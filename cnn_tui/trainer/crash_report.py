"""Explains why a trainer died, and ends the sessions that it left unfinished on disk."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Literal

from cnn_tui import paths
from cnn_tui.errors import StorageError
from cnn_tui.events import ErrorReport, RunFinished
from cnn_tui.history import JobHistory
from cnn_tui.store.event_log import EventLog
from cnn_tui.store.records import KILLED, iso_time
from cnn_tui.store.sessions import EVENTS_FILE, list_sessions, read_history, read_record, write_record

LOG_NAME = "trainer.log"
LostStatus = Literal["failed", "killed"]

_TAIL_BYTES = 16_384
_TAIL_LINES = 40
_LINE_LENGTH = 300
_SIGNALS = {int(number): number.name for number in signal.Signals}


def explain_exit(code: int, log_tail: str) -> ErrorReport:
    """Explain a trainer's exit status, which is negative for a signal."""
    if code == -signal.SIGKILL:
        title = "The trainer was killed by the system or another program (SIGKILL)"
        hint = "The system does this when memory runs out: try a smaller batch size or smaller images."
    elif code < 0:
        title = f"The trainer crashed ({signal_name(-code)})"
        hint = "Run it again. If it crashes again, try training.device=cpu or training.precision=float32."
    else:
        title = f"The trainer exited unexpectedly (exit code {code})"
        hint = "Run 'cnn-tui doctor' to see whether PyTorch works here." if code else ""
    detail = f"The end of its log:\n{log_tail}" if log_tail else "Its log is empty."
    return ErrorReport(title=title, detail=detail, hint=hint)


def signal_name(number: int) -> str:
    """The name of a signal, such as "SIGKILL"."""
    return _SIGNALS.get(number, f"signal {number}")


def explain_kill() -> ErrorReport:
    """The error of a job that the user killed."""
    return KILLED


def is_kill(error: ErrorReport | None) -> bool:
    """Whether an error means that the user killed the job."""
    return error == KILLED


def explain_exception(error: BaseException | None) -> ErrorReport:
    """Explain an unexpected exception."""
    return ErrorReport(
        title="The run failed unexpectedly",
        detail=f"{type(error).__name__}: {error}" if error else "",
        hint="Run it again with 'cnn-tui --debug run' to see the traceback.",
    )


def lost_folders(job: JobHistory, pid: int, since: float) -> list[Path]:
    """The session folders of the runs that were lost with their process, the latest first.

    Sessions of the process that it had not reported yet are found by its ``pid`` and their start, at or after
    ``since`` (seconds since the epoch), unless the sessions folder cannot be read.
    """
    reported = [paths.sessions_folder() / run.session_id for run in reversed(job.running.values())]
    folders = [folder for folder in reported if folder.is_dir()]
    try:
        entries = list_sessions()
    except StorageError:
        return folders
    records = [(entry.folder, entry.record) for entry in entries if entry.record is not None]
    owned = [folder for folder, record in records if record.pid == pid and record.created >= iso_time(since)]
    return list(dict.fromkeys(folders + owned))


def mark_lost(folder: Path, status: LostStatus, error: ErrorReport) -> None:
    """End an unfinished session in its record and in its events.

    If the disk is full, the session is listed as killed anyway, because its process is gone.
    """
    try:
        _mark(folder, status, error)
    except StorageError:
        return


def _mark(folder: Path, status: LostStatus, error: ErrorReport) -> None:
    record = read_record(folder)
    if not record.live:
        return
    now = time.time()
    if read_history(folder).finished is None:
        with EventLog(folder / EVENTS_FILE) as log:
            log.append(RunFinished(status="failed", error=error, time=now))
    changes = {"status": status, "finished": iso_time(now), "error": error, "pid": None}
    write_record(folder, record.model_copy(update=changes))


def log_tail(path: Path, start: int = 0) -> str:
    """The last lines of a log after byte ``start``; long lines are cut, unprintable characters replaced."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(start, size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join("".join(map(_visible, line[:_LINE_LENGTH])) for line in lines[-_TAIL_LINES:])


def _visible(character: str) -> str:
    return character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"
