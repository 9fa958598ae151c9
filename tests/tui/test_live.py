"""Live with a scripted run: curves and figures, keys that control the run, and few repaints."""

from __future__ import annotations

import pytest
from host import screen_text, until, until_shown
from rich.cells import cell_len
from scripted_trainer import ScriptedTrainer
from textual.pilot import Pilot
from textual.widgets import Static
from workbench import workbench

from cnn_tui import paths
from cnn_tui.events import (
    BatchFinished,
    EpochFinished,
    ErrorReport,
    Phase,
    Progress,
    RunFinished,
    WarningRaised,
)
from cnn_tui.history import MOST_BATCHES, RunHistory
from cnn_tui.reports.charts.series import Series
from cnn_tui.trainer.crash_report import explain_kill
from cnn_tui.trainer.protocol import Idle, Lost
from cnn_tui.tui.app import Workbench
from cnn_tui.tui.screens.dialogs import ConfirmScreen
from cnn_tui.tui.screens.live_curves import CurvesPane, StepCurves, shown_range
from cnn_tui.tui.widgets.line_chart import LineChart
from cnn_tui.tui.widgets.log_pane import LogPane, LogTail
from cnn_tui.tui.widgets.phase_bar import PhaseBar
from cnn_tui.tui.widgets.title_bar import TitleBar
from samples import started, story

SESSION = "20261123T001502Z-some"
STEPS = 4


def batch(epoch: int, step: int, loss: float) -> BatchFinished:
    return BatchFinished(
        epoch=epoch,
        step=step,
        steps=STEPS,
        loss=loss,
        accuracy=0.5,
        images_per_second=1234.0,
        learning_rate=0.001,
        time=100.0 + epoch,
    )


def epoch(number: int, validation_loss: float | None = 0.5, train_accuracy: float = 0.6) -> EpochFinished:
    return EpochFinished(
        epoch=number,
        train_loss=2.0 / number,
        train_accuracy=train_accuracy,
        validation_loss=validation_loss,
        validation_accuracy=None if validation_loss is None else 0.55,
        learning_rate=0.001,
        seconds=2.0,
        time=101.0 + number,
    )


async def start(pilot: Pilot[None], app: Workbench) -> None:
    """Start the quickstart and wait for Live."""
    await pilot.press("ctrl+r")
    await until(pilot, lambda: app.current_mode == "live" and app.screen.query(CurvesPane))


def begin(trainer: ScriptedTrainer) -> None:
    trainer.emit(started(SESSION, epochs=5), Phase(name="loading", time=100.1), Phase(name="training", time=101.0))


def chart(app: Workbench, name: str) -> LineChart:
    return app.screen.query_one(f"#{name}", LineChart)


def curve(app: Workbench, name: str, series: str) -> Series | None:
    return next((found for found in chart(app, name).series if found.name == series), None)


async def test_without_a_run_it_explains_how_to_start_one() -> None:
    async with workbench() as (app, _, pilot):
        await pilot.press("2")
        await until_shown(pilot, app, "No run yet")
        assert "ctrl+r" in screen_text(app)
        assert not {"p", "x", "k", "b"} & set(app.screen.active_bindings)


async def test_curves_and_figures_follow_the_run() -> None:
    async with workbench() as (app, trainer, pilot):
        await start(pilot, app)
        begin(trainer)
        trainer.emit(batch(1, 4, 2.2), epoch(1, 1.5), batch(2, 4, 1.1), epoch(2, 0.9), batch(3, 2, 0.8))
        trainer.emit(Progress(done=10, total=20, unit="steps", time=111.0))
        await until(pilot, lambda: (found := curve(app, "loss", "validation")) and found.ys == (1.5, 0.9))
        train, accuracy = curve(app, "loss", "train"), curve(app, "accuracy", "validation")
        assert train is not None
        assert train.ys == (2.0, 1.0)
        assert accuracy is not None
        assert accuracy.ys == (0.55, 0.55)
        assert chart(app, "loss").best == 2
        text = screen_text(app)
        for part in ("3 of 5", "2 of 4", "1,234", "0.001", "10 of 20 steps", "50%", "about 10 s"):
            assert part in text, part
        best = str(app.screen.query_one("#best", Static).content)
        assert best == "best epoch 2 by validation loss 0.900; accuracy there 55.0 %"


