"""The command palette, which finds everything that the workbench can do by name. Imported when it is first opened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.screen import Screen

from cnn_tui.formatting import shorten
from cnn_tui.tui import palette_commands
from cnn_tui.tui.palette_commands import Command

_HELP_STYLE = "dim not bold"
_FRAME_WIDTH = 6  # padding and scroll bar


class _Commands(Provider):
    """Finds commands by words, in any order, of their titles and help.

    By hand because Textual's own matcher interprets names as markup, and takes minutes for a long name.
    """

    sources: ClassVar[Sequence[Callable[[Screen[Any]], Iterable[Command]]]]
    commands: Sequence[Command] = ()

    async def startup(self) -> None:
        """Collect the commands that apply now."""
        self.commands = self._collect()

    def _collect(self) -> list[Command]:
        return [command for source in self.sources for command in source(self.screen)]

    async def discover(self) -> Hits:
        """All commands but the rare ones, shown before the user types."""
        for command in self.commands:
            if not command.rare:
                yield DiscoveryHit(self._with_help(command, Content(command.title)), command.run, command.title)

    async def search(self, query: str) -> Hits:
        """The commands that match all words of a query."""
        for command in self.commands:
            if (rank := score(query, command)) > 0:
                title = self._highlighted(query, command.title)
                yield Hit(rank, self._with_help(command, title), command.run, command.title)

    def _with_help(self, command: Command, title: Content) -> Content:
        """The title above its help, on one line."""
        help_text = shorten(command.help, self.app.size.width - _FRAME_WIDTH)
        return Content("\n").join((title, Content.styled(help_text, _HELP_STYLE))) if help_text else title

    def _highlighted(self, query: str, title: str) -> Content:
        content, lower = Content(title), title.casefold()
        if len(lower) != len(title) or self.match_style is None:  # the indices would differ
            return content
        for word in query.casefold().split():
            start = lower.find(word)
            if start >= 0:
                content = content.stylize(self.match_style, start, start + len(word))
        return content


class ActionCommands(_Commands):
    """The actions of this screen and of the current job, the other screens, themes."""

    sources = (
        palette_commands.screen_commands,
        palette_commands.job_commands,
        palette_commands.go_to_commands,
        palette_commands.appearance_commands,
    )


class ViewerCommands(_Commands):
    """The actions of this screen, the other screens, themes."""

    sources = (palette_commands.screen_commands, palette_commands.go_to_commands, palette_commands.appearance_commands)


class OtherCommands(_Commands):
    """Presets, sessions, settings and the actions of other screens, read in a thread."""

    sources = (
        palette_commands.preset_commands,
        palette_commands.session_commands,
        palette_commands.setting_commands,
        palette_commands.other_screen_commands,
    )

    async def startup(self) -> None:
        """Collect the commands in a thread."""
        self.commands = await asyncio.to_thread(self._collect)


def score(query: str, command: Command) -> float:
    """How well a command matches a query, from 0 for no match to 1; matches in titles count more than in help."""
    query, title = query.casefold().strip(), command.title.casefold()
    words, text = query.split(), f"{title} {command.help} {command.also}".casefold()
    if not all(word in text for word in words):
        return 0.0
    points = 1 + 2 * all(word in title for word in words) + (query in title)
    points += title.startswith(query) or title.partition(": ")[2].startswith(query)
    return (points + 1 / (1 + len(title))) / 6
