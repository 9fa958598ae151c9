"""``cnn-tui study``: vary one setting, or two, and get one table and one plot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cnn_tui.cli.run import interruptible
from cnn_tui.cli.settings import SettingsCommand
from cnn_tui.cli.study_options import study_options
from cnn_tui.reports.formats import FORMATS

if TYPE_CHECKING:
    from cnn_tui.cli.study_output import Destination
    from cnn_tui.config.study import StudyPreset
    from cnn_tui.reports.formats import Format
    from cnn_tui.reports.studies.table import StudyTable


@click.command("study", cls=SettingsCommand)
@click.argument("study", metavar="STUDY")
@click.option("--name", help="What to call the study.")
@study_options(FORMATS, "Write the report into FILE.")
@click.pass_context
def study(
    ctx: click.Context,
    study: str,
    settings: tuple[str, ...],
    name: str | None,
    plain: bool,
    fresh: bool,
    as_json: bool,
    chosen: Format | None,
    output: str | None,
) -> None:
    """Run every row of a STUDY and report on them.

    A STUDY is a JSON file of the kind "study", or the name of one (see 'cnn-tui presets'). Rows that were finished
    earlier with the same settings are kept, so that a study that was interrupted goes on where it was. Rows that can
    share work are trained together.

    The table and the plot go to standard output unless --output names a file. LaTeX has its plots as files beside
    --output; PDF and PNG hold the plots alone. Ends with 1 where a row failed.
    """
    from cnn_tui.cli.study_output import Destination
    from cnn_tui.cli.study_running import exit_code, follow_study

    prepared = prepare_study(study, settings, name)
    destination = Destination(output, chosen, "text", FORMATS)
    from cnn_tui.engine.control import Control

    control = Control()
    with interruptible(control):
        progress = follow_study(prepared, control, as_json=as_json, plain=plain, fresh=fresh)
    if destination.path is not None or not as_json:
        _tell(progress.table, destination)
    ctx.exit(exit_code(progress, control))


def _tell(table: StudyTable, destination: Destination) -> None:
    from cnn_tui.cli.document import print_document
    from cnn_tui.cli.output import console
    from cnn_tui.reports.formats import render_study
    from cnn_tui.reports.studies.document import study_document
    from cnn_tui.store.names import printable

    if destination.path is None and destination.format == "text":
        out = console()
        out.print(printable(table.study.name), style="bold")
        # On a terminal the settings would push the table out of sight.
        print_document(study_document(table, with_settings=False), out)
        return
    destination.write(render_study(table, destination.format, destination.width, destination.path))
    destination.announce()


def prepare_study(name_or_path: str, settings: tuple[str, ...], name: str | None) -> StudyPreset:
    """Find and load a study, with settings and name laid over it.

    Raises:
        CnnTuiError: there is no such study, or it or a setting is not allowed.
    """
    from cnn_tui.cli.study_output import lay_over
    from cnn_tui.store.presets import find_preset, load_study, renamed_study

    changed = lay_over(load_study(find_preset(name_or_path)), settings)
    return changed if name is None else renamed_study(changed, name)