async def test_without_validation_there_are_no_validation_curves() -> None:
    async with workbench() as (app, trainer, pilot):
        await start(pilot, app)
        begin(trainer)
        trainer.emit(epoch(1, None), epoch(2, None))
        await until(pilot, lambda: (found := curve(app, "loss", "train")) and len(found.ys) == 2)
        assert curve(app, "loss", "validation") is None
        assert chart(app, "loss").best is None


async def test_steps_are_plotted_until_there_are_two_epochs_and_b_switches() -> None:
    async with workbench() as (app, trainer, pilot):
        await start(pilot, app)
        begin(trainer)
        trainer.emit(batch(1, 1, 2.5), batch(1, 2, 2.0))
        await until(pilot, lambda: (found := curve(app, "loss", "train")) and found.xs == (0.25, 0.5))
        trainer.emit(epoch(1), epoch(2))
        await until(pilot, lambda: (found := curve(app, "loss", "train")) and found.xs == (1, 2))
        await pilot.press("b")
        await until(pilot, lambda: (found := curve(app, "loss", "train")) and found.ys == (2.5, 2.0))
        await pilot.press("b", "g", "s")
        await until(pilot, lambda: chart(app, "loss").log_scale and chart(app, "loss").smoothing > 0)
        assert not chart(app, "accuracy").log_scale
        await until_shown(pilot, app, "Loss, log scale, smoothed")


def test_the_curve_of_steps_continues_in_a_run_with_more_steps_than_are_kept() -> None:
    history, curves = RunHistory(), StepCurves()
    for number in range(1, 3 * MOST_BATCHES):
        history.apply(batch(number, STEPS, 1 / number))
        if number % 100 == 0:
            curves.extend(history)
            assert curves.epochs[-1] == number
    curves.extend(history)
    assert curves.epochs == [kept.epoch for kept in history.batches]
    assert curves.losses == [kept.loss for kept in history.batches]


async def test_the_same_key_pauses_and_resumes() -> None:
    async with workbench() as (app, trainer, pilot):
        await start(pilot, app)
        begin(trainer)
        await until_shown(pilot, app, "▶ training")
        await pilot.press("p")
        await until_shown(pilot, app, "Paused. Press p to resume.")
        await until(pilot, lambda: "p Resume" in screen_text(app).splitlines()[-1])
        assert "p Pause" not in screen_text(app)
        await pilot.press("p")
        await until(pilot, lambda: "Paused." not in screen_text(app))
        await until(pilot, lambda: "p Pause" in screen_text(app).splitlines()[-1])
        assert trainer.calls[-2:] == ["pause", "resume"]


async def test_stop_and_kill_differ_and_explain_themselves() -> None:
    async with workbench() as (app, trainer, pilot):
        await start(pilot, app)
        begin(trainer)
        await until_shown(pilot, app, "▶ training")
        await pilot.press("k")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        question = str(app.screen.query_one(".dialog--title", Static).content)
        assert "without being tested or saved" in question
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ConfirmScreen))
        await pilot.press("x")
        await until_shown(pilot, app, "Stopping after this batch, then testing and saving.")
        await pilot.press("x")
        await until(pilot, lambda: trainer.calls.count("stop") == 2)
        assert "kill" not in trainer.calls
        await pilot.press("k")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: "kill" in trainer.calls)


async def test_a_requested_kill_is_not_shown_as_a_failure() -> None:
    async with workbench() as (app, trainer, pilot):
        await start(pilot, app)
        begin(trainer)
        trainer.emit(epoch(1), epoch(2))
        trainer.emit(RunFinished(status="failed", error=explain_kill()))
        trainer.send(Lost(status="killed", session_id=SESSION, error=explain_kill(), log_tail=""))
        await until_shown(pilot, app, "last run killed")
        text = screen_text(app)
        assert "Killed" in text
        assert "The run was killed" in text
        assert not any(part in text for part in ("Failed", "last run failed", "more epochs", "best epoch 2 of"))
        assert str(app.screen.query_one("#remark", Static).content) == ""


