"""The Predict screen: with a real network once, else with one that a test speaks for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
from host import Host, screen_text, until, until_shown
from scripted_inference import ScriptedInference
from stored_sessions import HOSTILE, store_hostile_session, store_session
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Input
from workbench import workbench

from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded
from cnn_tui.events import ErrorReport
from cnn_tui.trainer.inference_protocol import Classified, Failed, LoadingNetwork, Lost, NetworkLoaded
from cnn_tui.tui.palette_commands import session_commands
from cnn_tui.tui.screens.predict import PredictScreen
from cnn_tui.tui.screens.predict_panes import ImageTable
from cnn_tui.tui.screens.results import ResultsScreen
from cnn_tui.tui.screens.sessions import SessionsScreen, SessionsTable
from cnn_tui.tui.widgets.image_view import ImageView
from empty_files import write_empty
from recorded_runs import record_run, write_digits

SESSION = "20261123T001502Z-pets"
CAT, DOG = ("cat", 0.75), ("dog", 0.25)
WHITE = np.full((4, 6, 3), 255, np.uint8)


def serving() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "cnn_tui.trainer.serve_inference" in child.cmdline()]


async def test_an_image_is_classified_by_the_network_of_a_session(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = record_run("digits", data={"train_limit": 60, "test_limit": 30}, model={"trainable": "all"})
    images = write_digits(tmp_path / "my digits", folder)
    capsys.readouterr()
    assert guarded(cli, ["predict", folder.name, *images, "--json"]) == 0
    expected = [json.loads(line)["predictions"] for line in capsys.readouterr().out.splitlines()]
    async with workbench() as (app, _, pilot):
        app.switch_mode("sessions")
        await until(pilot, lambda: [len(table.rows) for table in app.screen.query(SessionsTable)] == [1])
        await pilot.press("p")
        await until_shown(pilot, app, "loading PyTorch…")
        assert len(serving()) == 1
        await pilot.press(*f"'{images[0]}'", "enter")
        table = app.screen.query_one(ImageTable)
        await until(pilot, lambda: table.rows and table.rows[0].top)
        await until(pilot, lambda: app.screen.query_one(ImageView).pixels is not None)
        await until_shown(pilot, app, f"{expected[0][0]['probability'] * 100:.1f} %")
        app.screen.query_one(Input).value = f"file://{tmp_path}/my%20digits"
        await pilot.press("enter")
        await until(pilot, lambda: len(table.rows) == len(images) and all(row.top for row in table.rows))
        for row, predictions in zip(table.rows, expected, strict=True):
            assert dict(row.top) == pytest.approx({one["class"]: one["probability"] for one in predictions}, abs=1e-6)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SessionsScreen))
        await until(pilot, lambda: not serving())


@asynccontextmanager
async def opened(
    size: tuple[int, int] = (120, 36), store: Callable[[], Path] = lambda: store_session(SESSION)
) -> AsyncIterator[tuple[Host, ScriptedInference, Pilot[None]]]:
    """The screen over a stored session, with a scripted network."""
    folder, network = store(), ScriptedInference()
    app = Host("sessions")
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SessionsScreen))
        app.push_screen(PredictScreen(folder, network.make))
        await until(pilot, lambda: isinstance(app.screen, PredictScreen) and app.focused is not None)
        yield app, network, pilot
    assert network.closed


async def request(app: Host, network: ScriptedInference, pilot: Pilot[None], path: Path) -> list[str]:
    """Type a path; the images of its request."""
    before = len(network.requests)
    app.screen.query_one(Input).value = str(path)
    app.set_focus(app.screen.query_one(Input))
    await pilot.press("enter")
    await until(pilot, lambda: len(network.requests) > before)
    return network.requests[-1][1]


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_the_images_of_a_folder_are_listed_and_counted(tmp_path: Path, size: tuple[int, int]) -> None:
    root = write_empty(tmp_path / "pets", "cat/1.png", "cat/2.png", "dog/3.png", "other/4.jpg", "other/notes.txt")
    async with opened(size) as (app, network, pilot):
        images = await request(app, network, pilot, root)
        assert images == [str(root / name) for name in ("cat/1.png", "cat/2.png", "dog/3.png", "other/4.jpg")]
        await until_shown(pilot, app, "0 of 4 images")
        network.answer(0, CAT, DOG)
        network.send_image(images[0], WHITE)
        await until_shown(pilot, app, "✓ cat, like its folder")
        await until_shown(pilot, app, "75.0 %")
        network.answer(1, ("dog", 0.5), ("cat", 0.5))
        network.answer(2, DOG)
        network.answer(3, problem="not an image of a supported format")
        await until_shown(pilot, app, "4 images · 2 of 3 match their folder (67 %) · 1 cannot be read")
        assert app.screen.query_one(ImageView).pixels is not None
        await pilot.press("j")
        await until_shown(pilot, app, "✗ dog, its folder is cat")
        assert app.screen.query_one(ImageView).pixels is None
        await pilot.press("down", "down")
        await until_shown(pilot, app, "It cannot be read: not an image of a")
        network.send_image(images[1], WHITE)  # the user has moved on
        await until(pilot, lambda: network.shown == [images[0], images[1], images[3]])
        assert app.screen.query_one(ImageView).pixels is None
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SessionsScreen))


async def test_the_next_path_replaces_the_images_and_late_answers_are_ignored(tmp_path: Path) -> None:
    root = write_empty(tmp_path, "1.png", "2.png")
    async with opened() as (app, network, pilot):
        await request(app, network, pilot, root)
        table = app.screen.query_one(ImageTable)
        await until(pilot, lambda: table.has_focus and len(table.rows) == 2)
        number = network.requests[-1][0]
        await pilot.press("slash", "y")
        field = app.screen.query_one(Input)
        assert (field.has_focus, field.value) == (True, "y")  # it replaced the last path
        assert await request(app, network, pilot, root / "2.png") == [str(root / "2.png")]
        network.emit(Classified(number=number, index=0, top=(DOG,)))
        network.answer(0, CAT)
        await until_shown(pilot, app, "cat")
        assert [(row.name, row.predicted) for row in table.rows] == [("2.png", "cat")]
        assert not table.display
        await pilot.press("x")
        assert field.value == "x"


async def test_what_is_dropped_onto_the_images_becomes_the_path(tmp_path: Path) -> None:
    root = write_empty(tmp_path, "1.png", "2.png")
    async with opened() as (app, network, pilot):
        await request(app, network, pilot, root)
        await until(pilot, lambda: app.screen.query_one(ImageTable).has_focus)
        app.post_message(Paste(f"'{root}/2.png' \n"))
        await until(pilot, lambda: app.screen.query_one(Input).has_focus)
        await pilot.press("enter")
        await until(pilot, lambda: network.requests[1:] == [(network.requests[0][0] + 1, [str(root / "2.png")])])


async def test_failures_are_shown_with_reason_and_next_step(tmp_path: Path) -> None:
    image = write_empty(tmp_path, "1.png") / "1.png"
    async with opened((80, 24)) as (app, network, pilot):
        for text, title in ((str(tmp_path / "none.png"), "There is no such file or folder"), ("", "There is no path")):
            app.screen.query_one(Input).value = text
            await pilot.press("enter")
            await until_shown(pilot, app, title)
            assert text in "".join(line.strip() for line in screen_text(app).splitlines())
            assert "drop the path of an image" in screen_text(app)
        await request(app, network, pilot, image)
        network.emit(Failed(error=ErrorReport(title="No weights", detail="[/] \x1b gone", hint="Train again.")))
        await until(pilot, lambda: all(text in screen_text(app) for text in ("No weights", "[/] \ufffd gone", "Train")))
        await request(app, network, pilot, image)
        await until_shown(pilot, app, "loading the network…")
        network.emit(LoadingNetwork(), NetworkLoaded())
        network.answer(0, CAT)
        await until_shown(pilot, app, "75.0 %")
        network.emit(Lost(error=ErrorReport(title="It ended", detail="SIGKILL", hint="Press enter.")))
        await until_shown(pilot, app, "It ended")
        await request(app, network, pilot, image)
        await until_shown(pilot, app, "loading PyTorch…")


async def test_names_are_not_markup(tmp_path: Path) -> None:
    root = write_empty(tmp_path / "[red]", "[b].png", "a\x1b[2J\u202e.png")
    async with opened((200, 50), store_hostile_session) as (app, network, pilot):
        images = await request(app, network, pilot, root)
        network.answer(0, *((name, 0.1) for name in HOSTILE[:5]))
        network.answer(1, (HOSTILE[5], 0.5))
        await until(pilot, lambda: all(text in screen_text(app) for text in ("[b].png", "[red]x", HOSTILE[0])))
        assert len(images) == 2
        assert not {"\x1b", "\x07", "\u202e"} & set(screen_text(app))


async def test_predict_is_offered_where_there_are_weights() -> None:
    folder = store_session(SESSION)
    async with workbench(notifications=True) as (app, _, pilot):
        app.shown_session = SESSION
        await pilot.press("f4")
        await until(pilot, lambda: app.current_mode == "results" and "Predict" in screen_text(app))
        await pilot.press("p")
        await until_shown(pilot, app, "has no trained weights")
        (folder / "weights.safetensors").touch()
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, PredictScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))
        await app.switch_mode("setup")
        (command,) = (one for one in session_commands(app.screen) if one.title == "Predict with session pets")
        command.run()
        await until(pilot, lambda: isinstance(app.screen, PredictScreen))
        await until_shown(pilot, app, "pets")
