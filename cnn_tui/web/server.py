"""Serves a Textual app of this program: each page that is opened starts a process and shows its screens."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path
from socket import socket

import aiohttp_jinja2
from aiohttp import WSCloseCode, web
from textual_serve.app_service import AppService
from textual_serve.server import Server, to_int

from cnn_tui.web.access import Access

_TITLE = "cnn-tui"
_EXIT_SECONDS = 10.0  # an orderly exit takes much less
_PING_SECONDS = 15.0  # also keeps proxies from closing a quiet connection
_POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class _App(AppService):
    """A process that runs the app for one page."""

    async def stop(self) -> None:
        """End the process and wait for its exit, which asyncio has to see before the server ends."""
        if self._process is None:
            return
        try:
            async with asyncio.timeout(_EXIT_SECONDS):
                await super().stop()
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


class AppServer(Server):
    """textual-serve's server with access checks, and a page that loads nothing from other sites.

    Args:
        command: the command that starts the app, for a shell.
        on_start: called once the server accepts connections.
    """

    def __init__(self, command: str, access: Access, on_start: Callable[[], None]) -> None:
        super().__init__(command, title=_TITLE, templates_path=Path(__file__).parent)
        self._access = access
        self._on_start = on_start
        self._websockets: set[web.WebSocketResponse] = set()

    def run(self, listening: socket) -> None:
        """Serve at a listening socket until SIGINT or SIGTERM."""
        web.run_app(self._make_app(), sock=listening, print=None, access_log=None)

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        self._access.install(app)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Report the start, without the banner of textual-serve."""
        self._on_start()

    async def on_shutdown(self, app: web.Application) -> None:
        """Close all pages, whose apps end then."""
        await asyncio.gather(*(websocket.close(code=WSCloseCode.GOING_AWAY) for websocket in self._websockets))

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Run an app for a page until one of them ends."""
        websocket = web.WebSocketResponse(heartbeat=_PING_SECONDS)
        await websocket.prepare(request)

        async def close() -> None:
            await websocket.close()

        app = _App(
            self.command,
            write_bytes=websocket.send_bytes,
            write_str=websocket.send_str,
            close=close,
            download_manager=self.download_manager,
        )
        self._websockets.add(websocket)
        try:
            await app.start(to_int(request.query.get("width", ""), 80), to_int(request.query.get("height", ""), 24))
            await self._process_messages(websocket, app)
        finally:
            self._websockets.remove(websocket)
            await app.stop()
        return websocket

    async def handle_index(self, request: web.Request) -> web.Response:
        """The page that shows the app."""
        nonce = secrets.token_urlsafe(16)
        response = aiohttp_jinja2.render_template("page.html", request, {"title": _TITLE, "nonce": nonce})
        response.headers["Content-Security-Policy"] = _POLICY.format(nonce=nonce)
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        return response
