"""The viewer of a session that another process writes: Live and Results, without anything that controls the run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from host import screen_text, until, until_shown
from stored_sessions import store_session
from textual.app import ComposeResult
from textual.pilot import Pilot

from cnn_tui.config.preset import RunPreset
from cnn_tui.events import ErrorReport, Phase, RunFinished, WarningRaised
from cnn_tui.store import session_follower
from cnn_tui.store.session_writer import SessionWriter, new_record, new_session_folder
from cnn_tui.store.sessions import EVENTS_FILE
from cnn_tui.tui.screens import watch
from cnn_tui.tui.screens.results_header import ResultHeader
from cnn_tui.tui.screens.session_results import SessionResultsScreen
from cnn_tui.tui.viewer import Viewer
from cnn_tui.tui.widgets.line_chart import LineChart
from samples import batch, epoch, result, started

PRESET = RunPreset(name="pets", experiment=started(epochs=5).experiment)
CONTROLS = {"pause", "resume", "stop", "kill", "rerun", "open_preset"}


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_follower, "_QUIET_SECONDS", 0.05)
    monkeypatch.setattr(session_follower, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(watch, "is_machine_busy", lambda: False)
    for name in ("TICK", "FIGURES_EVERY", "CURVES_EVERY"):
        monkeypatch.setattr(watch.WatchScreen, name, 0.1)


@pytest.fixture
def writer() -> Iterator[SessionWriter]:
    """A session whose run is in its second epoch."""
    session_id, folder = new_session_folder("pets")
    with SessionWriter(folder, new_record(session_id, PRESET)) as session:
        session.record(started(session_id, epochs=5))
        session.record(Phase(name="training", time=101.0))
        for number in (1, 2):
            session.record(epoch(number))
        yield session


@asynccontextmanager
async def viewer(folder: Path, size: tuple[int, int] = (120, 36)) -> AsyncIterator[tuple[Viewer, Pilot[None]]]:
    app = Viewer(folder, PRESET)
    async with app.run_test(size=size) as pilot:
        yield app, pilot


def losses(app: Viewer) -> tuple[float, ...]:
    return next((tuple(one.ys) for one in app.screen.query_one("#loss", LineChart).series if one.name == "train"), ())


async def test_a_run_is_joined_with_its_curves_and_followed_to_its_result(writer: SessionWriter) -> None:
    async with viewer(writer.folder) as (app, pilot):
        await until(pilot, lambda: losses(app) == (1.0, 0.5))
        await until_shown(pilot, app, "training epoch 3/5")
        writer.record(epoch(3))
        writer.record(epoch(4))
        await until(pilot, lambda: losses(app) == (1.0, 0.5, 1 / 3, 0.25))
        writer.record(RunFinished(status="done", result=result(), time=110.0))
        await until(pilot, lambda: app.current_mode == "results")
        await until(pilot, lambda: (view := app.screen.query_one(ResultHeader).view) and view.record.status == "done")
        await until_shown(pilot, app, "macro")


@pytest.mark.parametrize("mode", ["live", "results"])
async def test_nothing_that_controls_or_starts_a_run_is_offered(mode: str, writer: SessionWriter) -> None:
    writer.record(RunFinished(status="done", result=result(), time=110.0))
    async with viewer(writer.folder) as (app, pilot):
        await until(pilot, lambda: app.current_mode == "results")
        await app.switch_mode(mode)
        await until_shown(pilot, app, "f1 Help")
        assert not CONTROLS & {active.binding.action for active in app.screen.active_bindings.values()}
        title, footer = screen_text(app).splitlines()[0], screen_text(app).splitlines()[-1]
        assert title.split()[:6] == ["cnn-tui", "watch", "f3", "Live", "f4", "Results"]
        await pilot.press("f1")
        await until_shown(pilot, app, "On this screen")
        await pilot.press("escape", "ctrl+p")
        await until_shown(pilot, app, "Go to")
        texts = footer + screen_text(app)
        assert not [word for word in ("Pause", "Stop", "Kill", "Rerun", "Preset", "Setup", "Sessions") if word in texts]


async def test_quitting_asks_nothing_and_leaves_the_run_alone(writer: SessionWriter) -> None:
    before = (writer.folder / EVENTS_FILE).read_bytes()
    async with viewer(writer.folder) as (app, pilot):
        await until_shown(pilot, app, "training epoch 3/5")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not app.is_running)
    assert (writer.folder / EVENTS_FILE).read_bytes() == before
    writer.record(epoch(3))


class LeavingScreen(SessionResultsScreen):
    """Quits while it opens: its widgets are no longer mounted, and its handlers miss them."""

    def compose(self) -> ComposeResult:
        self.app.exit()
        return super().compose()


async def test_quitting_while_the_results_open_is_no_error(writer: SessionWriter) -> None:
    app = Viewer(writer.folder, PRESET)
    app._modes["results"] = LeavingScreen
    async with app.run_test():
        app.switch_mode("results")
        while app.is_running:
            await asyncio.sleep(0)
    assert app.return_code == 0


async def test_a_failed_run_shows_its_error_in_live(writer: SessionWriter) -> None:
    error = ErrorReport(title="The loss is not finite", detail="Step 3.", hint="Lower the learning rate.")
    async with viewer(writer.folder) as (app, pilot):
        await until_shown(pilot, app, "training epoch 3/5")
        writer.record(RunFinished(status="failed", error=error))
        await until_shown(pilot, app, "Lower the learning rate.")
        assert app.current_mode == "live"


async def test_the_end_of_a_killed_process_is_noticed(writer: SessionWriter) -> None:
    async with viewer(writer.folder) as (app, pilot):
        await until_shown(pilot, app, "training epoch 3/5")
        writer.close()
        await until_shown(pilot, app, "The run was killed")
        assert "last run killed" in screen_text(app).splitlines()[0]


async def test_a_deleted_session_is_reported(writer: SessionWriter) -> None:
    async with viewer(writer.folder) as (app, pilot):
        await until_shown(pilot, app, "training epoch 3/5")
        away = writer.folder.rename(writer.folder.with_name("away"))
        await until_shown(pilot, app, "The session was deleted")
        away.rename(writer.folder)


async def test_a_replaced_log_replaces_the_curves(writer: SessionWriter) -> None:
    async with viewer(writer.folder) as (app, pilot):
        await until(pilot, lambda: losses(app) == (1.0, 0.5))
        log = writer.folder / EVENTS_FILE
        lines = log.read_bytes().splitlines(keepends=True)
        warning = WarningRaised(title="careful").model_dump_json().encode() + b"\n"
        log.write_bytes(b"".join((lines[0], warning, *lines[1:3])))
        await until(pilot, lambda: app.job is not None and len(app.job.run.history.epochs) == 1)
        assert app.job is not None
        assert [one.title for one in app.job.run.history.warnings] == ["careful"]


async def test_a_session_without_events_is_waited_for() -> None:
    session_id, folder = new_session_folder("pets")
    with SessionWriter(folder, new_record(session_id, PRESET)) as writer:
        async with viewer(folder) as (app, pilot):
            await until_shown(pilot, app, "Waiting for the first event of the run")
            writer.record(started(session_id))
            writer.record(Phase(name="loading"))
            await until_shown(pilot, app, "▶ loading")


async def test_a_session_elsewhere_shows_its_result_too(tmp_path: Path) -> None:
    folder = store_session("20261123T001502Z-pets").rename(tmp_path / "20261123T001502Z-copy")
    async with viewer(folder) as (app, pilot):
        await until(pilot, lambda: app.current_mode == "results")
        await until_shown(pilot, app, "macro")


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])
async def test_the_run_fits_the_terminal(size: tuple[int, int], writer: SessionWriter) -> None:
    async with viewer(writer.folder, size) as (app, pilot):
        writer.record(batch(3, 2, time=111.0))
        await until_shown(pilot, app, "1,234")
        for part in ("pets", "3 of 5", "▶ training", "f4 Results", "epoch 3/5", "b Steps/epochs"):
            assert part in screen_text(app), part


async def test_the_next_run_follows_and_the_results_stay(
    writer: SessionWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnn_tui.tui.viewer._NEXT_RUN_SECONDS", 0.02)
    app = Viewer(writer.folder, PRESET, continues=True)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await until_shown(pilot, app, "training epoch 3/5")
        writer.record(RunFinished(status="done", result=result(), time=110.0))
        await until(pilot, lambda: app.current_mode == "results")
        session_id, folder = new_session_folder("dogs")
        preset = PRESET.model_copy(update={"name": "dogs"})
        with SessionWriter(folder, new_record(session_id, preset)) as following:
            following.record(started(session_id, epochs=5))
            following.record(Phase(name="training", time=101.0))
            following.record(epoch(1))
            following.record(epoch(2))
            await until_shown(pilot, app, "dogs has started")
            assert app.current_mode == "results"
            await pilot.press("f3")
            await until(pilot, lambda: losses(app) == (1.0, 0.5))
            await until_shown(pilot, app, "dogs")
            following.record(RunFinished(status="done", result=result(), time=110.0))
            await until(pilot, lambda: app.current_mode == "results" and app.shown_session == session_id)


async def test_a_busy_machine_is_not_disturbed(writer: SessionWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "is_machine_busy", lambda: True)
    async with viewer(writer.folder) as (app, pilot):
        await until(pilot, lambda: losses(app) == (1.0, 0.5))
        writer.record(epoch(3))
        await until(pilot, lambda: app.job is not None and len(app.job.run.history.epochs) == 3)
        await until_shown(pilot, app, "shown every 15 seconds")
        await pilot.pause(0.5)
        assert losses(app) == (1.0, 0.5)
        monkeypatch.setattr(watch, "is_machine_busy", lambda: False)
        await until(pilot, lambda: losses(app) == (1.0, 0.5, 1 / 3))
