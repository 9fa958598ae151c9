"""Copying, exporting and rerunning from Results."""

from __future__ import annotations

import csv
from pathlib import Path

from host import Host, screen_text, until
from stored_sessions import store_session
from textual.pilot import Pilot
from textual.widgets import Input

from cnn_tui.config.preset import RunPreset
from cnn_tui.tui.messages import JobRequested, PresetRequested
from cnn_tui.tui.screens.dialogs import AskTextScreen, ConfirmScreen
from cnn_tui.tui.screens.results import ResultsScreen

ID = "20261123T001502Z-pets"
TABLES = ("figures", "settings", "epochs", "confusion-matrix", "classes", "confused-pairs")
SMALL, MIDDLE = (80, 24), (120, 36)


def shows(app: Host, *texts: str) -> bool:
    return all(text in screen_text(app) for text in texts)


async def opened(pilot: Pilot[None]) -> None:
    """Wait until the session is shown."""
    await until(pilot, lambda: not pilot.app.screen.has_class("-nothing"))
    await pilot.pause()


async def test_copy_copies_the_current_table() -> None:
    store_session(ID)
    app = Host("results", ID)
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot)
        await pilot.press("y")
        assert app.clipboard.splitlines()[2] == "| cat | 7 | 3 | 0 |"
        await pilot.press("m", "Y")
        assert app.clipboard.splitlines()[1] == "cat\t70.00\t30.00\t0.00"
        await pilot.press("t", "y")
        assert app.clipboard.startswith("| class | precision |")
        await pilot.press("t", "y")
        assert app.clipboard.startswith("| actual | predicted |")
        await pilot.press("t", "y")
        assert app.clipboard.startswith("| epoch | train loss |")
        await pilot.press("t", "y")
        assert "| Experiment | Model | resnet18 |" in app.clipboard


async def test_export_writes_every_table_and_asks_before_it_replaces(tmp_path: Path) -> None:
    store_session(ID)
    folder = tmp_path / "tables"
    app = Host("results", ID)
    async with app.run_test(size=MIDDLE, notifications=True) as pilot:
        await opened(pilot)
        await pilot.press("ctrl+e")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        assert app.screen.query_one(Input).value == f"./{ID}-tables"
        app.screen.query_one(Input).value = str(folder)
        await pilot.press("enter")
        await until(pilot, lambda: (folder / "settings.md").exists() and shows(app, "14 files written to"))
        names = {f"{name}{end}" for name in TABLES for end in (".csv", ".md")} | {"charts.pdf", "charts.png"}
        assert {path.name for path in folder.iterdir()} == names
        with (folder / "confusion-matrix.csv").open(newline="") as file:
            assert list(csv.reader(file))[1] == ["cat", "7", "3", "0"]
        (folder / "classes.md").write_text("mine")
        await pilot.press("ctrl+e")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        app.screen.query_one(Input).value = str(folder)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))
        assert (folder / "classes.md").read_text() == "mine"


async def test_export_rejects_a_path_that_is_not_a_folder(tmp_path: Path) -> None:
    store_session(ID)
    taken = tmp_path / "taken"
    taken.write_text("")
    app = Host("results", ID)
    async with app.run_test(size=MIDDLE, notifications=True) as pilot:
        await opened(pilot)
        await pilot.press("ctrl+e")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        app.screen.query_one(Input).value = str(taken)
        await pilot.press("enter")
        await until(pilot, lambda: shows(app, "is a file"))
        app.screen.query_one(Input).value = str(taken / "below")
        await pilot.press("enter")
        await until(pilot, lambda: shows(app, "Cannot write"))


async def test_rerun_and_preset_pass_only_the_experiment() -> None:
    store_session(ID)
    app = Host("results", ID)
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot)
        await pilot.press("r", "o")
        await until(pilot, lambda: len(app.asked) == 2)
    rerun, opened_preset = app.asked
    assert isinstance(rerun, JobRequested)
    assert type(rerun.job.preset) is RunPreset
    assert rerun.job.preset.experiment.training.epochs == 2
    assert isinstance(opened_preset, PresetRequested)
    assert ID in opened_preset.source
