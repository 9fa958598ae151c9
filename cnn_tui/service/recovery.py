"""What became of jobs whose process is gone, and how they go on."""

from __future__ import annotations

from cnn_tui import paths
from cnn_tui.config.job import Job
from cnn_tui.errors import StorageError
from cnn_tui.store.checkpoints import newest_checkpoint
from cnn_tui.store.job_queue import QueueEntry
from cnn_tui.store.records import RESUMABLE, SessionRecord
from cnn_tui.store.sessions import load_session


def has_ended(entry: QueueEntry) -> bool:
    """Whether all runs of a job have ended by themselves or as the user wanted, so that there is nothing to go on with.

    A run whose session was deleted has ended too.
    """
    records = [_record(session) for session in entry.sessions.values()]
    ended = [record is None or (not record.live and record.status != "killed") for record in records]
    return len(ended) == len(entry.job.runs) and all(ended)


def continuation(entry: QueueEntry) -> Job:
    """The job that goes on where this one was interrupted: a study finds its sessions itself, a run has to name its."""
    session = entry.sessions.get(0)
    if entry.job.study is not None or session is None:
        return entry.job
    record = _record(session)
    if record is None or record.status not in RESUMABLE or newest_checkpoint(paths.sessions_folder() / session) is None:
        return entry.job
    return entry.job.model_copy(update={"resume": session})


def _record(session: str) -> SessionRecord | None:
    try:
        return load_session(paths.sessions_folder() / session)
    except StorageError:
        return None
