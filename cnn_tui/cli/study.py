"""``cnn-tui study``: vary one or two settings, and report all runs in one table and one plot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cnn_tui.cli.background import check_detach_options, detach_options, submit
from cnn_tui.cli.settings import SettingsCommand
from cnn_tui.reports.formats import FORMATS

if TYPE_CHECKING:
    from cnn_tui.cli.destination import Destination
    from cnn_tui.config.job import Job
    from cnn_tui.config.study import StudyPreset
    from cnn_tui.reports.formats import Format
    from cnn_tui.reports.studies.table import StudyTable

_Command = TypeVar("_Command", bound=Callable[..., Any])


def study_options(formats: Sequence[str], output: str) -> Callable[[_Command], _Command]:
    """The options of commands that run studies; ``output`` is the help of ``--output``."""
    options = (
        click.option(
            "--set",
            "settings",
            metavar="PATH=VALUE",
            multiple=True,
            help="Change a setting of all runs; may be repeated.",
        ),
        click.option("--plain", is_flag=True, help="Train every run on its own, so that its time is measured alone."),
        click.option("--fresh", is_flag=True, help="Train every run, even those that were finished earlier."),
        click.option("--json", "as_json", is_flag=True, help="Print one event per line as JSON instead of the report."),
        click.option(
            "--format",
            "chosen",
            type=click.Choice(formats),
            help="The report's format; by default it follows from the name of --output.",
        ),
        click.option("--output", metavar="FILE", help=output),
    )

    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@click.command("study", cls=SettingsCommand)
@click.argument("study", metavar="STUDY")
@click.option("--name", help="A name for the study.")
@study_options(FORMATS, "Write the report into FILE.")
@detach_options
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
    detach: bool,
    after: str,
    beside: bool,
) -> None:
    """Run all runs of a STUDY and report them.

    A STUDY is a JSON file of the kind "study", or the name of one (see 'cnn-tui presets'). Runs that were finished
    earlier with the same settings are reused, so an interrupted study continues where it stopped. Runs that can share
    work are trained together.

    The table and the plot go to standard output unless --output names a file. LaTeX writes its plots as files beside
    --output; PDF and PNG contain only the plots. The exit code is 1 if a run failed, and 124 if one has reached its
    time limit.

    With --detach the study runs in the background; the same command without it reports the runs that have ended.
    """
    from cnn_tui.cli.destination import Destination
    from cnn_tui.config.job import Job

    check_detach_options(ctx, detach, after)
    job = Job(preset=prepare_study(study, settings, name), plain=plain, fresh=fresh, beside=beside)
    if detach:
        submit(job, after, as_json)
    else:
        ctx.exit(_run(job, Destination(output, chosen, "text", FORMATS), as_json))


def _run(job: Job, destination: Destination, as_json: bool) -> int:
    """Run a study in this process and report it; return the exit code."""
    from cnn_tui.cli.job import exit_code, interruptible, run_here
    from cnn_tui.engine.control import Control

    control = Control()
    with interruptible(control):
        progress = run_here(job, control, as_json=as_json)
    if destination.path is not None or not as_json:
        _report(progress.table, destination)
    return exit_code(progress, control)


def _report(table: StudyTable, destination: Destination) -> None:
    from cnn_tui.cli.document import print_document
    from cnn_tui.cli.output import console
    from cnn_tui.formatting import printable
    from cnn_tui.reports.formats import render_study
    from cnn_tui.reports.studies.document import study_document

    if destination.path is None and destination.format == "text":
        out = console()
        out.print(printable(table.study.name), style="bold")
        # In a terminal the settings would push the table out of view.
        print_document(study_document(table, with_settings=False), out)
        return
    destination.write(render_study(table, destination.format, destination.width, destination.path))
    destination.announce()


def prepare_study(name_or_path: str, settings: Sequence[str], name: str | None) -> StudyPreset:
    """Find and load a study, and apply settings and a name to it.

    Raises:
        CnnTuiError: there is no such study, or it or a setting is invalid.
    """
    from cnn_tui.store.presets import find_preset, load_study, renamed_study

    changed = override_study(load_study(find_preset(name_or_path)), settings)
    return changed if name is None else renamed_study(changed, name)


def override_study(study: StudyPreset, settings: Sequence[str]) -> StudyPreset:
    """Apply ``path=value`` settings to the base of a study; report those without an effect.

    Raises:
        ConfigError: a setting is varied by the study, or makes one of its values invalid.
    """
    from pydantic import ValidationError

    from cnn_tui.cli.output import warn_unused
    from cnn_tui.config.changes import derived_study, override
    from cnn_tui.config.study import StudyPreset
    from cnn_tui.config.validation_errors import field_errors
    from cnn_tui.errors import ConfigError
    from cnn_tui.reports.labels import value_text

    for setting in settings:
        path = path_of(setting)
        if path in varied_values(study):
            values = ", ".join(map(value_text, varied_values(study)[path]))
            detail = f"{study.name} varies {path}: {values}."
            hint = "Save a preset with other values to change them."
            raise ConfigError(f"--set {setting} sets what the study varies", detail, hint)
    if not settings:
        return study
    base = override(study.base, settings)
    try:
        changed = derived_study(StudyPreset.model_validate({**dict(study), "base": base}), study)
    except ValidationError as error:
        reasons = "\n".join(str(problem) for problem in field_errors(error, StudyPreset))
        raise ConfigError(f"--set {' --set '.join(settings)} is not allowed in {study.name}", reasons) from error
    warn_unused(settings, (cell.experiment for cell in changed.cells()))
    return changed


def varied_values(study: StudyPreset) -> dict[str, tuple[int | float | str | None, ...]]:
    """The values of each factor of a study by its path."""
    factors = {study.factor: study.values}
    return factors | ({study.second_factor: study.second_values} if study.second_factor else {})


def path_of(setting: str) -> str:
    """The path of a ``path=value`` setting."""
    return setting.partition("=")[0].strip()
