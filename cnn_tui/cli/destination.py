"""Where a report is written, and in which format."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from cnn_tui.cli.output import print_message
from cnn_tui.errors import ConfigError
from cnn_tui.reports.formats import FIGURE_FORMATS, SUFFIXES, Format, Report, format_of, write_report
from cnn_tui.store.files import ensure_writable

_WIDTH = 100


class Destination:
    """A file or standard output, with a format.

    Args:
        output: the file, None for standard output.
        chosen: the format, None to derive it from the name of the file.
        default: the format for standard output.
        allowed: the formats that a name may stand for.

    Raises:
        ConfigError: the format is unknown, or binary and would go to a terminal.
        StorageError: the file's folder is not writable.
    """

    def __init__(self, output: str | None, chosen: Format | None, default: Format, allowed: Iterable[str]) -> None:
        self.path = None if output is None else Path(output).expanduser()
        self.format = chosen or (default if self.path is None else _format_of(self.path, tuple(allowed)))
        if output is not None:
            checked_file("--output", output)
        elif self.format in FIGURE_FORMATS and sys.stdout.isatty():
            raise ConfigError(f"A terminal cannot show {self.format}", "", "Name a file with --output.")

    @property
    def width(self) -> int:
        """The width of text in cells."""
        return shutil.get_terminal_size().columns if self.path is None and sys.stdout.isatty() else _WIDTH

    def write(self, report: Report) -> None:
        """Write the report, replacing an earlier one.

        Raises:
            StorageError: the file cannot be written.
        """
        if self.path is None:
            click.echo(report.content, nl=False)
        else:
            write_report(self.path, report)

    def announce(self) -> None:
        """Print the path of the report if it is a file."""
        if self.path is not None:
            print_message(f"The report is in {self.path}.")


def checked_file(option: str, name: str) -> Path:
    """The file that an option names, which can be written.

    Raises:
        ConfigError: it is a folder, or in a folder that does not exist.
        StorageError: its folder is not writable.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        raise ConfigError(f"{option} {name} is a folder", "", "Name a file in it.")
    if not path.parent.is_dir():
        detail = f"There is no folder {path.absolute().parent}."
        raise ConfigError(f"{option} {name} cannot be written", detail, "Create the folder, or correct the name.")
    ensure_writable(path.absolute().parent, free_bytes=0)
    return path


def _format_of(path: Path, allowed: tuple[str, ...]) -> Format:
    found = format_of(path)
    if found not in allowed:
        suffixes = ", ".join(suffix for suffix in SUFFIXES if format_of(Path(f"x{suffix}")) in allowed)
        raise ConfigError(
            f"The name {path.name} does not imply a format", f"Known suffixes are {suffixes}.", "Use --format."
        )
    return found
