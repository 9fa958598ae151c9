"""Where a study's report goes, in which format, and what a setting on the command line may change."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
from pydantic import ValidationError

from cnn_tui.cli.output import say, say_unused
from cnn_tui.config.derivation import redescribed
from cnn_tui.config.overrides import override
from cnn_tui.config.problems import problems
from cnn_tui.config.study import StudyPreset
from cnn_tui.errors import ConfigError
from cnn_tui.reports.formats import FIGURE_FORMATS, SUFFIXES, Format, Report, format_of, write_report
from cnn_tui.reports.labels import value_text
from cnn_tui.store.files import ensure_writable

_WIDTH = 100


def lay_over(study: StudyPreset, settings: Sequence[str]) -> StudyPreset:
    """A study with ``path=value`` settings applied to what all its runs share; says which of them have no effect.

    Raises:
        ConfigError: a setting is what the study varies, or it or a value of the study is not allowed with it.
    """
    for setting in settings:
        path = path_of(setting)
        if path in varied(study):
            values = ", ".join(map(value_text, varied(study)[path]))
            detail = f"{study.name} varies {path}: {values}."
            raise ConfigError(
                f"--set {setting} sets what the study varies", detail, "Save a preset with other values to change them."
            )
    if not settings:
        return study
    base = override(study.base, settings)
    try:
        changed = redescribed(StudyPreset.model_validate({**dict(study), "base": base}), study)
    except ValidationError as error:
        reasons = "\n".join(str(problem) for problem in problems(error, StudyPreset))
        raise ConfigError(f"--set {' --set '.join(settings)} is not allowed in {study.name}", reasons) from error
    say_unused(settings, (cell.experiment for cell in changed.cells()))
    return changed


def varied(study: StudyPreset) -> dict[str, tuple[int | float | str | None, ...]]:
    """The values of each factor of a study, by its path."""
    factors = {study.factor: study.values}
    return factors | ({study.second_factor: study.second_values} if study.second_factor else {})


def path_of(setting: str) -> str:
    """The path of a ``path=value`` setting."""
    return setting.partition("=")[0].strip()


class Destination:
    """Where a report goes: a file, or standard output."""

    def __init__(self, output: str | None, chosen: Format | None, default: Format, allowed: Iterable[str]) -> None:
        """Find out before any work begins whether the report can be written.

        Raises:
            ConfigError: the format is not known, or is binary and would go to a terminal.
            StorageError: the file's folder cannot be written to.
        """
        self.path = None if output is None else Path(output).expanduser()
        self.format = chosen or (default if self.path is None else _told_by_name(self.path, tuple(allowed)))
        if self.path is not None:
            if self.path.is_dir():
                raise ConfigError(f"--output {output} is a folder", "", "Name a file in it.")
            ensure_writable(self.path.absolute().parent, free_bytes=0)
        elif self.format in FIGURE_FORMATS and sys.stdout.isatty():
            raise ConfigError(f"A terminal cannot show {self.format}", "", "Name a file by --output.")

    @property
    def width(self) -> int:
        """How many cells a line of text may have."""
        return shutil.get_terminal_size().columns if self.path is None and sys.stdout.isatty() else _WIDTH

    def write(self, report: Report) -> None:
        """Write the report, in the place of an earlier one.

        Raises:
            StorageError: the file cannot be written.
        """
        if self.path is None:
            click.echo(report.content, nl=False)
        else:
            write_report(self.path, report)

    def announce(self) -> None:
        """Say where the report is, if it is in a file."""
        if self.path is not None:
            say(f"The report is in {self.path}.")


def _told_by_name(path: Path, allowed: tuple[str, ...]) -> Format:
    found = format_of(path)
    if found not in allowed:
        ends = ", ".join(suffix for suffix in SUFFIXES if format_of(Path(f"x{suffix}")) in allowed)
        raise ConfigError(
            f"The name {path.name} does not tell a format", f"Known are {ends}.", "Say which by --format."
        )
    return found
