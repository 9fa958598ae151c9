"""The options of the commands that run studies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def study_options(formats: Sequence[str], output: str) -> Callable[[_Command], _Command]:
    """``--set``, ``--plain``, ``--fresh``, ``--json``, ``--format`` and ``--output``, whose help is ``output``."""
    options = (
        click.option(
            "--set",
            "settings",
            metavar="PATH=VALUE",
            multiple=True,
            help="Change a setting of all runs; may be repeated.",
        ),
        click.option("--plain", is_flag=True, help="Train every row on its own, so that its time is its own."),
        click.option("--fresh", is_flag=True, help="Train every row, also those that were finished earlier."),
        click.option(
            "--json", "as_json", is_flag=True, help="Print one event per line as JSON, in the place of the report."
        ),
        click.option(
            "--format",
            "chosen",
            type=click.Choice(formats),
            help="The report's format; by default --output's name tells.",
        ),
        click.option("--output", metavar="FILE", help=output),
    )

    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
