"""Whether a study is running, can start, or why it cannot, as one line."""

from __future__ import annotations

from cnn_tui.config.changes import study_with_absolute_paths
from cnn_tui.config.study import StudyPreset
from cnn_tui.errors import ConfigError
from cnn_tui.formatting import pluralize
from cnn_tui.tui.estimate import StudyEstimate
from cnn_tui.tui.job_state import JobState
from cnn_tui.tui.screen_keys import key_of
from cnn_tui.tui.widgets.title_bar import run_text


def is_same_study(started: StudyPreset | None, shown: StudyPreset) -> bool:
    """Whether a job is this study; its paths became absolute when it was started."""
    try:
        return started == shown or started == study_with_absolute_paths(shown)
    except ConfigError:
        return False


def status_text(
    error: str, job: JobState | None, estimate: StudyEstimate | None, *, busy: bool, queues: bool = False
) -> str:
    """Why a study cannot start, its progress if it is the running ``job``, or an estimate of its unfinished runs."""
    if error:
        return f"✗ Cannot start: {error}"
    if job is not None:
        return _progress_text(job)
    if busy and not queues:
        return f"Another job is running: press {key_of('live')} to watch it. The study can start when it ends."
    ready = "Ready to wait in the queue" if busy else "Ready"
    if estimate is None:
        return f"✓ {ready}"
    return f"✓ {ready if estimate.left else 'Done'}: {estimate.text}"


def _progress_text(job: JobState) -> str:
    failed = len(job.history.errors)
    text = f"{len(job.history.ended) - failed} of {pluralize(len(job.job.runs), 'run')} done"
    if failed:
        text += f", {failed} failed"
    if job.stage in ("starting", "stopping"):
        return f"{text} · {job.stage}…"
    if job.stage == "paused":
        return f"{text} · paused"
    together = f" · {len(job.running)} together" if len(job.running) > 1 else ""
    run = run_text(job.run).partition(" · ")[2]
    return f"▶ {text}{together}" + (f" · {run}" if run else "")