async def test_a_failed_run_gets_no_hint_about_epochs() -> None:
    async with workbench() as (app, trainer, pilot):
        await start(pilot, app)
        begin(trainer)
        error = ErrorReport(title="Disk full", detail="", hint="Free some space.")
        trainer.emit(epoch(1, 0.9), epoch(2, 0.5), RunFinished(status="failed", error=error))
        await until_shown(pilot, app, "last run failed")
        assert "more epochs" not in screen_text(app)


async def test_title_and_phase_bar_show_the_same_progress() -> None:
    async with workbench() as (app, trainer, pilot):
        await start(pilot, app)
        trainer.emit(started(SESSION, epochs=5), Phase(name="loading", time=100.1))
        for done in range(0, 101, 5):
            trainer.emit(Progress(done=done, total=100, unit="images", time=101.0))
            for _ in range(3):
                await pilot.pause(0.01)
                title, bar = app.screen.query_one(TitleBar).state_text, app.screen.query_one(PhaseBar).view
                if "%" in title and bar.fraction is not None:
                    assert title == f"loading · {bar.fraction:.0%}".replace("%", " %")
        await until_shown(pilot, app, "loading · 100 %")


async def test_the_keys_that_control_a_run_are_disabled_once_it_has_ended() -> None:
    async with workbench() as (app, trainer, pilot):
        await start(pilot, app)
        begin(trainer)
        trainer.emit(RunFinished(status="stopped"))
        await until_shown(pilot, app, "Stopped")
        await pilot.press("p", "x", "k")
        await pilot.pause()
        assert not {"pause", "stop", "kill"} & set(trainer.calls)
        assert not isinstance(app.screen, ConfirmScreen)


async def test_a_hint_is_shown_below_the_curves() -> None:
    async with workbench() as (app, trainer, pilot):
        await start(pilot, app)
        begin(trainer)
        trainer.emit(epoch(1, 1.0), epoch(2, 0.5), epoch(3, 0.6), epoch(4, 0.7), epoch(5, 0.8))
        await until_shown(pilot, app, "Validation loss has risen for 3 epochs; the best was epoch 2.")


async def test_a_failed_run_shows_title_reason_and_hint() -> None:
    error = ErrorReport(title="Not enough memory", detail="It [/]took\n9 GB\x1b[31m.", hint="Try smaller batches.")
    async with workbench() as (app, trainer, pilot):
        await start(pilot, app)
        begin(trainer)
        trainer.emit(RunFinished(status="failed", error=error))
        trainer.send(Lost(status="failed", session_id=SESSION, error=error, log_tail=""))
        await until_shown(pilot, app, "Try smaller batches.")
        text = screen_text(app)
        assert "Not enough memory" in text
        assert "It [/]took" in text
        assert "9 GB\ufffd[31m." in text
        assert text.count("Not enough memory") == 1
        assert app.current_mode == "live"


async def test_the_log_shows_warnings_and_output() -> None:
    folder = paths.sessions_folder() / SESSION
    folder.mkdir(parents=True)
    (folder / "trainer.log").write_bytes(b"printed \x1b]52;c;eA==\x07 early\n")
    async with workbench() as (app, trainer, pilot):
        await start(pilot, app)
        begin(trainer)
        trainer.emit(WarningRaised(title="Careful", detail="[red]x[/]"))
        await pilot.press("l")
        await until_shown(pilot, app, "printed \ufffd]52;c;eA==\ufffd early")
        await until_shown(pilot, app, "! Careful [red]x[/]")
        with (folder / "trainer.log").open("ab") as log:
            log.write(b"and later\n")
        await until_shown(pilot, app, "and later")
        await pilot.press("l")
        await until(pilot, lambda: not app.screen.query_one(LogPane).display)


