"""A web server on this machine that can break off, resume, refuse and count."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class LocalServer:
    """What the server has (path to content) and how it behaves.

    Attributes:
        url: its address with a slash at the end.
        break_after: bytes of each answer after which the connection is cut; None for never.
        resumes: whether it honours Range.
        asked: the paths and Range headers of all requests.
    """

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    break_after: int | None = None
    resumes: bool = True
    states_length: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)


@contextmanager
def serving() -> Iterator[LocalServer]:
    """Run a server for as long as the block lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    state = LocalServer(f"http://127.0.0.1:{server.server_port}/")
    _Handler.state = state
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    state: LocalServer

    def do_GET(self) -> None:  # the name that http.server asks for
        wanted = self.headers.get("Range")
        self.state.asked.append((self.path[1:], wanted))
        content = self.state.files.get(self.path[1:])
        if content is None:
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.state.resumes else 0
        if start and start >= len(content):
            self.send_error(416)
            return
        self._answer(content, start)

    def _answer(self, content: bytes, start: int) -> None:
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if self.state.states_length:
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:][: self.state.break_after])

    def log_message(self, *_: object, **__: object) -> None:
        """Say nothing."""
