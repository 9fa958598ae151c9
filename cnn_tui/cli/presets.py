"""``cnn-tui presets``: listing, showing and checking presets."""

from __future__ import annotations

from typing import Any

import click

from cnn_tui.cli.groups import ListByDefault
from cnn_tui.cli.output import print_error, print_json, print_message, print_table
from cnn_tui.config.fields import experiment_fields, value_at
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.config.warnings import experiment_warnings
from cnn_tui.errors import PresetError
from cnn_tui.formatting import pluralize, printable
from cnn_tui.reports.labels import value_text
from cnn_tui.store.presets import PresetEntry, find_preset, list_presets, load_any

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(cls=ListByDefault, subcommand_metavar="[COMMAND] ...")
def presets() -> None:
    """List, show and check presets. Without a command, list them."""


@presets.command("list")
@_JSON
def list_(as_json: bool) -> None:
    """List your own presets and those shipped with the program."""
    entries = list_presets()
    if as_json:
        print_json([_document(entry) for entry in entries])
        return
    columns = ("name", "kind", "origin", "model", "weights", "data", "epochs", "description")
    print_table(columns, map(_row, entries), numbers=["epochs"], shorten="description")
    for entry in entries:
        if entry.problem is not None:
            print_message(f"{entry.path} is broken; 'cnn-tui presets check' shows why.")


@presets.command()
@click.argument("name")
@_JSON
def show(name: str, as_json: bool) -> None:
    """Show every setting of the preset NAME, a name or a file."""
    path = find_preset(name)
    preset = load_any(path)
    if as_json:
        print_json(preset.model_dump(mode="json"))
        return
    heading = [("name", preset.name), ("kind", preset.kind), ("description", preset.description), ("file", str(path))]
    base = preset.base if isinstance(preset, StudyPreset) else preset.experiment
    settings = [(spec.path, shown(value_at(base, spec.path))) for spec in experiment_fields()]
    varied = _varied(preset) if isinstance(preset, StudyPreset) else {}
    print_table(
        ("setting", "value"),
        [*heading, *((path, varied.pop(path, value)) for path, value in settings), *varied.items()],
    )
    for warning in experiment_warnings(base):
        print_message(f"{warning.title}: {warning.detail}")


@presets.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.pass_context
def check(ctx: click.Context, files: tuple[str, ...]) -> None:
    """Check that each FILE is a valid preset, and report all errors."""
    failures = 0
    for name in files:
        try:
            load_any(find_preset(name))
        except PresetError as error:
            print_error(error)
            failures += 1
        else:
            click.echo(printable(f"{name}: ok"))
    ctx.exit(PresetError.exit_code if failures else 0)


@presets.command()
@click.argument("kind", type=click.Choice(["run", "study"]), default="run")
def schema(kind: str) -> None:
    """Print the JSON Schema of presets of a KIND, run or study: every field, its default and allowed values."""
    model = StudyPreset if kind == "study" else RunPreset
    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()})


def shown(value: Any) -> str:
    """A setting's value as text; empty for null."""
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _row(entry: PresetEntry) -> tuple[str, ...]:
    preset = entry.content
    if preset is None:
        return entry.name, "", entry.origin, "", "", "", "", "broken"
    base = preset.base if isinstance(preset, StudyPreset) else preset.experiment
    varied = _varied(preset, brief=True) if isinstance(preset, StudyPreset) else {}
    paths = ("model.architecture", "model.weights", "data.dataset", "training.epochs")
    settings = [varied.get(path, shown(value_at(base, path))) for path in paths]
    return (entry.name, preset.kind, entry.origin, *settings, preset.description)


def _varied(study: StudyPreset, *, brief: bool = False) -> dict[str, str]:
    """A study's factors with their values, and its other fields, as table rows."""
    factors = {study.factor: study.values}
    if study.second_factor is not None:
        factors[study.second_factor] = study.second_values
    if brief:
        return {path: pluralize(len(values), "value") for path, values in factors.items()}
    factor_rows = {path: f"varied: {', '.join(map(value_text, values))}" for path, values in factors.items()}
    more = {"repeats": str(study.repeats), "plain": str(study.plain).lower()}
    return factor_rows | more | {"reported": pluralize(len(study.reported), "value")}


def _document(entry: PresetEntry) -> dict[str, Any]:
    preset = entry.content
    return {
        "name": entry.name,
        "kind": preset.kind if preset else None,
        "path": str(entry.path),
        "origin": entry.origin,
        "preset": preset.model_dump(mode="json") if preset else None,
        "problem": entry.problem,
    }
