"""``cnn-tui run`` and ``cnn-tui demo``: train presets without the workbench."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from cnn_tui.cli.settings import SettingsCommand, prepare
from cnn_tui.errors import CnnTuiError

if TYPE_CHECKING:
    from cnn_tui.cli.reporters import Reporter
    from cnn_tui.config.preset import RunPreset
    from cnn_tui.engine.control import Control

INTERRUPTED = 130
_DEMO = "quickstart"


@click.command("run", cls=SettingsCommand)
@click.argument("presets", metavar="PRESET...", nargs=-1, required=True)
@click.option("--set", "settings", metavar="PATH=VALUE", multiple=True, help="Change one setting; may be repeated.")
@click.option("--name", help="What to call the session; else it is the preset's name, numbered where it is taken.")
@click.option("--json", "as_json", is_flag=True, help="Print one event per line as JSON.")
@click.pass_context
def run(
    ctx: click.Context, presets: tuple[str, ...], settings: tuple[str, ...], name: str | None, as_json: bool
) -> None:
    """Train presets, one after the other.

    A PRESET is a JSON file, the session.json of an earlier run, or the name of a preset (see 'cnn-tui presets').
    """
    from cnn_tui.cli.output import print_error
    from cnn_tui.store.session_writer import with_unique_name

    jobs, codes = [], []
    for preset in presets:
        try:
            jobs.append(prepare(preset, settings, name))
        except CnnTuiError as error:
            print_error(error)
            codes.append(error.exit_code)
    for job in jobs:
        code = run_here(job if name is not None else with_unique_name(job), as_json)
        codes.append(code)
        if code == INTERRUPTED:
            break
    ctx.exit(INTERRUPTED if INTERRUPTED in codes else next((code for code in codes if code), 0))


@click.command("demo")
@click.option("--json", "as_json", is_flag=True, help="Print one event per line as JSON.")
@click.pass_context
def demo(ctx: click.Context, as_json: bool) -> None:
    """Train on handwritten digits, now, without any download.

    In a terminal this opens the workbench and starts it there.
    """
    from cnn_tui.cli.workbench import is_terminal, show

    if is_terminal() and not as_json:
        show(_DEMO, start=True)
    else:
        from cnn_tui.store.session_writer import with_unique_name

        ctx.exit(run_here(with_unique_name(prepare(_DEMO, (), None)), as_json))


def run_here(preset: RunPreset, as_json: bool) -> int:
    """Train one preset in this process and report on it; the exit code.

    Raises:
        StorageError: not even a temporary file can be written.
        OutputError: the report cannot be written; the run was stopped and is saved.
    """
    from cnn_tui.cli.reporters import make_reporter
    from cnn_tui.config.changes import preset_with_absolute_paths
    from cnn_tui.store.files import ensure_temporary_folder

    ensure_temporary_folder()
    preset = preset_with_absolute_paths(preset)
    reporter = make_reporter(preset, as_json)
    with reporter:
        reporter.loading()
        from cnn_tui.engine.control import Control

        control = Control()
        with interruptible(control):
            return _follow(preset, control, reporter)


def _follow(preset: RunPreset, control: Control, reporter: Reporter) -> int:
    from cnn_tui.cli.reporters import reported
    from cnn_tui.events import RunFinished
    from cnn_tui.imports import collector_paused

    with collector_paused():
        from cnn_tui.engine.training.record import run_recorded

    code = 1
    for event in reported(run_recorded(preset, control), reporter.report, control):
        if isinstance(event, RunFinished):
            code = event.error.exit_code if event.error else 0
    return INTERRUPTED if control.stopping else code


@contextmanager
def interruptible(control: Control) -> Iterator[None]:
    """Let Ctrl+C and SIGTERM stop the run at its next batch, and a second one leave the test out."""

    def stop(signum: int, frame: object) -> None:
        control.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
