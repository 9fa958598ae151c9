"""The screens by their modes and the keys that lead to them: one table for bindings, tabs and hints."""

from __future__ import annotations

from typing import Literal, NamedTuple

ModeName = Literal["setup", "live", "results", "sessions", "studies"]


class ScreenKeys(NamedTuple):
    """A screen's title, the key that leads to it from anywhere, and the digit that does where no text is typed."""

    title: str
    key: str
    digit: str

    @property
    def all_keys(self) -> str:
        """Every key that leads there, as a binding takes them: Alt with the digit works in text fields too."""
        return f"{self.key},{self.digit},alt+{self.digit}"


SCREENS: dict[ModeName, ScreenKeys] = {
    "setup": ScreenKeys("Setup", "f2", "1"),
    "live": ScreenKeys("Live", "f3", "2"),
    "results": ScreenKeys("Results", "f4", "3"),
    "sessions": ScreenKeys("Sessions", "f5", "4"),
    "studies": ScreenKeys("Studies", "f6", "5"),
}


def key_of(mode: ModeName) -> str:
    """The key that leads to a screen from anywhere, as hints name it."""
    return SCREENS[mode].key
