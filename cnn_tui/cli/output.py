"""What a command says: data on stdout, talk on stderr, and every failure in words at one boundary."""

from __future__ import annotations

import functools
import json
import sys
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from cnn_tui.cli.streams import give_up_output
from cnn_tui.errors import CnnTuiError, OutputError, StorageError, UnreadOutputError
from cnn_tui.formatting import printable

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from cnn_tui.config.experiment import Experiment

INTERRUPTED = 130
_UNBOUNDED_WIDTH = 10_000


@dataclass
class Invocation:
    """What was asked of the program as a whole; ``debug`` shows tracebacks."""

    debug: bool = False


def guarded(command: click.Command, arguments: Sequence[str] | None = None) -> int:
    """Run a command, tell its failure in words, and give the exit code.

    What nobody expected ends in :func:`report_bug`, by the interpreter's own hook.
    """
    invocation = Invocation()
    sys.excepthook = functools.partial(report_bug, invocation)
    try:
        code = command.main(arguments, prog_name="cnn-tui", standalone_mode=False, obj=invocation)
        sys.stdout.flush()
    except CnnTuiError as error:
        if isinstance(error, OutputError):
            give_up_output()
        if invocation.debug:
            traceback.print_exc()
        if not isinstance(error, UnreadOutputError):
            print_error(error)
        return error.exit_code
    except click.ClickException as error:
        print_error(_usage_error(error))
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def report_bug(
    invocation: Invocation, kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Tell of an error that nobody expected: one message, and the traceback in a file or, with ``--debug``, here."""
    lines = "".join(traceback.format_exception(kind, error, trace))
    if invocation.debug:
        sys.stderr.write(lines)
        return
    path = _keep_traceback(lines)
    detail = f"{kind.__name__}: {error}" + (f"\nThe traceback is in {path}." if path else "")
    hint = "Please report it with the traceback." if path else "Run it again with --debug to see the traceback."
    print_error(CnnTuiError("This is a bug in cnn-tui", detail, hint))


def print_error(error: CnnTuiError) -> None:
    """Show an expected failure on stderr."""
    for line in error_lines(error.title, error.detail, error.hint):
        print_message(line)


def error_lines(title: str, detail: str, hint: str) -> list[str]:
    """A failure in lines that are safe to show: what happened, why, and what to do next."""
    reasons = [line for line in (*detail.split("\n"), hint) if line]
    return [printable(f"error: {title}"), *(printable(f"  {line}") for line in reasons)]


def print_message(text: str) -> None:
    """Put a line of talk on stderr."""
    click.echo(printable(text), err=True)


def warn_unused(settings: Iterable[str], experiments: Iterable[Experiment]) -> None:
    """Say which ``path=value`` settings have no effect on any of the experiments, and why."""
    from cnn_tui.config.warnings import unused_in_all

    for path, reason in unused_in_all([setting.partition("=")[0].strip() for setting in settings], experiments).items():
        print_message(f"{path} has no effect: {reason}")


def print_json(value: Any) -> None:
    """Put a value on stdout as JSON; only ASCII, so that no text in it can steer a terminal."""
    click.echo(json.dumps(value, indent=2, allow_nan=False))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[str] = (), shorten: str = ""
) -> None:
    """Put a table on stdout.

    Args:
        numbers: the columns that are aligned right.
        shorten: the column that gives way on a narrow terminal; elsewhere every cell is printed whole.
    """
    from rich.table import Table
    from rich.text import Text

    right = set(numbers)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        gives_way = column == shorten
        table.add_column(
            column,
            justify="right" if column in right else "left",
            overflow="ellipsis" if gives_way else "fold",
            no_wrap=gives_way,
        )
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console().print(table)


def console() -> Console:
    """A rich console on stdout that takes no text for markup."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _UNBOUNDED_WIDTH
    return Console(markup=False, highlight=False, emoji=False, width=width)


def _usage_error(error: click.ClickException) -> CnnTuiError:
    title, _, detail = error.format_message().partition("\n")
    context = error.ctx if isinstance(error, click.UsageError) else None
    return CnnTuiError(title, detail, f"See '{context.command_path} --help'." if context else "")


def _keep_traceback(lines: str) -> Path | None:
    from cnn_tui import paths
    from cnn_tui.store.files import ensure_writable, write_atomic

    path = paths.data_folder() / "crash.log"
    try:
        ensure_writable(path.parent, free_bytes=0)
        write_atomic(path, lines.encode(errors="backslashreplace"))
    except StorageError:
        return None
    return path
