"""Runs a job: every run becomes a session, and runs are trained together where that does not change their results."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

from cnn_tui import paths
from cnn_tui.config.job import Job
from cnn_tui.config.study import training_groups
from cnn_tui.engine.control import Control
from cnn_tui.engine.device import device_key
from cnn_tui.engine.training.record import resume_recorded, run_recorded
from cnn_tui.events import EndStatus, JobEvent, JobFinished, JobStarted, JobWaiting, RunEvent, RunFinished, RunReused
from cnn_tui.store.checkpoints import newest_checkpoint
from cnn_tui.store.device_lock import DeviceLock
from cnn_tui.store.records import RESUMABLE, StudyPart, finished_rows, recorded_rows
from cnn_tui.store.sessions import all_records

_POLL_SECONDS = 0.2


def run_job(job: Job, control: Control) -> Iterator[JobEvent]:
    """Run a job in this process.

    Yields:
        ``JobStarted`` first and ``JobFinished`` last. A failed run does not end the job.

    Raises:
        StorageError: sessions cannot be written.
    """
    yield JobStarted(preset=job.preset, runs=len(job.runs))
    with ExitStack() as held:
        if (yield from _claim_devices(job, control, held)):
            yield from _run_all(job, control)
        else:
            yield JobFinished(status="stopped")


def _claim_devices(job: Job, control: Control, held: ExitStack) -> Generator[JobEvent, None, bool]:
    """Wait until no other job uses a device of this one; return False if the job is stopped before."""
    if job.beside:
        return True
    # In the same order in every process, so that no two of them wait for each other.
    for device in sorted({device_key(run.experiment.training.device) for run in job.runs}):
        lock = DeviceLock(device, job.preset.name)
        acquired = lock.acquire()
        if not acquired:
            yield JobWaiting(device=device, holder=lock.holder())
        while not acquired:
            if control.should_stop():
                return False
            time.sleep(_POLL_SECONDS)
            acquired = lock.acquire()
        held.callback(lock.release)
    return True


def _run_all(job: Job, control: Control) -> Iterator[JobEvent]:
    """Run what earlier studies have not finished."""
    reused = {} if job.fresh or job.study is None else finished_rows(job.cells, all_records(), alone=_separate(job))
    for index, record in reused.items():
        yield RunReused(run=index, session_id=record.id)
    interrupted = _interrupted(job)
    failed = stopped = 0
    for group in _groups(job, [index for index in range(len(job.runs)) if index not in reused]):
        resumed = interrupted.get(group[0]) if len(group) == 1 else None
        for event in _run_group(job, group, control) if resumed is None else _resume(job, group[0], resumed, control):
            if isinstance(event.event, RunFinished):
                failed += event.event.status == "failed"
                stopped += event.event.status == "stopped"
            yield event
        if control.stopping:
            break
    status: EndStatus = "stopped" if control.stopping else "failed" if failed else "stopped" if stopped else "done"
    yield JobFinished(status=status, failed=failed)


def _interrupted(job: Job) -> dict[int, Path]:
    """The sessions of the job's runs that can be resumed, by the index of the run."""
    if job.resume is not None:
        return {0: paths.sessions_folder() / job.resume}
    if job.fresh or job.study is None:
        return {}
    records = (record for record in all_records() if record.status in RESUMABLE)
    recorded = recorded_rows(job.cells, [*records], alone=True)
    folders = {index: paths.sessions_folder() / record.id for index, record in recorded.items()}
    return {index: folder for index, folder in folders.items() if newest_checkpoint(folder) is not None}


def _resume(job: Job, index: int, session: Path, control: Control) -> Iterator[RunEvent]:
    for event in resume_recorded(session, job.runs[index].experiment, control):
        yield RunEvent(run=index, event=event)


def _separate(job: Job) -> bool:
    """Whether each run is trained on its own, as the job or its study may ask for."""
    return job.plain or (job.study is not None and job.study.plain)


def _groups(job: Job, indices: list[int]) -> Iterator[list[int]]:
    """Split runs into groups that are one computation each, ordered by their first run."""
    if _separate(job):
        yield from ([index] for index in indices)
        return
    for group in training_groups([job.runs[index].experiment for index in indices]):
        yield [indices[position] for position in group]


def _run_group(job: Job, group: list[int], control: Control) -> Iterator[RunEvent]:
    presets = [job.runs[index] for index in group]
    parts = [_study_part(job, index, len(group)) for index in group]
    for position, event in run_recorded(presets, parts, control):
        yield RunEvent(run=group[position], event=event)


def _study_part(job: Job, index: int, together: int) -> StudyPart | None:
    study = job.study
    if study is None:
        return None
    return StudyPart(name=study.name, row=index, together=together, description=study.description)
