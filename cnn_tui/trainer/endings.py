"""Runs that ended without telling: why, in words, and on disk."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Literal

from cnn_tui import paths
from cnn_tui.errors import StorageError
from cnn_tui.events import ErrorReport, RunFinished
from cnn_tui.store.event_log import EventLog
from cnn_tui.store.records import iso_time
from cnn_tui.store.sessions import EVENTS_FILE, list_sessions, read_history, read_record, write_record
from cnn_tui.trainer.course import Course

LOG_NAME = "trainer.log"
LostStatus = Literal["failed", "killed"]

_TAIL_BYTES = 16_384
_TAIL_LINES = 40
_LINE_LENGTH = 300
_SIGNALS = {int(number): number.name for number in signal.Signals}


def explain_exit(code: int, log_tail: str) -> ErrorReport:
    """Say why a trainer ended by its exit status, negative for a signal."""
    if code == -signal.SIGKILL:
        title = "The trainer was killed from outside (SIGKILL)"
        hint = "The system does this when memory runs out: try a smaller batch or smaller pictures."
    elif code < 0:
        title = f"The trainer crashed ({_SIGNALS.get(-code, f'signal {-code}')})"
        hint = "Run it again; if it crashes again, try training.device=cpu or training.precision=float32."
    else:
        title = f"The trainer ended by itself (exit code {code})"
        hint = "Run 'cnn-tui doctor' to see whether PyTorch works here." if code else ""
    detail = f"The end of its log:\n{log_tail}" if log_tail else "It left nothing in its log."
    return ErrorReport(title=title, detail=detail, hint=hint)


def explain_kill() -> ErrorReport:
    """Say that a person ended the trainer."""
    return ErrorReport(
        title="The run was killed", detail="It was ended in the middle; what it told up to then is kept."
    )


def tells_of_kill(error: ErrorReport | None) -> bool:
    """Whether this is how a trainer that a person ended says so."""
    return error == explain_kill()


def explain_exception(error: BaseException | None) -> ErrorReport:
    """Say what broke a run that nobody had foreseen."""
    return ErrorReport(
        title="The run broke off",
        detail=f"{type(error).__name__}: {error}" if error else "",
        hint="Run it again with 'cnn-tui run' to see where.",
    )


def lost_folders(course: Course, pid: int) -> list[Path]:
    """The folders of a job's runs that are lost with their process, the latest that had told its id first.

    Those that had not told their ids yet are found by their process; where the sessions cannot be read, they are not.
    """
    told = [paths.sessions_folder() / session_id for session_id in reversed(course.open.values())]
    folders = [folder for folder in told if folder.is_dir()]
    since = iso_time(course.begun)
    try:
        entries = list_sessions()
    except StorageError:
        return folders
    records = [(entry.folder, entry.record) for entry in entries if entry.record is not None]
    owned = [folder for folder, record in records if record.pid == pid and record.created >= since]
    return list(dict.fromkeys(folders + owned))


def mark_lost(folder: Path, status: LostStatus, error: ErrorReport) -> None:
    """Give a session that its process left unfinished an end, in its record and in its events.

    Where the disk does not take it, the session is told as killed all the same, because its process is gone.
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
    """The last lines of a log from byte ``start`` on; long ones are cut, and what is no visible text is replaced."""
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
