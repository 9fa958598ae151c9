"""The titles and keys of the screens, by their modes, for bindings, tabs and hints."""

from __future__ import annotations

from typing import Literal, NamedTuple

ModeName = Literal["setup", "live", "results", "sessions", "studies", "queue"]


class ScreenKeys(NamedTuple):
    """A screen's title, its function key, and its digit, which works outside of text fields."""

    title: str
    key: str
    digit: str

    @property
    def all_keys(self) -> str:
        """The keys for a binding; Alt with the digit works in text fields too."""
        return f"{self.key},{self.digit},alt+{self.digit}"


SCREENS: dict[ModeName, ScreenKeys] = {
    "setup": ScreenKeys("Setup", "f2", "1"),
    "live": ScreenKeys("Live", "f3", "2"),
    "results": ScreenKeys("Results", "f4", "3"),
    "sessions": ScreenKeys("Sessions", "f5", "4"),
    "studies": ScreenKeys("Studies", "f6", "5"),
    "queue": ScreenKeys("Queue", "f7", "6"),
}


def key_of(mode: ModeName) -> str:
    """The function key of a screen."""
    return SCREENS[mode].key
