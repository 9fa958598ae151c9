"""Command groups with lazily imported commands, and with a default command."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from cnn_tui.errors import PresetError


@dataclass(frozen=True)
class LazyCommand:
    """The location of a command as ``module:attribute``, and its line in the list of commands."""

    target: str
    help: str

    def load(self) -> click.Command:
        """Import the command."""
        module, _, attribute = self.target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


class LazyGroup(click.Group):
    """A group of :class:`LazyCommand`; any other first argument is a preset for the ``default`` command."""

    def __init__(self, *, lazy: Mapping[str, LazyCommand], default: str, **settings: Any) -> None:
        super().__init__(**settings)
        self._lazy = lazy
        self._default = default

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in their order of definition."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command, None if there is none with this name."""
        command = self._lazy.get(cmd_name)
        return command.load() if command else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in self._lazy.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Interpret the first argument as a command, or else as a preset."""
        if args[0] not in self._lazy:
            self._check_preset(args[0], ctx)
            args = [self._default, *args]
        return super().resolve_command(ctx, args)

    def _check_preset(self, word: str, ctx: click.Context) -> None:
        """Reject an argument that is neither preset nor command, and suggest a similar command."""
        from cnn_tui.store.presets import find_preset

        try:
            find_preset(word)
        except PresetError as error:
            likely = difflib.get_close_matches(word, self._lazy, n=1)
            if not likely:
                raise
            message = f"There is no command or preset {word!r}. Did you mean '{likely[0]}'?"
            raise click.UsageError(message, ctx) from error


class ListByDefault(click.Group):
    """A group that runs its command ``list`` by default."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Insert ``list`` if there is no command."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)
