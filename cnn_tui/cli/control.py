"""``cnn-tui sessions stop``, ``kill``, ``pause`` and ``go-on``: control a run from any terminal."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import click

from cnn_tui.cli.background import request
from cnn_tui.errors import ConfigError
from cnn_tui.formatting import printable
from cnn_tui.store.sessions import find_session, load_session

if TYPE_CHECKING:
    from cnn_tui.service.protocol import Action
    from cnn_tui.store.records import SessionRecord

_SESSION = click.argument("session")


@click.command()
@_SESSION
def stop(session: str) -> None:
    """Stop the run of SESSION after its current batch, then test and save it; a second time, skip the test.

    If the run belongs to a study, the study is stopped.
    """
    _control(session, "stop", signal.SIGTERM, "stops")


@click.command()
@_SESSION
def kill(session: str) -> None:
    """End the process of SESSION at once; nothing is tested or saved after its last checkpoint."""
    _control(session, "kill", signal.SIGKILL, "killed")


@click.command()
@_SESSION
def pause(session: str) -> None:
    """Let the run of SESSION wait at its next batch, if the background service runs it."""
    _control(session, "pause", None, "pauses")


@click.command("go-on")
@_SESSION
def go_on(session: str) -> None:
    """Let the paused run of SESSION go on."""
    _control(session, "resume", None, "goes on")


def _control(session: str, action: Action, number: signal.Signals | None, done: str) -> None:
    """Control a run by the service, or one that another program runs by a signal."""
    from cnn_tui.service.protocol import Act
    from cnn_tui.store.job_queue import read_queue

    record = load_session(find_session(session))
    if not record.live:
        raise ConfigError(f"{record.id} is {record.status}", "Only a run that has not ended can be controlled.")
    job = next((entry for entry in read_queue() if record.id in entry.sessions.values()), None)
    if job is not None and job.state == "running":
        request(Act(number=job.id, action=action))
    elif number is not None:
        _signal(record, number)
    else:
        detail = f"It runs in process {record.pid}, not in the background service."
        raise ConfigError(f"{record.id} cannot be paused from here", detail, "Press ctrl+z in its terminal.")
    click.echo(printable(f"{record.id} {done}"))


def _signal(record: SessionRecord, number: signal.Signals) -> None:
    """Send a signal to the process of a session, which holds its lock and therefore exists."""
    try:
        assert record.pid is not None
        os.kill(record.pid, number)
    except OSError as error:
        detail = f"Process {record.pid} does not take signals: {error.strerror}."
        raise ConfigError(f"{record.id} cannot be controlled", detail, "Is it on another machine?") from error
