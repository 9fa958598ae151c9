"""Replays: time that passes, stops and jumps; and the screen that shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from host import screen_text, until, until_shown
from textual.pilot import Pilot

from cnn_tui.config.preset import RunPreset
from cnn_tui.events import Event, Phase, RunFinished
from cnn_tui.store.session_writer import SessionWriter, new_record, new_session_folder
from cnn_tui.store.sessions import EVENTS_FILE
from cnn_tui.tui.replay import Replay
from cnn_tui.tui.viewer import ReplayViewer
from cnn_tui.tui.widgets.line_chart import LineChart
from cnn_tui.tui.widgets.replay_bar import ReplayBar
from samples import batch, epoch, result, started, story

FIRST = 100.0  # when the runs of these tests start


def replay(speed: float = 1.0) -> Replay:
    """A replay of 10 s with epochs at 1 s and 2 s."""
    return Replay(story(), speed)


def test_events_come_when_their_time_has_passed() -> None:
    playback, told = replay(), story()
    assert playback.duration == 10.0
    assert playback.advance(0.0) == ((told[0],), True)
    assert playback.advance(0.9) == (tuple(told[1:3]), False)
    assert playback.advance(0.1).events == (told[3],)
    assert playback.advance(0.5).events == ()
    assert playback.advance(100.0).events == tuple(told[4:])
    assert playback.ended
    assert not playback.playing
    assert playback.position == 10.0


def test_the_speed_multiplies_time() -> None:
    playback = replay(4.0)
    assert len(playback.advance(0.25).events) == 4
    playback.change_speed(1)
    assert playback.speed == 5.0
    playback.change_speed(-1)
    playback.change_speed(-1)
    assert playback.speed == 1.0
    for _ in range(50):
        playback.change_speed(1)
    assert playback.speed == 10_000.0


def test_in_a_pause_no_time_passes() -> None:
    playback = replay()
    playback.advance(1.5)
    playback.pause()
    assert playback.advance(10.0).events == ()
    assert playback.position == 1.5
    assert playback.play().events == ()
    playback.advance(0.5)
    assert playback.position == 2.0


def test_a_jump_gives_all_events_up_to_there() -> None:
    playback, told = replay(), story()
    assert playback.seek(1.5) == (tuple(told[:4]), True)
    assert playback.seek(0.3) == (tuple(told[:2]), True)
    assert playback.advance(0.3) == ((told[2],), False)
    assert playback.seek(-5.0) == ((told[0],), True)
    assert playback.seek(50.0) == (tuple(told), True)
    assert playback.ended
    assert playback.play() == ((told[0],), True)
    assert playback.playing


def test_a_clock_that_was_set_back_does_not_turn_time_around() -> None:
    playback = Replay([epoch(1), epoch(1).model_copy(update={"time": 50.0}), Phase(name="testing", time=53.0)])
    assert playback.duration == 3.0
    assert len(playback.advance(0.0).events) == 2
    assert len(playback.advance(3.0).events) == 1


def test_nothing_can_be_replayed_at_once() -> None:
    playback = Replay([])
    assert (playback.duration, playback.ended, playback.advance(1.0).events) == (0.0, True, ())


def run(session_id: str) -> list[Event]:
    """A run of ten epochs in 1,000 seconds."""
    told: list[Event] = [started(session_id, epochs=10), Phase(name="training", time=FIRST)]
    for number in range(1, 11):
        end = FIRST + 100 * number
        told.append(batch(number, 2, time=end - 50))
        told.append(epoch(number).model_copy(update={"time": end - 1}))
    return [*told, RunFinished(status="done", result=result(), time=FIRST + 1000)]


@pytest.fixture
def folder() -> Path:
    session_id, folder = new_session_folder("pets")
    with SessionWriter(folder, new_record(session_id, preset())) as writer:
        for event in run(session_id):
            writer.record(event)
    return folder


def preset() -> RunPreset:
    return RunPreset(name="pets", experiment=started(epochs=10).experiment)


@asynccontextmanager
async def viewer(
    folder: Path, speed: float = 0.1, size: tuple[int, int] = (120, 36)
) -> AsyncIterator[tuple[ReplayViewer, Pilot[None]]]:
    app = ReplayViewer(folder, preset(), speed)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.replay is not None and app.job is not None)
        yield app, pilot


def epochs(app: ReplayViewer) -> int:
    return len(app.job.run.history.epochs) if app.job else 0


async def test_a_fast_replay_ends_with_the_result(folder: Path) -> None:
    async with viewer(folder, 10_000.0) as (app, pilot):
        await until(pilot, lambda: app.current_mode == "results")
        await until_shown(pilot, app, "macro mean")
        await pilot.press("f3")
        await until_shown(pilot, app, "■ Replay ended  16:40 of 16:40")
        await pilot.press("space")  # again from the start
        await until_shown(pilot, app, "macro mean")


async def test_it_can_be_scrubbed_by_keys_in_both_directions(folder: Path) -> None:
    async with viewer(folder) as (app, pilot):
        await pilot.press("space", *["right"] * 7)
        await until(pilot, lambda: epochs(app) == 3)
        await until_shown(pilot, app, "‖ Paused  05:50 of 16:40")
        await until(pilot, lambda: len(app.screen.query_one("#loss", LineChart).series[0].xs) == 3)
        await until_shown(pilot, app, "4 of 10")
        assert "5 min 50 s" in screen_text(app)  # elapsed
        await pilot.press("left", "left", "left")
        await until(pilot, lambda: epochs(app) == 2)
        await until_shown(pilot, app, "‖ Paused  03:20 of 16:40")
        await pilot.press("home")
        await until(pilot, lambda: epochs(app) == 0)
        await pilot.press("end")
        await until(pilot, lambda: app.current_mode == "results")
        assert epochs(app) == 10


async def test_keys_change_the_speed_and_the_footer_offers_what_works(folder: Path) -> None:
    async with viewer(folder) as (app, pilot):
        await until_shown(pilot, app, "speed 0.1x")
        assert "space Pause" in screen_text(app).splitlines()[-1]
        await pilot.press("+", "+", "+")
        await until_shown(pilot, app, "speed 1x")
        await pilot.press("-")
        await until_shown(pilot, app, "speed 0.5x")
        await pilot.press("p")
        await until(pilot, lambda: "space Play" in screen_text(app).splitlines()[-1])
        assert not {"x", "k"} & set(app.screen.active_bindings)
        await pilot.press("space")
        await until(pilot, lambda: "space Pause" in screen_text(app).splitlines()[-1])
        assert app.replay is not None
        assert app.replay.playing


async def test_a_click_on_the_bar_jumps_there(folder: Path) -> None:
    async with viewer(folder) as (app, pilot):
        await pilot.press("space")
        bar = app.screen.query_one(ReplayBar)
        line = screen_text(app).splitlines()[bar.region.y]
        start, end = line.index("─"), line.rindex("─")
        await pilot.click(ReplayBar, offset=((start + end) // 2, 0))
        await until(pilot, lambda: epochs(app) in (4, 5))
        await pilot.click(ReplayBar, offset=(0, 0))  # on the text
        assert epochs(app) in (4, 5)


async def test_it_shows_the_machine_of_the_run_and_warnings_only(folder: Path) -> None:
    (folder / "trainer.log").write_text("printed later\n", encoding="utf-8")
    async with viewer(folder) as (app, pilot):
        await until_shown(pilot, app, "A processor")
        await until_shown(pilot, app, "2.10.0")
        assert "CPU " not in screen_text(app)
        await pilot.press("l")
        await until_shown(pilot, app, "Nothing so far")
        assert "printed later" not in screen_text(app)


async def test_a_run_without_events_says_so(folder: Path) -> None:
    (folder / EVENTS_FILE).unlink()
    app = ReplayViewer(folder, preset())
    async with app.run_test(size=(120, 36)) as pilot:
        await until_shown(pilot, app, "The session has no events")


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])
async def test_the_replay_fits_the_terminal(size: tuple[int, int], folder: Path) -> None:
    async with viewer(folder, size=size) as (app, pilot):
        await pilot.press("space", "right", "right", "right")
        await until_shown(pilot, app, "‖ Paused  02:30 of 16:40")
        lines = screen_text(app).splitlines()
        assert lines[-2].rstrip().endswith("speed 0.1x")
        for key in ("space Play", "+ Faster", "- Slower", "← Back", "→ Forward", "^q Quit", "f1 Help"):
            assert key in lines[-1], key
