"""A run continues or stops as configured after its workbench has died."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cnn_tui import paths
from cnn_tui.store.records import SessionRecord
from cnn_tui.store.sessions import lock_of, read_record
from trainer_messages import WAIT_SECONDS

WORKBENCH = """
import os, signal, sys
from cnn_tui.trainer.process import ProcessTrainer
from cnn_tui.trainer.protocol import Hello
from trainer_messages import run, session_id, until_batch, until_type

trainer = ProcessTrainer(when_abandoned=sys.argv[1], runner="scripted_runs:short")
trainer.submit(run(100))
pid = until_type(trainer, Hello).pid
print(pid, session_id(until_batch(trainer)), flush=True)
os.kill(os.getpid(), int(sys.argv[2]))
"""


def _abandon(when_abandoned: str, death: signal.Signals) -> tuple[int, Path]:
    """Kill a workbench during a run; return the process id of its trainer and the folder of the session."""
    command = [sys.executable, "-c", WORKBENCH, when_abandoned, str(int(death))]
    finished = subprocess.run(command, stdout=subprocess.PIPE, timeout=WAIT_SECONDS, check=False)
    assert finished.returncode == -death
    pid, session = finished.stdout.decode().split()
    return int(pid), paths.sessions_folder() / session


def _wait_for_exit(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ready, _, _ = select.select([descriptor], [], [], WAIT_SECONDS)
    os.close(descriptor)
    assert ready, "the trainer is still running"


def _final_record(folder: Path) -> SessionRecord:
    with lock_of(folder).acquire(timeout=WAIT_SECONDS):
        return read_record(folder)


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits for a process that is not a child")
@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGHUP])
@pytest.mark.parametrize(("when_abandoned", "status"), [("finish", "done"), ("stop", "stopped")])
def test_an_abandoned_run_ends_as_configured_and_is_saved(
    when_abandoned: str, status: str, death: signal.Signals
) -> None:
    pid, folder = _abandon(when_abandoned, death)
    record = _final_record(folder)
    assert record.status == status
    assert record.result is not None
    _wait_for_exit(pid)
