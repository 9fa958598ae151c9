"""The real workbench over a trainer that a test speaks for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from host import until
from scripted_trainer import ScriptedTrainer
from textual.pilot import Pilot

from cnn_tui.config.preset import RunPreset
from cnn_tui.events import Event
from cnn_tui.tui.app import Workbench
from cnn_tui.tui.screens.setup import SetupScreen
from cnn_tui.tui.widgets.preset_list import PresetList


@asynccontextmanager
async def workbench(
    script: Iterable[Event] = (),
    size: tuple[int, int] = (120, 36),
    preset: RunPreset | None = None,
    path: Path | None = None,
    notifications: bool = False,
) -> AsyncIterator[tuple[Workbench, ScriptedTrainer, Pilot[None]]]:
    """Open the workbench at Setup, its presets listed."""
    trainer = ScriptedTrainer(script)
    app = Workbench(lambda: trainer, preset, path=path)
    async with app.run_test(size=size, notifications=notifications) as pilot:
        try:
            await until(pilot, lambda: isinstance(app.screen, SetupScreen) and app.screen.query(PresetList))
            await until(pilot, lambda: app.screen.query_one(PresetList).entries)
            await pilot.pause()
            yield app, trainer, pilot
        finally:
            trainer.close(True)
