"""The output of commands: results on stdout, messages on stderr, and the handling of all errors."""

from __future__ import annotations

import functools
import io
import json
import os
import sys
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

import click

from cnn_tui.errors import CnnTuiError, OutputClosedError, OutputError, StorageError
from cnn_tui.formatting import printable

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed import ReadableBuffer
    from rich.console import Console

    from cnn_tui.config.experiment import Experiment

INTERRUPTED = 130
OUT_OF_TIME = 124
"""The exit code of timeout(1)."""
_UNBOUNDED_WIDTH = 10_000


@dataclass
class Invocation:
    """Options of the program itself; ``debug`` shows tracebacks."""

    debug: bool = False


class _Checked(io.FileIO):
    """A descriptor that raises :class:`OutputError` if writing fails, and discards everything once ``discarding``.

    The interpreter flushes its buffers when it exits, and would report the error a second time.
    """

    discarding = False

    def write(self, data: ReadableBuffer, /) -> int:
        """Write, or raise an OutputError."""
        if not self.discarding:
            try:
                return super().write(data)
            except OSError as error:
                kind = OutputClosedError if isinstance(error, BrokenPipeError) else OutputError
                raise kind(f"The output cannot be written: {error.strerror or error}") from error
        return memoryview(data).nbytes


class _Lossy(_Checked):
    """A descriptor that discards what cannot be written: a lost message does not end a run."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write if possible."""
        try:
            return super().write(data)
        except OutputError:
            self.discarding = True
            return super().write(data)


def guarded(command: click.Command, arguments: Sequence[str] | None = None) -> int:
    """Run a command, report its failure, and return the exit code.

    Unexpected errors reach :func:`report_bug` through ``sys.excepthook``.
    """
    invocation = Invocation()
    sys.excepthook = functools.partial(report_bug, invocation)
    try:
        code = command.main(arguments, prog_name="cnn-tui", standalone_mode=False, obj=invocation)
        sys.stdout.flush()
    except CnnTuiError as error:
        if isinstance(error, OutputError):
            discard_output()
        if invocation.debug:
            traceback.print_exc()
        if not isinstance(error, OutputClosedError):
            print_error(error)
        return error.exit_code
    except click.ClickException as error:
        print_error(_usage_error(error))
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def check_standard_streams() -> None:
    """Make failed writes to stdout raise an :class:`OutputError`, and discard messages that stderr cannot take.

    Characters missing from the locale's encoding are written as escapes.
    """
    sys.stdout = _checked(sys.stdout, _Checked)
    sys.stderr = _checked(sys.stderr, _Lossy)


def discard_output() -> None:
    """Discard further writes to standard output, after a failure that has been reported."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _Checked):
        raw.discarding = True


def report_bug(
    invocation: Invocation, kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Report an unexpected error in one message, with the traceback in a file or, with ``--debug``, on stderr."""
    lines = "".join(traceback.format_exception(kind, error, trace))
    if invocation.debug:
        sys.stderr.write(lines)
        return
    path = _save_traceback(lines)
    detail = f"{kind.__name__}: {error}" + (f"\nThe traceback is in {path}." if path else "")
    hint = "Please report it with the traceback." if path else "Run it again with --debug to see the traceback."
    print_error(CnnTuiError("This is a bug in cnn-tui", detail, hint))


def print_error(error: CnnTuiError) -> None:
    """Print an expected error on stderr."""
    for line in error_lines(error.title, error.detail, error.hint):
        print_message(line)


def error_lines(title: str, detail: str, hint: str) -> list[str]:
    """An error as printable lines: what happened, why, and what to do next."""
    details = [line for line in (*detail.split("\n"), hint) if line]
    return [printable(f"error: {title}"), *(printable(f"  {line}") for line in details)]


def print_message(text: str) -> None:
    """Print a message on stderr."""
    click.echo(printable(text), err=True)


def warn_unused(settings: Iterable[str], experiments: Iterable[Experiment]) -> None:
    """Report which ``path=value`` settings have no effect on any of the experiments, and why."""
    from cnn_tui.config.warnings import unused_in_all

    for path, reason in unused_in_all([setting.partition("=")[0].strip() for setting in settings], experiments).items():
        print_message(f"{path} has no effect: {reason}")


def print_json(value: Any) -> None:
    """Print a value on stdout as JSON in ASCII, so that text in it cannot control a terminal."""
    click.echo(json.dumps(value, indent=2, allow_nan=False))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[str] = (), shorten: str = ""
) -> None:
    """Print a table on stdout.

    Args:
        numbers: columns that are aligned right.
        shorten: the column that is truncated on a narrow terminal; cells are never truncated elsewhere.
    """
    right = set(numbers)
    if not sys.stdout.isatty():
        _print_columns(columns, rows, right)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        truncated = column == shorten
        table.add_column(
            column,
            justify="right" if column in right else "left",
            overflow="ellipsis" if truncated else "fold",
            no_wrap=truncated,
        )
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console().print(table)


def _print_columns(columns: Sequence[str], rows: Iterable[Sequence[str]], right: set[str]) -> None:
    """Print a table as wide as its cells. Rich would take a second for a thousand rows."""
    from rich.cells import cell_len

    lines = [columns, *([printable(cell) for cell in row] for row in rows)]
    lengths = [[len(cell) if cell.isascii() else cell_len(cell) for cell in line] for line in lines]
    widths = [max(column) for column in zip(*lengths, strict=True)]
    text = []
    for line, measured in zip(lines, lengths, strict=True):
        margins = [" " * (width - length) for width, length in zip(widths, measured, strict=True)]
        cells = zip(columns, line, margins, strict=True)
        text.append("  ".join(margin + cell if name in right else cell + margin for name, cell, margin in cells))
    click.echo("\n".join(line.rstrip() for line in text))


def console() -> Console:
    """A rich console on stdout that does not interpret markup."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _UNBOUNDED_WIDTH
    return Console(markup=False, highlight=False, emoji=False, width=width)


def _usage_error(error: click.ClickException) -> CnnTuiError:
    title, _, detail = error.format_message().partition("\n")
    context = error.ctx if isinstance(error, click.UsageError) else None
    return CnnTuiError(title, detail, f"See '{context.command_path} --help'." if context else "")


def _save_traceback(lines: str) -> Path | None:
    from cnn_tui import paths
    from cnn_tui.store.files import ensure_writable, write_atomic

    path = paths.data_folder() / "crash.log"
    try:
        ensure_writable(path.parent, free_bytes=0)
        write_atomic(path, lines.encode(errors="backslashreplace"))
    except StorageError:
        return None
    return path


def _checked(stream: TextIO | None, kind: type[_Checked]) -> TextIO:
    """The replacement of a standard stream. Terminals are kept: they are neither full nor pipes."""
    if stream is None:
        # The descriptor was closed at startup. A read-only one takes its number, so that output cannot go into a file
        # that is opened later.
        return _stream(kind(os.open(os.devnull, os.O_RDONLY), "w", closefd=False), "utf-8")
    if stream.isatty():
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        return stream
    return _stream(kind(stream.fileno(), "w", closefd=False), stream.encoding)


def _stream(raw: _Checked, encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=isinstance(raw, _Lossy)
    )
