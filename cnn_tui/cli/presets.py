"""``cnn-tui presets``: what there is to run, and whether a file is one of them."""

from __future__ import annotations

from typing import Any

import click

from cnn_tui.cli.groups import ListByDefault
from cnn_tui.cli.output import print_error, print_json, print_table, say
from cnn_tui.config.fields import experiment_fields, value_at
from cnn_tui.config.notices import notices
from cnn_tui.config.preset import RunPreset
from cnn_tui.errors import PresetError
from cnn_tui.store.names import printable
from cnn_tui.store.presets import PresetEntry, find_preset, list_presets, load_preset

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(cls=ListByDefault, subcommand_metavar="[COMMAND] ...")
def presets() -> None:
    """List, show and check presets. Without a command this lists them."""


@presets.command("list")
@_JSON
def list_(as_json: bool) -> None:
    """List your own presets and those that come with the program."""
    entries = list_presets()
    if as_json:
        print_json([_document(entry) for entry in entries])
        return
    rows = [_row(entry.name, entry.origin, entry.preset) for entry in entries]
    columns = ("name", "origin", "model", "weights", "data", "epochs", "description")
    print_table(columns, rows, numbers=["epochs"], shorten="description")
    for entry in entries:
        if entry.problem is not None:
            say(f"{entry.path} is broken; 'cnn-tui presets check' tells why.")


@presets.command()
@click.argument("name")
@_JSON
def show(name: str, as_json: bool) -> None:
    """Show every setting of the preset NAME, a name or a file."""
    path = find_preset(name)
    preset = load_preset(path)
    if as_json:
        print_json(preset.model_dump(mode="json"))
        return
    heading = [("name", preset.name), ("description", preset.description), ("file", str(path))]
    settings = [(spec.path, shown(value_at(preset.experiment, spec.path))) for spec in experiment_fields()]
    print_table(("setting", "value"), heading + settings)
    for notice in notices(preset.experiment):
        say(f"{notice.title}: {notice.detail}")


@presets.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.pass_context
def check(ctx: click.Context, files: tuple[str, ...]) -> None:
    """Check that each FILE is a valid preset, and tell all that is wrong with those that are not."""
    failures = 0
    for name in files:
        try:
            load_preset(find_preset(name))
        except PresetError as error:
            print_error(error)
            failures += 1
        else:
            click.echo(printable(f"{name}: ok"))
    ctx.exit(PresetError.exit_code if failures else 0)


@presets.command()
def schema() -> None:
    """Print the JSON Schema of a preset: every field, its default and what it allows."""
    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **RunPreset.model_json_schema()})


def shown(value: Any) -> str:
    """A setting's value as a person writes it; nothing for null."""
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _row(name: str, origin: str, preset: RunPreset | None) -> tuple[str, ...]:
    if preset is None:
        return name, origin, "", "", "", "", "broken"
    experiment = preset.experiment
    model, epochs = experiment.model, str(experiment.training.epochs)
    return name, origin, model.architecture, model.weights, experiment.data.dataset, epochs, preset.description


def _document(entry: PresetEntry) -> dict[str, Any]:
    preset = entry.preset.model_dump(mode="json") if entry.preset else None
    return {
        "name": entry.name,
        "path": str(entry.path),
        "origin": entry.origin,
        "preset": preset,
        "problem": entry.problem,
    }
