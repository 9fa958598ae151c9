"""``cnn-tui watch``: follow a run that another process trains, or replay one that has ended; both only read."""

from __future__ import annotations

import math
import os
import time
from typing import TYPE_CHECKING

import click

from cnn_tui.cli.output import INTERRUPTED
from cnn_tui.errors import ConfigError, SessionNotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from cnn_tui.store.records import SessionRecord

_SPEED = "--speed"
_NICENESS = 15  # more than that of a trainer: watching must not slow down what is watched


@click.command("watch")
@click.argument("session", required=False)
@click.option("--replay", is_flag=True, help="Play a session that has ended, in the time that its run took.")
@click.option(_SPEED, type=click.FloatRange(0.1, 10_000), help="With --replay: play this many times as fast.")
@click.option("--plain", is_flag=True, help="Print what 'cnn-tui run' prints instead of opening the screens.")
@click.option("--json", "as_json", is_flag=True, help="Print one event per line as JSON.")
@click.pass_context
def watch(
    ctx: click.Context, session: str | None, replay: bool, speed: float | None, plain: bool, as_json: bool
) -> None:
    """Follow the run of SESSION in the screens of the workbench, from its first epoch to its result.

    SESSION is an id, the unique beginning of an id, "latest", or a folder; by default it is the newest session that is
    running, and then the next one, with --replay the newest with a result. It is only read: nothing can be started or
    stopped, and quitting does not affect the run. Neither PyTorch nor the data is needed.

    In a replay, space pauses, + and - change the speed, and the arrow keys, home, end and the mouse move in time.

    Without a terminal the output is that of 'cnn-tui run', at once if the run has ended, and so is the exit code: 0 if
    the run is done, 130 if it was stopped, otherwise that of its error.
    """
    from cnn_tui.cli.workbench import is_terminal
    from cnn_tui.store.sessions import load_session

    if speed is not None and not replay:
        raise click.UsageError(f"{_SPEED} needs --replay.", ctx)
    if speed is not None and math.isnan(speed):  # within every range for click
        raise click.UsageError(f"{_SPEED} is not a number.", ctx)
    folder = _ended(session) if replay else _running(session)
    record = load_session(folder)
    if replay and record.live:
        title, detail = f"{record.id} is still {record.status}", "Only a run that has ended can be replayed."
        raise ConfigError(title, detail, f"'cnn-tui watch {record.id}' follows it.")
    if plain or as_json or not is_terminal():
        ctx.exit(_print(folder, record, as_json))
    _open(folder, record, replay, speed or 1.0, continues=session is None)


def _running(session: str | None) -> Path:
    """The folder of a session, by default of the newest that is running."""
    from cnn_tui.store.sessions import find_session, newest_session

    folder = newest_session(lambda record: record.live) if session is None else find_session(session)
    if folder is None:
        hint = "'cnn-tui watch --replay' plays the newest run that has ended, 'cnn-tui sessions' lists all."
        raise SessionNotFoundError("No run to follow", "None of the sessions is running.", hint)
    return folder


def _ended(session: str | None) -> Path:
    """The folder of a session, by default of the newest with a result."""
    from cnn_tui.store.sessions import find_session, newest_session

    folder = newest_session(lambda record: record.result is not None) if session is None else find_session(session)
    if folder is None:
        hint = "'cnn-tui sessions' lists all; 'cnn-tui demo' trains one in a minute."
        raise SessionNotFoundError("No run to replay", "None of the sessions has a result.", hint)
    return folder


def _open(folder: Path, record: SessionRecord, replay: bool, speed: float, *, continues: bool) -> None:
    """Show a session in the terminal until the user quits."""
    from cnn_tui.cli.workbench import forget_fixed_size
    from cnn_tui.store.presets import renamed_preset
    from cnn_tui.tui.viewer import ReplayViewer, Viewer

    forget_fixed_size()
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    preset = renamed_preset(record, record.name)
    (ReplayViewer(folder, preset, speed) if replay else Viewer(folder, preset, continues=continues)).run()


def _print(folder: Path, record: SessionRecord, as_json: bool) -> int:
    """Print the events of a session up to the end of its run; return the exit code."""
    from cnn_tui.cli.reporters import make_reporter
    from cnn_tui.config.job import Job
    from cnn_tui.events import as_job_events
    from cnn_tui.reports.job_progress import JobProgress
    from cnn_tui.store.presets import renamed_preset
    from cnn_tui.store.session_follower import SessionFollower

    progress = JobProgress(Job(preset=renamed_preset(record, record.name)))
    with make_reporter(progress, as_json) as reporter:
        for new in SessionFollower(folder, sparse=not as_json).updates(time.sleep):
            for event in new.events:
                for update in as_job_events(event):
                    progress.apply(update)
                    reporter.report(update)
    finished = progress.history.current_run.finished
    if finished is None or finished.status == "stopped":
        return INTERRUPTED
    return 0 if finished.error is None else finished.error.exit_code
