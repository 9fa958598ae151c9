"""``cnn-tui cache``: features of frozen backbones and decoded images on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cnn_tui.cli.groups import ListByDefault
from cnn_tui.formatting import dataset_label, pluralize, time_ago

if TYPE_CHECKING:
    from cnn_tui.store.cache_index import CachedSet


@click.group("cache", cls=ListByDefault, subcommand_metavar="[COMMAND] ...")
def cache() -> None:
    """List or clear cached features and decoded images. Without a command, list them."""


@cache.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_sets(as_json: bool) -> None:
    """List the cached sets, the most recently used first."""
    from cnn_tui.cli.output import print_json, print_message, print_table
    from cnn_tui.paths import cache_folder
    from cnn_tui.store.cache_index import cached_sets, size_limit

    sets = cached_sets()
    if as_json:
        print_json(
            [
                {
                    "key": one.key,
                    "kind": "pictures" if one.is_decoded else "features",
                    "about": one.about.model_dump() if one.about else None,
                    "bytes": one.size,
                    "used": one.used,
                }
                for one in sets
            ]
        )
        return
    rows = [_row(one) for one in sets]
    columns = ("key", "model", "weights", "images", "pixels", "precision", "size", "last used")
    print_table(columns, rows, numbers=("pixels", "size"))
    total = sum(one.size for one in sets)
    print_message(f"{total / 1e9:,.2f} of at most {size_limit() / 1e9:,.0f} GB in {cache_folder()}")


def _row(one: CachedSet) -> list[str]:
    from cnn_tui.store.cache_index import DecodedSetInfo, FeatureSetInfo

    match one.about:
        case FeatureSetInfo() as about:
            images = dataset_label(about.dataset, about.root)
            what = [about.architecture, about.weights, images, str(about.image_size), about.precision]
        case DecodedSetInfo(root=root):
            what = ["decoded images", "", dataset_label("folder", root), "", ""]
        case None:
            what = ["damaged", "", "", "", ""]
    return [one.key[:8], *what, f"{one.size / 1e6:,.1f} MB", time_ago(one.used)]


@cache.command("clear")
@click.argument("keys", metavar="[KEY]...", nargs=-1)
@click.option("--yes", is_flag=True, help="Do not ask.")
def clear(keys: tuple[str, ...], yes: bool) -> None:
    """Delete all cached sets, or those whose keys begin with KEY."""
    from cnn_tui.cli.output import print_message
    from cnn_tui.errors import ConfigError
    from cnn_tui.store.cache_index import cached_sets, remove

    sets = cached_sets()
    for key in keys:
        if not any(one.key.startswith(key) for one in sets):
            raise ConfigError(f"No cached set has the key {key!r}", "", "'cnn-tui cache' lists all sets.")
    chosen = [one for one in sets if not keys or any(one.key.startswith(key) for key in keys)]
    what = f"{pluralize(len(chosen), 'set')} of {sum(one.size for one in chosen) / 1e6:,.1f} MB"
    if chosen and not yes:
        click.confirm(f"Delete {what}?", abort=True, err=True)
    for one in chosen:
        remove(one)
    print_message(f"{what} deleted")
