"""Jobs in the background: handing them to the service, and the options that do so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cnn_tui.errors import ServiceError
from cnn_tui.formatting import printable

if TYPE_CHECKING:
    from cnn_tui.config.job import Job
    from cnn_tui.service.client import Connection
    from cnn_tui.service.protocol import Done, Request
    from cnn_tui.store.job_queue import QueueEntry

_Command = TypeVar("_Command", bound=Callable[..., Any])


def detach_options(command: _Command) -> _Command:
    """The options of commands that can leave their jobs to the background service."""
    options = (
        click.option("--detach", is_flag=True, help="Add it to the queue of the background service, and return."),
        click.option("--after", metavar="COMMAND", default="", help="With --detach: the shell runs it at the end."),
        click.option("--beside", is_flag=True, help="Start even if another job uses the device; both get slower."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def check_detach_options(ctx: click.Context, detach: bool, after: str) -> None:
    """Refuse ``--after`` without ``--detach``."""
    if after and not detach:
        raise click.UsageError("--after needs --detach.", ctx)


def submit(job: Job, after: str, as_json: bool, *, first: bool = False) -> QueueEntry:
    """Add a job to the queue, and print its number and state.

    Raises:
        ServiceError: the service cannot be started.
        ConfigError: two values of a study are the same file.
    """
    from cnn_tui.cli.output import print_json
    from cnn_tui.service.protocol import Submit

    entry = request(Submit(job=job.with_absolute_paths(), command=after, first=first)).entry
    assert entry is not None
    if as_json:
        print_json(entry.model_dump(mode="json"))
    else:
        state = f"runs on {entry.device}" if entry.state == "running" else "waits in the queue"
        click.echo(printable(f"job {entry.id}: {entry.name} {state}"))
    return entry


def request(wanted: Request) -> Done:
    """Let the service carry out a request; it is started if it does not run.

    Raises:
        ServiceError: it refuses, or cannot be started.
    """
    from cnn_tui.service.client import connect

    with _connected(connect()) as connection:
        return connection.request(wanted)


def _connected(connection: Connection | None) -> Connection:
    if connection is None:
        raise ServiceError("The background service does not run")
    return connection
