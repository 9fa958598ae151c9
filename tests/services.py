"""Helpers for tests of the background service, which run scripted jobs in it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from filelock import Timeout

from cnn_tui.errors import StorageError
from cnn_tui.service import client
from cnn_tui.service.client import Connection, connect
from cnn_tui.service.endpoint import connected_socket, service_lock
from cnn_tui.service.protocol import PROTOCOL, Greeting, Welcome, program_id
from cnn_tui.store.job_queue import QueueEntry, read_queue

WAIT_SECONDS = 40.0


def scripted_service(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let services that this process starts run the jobs of a script of ``scripted_runs``."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setattr(client, "runner", f"scripted_runs:{script}")


def connection() -> Connection:
    """A connection to the service, which is started if it does not run."""
    connected = connect()
    assert connected is not None
    return connected


def service_pid() -> int | None:
    """The process of the running service."""
    connected = connected_socket()
    if connected is None:
        return None
    with Connection(connected) as greeted:
        greeted.send(Greeting(protocol=PROTOCOL, program=program_id()))
        welcome = next(greeted.answers(), None)
        return welcome.pid if isinstance(welcome, Welcome) else None


def until(condition: Callable[[], bool], what: str = "") -> None:
    """Wait until a condition holds that other processes bring about."""
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < end, what or "nothing happened"
        time.sleep(0.02)


def running_entry() -> QueueEntry:
    """The running job, once its process and its session are known."""
    found: list[QueueEntry] = []

    def is_known() -> bool:
        found[:] = [entry for entry in read_queue() if entry.state == "running" and entry.pid and entry.sessions]
        return bool(found)

    until(is_known, "no job is running")
    return found[0]


def trainer_process() -> psutil.Process:
    """The process that runs the job."""
    return psutil.Process(running_entry().pid)


def wait_for_end() -> None:
    """Wait until no service runs."""

    def has_ended() -> bool:
        try:
            with service_lock().acquire(timeout=0):
                return True
        except Timeout:
            return False

    until(has_ended, "the service is still running")


def end_service() -> None:
    """Kill the service and the processes of its jobs, whatever a test has left."""
    pids: list[int] = []
    with contextlib.suppress(StorageError):
        pids += [entry.pid for entry in read_queue() if entry.pid is not None]
    if (pid := service_pid()) is not None:
        os.kill(pid, signal.SIGTERM)
    for trainer in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(trainer)
            if "cnn_tui.trainer.serve" in process.cmdline():
                process.kill()
    wait_for_end()
