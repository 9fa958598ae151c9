"""``cnn-tui serve``: who gets in, and what happens to an app whose page or server goes away."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psutil
import pytest

from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded
from cnn_tui.config.preset import RunPreset
from cnn_tui.store.session_writer import SessionWriter, new_record, new_session_folder
from cnn_tui.store.sessions import list_sessions
from samples import story
from scripted_program import PROGRAM as SCRIPTED

pytest.importorskip("textual_serve", reason="textual-serve is not installed")

from aiohttp import ClientResponse, ClientSession, CookieJar, WSServerHandshakeError
from aiohttp.test_utils import TestClient, TestServer

from cnn_tui.web.access import Access
from cnn_tui.web.server import AppServer

TOKEN = "the-token-of-this-server"
LOOPBACK = frozenset({"127.0.0.1", "localhost"})
PATHS = ("/", "/ws", "/static/js/textual.js", "/download/x", "/nothing")
Output = pytest.CaptureFixture[str]


async def client(access: Access) -> TestClient[Any, Any]:
    """A browser before a server whose app is never started."""
    server = AppServer("exit 1", access, on_start=lambda: None)
    return TestClient(TestServer(await server._make_app()), cookie_jar=CookieJar(unsafe=True))


async def status(browser: TestClient[Any, Any], path: str, **headers: str) -> int:
    async with browser.get(path, headers=headers) as response:
        return response.status


async def test_nothing_is_served_without_the_token_and_everything_with_its_cookie() -> None:
    async with await client(Access(TOKEN, LOOPBACK)) as browser:
        assert {await status(browser, path) for path in PATHS} == {403}
        for wrong in ("", "x", f"{TOKEN}x", "ü"):
            assert {await status(browser, f"{path}?token={wrong}") for path in PATHS} == {403}
        assert await status(browser, "/", Cookie="cnn-tui-token=x") == 403
        async with browser.get(f"/?token={TOKEN}") as response:
            assert response.status == 200
            cookie = response.cookies["cnn-tui-token"]
            assert (cookie["httponly"], cookie["samesite"], response.headers["Referrer-Policy"]) == (
                True,
                "Strict",
                "no-referrer",
            )
            page = await response.text()
        assert "://" not in page.replace("location", "")
        assert [await status(browser, path) for path in ("/", "/static/js/textual.js", "/nothing")] == [200, 200, 404]


@pytest.mark.parametrize("token", [TOKEN, None])
async def test_pages_of_other_sites_and_other_names_are_refused(token: str | None) -> None:
    async with await client(Access(token, LOOPBACK)) as browser:
        own = f"127.0.0.1:{browser.port}"
        allowed = f"/?token={TOKEN}"
        assert await status(browser, allowed, Origin=f"http://{own}") == 200
        for origin in ("http://evil.example", "null", "http://127.0.0.1", f"http://{own}.evil.example", ""):
            assert await status(browser, allowed, Origin=origin) == 403
            with pytest.raises(WSServerHandshakeError, match="403"):
                await browser.ws_connect("/ws", headers={"Origin": origin})
        for host in ("evil.example", f"evil.example:{browser.port}", "[::", ""):
            assert await status(browser, allowed, Host=host) == 403
        assert await status(browser, allowed, Host="localhost:1") == 200


async def test_beyond_this_machine_every_name_is_allowed_with_the_token() -> None:
    async with await client(Access(TOKEN, None)) as browser:
        assert await status(browser, "/", Host="lab.example") == 403
        assert await status(browser, f"/?token={TOKEN}", Host="lab.example") == 200


@pytest.fixture
def session_id() -> str:
    """A session that has ended, with a name that a shell would interpret."""
    identity, folder = new_session_folder("pets")
    with SessionWriter(folder, new_record(identity, RunPreset(name="pets; exit 1"))) as writer:
        for event in story(identity):
            writer.record(event)
    return identity


@pytest.fixture
def server(session_id: str) -> Iterator[subprocess.Popen[str]]:
    """A server of that session."""
    command = [sys.executable, "-m", "cnn_tui", "serve", "--watch", session_id, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline().strip()


async def app_bytes(browser: ClientSession, address: str, wanted: bytes) -> None:
    """Open a page's websocket, and wait until the app has drawn something; then close the page."""
    drawn = b""
    async with browser.ws_connect(address, max_msg_size=0) as websocket:
        while wanted not in drawn:
            drawn += await websocket.receive_bytes(timeout=60)


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
async def test_a_page_shows_the_app_which_ends_with_it(server: subprocess.Popen[str]) -> None:
    address = line_of(server.stdout)
    base, _, token = address.partition("?")
    assert base.startswith("http://127.0.0.1:")
    assert len(token) > 40
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as browser:
        assert (await got(browser, base)).status == 403
        assert (await got(browser, address)).status == 200
        await app_bytes(browser, f"{base}ws?width=100&height=30", b"pets; exit 1")
        _, gone = psutil.wait_procs(psutil.Process(server.pid).children(), timeout=60)
        assert gone == []
        async with browser.ws_connect(f"{base}ws") as websocket:
            await websocket.receive_bytes(timeout=60)
            (app,) = psutil.Process(server.pid).children()
            server.terminate()
            while (await websocket.receive(timeout=60)).data != 1001:
                pass
    assert server.wait(60) == 0
    assert not app.is_running()
    assert server.communicate() == ("", "")


