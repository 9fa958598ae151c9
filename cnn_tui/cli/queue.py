"""``cnn-tui queue``: the jobs of the background service that run, were interrupted, and wait."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from cnn_tui.cli.background import request, submit
from cnn_tui.cli.groups import ListByDefault
from cnn_tui.cli.output import print_json, print_message, print_table
from cnn_tui.cli.settings import SettingsCommand, prepare
from cnn_tui.formatting import duration, pluralize, printable
from cnn_tui.store.job_queue import QueueEntry, damaged_queue, read_queue

if TYPE_CHECKING:
    from cnn_tui.config.job import Job

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_NUMBERS = click.argument("numbers", metavar="JOB...", nargs=-1, required=True, type=click.IntRange(1))


@click.group(cls=ListByDefault, subcommand_metavar="[COMMAND] ...")
def queue() -> None:
    """List, add, move and remove jobs of the background service. Without a command, list them.

    JOB is the number of a job. A job starts when no other one uses its device; 'cnn-tui sessions stop' ends one that
    runs.
    """


@queue.command("list")
@_JSON
def list_(as_json: bool) -> None:
    """List the jobs: those running, those interrupted, and those waiting, the next one first."""
    entries = read_queue()
    if as_json:
        print_json([entry.model_dump(mode="json") for entry in entries])
    elif entries:
        columns = ("job", "state", "name", "kind", "device", "since", "session")
        print_table(columns, [_row(entry) for entry in entries], numbers=["job"], shorten="name")
    else:
        print_message("Nothing runs or waits in the background.")
    if (damaged := damaged_queue()) is not None:
        print_message(f"An earlier queue was damaged; it is kept as {damaged}.")


@queue.command("add", cls=SettingsCommand)
@click.argument("presets", metavar="PRESET...", nargs=-1, required=True)
@click.option("--set", "settings", metavar="PATH=VALUE", multiple=True, help="Change one setting; may be repeated.")
@click.option("--name", help="A name for the session or study.")
@click.option("--next", "first", is_flag=True, help="Start it before all others that wait.")
@click.option("--after", metavar="COMMAND", default="", help="The shell runs it when the job has ended.")
@_JSON
def add(
    presets: tuple[str, ...], settings: tuple[str, ...], name: str | None, first: bool, after: str, as_json: bool
) -> None:
    """Add presets, of runs or of studies, to the queue."""
    jobs = [_job(preset, settings, name) for preset in presets]
    for job in reversed(jobs) if first else jobs:
        submit(job, after, as_json, first=first)


@queue.command()
@click.argument("number", metavar="JOB", type=click.IntRange(1))
@click.argument("position", type=click.IntRange(1), default=1)
def move(number: int, position: int) -> None:
    """Move a waiting JOB to a POSITION among those waiting; 1, the default, is the next to start."""
    from cnn_tui.service.protocol import Move

    request(Move(number=number, index=position - 1))


@queue.command()
@_NUMBERS
def remove(numbers: tuple[int, ...]) -> None:
    """Remove each JOB that waits or was interrupted."""
    from cnn_tui.service.protocol import Remove

    for number in numbers:
        request(Remove(number=number))
        click.echo(f"removed job {number}")


@queue.command("continue")
@_NUMBERS
def continue_(numbers: tuple[int, ...]) -> None:
    """Let each JOB that was interrupted go on from its last checkpoint."""
    from cnn_tui.service.protocol import Continue

    for number in numbers:
        entry = request(Continue(number=number)).entry
        assert entry is not None
        click.echo(printable(f"job {number}: {entry.name} {entry.state}"))


@queue.command()
def clear() -> None:
    """Remove all waiting jobs."""
    from cnn_tui.service.protocol import Clear

    count = request(Clear()).count if read_queue() else 0
    click.echo(f"removed {pluralize(count, 'job')}")


def _job(preset: str, settings: tuple[str, ...], name: str | None) -> Job:
    """The job of a preset, which may be a study."""
    from cnn_tui.cli.study import prepare_study
    from cnn_tui.config.job import Job
    from cnn_tui.config.study import StudyPreset
    from cnn_tui.store.presets import find_preset, load_any
    from cnn_tui.store.session_names import with_unique_name

    path = find_preset(preset)
    if isinstance(load_any(path), StudyPreset):
        return Job(preset=prepare_study(str(path), settings, name))
    prepared = prepare(str(path), settings, name)
    return Job(preset=prepared if name is not None else with_unique_name(prepared))


def _row(entry: QueueEntry) -> tuple[str, ...]:
    state = "paused" if entry.paused else entry.state
    since = duration(time.time() - (entry.started or entry.submitted))
    return (
        str(entry.id),
        state,
        entry.name,
        entry.job.kind,
        entry.device,
        since,
        " ".join(session.partition("-")[0] for session in entry.sessions.values()),
    )
