"""``cnn-tui run`` and ``cnn-tui demo``: train presets without the workbench."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cnn_tui.cli.background import check_detach_options, detach_options, submit
from cnn_tui.cli.settings import SettingsCommand, prepare
from cnn_tui.errors import CnnTuiError

if TYPE_CHECKING:
    from cnn_tui.config.job import Job

_DEMO = "quickstart"


@click.command("run", cls=SettingsCommand)
@click.argument("presets", metavar="PRESET...", nargs=-1, required=True)
@click.option("--set", "settings", metavar="PATH=VALUE", multiple=True, help="Change one setting; may be repeated.")
@click.option("--name", help="The session's name; by default the preset's name, with a number if it is taken.")
@click.option("--json", "as_json", is_flag=True, help="Print one event per line as JSON.")
@detach_options
@click.pass_context
def run(
    ctx: click.Context,
    presets: tuple[str, ...],
    settings: tuple[str, ...],
    name: str | None,
    as_json: bool,
    detach: bool,
    after: str,
    beside: bool,
) -> None:
    """Train presets, one after the other.

    A PRESET is a JSON file, the session.json of an earlier run, or the name of a preset (see 'cnn-tui presets'). The
    exit code is 1 if a run failed, 124 if one has reached its time limit, and 130 after an interrupt.

    With --detach they run in the background, one after the other, and outlive this terminal; see 'cnn-tui queue' and
    'cnn-tui watch'. The COMMAND of --after gets the variables CNN_TUI_JOB, CNN_TUI_STATUS and CNN_TUI_SESSION.
    """
    from cnn_tui.cli.output import INTERRUPTED, print_error
    from cnn_tui.config.job import Job
    from cnn_tui.store.session_names import with_unique_name

    check_detach_options(ctx, detach, after)
    prepared, codes = [], []
    for preset_name in presets:
        try:
            prepared.append(prepare(preset_name, settings, name))
        except CnnTuiError as error:
            print_error(error)
            codes.append(error.exit_code)
    for preset in prepared:
        job = Job(preset=preset if name is not None else with_unique_name(preset), beside=beside)
        if detach:
            submit(job, after, as_json)
            continue
        code = _run(job, as_json)
        codes.append(code)
        if code == INTERRUPTED:
            break
    ctx.exit(INTERRUPTED if INTERRUPTED in codes else next((code for code in codes if code), 0))


@click.command("demo")
@click.option("--json", "as_json", is_flag=True, help="Print one event per line as JSON.")
@click.pass_context
def demo(ctx: click.Context, as_json: bool) -> None:
    """Train on handwritten digits right away, without a download.

    In a terminal this opens the workbench and starts the training there.
    """
    from cnn_tui.cli.workbench import is_terminal, show

    if is_terminal() and not as_json:
        show(_DEMO, start=True)
    else:
        from cnn_tui.config.job import Job
        from cnn_tui.store.session_names import with_unique_name

        ctx.exit(_run(Job(preset=with_unique_name(prepare(_DEMO, (), None))), as_json))


def _run(job: Job, as_json: bool) -> int:
    """Run a job in this process; return the exit code."""
    from cnn_tui.cli.job import exit_code, interruptible, run_here
    from cnn_tui.engine.control import Control

    control = Control()
    with interruptible(control):
        return exit_code(run_here(job, control, as_json=as_json), control)
