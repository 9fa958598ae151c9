"""``cnn-tui serve``: the workbench, or a run to watch, in a browser."""

from __future__ import annotations

import errno
import ipaddress
import os
import secrets
import shlex
import socket
import sys
from typing import TYPE_CHECKING

import click

from cnn_tui.errors import ConfigError

if TYPE_CHECKING:
    from cnn_tui.web.access import Access

TOKEN_VARIABLE = "CNN_TUI_SERVE_TOKEN"
_SHORTEST_TOKEN = 16
_LATEST = "latest"


@click.command("serve")
@click.option(
    "--watch",
    is_flag=False,
    flag_value=_LATEST,
    metavar="[SESSION]",
    help='Show only this session, read-only; by default the newest when a page is opened ("latest").',
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 for any free one.")
@click.option("--no-token", is_flag=True, help="Let every account of this machine in; not with another --host.")
def serve(watch: str | None, host: str, port: int, no_token: bool) -> None:
    """Show the workbench in a browser, or with --watch one session, which is only read.

    The address that is printed contains a token, without which nothing is shown: a browser of any account can reach the
    ports of this machine. Whoever has the address has the workbench, with the rights of your account; with --watch
    nothing can be started, stopped or written. The connection is not encrypted: to reach another machine, forward a
    port ('ssh -L 8000:localhost:8000 MACHINE') instead of listening on all its addresses.

    Each page is a workbench of its own. A run goes on when its page is closed.
    """
    _check_installed()
    command = _command(watch)
    listening, is_loopback = _listen(host, port)
    with listening:
        _serve(command, listening, _access(host, is_loopback, no_token), is_loopback)


def _check_installed() -> None:
    try:
        import textual_serve.server  # noqa: F401
    except ImportError as error:
        detail = f"It needs the package textual-serve ({error})."
        raise ConfigError("Serving is not installed", detail, "pip install 'cnn-tui[serve]'") from error


def _command(watch: str | None) -> str:
    """The command of one page, for a shell, which it replaces.

    Raises:
        SessionNotFoundError: there is no session to watch.
    """
    arguments = []
    if watch is not None:
        from cnn_tui.store.sessions import find_session

        folder = find_session(watch)
        arguments = ["watch", "--", watch if watch == _LATEST else str(folder.absolute())]
    return "exec " + shlex.join([sys.executable, "-P", "-m", "cnn_tui", *arguments])


def _listen(host: str, port: int) -> tuple[socket.socket, bool]:
    """A listening socket, and whether only this machine can reach it.

    Raises:
        ConfigError: the address or the port cannot be used.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.create_server(address[:2], family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            detail = f"Another program listens on {host}."
            raise ConfigError(
                f"Port {port} is in use", detail, "Choose another --port, or 0 for any free one."
            ) from error
        detail = error.strerror or str(error)
        raise ConfigError(f"Cannot listen on {host}, port {port}", detail, "Change --host or --port.") from error
    return listening, ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback


def _access(host: str, is_loopback: bool, no_token: bool) -> Access:
    """Who may use the server.

    Raises:
        ConfigError: the token is too short, or not required although other machines can connect.
    """
    from cnn_tui.web.access import Access

    if no_token and not is_loopback:
        detail = f"Other machines can connect to {host}."
        raise ConfigError("--no-token is only for this machine", detail, "Leave out --no-token or --host.")
    # Not for the programs that this one starts.
    token = os.environ.pop(TOKEN_VARIABLE, None) or secrets.token_urlsafe(32)
    if len(token) < _SHORTEST_TOKEN:
        detail = f"{TOKEN_VARIABLE} has {len(token)} characters; {_SHORTEST_TOKEN} are required."
        raise ConfigError("The token is too short", detail, "Without the variable a token is made.")
    names = {"localhost", "127.0.0.1", "::1", host.lower()} if is_loopback else None
    return Access(token=None if no_token else token, host_names=names)


def _serve(command: str, listening: socket.socket, access: Access, is_loopback: bool) -> None:
    from cnn_tui.trainer.piped_process import child_environment
    from cnn_tui.web.server import AppServer

    os.environ.update(child_environment())
    address = _address(listening, access.token, is_loopback)
    AppServer(command, access, on_start=lambda: click.echo(address)).run(listening)


def _address(listening: socket.socket, token: str | None, is_loopback: bool) -> str:
    """The address for a browser, with the token."""
    from urllib.parse import quote

    from cnn_tui.web.access import QUERY

    name, port = listening.getsockname()[:2]
    if ipaddress.ip_address(name.partition("%")[0]).is_unspecified:
        name = socket.gethostname()
    host = f"[{name}]" if ":" in name else name
    return f"http://{host}:{port}/" + ("" if token is None else f"?{QUERY}={quote(token, safe='')}")
