"""The log of a run: the output of its process and its warnings."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rich.text import Text
from textual import work
from textual.widgets import RichLog

from cnn_tui.events import WarningRaised
from cnn_tui.formatting import printable

_TAIL_BYTES = 16_384
_MAX_LINES = 1_000
_PLACEHOLDER = "Nothing so far. The warnings of the run and the output of its process appear here."


class LogTail:
    """Reads what was appended to a file since the last read, at first only the end of a long file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position: int | None = None
        self._incomplete = b""

    def read(self) -> list[str]:
        """The lines completed since the last read, without escape sequences; none if there is no file."""
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, 2)
                if self._position is None or size < self._position:
                    self._position = max(0, size - _TAIL_BYTES)
                file.seek(self._position)
                added = file.read(_TAIL_BYTES)
        except OSError:
            return []
        self._position += len(added)
        *lines, self._incomplete = (self._incomplete + added).split(b"\n")
        return [printable(line.decode(errors="replace").rstrip().replace("\t", "    ")) for line in lines]


class LogPane(RichLog):
    """Follows the log of one run."""

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
        super().__init__(max_lines=_MAX_LINES, wrap=True, markup=False, highlight=False, min_width=20)
        self.path: Path | None = None
        self._tail: LogTail | None = None
        self._warnings = 0
        self._reading = False
        self._is_empty = False

    def follow(self, path: Path | None) -> None:
        """Show the log of another run, None while it has none."""
        self.clear()
        self.write(Text(_PLACEHOLDER, "dim"))
        self._is_empty = True
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

    def read_new(self) -> None:
        """Add the new lines, unless the last read is still in progress: each line must be read only once."""
        if self._tail is not None and not self._reading:
            self._reading = True
            self._add_from(self._tail)

    @work
    async def _add_from(self, tail: LogTail) -> None:
        try:
            lines = await asyncio.to_thread(tail.read)
        finally:
            self._reading = False
        if tail is self._tail:
            for line in lines:
                self._add(Text(line, "dim"))

    def _add(self, text: Text) -> None:
        """Add a line, the first in place of the placeholder."""
        if self._is_empty:
            self.clear()
            self._is_empty = False
        self.write(text)
