"""A program in a real pseudo-terminal, with the screen that it has drawn so far; for benchmarks and tests."""

from __future__ import annotations

import os
import re
import select
import signal
import time
from collections.abc import Mapping, Sequence

import pyte
from ptyprocess import PtyProcess

KEYS = {
    "enter": "\r",
    "tab": "\t",
    "shift+tab": "\x1b[Z",
    "escape": "\x1b",
    "space": " ",
    "backspace": "\x7f",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "f1": "\x1bOP",
}
# What pyte takes for text: private modes, device attributes, and strings that end with ST or BEL.
_UNREADABLE = (
    rb"\x1b\[[<>=][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$p|\x1b\[\?[0-9;]*u"
    rb"|\x1b[P_^][^\x1b]*\x1b\\|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
)
_STYLES = rb"\x1b\[[0-9;:]*m"  # most of pyte's work, and not part of the text
_LEFT_OUT = re.compile(_UNREADABLE + rb"|" + _STYLES)
_ESCAPE = re.compile(rb"\x1b\[[0-9;?<>=$ ]*[a-zA-Z~@`]|\x1b[P_^\]][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][A-Z0-9]|\x1b.")
_READ = 65_536


class Terminal:
    """Runs a command of ``columns`` x ``rows`` cells and answers what a modern terminal answers.

    Attributes:
        started: when the command was started, by ``time.perf_counter``.
        heard: when it last wrote something, likewise; drawing that comes after.
    """

    def __init__(
        self, command: Sequence[str], columns: int = 120, rows: int = 36, env: Mapping[str, str] | None = None
    ) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})}
        self.started = self.heard = time.perf_counter()
        self._process = PtyProcess.spawn(list(command), dimensions=(rows, columns), env=environment)
        self._rest = b""
        self.raw = bytearray()
        self.ended = False

    @property
    def pid(self) -> int:
        """The program's process."""
        return int(self._process.pid)

    @property
    def text(self) -> str:
        """The screen, its lines without the blanks at their ends."""
        # pyte's own ``display`` measures each character again.
        rows, columns = range(self._screen.lines), range(self._screen.columns)
        lines = (self._screen.buffer[row] for row in rows)
        return "\n".join("".join(line[column].data for column in columns).rstrip() for line in lines)

    def press(self, *names: str) -> None:
        """Press keys by name, such as "enter", "ctrl+r" or "x", with a moment between them."""
        for name in names:
            self.send(_key(name))
            self.run(0.1)

    def type(self, text: str) -> None:
        """Type text letter by letter."""
        for letter in text:
            self.send(letter.encode())
            self.run(0.02)

    def send(self, data: bytes) -> None:
        """Write to the program as it is."""
        if not self.ended:
            os.write(self._process.fd, data)

    def expect(self, text: str, seconds: float = 60) -> str:
        """Wait until ``text`` is on the screen; the screen.

        Raises:
            AssertionError: it did not come in time.
        """
        return self._wait(text, seconds, present=True)

    def gone(self, text: str, seconds: float = 60) -> str:
        """Wait until ``text`` is no longer on the screen; the screen.

        Raises:
            AssertionError: it stayed.
        """
        return self._wait(text, seconds, present=False)

    def run(self, seconds: float) -> int:
        """Let the program run and draw; how many bytes it wrote."""
        before, end = len(self.raw), time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self._read(min(left, 0.05))
        return len(self.raw) - before

    def echo(self, letter: str, seconds: float = 5) -> float:
        """Seconds from pressing a letter to its being written, escape sequences left aside."""
        before, pressed = len(self.raw), time.perf_counter()
        self.send(letter.encode())
        while time.perf_counter() - pressed < seconds:
            self._read(0.2)
            if letter.encode() in _ESCAPE.sub(b"", bytes(self.raw[before:])):
                break
        return time.perf_counter() - pressed

    def resize(self, columns: int, rows: int) -> None:
        """Change the size, as a person dragging the window's corner."""
        self._process.setwinsize(rows, columns)
        self._screen.resize(rows, columns)

    def hang_up(self) -> None:
        """Close the terminal under the program, as a dropped connection does."""
        self.ended = True
        # Not by its number, which may be another terminal's by the time that the object closes it again.
        self._process.fileobj.close()

    def wait_exit(self, seconds: float = 60) -> int:
        """Wait for the end; the exit code, or minus the signal that ended it.

        Raises:
            AssertionError: it still runs.
        """
        end = time.perf_counter() + seconds
        while self._process.isalive():
            assert time.perf_counter() < end, f"still running; the screen was:\n{self.text}"
            self._read(0.05)
        while self.run(0.05):  # what it wrote last may still be on its way
            pass
        status = self._process.exitstatus
        return int(status) if status is not None else -int(self._process.signalstatus)

    def close(self) -> None:
        """End the program if it still runs."""
        if self._process.isalive():
            os.kill(self.pid, signal.SIGKILL)
            self._process.wait()
        self._process.fileobj.close()
        self._process.closed = True

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _wait(self, text: str, seconds: float, present: bool) -> str:
        end = time.perf_counter() + seconds
        while (text in self.text) is not present:
            assert time.perf_counter() < end, f"{'no' if present else 'still'} {text!r}; the screen was:\n{self.text}"
            self._read(0.05)
        return self.text

    def _read(self, seconds: float) -> None:
        if self.ended or self._process.closed:
            time.sleep(min(seconds, 0.02))
            return
        if not select.select([self._process.fd], [], [], seconds)[0]:
            return
        try:
            data = os.read(self._process.fd, _READ)
        except OSError:
            data = b""
        if not data:
            self.ended = True
            return
        self.heard = time.perf_counter()
        self.raw += data
        self._answer(data)
        self._draw(data)

    def _answer(self, data: bytes) -> None:
        if b"\x1b[?2026$p" in data:
            self.send(b"\x1b[?2026;2$y")
        if b"\x1b[c" in data or b"\x1b[0c" in data:
            self.send(b"\x1b[?62;22c")

    def _draw(self, data: bytes) -> None:
        data = self._rest + data
        cut = data.rfind(b"\x1b", max(0, len(data) - 64))
        self._rest = b""
        if cut >= 0 and not _ESCAPE.match(data[cut:]):
            data, self._rest = data[:cut], data[cut:]
        self._stream.feed(_LEFT_OUT.sub(b"", data))


def _key(name: str) -> bytes:
    if name.startswith("ctrl+"):
        return bytes([ord(name[-1]) & 0x1F])
    return KEYS.get(name, name).encode()
