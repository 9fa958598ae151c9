"""The message that covers the workbench while the terminal is too small."""

from __future__ import annotations

import pytest
from host import until
from workbench import workbench

from cnn_tui.tui.screens.screen_size import TooSmallScreen


@pytest.mark.parametrize("mode", ["setup", "live", "results", "sessions"])
async def test_it_covers_every_screen_and_goes_when_there_is_room(mode: str) -> None:
    async with workbench() as (app, _, pilot):
        await app.switch_mode(mode)
        for _ in range(3):
            await pilot.resize_terminal(20, 5)
            await until(pilot, lambda: isinstance(app.screen, TooSmallScreen))
            await pilot.resize_terminal(80, 24)
            await until(pilot, lambda: not isinstance(app.screen, TooSmallScreen))
