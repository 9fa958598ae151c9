"""Who may use the server: the token, and the checks of the Host and Origin headers."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from aiohttp import web

QUERY = "token"
_COOKIE = "cnn-tui-token"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Access:
    """The conditions that every request has to meet, also for static files and the websocket.

    Attributes:
        token: given once in the query and kept by the browser as a cookie; None to require none.
        host_names: the names that this server is known by; None for any name. A name that its owner has resolve to
            this machine makes a foreign page look like one of this server (DNS rebinding).
    """

    token: str | None
    host_names: Collection[str] | None

    def install(self, app: web.Application) -> None:
        """Check every request of an application, including those for unknown paths."""
        app.middlewares.append(self._check)

    @web.middleware
    async def _check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if refusal := self._refusal(request):
            return web.Response(status=403, text=f"{refusal}\n")
        response = await handler(request)
        if QUERY in request.query and self.token is not None and not response.prepared:
            response.set_cookie(_COOKIE, self.token, httponly=True, samesite="Strict", path="/")
        return response

    def _refusal(self, request: web.Request) -> str:
        """Why a request is refused, empty if it is not."""
        if self.host_names is not None and _host_name(request) not in self.host_names:
            return "This server is not known by that name. Open the address that 'cnn-tui serve' printed."
        # A browser names the page that opens a websocket, but lets every page open one.
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != request.host:
            return "Pages of other sites cannot use this server."
        if not self._has_token(request):
            return "The token is missing or wrong. Open the address that 'cnn-tui serve' printed."
        return ""

    def _has_token(self, request: web.Request) -> bool:
        if self.token is None:
            return True
        given = request.query.get(QUERY) or request.cookies.get(_COOKIE, "")
        return hmac.compare_digest(given.encode(), self.token.encode())


def _host_name(request: web.Request) -> str | None:
    """The name in the Host header without the port, None if it is malformed."""
    try:
        return request.url.host
    except ValueError:
        return None
