"""The command palette: everything that the workbench can do, by name. Loaded when it is first opened."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Sequence

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from cnn_tui.formatting import shorten
from cnn_tui.tui.palette_actions import Command, appearance, going_on, other_screens, present, screens
from cnn_tui.tui.palette_files import presets, recent_sessions, settings

_HELP_STYLE = "dim not bold"
_AROUND = 6  # cells of padding and scrollbar


class _Commands(Provider):
    """Finds commands by words, wherever these stand in the title or in what the command is for.

    Textual's own matcher takes names for markup, and a long name may keep it busy for minutes.
    """

    commands: Sequence[Command] = ()

    async def startup(self) -> None:
        """Collect the commands, as they are at this moment."""
        self.commands = await self._collect()

    @abstractmethod
    async def _collect(self) -> list[Command]:
        """The commands, in the order in which they are offered."""

    async def discover(self) -> Hits:
        """Offer all commands but those that only a search is meant to find."""
        for command in self.commands:
            if not command.rare:
                yield DiscoveryHit(self._shown(command, Content(command.title)), command.run, command.title)

    async def search(self, query: str) -> Hits:
        """Find commands by all words of ``query``."""
        for command in self.commands:
            if (found := score(query, command)) > 0:
                title = self._highlighted(query, command.title)
                yield Hit(found, self._shown(command, title), command.run, command.title)

    def _shown(self, command: Command, title: Content) -> Content:
        """The title above what the command is for, in one line."""
        words = shorten(command.help, self.app.size.width - _AROUND)
        return Content("\n").join((title, Content.styled(words, _HELP_STYLE))) if words else title

    def _highlighted(self, query: str, title: str) -> Content:
        content, lower = Content(title), title.casefold()
        if len(lower) != len(title) or self.match_style is None:  # places would not be the same
            return content
        for word in query.casefold().split():
            start = lower.find(word)
            if start >= 0:
                content = content.stylize(self.match_style, start, start + len(word))
        return content


class ActionCommands(_Commands):
    """What can be done on the present screen, with what is going on, and where one can go."""

    async def _collect(self) -> list[Command]:
        return [command for source in (present, going_on, screens, appearance) for command in source(self.screen)]


class OtherCommands(_Commands):
    """Presets, sessions, settings, and the actions of other screens; reading them takes a moment, in a thread."""

    async def _collect(self) -> list[Command]:
        return await asyncio.to_thread(self._found)

    def _found(self) -> list[Command]:
        sources = (presets, recent_sessions, settings, other_screens)
        return [command for source in sources for command in source(self.screen)]


def score(query: str, command: Command) -> float:
    """How well a command answers a search, from 0 for not at all to 1; titles count more than what they are for."""
    wanted, title = query.casefold().strip(), command.title.casefold()
    words, text = wanted.split(), f"{title} {command.help} {command.also}".casefold()
    if not all(word in text for word in words):
        return 0.0
    found = 1 + 2 * all(word in title for word in words) + (wanted in title)
    found += title.startswith(wanted) or title.partition(": ")[2].startswith(wanted)
    return (found + 1 / (1 + len(title))) / 6
