"""``cnn-tui cache``: the features of frozen backbones that are kept on disk."""

from __future__ import annotations

import click

from cnn_tui.cli.groups import ListByDefault
from cnn_tui.reports.texts import data_words


@click.group("cache", cls=ListByDefault, subcommand_metavar="[COMMAND] ...")
def cache() -> None:
    """List or clear the features that are kept. Without a command this lists them."""


@cache.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_sets(as_json: bool) -> None:
    """List what is kept, the last used first."""
    from cnn_tui.cli.output import print_json, print_table, say
    from cnn_tui.store.feature_index import ago, feature_sets, features_folder, size_limit

    sets = feature_sets()
    if as_json:
        print_json(
            [
                {
                    "key": one.key,
                    "about": one.about.model_dump() if one.about else None,
                    "bytes": one.size,
                    "used": one.used,
                }
                for one in sets
            ]
        )
        return
    rows = [
        [
            one.key[:8],
            one.about.architecture if one.about else "damaged",
            one.about.weights if one.about else "",
            data_words(one.about.dataset, one.about.root) if one.about else "",
            str(one.about.image_size) if one.about else "",
            one.about.precision if one.about else "",
            f"{one.size / 1e6:,.1f} MB",
            ago(one.used),
        ]
        for one in sets
    ]
    columns = ("key", "model", "weights", "pictures", "pixels", "precision", "size", "last used")
    print_table(columns, rows, numbers=("pixels", "size"))
    total = sum(one.size for one in sets)
    say(f"{total / 1e9:,.2f} of at most {size_limit() / 1e9:,.0f} GB in {features_folder()}")


@cache.command("clear")
@click.argument("keys", metavar="[KEY]...", nargs=-1)
@click.option("--yes", is_flag=True, help="Do not ask.")
def clear(keys: tuple[str, ...], yes: bool) -> None:
    """Delete what is kept: all of it, or the sets whose keys begin with KEY."""
    from cnn_tui.cli.output import say
    from cnn_tui.errors import ConfigError
    from cnn_tui.store.feature_index import feature_sets, remove

    sets = feature_sets()
    for key in keys:
        if not any(one.key.startswith(key) for one in sets):
            raise ConfigError(f"No features with the key {key!r}", "", "'cnn-tui cache' lists them.")
    chosen = [one for one in sets if not keys or any(one.key.startswith(key) for key in keys)]
    size = sum(one.size for one in chosen)
    if chosen and not yes:
        click.confirm(f"Delete {len(chosen)} set(s), {size / 1e6:,.1f} MB?", abort=True, err=True)
    for one in chosen:
        remove(one)
    say(f"{len(chosen)} set(s) deleted, {size / 1e6:,.1f} MB")
