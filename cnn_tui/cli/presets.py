"""``cnn-tui presets``: what there is to run, and whether a file is one of them."""

from __future__ import annotations

from typing import Any

import click

from cnn_tui.amounts import some
from cnn_tui.cli.groups import ListByDefault
from cnn_tui.cli.output import print_error, print_json, print_table, say
from cnn_tui.config.fields import experiment_fields, value_at
from cnn_tui.config.notices import notices
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.errors import PresetError
from cnn_tui.reports.labels import value_text
from cnn_tui.store.names import printable
from cnn_tui.store.presets import PresetEntry, find_preset, list_presets, load_any

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
    columns = ("name", "kind", "origin", "model", "weights", "data", "epochs", "description")
    print_table(columns, map(_row, entries), numbers=["epochs"], shorten="description")
    for entry in entries:
        if entry.problem is not None:
            say(f"{entry.path} is broken; 'cnn-tui presets check' tells why.")


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
    for notice in notices(base):
        say(f"{notice.title}: {notice.detail}")


@presets.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.pass_context
def check(ctx: click.Context, files: tuple[str, ...]) -> None:
    """Check that each FILE is a valid preset, and tell all that is wrong with those that are not."""
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
    """Print the JSON Schema of presets of a KIND, run or study: every field, its default and what it allows."""
    model = StudyPreset if kind == "study" else RunPreset
    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()})


def shown(value: Any) -> str:
    """A setting's value as a person writes it; nothing for null."""
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _row(entry: PresetEntry) -> tuple[str, ...]:
    preset = entry.holds
    if preset is None:
        return entry.name, "", entry.origin, "", "", "", "", "broken"
    base = preset.base if isinstance(preset, StudyPreset) else preset.experiment
    varied = _varied(preset, brief=True) if isinstance(preset, StudyPreset) else {}
    paths = ("model.architecture", "model.weights", "data.dataset", "training.epochs")
    settings = [varied.get(path, shown(value_at(base, path))) for path in paths]
    return (entry.name, preset.kind, entry.origin, *settings, preset.description)


def _varied(study: StudyPreset, *, brief: bool = False) -> dict[str, str]:
    """What a study sets its factors to, by their paths, and what else there is to know of it."""
    factors = {study.factor: study.values}
    if study.second_factor is not None:
        factors[study.second_factor] = study.second_values
    if brief:
        return {path: some(len(values), "value") for path, values in factors.items()}
    told = {path: f"varied: {', '.join(map(value_text, values))}" for path, values in factors.items()}
    more = {"repeats": str(study.repeats), "plain": str(study.plain).lower()}
    return told | more | {"reported": some(len(study.reported), "value")}


def _document(entry: PresetEntry) -> dict[str, Any]:
    preset = entry.holds
    return {
        "name": entry.name,
        "kind": preset.kind if preset else None,
        "path": str(entry.path),
        "origin": entry.origin,
        "preset": preset.model_dump(mode="json") if preset else None,
        "problem": entry.problem,
    }
