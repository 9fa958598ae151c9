"""``cnn-tui reproduce``: repeat the studies of the original report, as one document."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cnn_tui.cli.settings import SettingsCommand
from cnn_tui.cli.study import study_options

if TYPE_CHECKING:
    from cnn_tui.cli.destination import Destination
    from cnn_tui.config.study import StudyPreset
    from cnn_tui.engine.control import Control
    from cnn_tui.reports.formats import Format
    from cnn_tui.reports.studies.reproduction import Part, PartResult

_FORMATS = ("markdown", "html")


@click.command("reproduce", cls=SettingsCommand)
@click.option("--only", metavar="NAME", multiple=True, help="Run only this part, named as above; may be repeated.")
@study_options(_FORMATS, "Write the report into FILE, again after each study.")
@click.pass_context
def reproduce(
    ctx: click.Context,
    only: tuple[str, ...],
    settings: tuple[str, ...],
    plain: bool,
    fresh: bool,
    as_json: bool,
    chosen: Format | None,
    output: str | None,
) -> None:
    """Run every study of the report that this program is based on, and its future work, as one document.

    \b
    Parts, in order:
      table1, table2, figure4, table3, figure6 (together: report)
      resnet18-epochs, found-values, more-models, random-weights,
      time-epochs, time-batch-size (together: future)

    --set makes it smaller, such as --set data.train_limit=2000. A study that varies this setting keeps its values:
    --set training.epochs=2 changes all studies but those of epochs. Runs that were finished earlier with the same
    settings are reused, so an interrupted reproduction continues where it stopped.

    The report goes to standard output as Markdown unless --output names a file.
    """
    from cnn_tui.cli.destination import Destination
    from cnn_tui.cli.job import interruptible
    from cnn_tui.engine.control import Control
    from cnn_tui.reports.studies.reproduction import parts_of

    planned = plan(parts_of(only), settings)
    destination = Destination(output, chosen, "markdown", _FORMATS)
    control = Control()
    with interruptible(control):
        code = _run(planned, settings, control, destination, as_json=as_json, plain=plain, fresh=fresh)
    destination.announce()
    ctx.exit(code)


def plan(parts: Sequence[Part], settings: Sequence[str]) -> list[tuple[Part, StudyPreset, tuple[str, ...]]]:
    """Each part with its study, changed by the settings, and the settings that do not apply because it varies them.

    Raises:
        ConfigError: a setting is invalid in a study, or varied by all of them.
        PresetError: a shipped study cannot be read.
    """
    from cnn_tui import paths
    from cnn_tui.cli.study import override_study, path_of, varied_values
    from cnn_tui.errors import ConfigError
    from cnn_tui.store.presets import load_study

    planned = []
    for part in parts:
        study = load_study(paths.shipped_presets_folder() / f"{part.preset}.json")
        skipped = tuple(setting for setting in settings if path_of(setting) in varied_values(study))
        changed = override_study(study, [setting for setting in settings if setting not in skipped])
        planned.append((part, changed, skipped))
    for setting in settings:
        if all(setting in skipped for _, _, skipped in planned):
            names = ", ".join(part.names[0] for part in parts)
            raise ConfigError(f"--set {setting} changes nothing", f"It is varied by {names}.", "Leave it out.")
    return planned


def _run(
    planned: Sequence[tuple[Part, StudyPreset, tuple[str, ...]]],
    settings: Sequence[str],
    control: Control,
    destination: Destination,
    *,
    as_json: bool,
    plain: bool,
    fresh: bool,
) -> int:
    """Run the studies and write the report after each; return the exit code."""
    from cnn_tui.cli.job import exit_code, run_here
    from cnn_tui.cli.output import print_message
    from cnn_tui.config.job import Job
    from cnn_tui.reports.studies.reproduction import PartResult

    outcomes: list[PartResult] = []
    codes = []
    for number, (part, study, skipped) in enumerate(planned, start=1):
        print_message(f"[{number}/{len(planned)}] {part.title}")
        for setting in skipped:
            print_message(f"--set {setting} does not apply to this study, which varies it")
        started = time.perf_counter()
        progress = run_here(Job(preset=study, plain=plain, fresh=fresh), control, as_json=as_json)
        seconds = time.perf_counter() - started
        outcomes.append(PartResult(part, progress.table, seconds, progress.history.reused, skipped))
        codes.append(exit_code(progress, control))
        ended = control.stopping or number == len(planned)
        if destination.path is not None or (ended and not as_json):
            _write(outcomes, settings, [part for part, _, _ in planned[number:]], destination)
        if ended:
            break
    return max(codes, default=0)


def _write(
    outcomes: Sequence[PartResult], settings: Sequence[str], left: Sequence[Part], destination: Destination
) -> None:
    from cnn_tui.reports.formats import render
    from cnn_tui.reports.studies.reproduction import reproduction

    destination.write(render(reproduction(outcomes, settings, left), destination.format, output=destination.path))
