"""The command ``cnn-tui`` and the table of its subcommands, which are imported when used."""

from __future__ import annotations

import click

from cnn_tui.cli.groups import LazyCommand, LazyGroup
from cnn_tui.cli.output import Invocation

COMMANDS = {
    "open": LazyCommand("cnn_tui.cli.workbench:open_workbench", "Open the workbench (the default)."),
    "demo": LazyCommand("cnn_tui.cli.run:demo", "Train on handwritten digits in the workbench; needs no download."),
    "run": LazyCommand("cnn_tui.cli.run:run", "Train presets without the workbench."),
    "study": LazyCommand("cnn_tui.cli.study:study", "Vary one or two settings: many runs, one table, one plot."),
    "reproduce": LazyCommand("cnn_tui.cli.reproduce:reproduce", "Reproduce a published report with all its studies."),
    "watch": LazyCommand("cnn_tui.cli.watch:watch", "Follow a run from another terminal, or replay one."),
    "queue": LazyCommand("cnn_tui.cli.queue:queue", "List, add, move and remove jobs that run in the background."),
    "serve": LazyCommand("cnn_tui.cli.serve:serve", "Show the workbench, or a run to watch, in a browser."),
    "presets": LazyCommand("cnn_tui.cli.presets:presets", "List, show and check presets."),
    "models": LazyCommand("cnn_tui.cli.models:models", "List the available models, or show one."),
    "datasets": LazyCommand("cnn_tui.cli.datasets:datasets", "List the available datasets."),
    "sessions": LazyCommand(
        "cnn_tui.cli.sessions:sessions", "List, show, control, compare, export, import and delete runs."
    ),
    "predict": LazyCommand("cnn_tui.cli.predict:predict", "Classify images with the network of a session."),
    "cache": LazyCommand("cnn_tui.cli.cache:cache", "List or clear cached features and decoded images."),
    "doctor": LazyCommand("cnn_tui.cli.doctor:doctor", "Check that this machine is ready for training."),
}


def _set_debug(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    ctx.ensure_object(Invocation).debug = value


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    default="open",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    options_metavar="[OPTIONS]",
    subcommand_metavar="[PRESET | COMMAND ...]",
)
@click.version_option(package_name="cnn-tui", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, expose_value=False, callback=_set_debug, help="Show the traceback of an error.")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Train convolutional neural networks in a terminal.

    Without a command, open the workbench, with PRESET in its form if given.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(COMMANDS["open"].load())
