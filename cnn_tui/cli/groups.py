"""Command groups that import a command only when it runs, and that know what is meant without a command."""

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
    """Where a command is, as ``module:attribute``, and what the list of commands says of it."""

    target: str
    help: str

    def load(self) -> click.Command:
        """Import the command."""
        module, _, attribute = self.target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


class LazyGroup(click.Group):
    """A group made of :class:`LazyCommand`; a first word that is none of them is a preset for the ``default`` one."""

    def __init__(self, *, lazy: Mapping[str, LazyCommand], default: str, **settings: Any) -> None:
        super().__init__(**settings)
        self._lazy = lazy
        self._default = default

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of their table."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command, None where there is none of this name."""
        command = self._lazy.get(cmd_name)
        return command.load() if command else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in self._lazy.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Take the first word for a command, else for a preset."""
        if args[0] not in self._lazy:
            self._check_preset(args[0], ctx)
            args = [self._default, *args]
        return super().resolve_command(ctx, args)

    def _check_preset(self, word: str, ctx: click.Context) -> None:
        """Refuse a word that is neither preset nor command, with the command that it resembles."""
        from cnn_tui.store.presets import find_preset

        try:
            find_preset(word)
        except PresetError as error:
            likely = difflib.get_close_matches(word, self._lazy, n=1)
            if not likely:
                raise
            message = f"No command and no preset is called {word!r}. Did you mean '{likely[0]}'?"
            raise click.UsageError(message, ctx) from error


class ListByDefault(click.Group):
    """A group whose command ``list`` is meant where none is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``list`` in front of nothing and of options that are not the group's own."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)