async def got(browser: ClientSession, address: str) -> ClientResponse:
    async with browser.get(address) as response:
        await response.read()
        return response


@contextmanager
def served(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """An app as textual-serve starts it."""
    environment = {**os.environ, "TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def until_drawn(app: subprocess.Popen[bytes], wanted: bytes) -> bytes:
    assert app.stdout is not None
    drawn = b""
    while wanted not in drawn:
        piece = os.read(app.stdout.fileno(), 65536)
        assert piece, drawn
        drawn += piece
    return drawn


def send(app: subprocess.Popen[bytes], kind: bytes, payload: bytes) -> None:
    assert app.stdin is not None
    app.stdin.write(kind + len(payload).to_bytes(4, "big") + payload)
    app.stdin.flush()


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX pipes")
def test_a_watched_session_is_not_exported_and_its_app_ends_when_the_server_was_killed(session_id: str) -> None:
    with served([sys.executable, "-m", "cnn_tui", "watch", session_id]) as app:
        assert b"Export" not in until_drawn(app, b"Copy")  # neighbours in the footer
        assert app.stdin is not None
        app.stdin.close()
        assert app.wait(60) == 0


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX pipes")
def test_a_run_goes_on_when_its_page_is_closed(home: Path) -> None:
    (home / "presets").mkdir(parents=True)
    preset = RunPreset(name="long").model_dump(mode="json")
    preset["experiment"]["training"]["epochs"] = 5_000
    (home / "presets" / "long.json").write_text(json.dumps(preset), encoding="utf-8")
    with served([*SCRIPTED, "long"]) as app:
        until_drawn(app, b"Ready")
        send(app, b"D", b"\x12")
        until_drawn(app, b"of 5,000")
        send(app, b"M", json.dumps({"type": "quit"}).encode())
        app.communicate(timeout=60)
        (entry,) = list_sessions()
        assert entry.record is not None
        assert entry.record.live


def refused(capfd: Output, *arguments: str) -> tuple[int, str]:
    code = guarded(cli, ["serve", *arguments])
    out, err = capfd.readouterr()
    assert out == ""
    return code, err


def test_what_cannot_be_served_is_refused_with_the_next_step(
    capfd: Output, monkeypatch: pytest.MonkeyPatch, session_id: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        code, err = refused(capfd, "--port", str(other.getsockname()[1]))
    assert (code, "is in use" in err, "--port" in err) == (2, True, True)
    assert refused(capfd, "--watch", "nothing")[0] == 4
    assert refused(capfd, "--host", "no such host")[0] == 2
    code, err = refused(capfd, "--host", "0.0.0.0", "--port", "0", "--no-token")
    assert (code, "--no-token" in err) == (2, True)
    monkeypatch.setenv("CNN_TUI_SERVE_TOKEN", "short")
    assert "16 are required" in refused(capfd, "--port", "0", "--watch", session_id)[1]
    monkeypatch.setitem(sys.modules, "textual_serve.server", None)
    code, err = refused(capfd)
    assert (code, "pip install 'cnn-tui[serve]'" in err) == (2, True)
