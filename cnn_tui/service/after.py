"""The user's command after a job."""

from __future__ import annotations

import asyncio
import os

from cnn_tui.history import JobHistory
from cnn_tui.store.job_queue import QueueEntry


async def run_after(entry: QueueEntry, history: JobHistory) -> None:
    """Let the shell run the command of a job that has ended.

    Its output goes to the log of the service. The variables CNN_TUI_JOB (the name), CNN_TUI_STATUS ("done", "stopped"
    or "failed") and CNN_TUI_SESSION (the session that ended last) describe the job.
    """
    status = history.finished.status if history.finished else "failed"
    session = next(reversed(history.ended.values()), "")
    variables = {"CNN_TUI_JOB": entry.name, "CNN_TUI_STATUS": status, "CNN_TUI_SESSION": session}
    process = await asyncio.create_subprocess_shell(
        entry.command, stdin=asyncio.subprocess.DEVNULL, env=os.environ | variables, start_new_session=True
    )
    await process.wait()
