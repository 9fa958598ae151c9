"""The command ``cnn-tui``: the table of its commands, each imported when it is used."""

from __future__ import annotations

import click

from cnn_tui.cli.groups import LazyCommand, LazyGroup
from cnn_tui.cli.output import Invocation

COMMANDS = {
    "open": LazyCommand("cnn_tui.cli.workbench:open_workbench", "Open the workbench; also what a PRESET alone does."),
    "demo": LazyCommand("cnn_tui.cli.run:demo", "Train on handwritten digits, now, without any download."),
    "run": LazyCommand("cnn_tui.cli.run:run", "Train what presets ask for, without the workbench."),
    "study": LazyCommand("cnn_tui.cli.study:study", "Vary a setting: one table and one plot of many runs."),
    "reproduce": LazyCommand("cnn_tui.cli.reproduce:reproduce", "Run the whole report that this program grew from."),
    "presets": LazyCommand("cnn_tui.cli.presets:presets", "List, show and check presets."),
    "models": LazyCommand("cnn_tui.cli.models:models", "List the models to pick from, or show one."),
    "datasets": LazyCommand("cnn_tui.cli.datasets:datasets", "List the datasets to pick from."),
    "sessions": LazyCommand("cnn_tui.cli.sessions:sessions", "List, show, compare, export and delete runs."),
    "cache": LazyCommand("cnn_tui.cli.cache:cache", "List or clear the kept features of frozen networks."),
    "doctor": LazyCommand("cnn_tui.cli.doctor:doctor", "Check this machine for what training needs."),
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

    Without a command this opens the workbench, with PRESET loaded if one is named.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(COMMANDS["open"].load())
