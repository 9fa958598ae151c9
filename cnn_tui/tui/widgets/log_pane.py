"""What a run's process printed, as it comes, with the run's warnings among it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rich.text import Text
from textual import work
from textual.widgets import RichLog

from cnn_tui.events import WarningRaised
from cnn_tui.formatting import printable

_TAIL_BYTES = 16_384
_MOST_LINES = 1_000
_NOTHING = "Nothing so far. Warnings of the run and what its process prints come here."


class LogTail:
    """Reads what was added to a file since the last time; of a long file its end at first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at: int | None = None
        self._torn = b""

    def read(self) -> list[str]:
        """The lines that were completed since, made safe to show; none while there is no file."""
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, 2)
                if self._at is None or size < self._at:
                    self._at = max(0, size - _TAIL_BYTES)
                file.seek(self._at)
                added = file.read(_TAIL_BYTES)
        except OSError:
            return []
        self._at += len(added)
        *whole, self._torn = (self._torn + added).split(b"\n")
        return [printable(line.decode(errors="replace").rstrip().replace("\t", "    ")) for line in whole]


class LogPane(RichLog):
    """Follows one run."""

    DEFAULT_CSS = """
    LogPane {
        border-top: solid $surface-lighten-2;
        border-title-color: $text-muted;
        scrollbar-size-vertical: 1;
        padding: 0 1;
        background: transparent;
        &:focus { border-top: solid $primary; }
    }
    """
    BORDER_TITLE = "Log"

    def __init__(self) -> None:
        super().__init__(max_lines=_MOST_LINES, wrap=True, markup=False, highlight=False, min_width=20)
        self.path: Path | None = None
        self._tail: LogTail | None = None
        self._warnings = 0
        self._looking = False
        self._blank = False

    def follow(self, path: Path | None) -> None:
        """Begin anew with the log of another run, None while it has none."""
        self.clear()
        self.write(Text(_NOTHING, "dim"))
        self._blank = True
        self.path, self._warnings = path, 0
        self._tail = None if path is None else LogTail(path)
        self.border_subtitle = "" if path is None else printable(str(path))

    def show_warnings(self, warnings: list[WarningRaised]) -> None:
        """Add the warnings that are new."""
        for warning in warnings[self._warnings :]:
            text = Text(f"! {printable(warning.title)}", "bold yellow")
            details = " ".join(part for part in (warning.detail, warning.hint) if part)
            self._add(text.append(f" {printable(details)}", "not bold"))
        self._warnings = len(warnings)

    def look(self) -> None:
        """Add what was printed since the last look, unless that one is still under way: a line is read only once."""
        if self._tail is not None and not self._looking:
            self._looking = True
            self._add_from(self._tail)

    @work
    async def _add_from(self, tail: LogTail) -> None:
        try:
            lines = await asyncio.to_thread(tail.read)
        finally:
            self._looking = False
        if tail is self._tail:
            for line in lines:
                self._add(Text(line, "dim"))

    def _add(self, text: Text) -> None:
        """Add a line, the first in the place of the words that there is none."""
        if self._blank:
            self.clear()
            self._blank = False
        self.write(text)
