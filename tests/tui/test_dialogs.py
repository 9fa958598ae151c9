"""A dialog stays until it is answered, whatever happens below it, and its keys reach nothing else."""

from __future__ import annotations

from host import screen_text, until
from scripted_trainer import ScriptedTrainer
from stored_sessions import store_session
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import Button, Static
from workbench import workbench

from cnn_tui.events import Phase, RunFinished
from cnn_tui.trainer.protocol import Idle
from cnn_tui.tui.app import Workbench
from cnn_tui.tui.screens.dialogs import ConfirmScreen
from cnn_tui.tui.screens.help import HelpScreen
from cnn_tui.tui.screens.quit import QuitScreen
from cnn_tui.tui.screens.results import ResultsScreen
from samples import result, started

SESSION = "20261123T001502Z-pets"
ENDED = RunFinished(status="done", result=result())


async def train(pilot: Pilot[None], app: Workbench, trainer: ScriptedTrainer) -> None:
    """Come to the training of a run that has a session on disk."""
    store_session(SESSION)
    await pilot.press("ctrl+r")
    trainer.emit(started(SESSION), Phase(name="training", time=101.0))
    await until(pilot, lambda: "▶ training" in screen_text(app))


def title(app: Workbench) -> str:
    return str(app.screen.query_one(".dialog--title", Static).content)


async def end_under(pilot: Pilot[None], app: Workbench, trainer: ScriptedTrainer) -> None:
    """Let the run end while a dialog is open."""
    dialog = app.screen
    trainer.emit(ENDED)
    await until(pilot, lambda: not app.busy and app.shown_session == SESSION)
    await pilot.pause()
    assert app.screen is dialog
    assert app.current_mode == "live"


async def test_the_quit_dialog_stays_when_the_run_ends_and_says_so() -> None:
    async with workbench() as (app, trainer, pilot):
        await train(pilot, app, trainer)
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, QuitScreen) and app.focused is not None)
        assert title(app) == "A run is still running"
        await pilot.press("down")
        await end_under(pilot, app, trainer)
        assert title(app) == "The run has ended"
        shown = [str(button.label) for button in app.screen.query(Button) if button.display]
        assert shown == ["Quit", "Cancel"]
        assert app.focused is app.screen.query(Button).first()
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))
        assert not any(call.startswith("close") for call in trainer.calls)


async def test_enter_in_the_quit_dialog_quits_after_the_end_too() -> None:
    async with workbench() as (app, trainer, pilot):
        await train(pilot, app, trainer)
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, QuitScreen) and app.focused is not None)
        await end_under(pilot, app, trainer)
        await pilot.press("enter")
        await until(pilot, lambda: "close finish" in trainer.calls)


async def test_the_question_to_kill_is_taken_back_when_there_is_nothing_to_kill() -> None:
    async with workbench() as (app, trainer, pilot):
        await train(pilot, app, trainer)
        await pilot.press("k")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen) and app.focused is not None)
        await end_under(pilot, app, trainer)
        assert "nothing to kill" in title(app)
        await pilot.press("y")
        await pilot.pause()
        assert isinstance(app.screen, ConfirmScreen)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))
        assert "kill" not in trainer.calls


async def test_help_and_palette_stay_too_and_who_goes_elsewhere_from_there_gets_there() -> None:
    async with workbench() as (app, trainer, pilot):
        await train(pilot, app, trainer)
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await end_under(pilot, app, trainer)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))
        trainer.send(Idle())
        await pilot.press("f2", "ctrl+r")
        trainer.emit(started(SESSION), Phase(name="training", time=101.0))
        await until(pilot, lambda: "▶ training" in screen_text(app))
        app.shown_session = None
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette) and app.focused is not None)
        await end_under(pilot, app, trainer)
        await pilot.press(*"go to sessions")
        await until(pilot, lambda: "Go to Sessions" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.current_mode == "sessions")


async def test_keys_typed_for_a_dialog_do_not_reach_the_screen_below() -> None:
    async with workbench() as (app, trainer, pilot):
        await train(pilot, app, trainer)
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, QuitScreen))
        for key in ("x", "p", "k", "2", "f2", "f5", "alt+4", "l", "ctrl+p", "ctrl+r"):
            await pilot.press(key)
        await pilot.pause()
        assert isinstance(app.screen, QuitScreen)
        assert app.current_mode == "live"
        assert not {"stop", "pause", "kill"} & set(trainer.calls)