async def test_an_empty_log_says_so_until_its_first_line() -> None:
    async with workbench() as (app, trainer, pilot):
        await start(pilot, app)
        begin(trainer)
        await pilot.press("l")
        await until_shown(pilot, app, "Nothing so far.")
        trainer.emit(WarningRaised(title="Careful", detail="hot"))
        await until_shown(pilot, app, "! Careful hot")
        assert "Nothing so far." not in screen_text(app)


def test_a_log_is_read_in_complete_lines_from_its_end(home: object) -> None:
    path = paths.sessions_folder() / "trainer.log"
    path.parent.mkdir(parents=True)
    tail = LogTail(path)
    assert tail.read() == []
    path.write_bytes(b"x" * 40_000 + b"\nlast\nto")
    assert tail.read()[-1] == "last"
    with path.open("ab") as log:
        log.write(b"rn\n")
    assert tail.read() == ["torn"]
    path.write_bytes(b"again\n")
    assert tail.read() == ["again"]


async def test_many_steps_cause_few_repaints() -> None:
    async with workbench() as (app, trainer, pilot):
        await start(pilot, app)
        begin(trainer)
        drawn: list[object] = []

        def record(series: object) -> None:
            drawn.append(series)

        app.watch(chart(app, "loss"), "series", record, init=False)
        for step in range(400):
            trainer.emit(batch(1 + step // STEPS, 1 + step % STEPS, 1.0))
            if step % 20 == 0:
                await pilot.pause()
        await until(pilot, lambda: (found := curve(app, "loss", "train")) and len(found.ys) == 400)
        assert len(drawn) <= 4


async def test_a_second_run_starts_with_empty_curves() -> None:
    async with workbench() as (app, trainer, pilot):
        await start(pilot, app)
        begin(trainer)
        trainer.emit(epoch(1), epoch(2), RunFinished(status="stopped"))
        await until(pilot, lambda: (found := curve(app, "loss", "train")) and len(found.ys) == 2)
        trainer.send(Idle())
        await pilot.press("1", "ctrl+r")
        await until(pilot, lambda: app.current_mode == "live" and len(trainer.submitted) == 2)
        await until(pilot, lambda: (found := curve(app, "loss", "train")) and found.ys == ())
        await until_shown(pilot, app, "Starting")


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])
async def test_live_fits_the_terminal(size: tuple[int, int]) -> None:
    async with workbench(size=size) as (app, trainer, pilot):
        await start(pilot, app)
        begin(trainer)
        trainer.emit(epoch(1), epoch(2), batch(3, 1, 0.5))
        await until_shown(pilot, app, "3 of 5")
        assert all(cell_len(line) <= size[0] for line in screen_text(app).splitlines())
        loss, accuracy = chart(app, "loss").region, chart(app, "accuracy").region
        assert min(loss.width, accuracy.width) >= 40
        assert min(loss.height, accuracy.height) >= 7
        assert (loss.y == accuracy.y) is (size[0] == 200)
        assert "l Log ^q Quit f1 Help" in screen_text(app).splitlines()[-1]


@pytest.mark.parametrize(("reached", "end"), [(1, 8), (8, 8), (9, 16), (40, 50), (50, 50)])
def test_the_x_axis_doubles_up_to_the_last_epoch(reached: int, end: int) -> None:
    assert shown_range(reached, 50, 1) == (1.0, float(end))
    assert shown_range(1, 1, 0) == (0.0, 1.0)


async def test_a_silent_process_is_mentioned() -> None:
    async with workbench() as (app, trainer, pilot):
        await pilot.press("ctrl+r")
        trainer.emit(*story()[:-1])
        await until(pilot, lambda: app.job is not None and app.job.run.stage == "running")
        assert app.job is not None
        app.job.reported -= 360
        app.jobs.refresh()
        await until(pilot, lambda: "Nothing was reported for 6 min" in screen_text(app))
