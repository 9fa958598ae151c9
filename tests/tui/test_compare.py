"""The Compare screen, driven by keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from host import Host, screen_text, until
from rich.style import Style
from rich.table import Table
from rich.text import Text
from stored_sessions import HOSTILE, store_hostile_session, store_session
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, Static
from workbench import workbench

from cnn_tui.tui.screens.compare import CompareScreen
from cnn_tui.tui.screens.compare_panes import ComparisonLegend, OverlayPane
from cnn_tui.tui.screens.dialogs import AskTextScreen
from cnn_tui.tui.screens.sessions import SessionsScreen, SessionsTable
from cnn_tui.tui.widgets.line_chart import LineChart
from cnn_tui.tui.widgets.sorted_table import SortedTable

SMALL, MIDDLE, LARGE = (80, 24), (120, 36), (200, 50)
FIRST, SECOND = "20261122T001502Z-first", "20261123T001502Z-second"


def two() -> tuple[Path, Path]:
    """Two sessions; the second has a lower learning rate and took three cats for dogs."""
    return (
        store_session(FIRST, name="first", matrix=((10, 0, 0), (1, 8, 1), (0, 0, 0))),
        store_session(SECOND, name="second", learning_rate=1e-5),
    )


async def opened(pilot: Pilot[None], app: App[None]) -> None:
    """Wait until a comparison is on the screen."""
    await until(pilot, lambda: isinstance(app.screen, CompareScreen) and app.screen.query("#classes-table"))
    await pilot.pause()


async def open_both(pilot: Pilot[None], app: Host) -> None:
    """Open the two sessions side by side."""
    await until(pilot, lambda: isinstance(app.screen, SessionsScreen))
    app.push_screen(CompareScreen([FIRST, SECOND]))
    await opened(pilot, app)


async def test_marked_sessions_are_compared_in_the_order_of_their_marks() -> None:
    two()
    async with workbench() as (app, _, pilot):
        app.switch_mode("sessions")
        await until(pilot, lambda: [len(table.rows) for table in app.screen.query(SessionsTable)] == [2])
        await pilot.press("end", "space", "home", "space", "c")
        await opened(pilot, app)
        await until(pilot, lambda: shows(app, "A first", "B second"))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SessionsScreen))
        assert shows(app, "2 sessions, 2 marked")


def shows(app: App[None], *texts: str) -> bool:
    return all(text in screen_text(app) for text in texts)


@pytest.mark.parametrize("size", [MIDDLE, LARGE])
async def test_on_a_large_terminal_all_panes_are_side_by_side(size: tuple[int, int]) -> None:
    two()
    app = Host("sessions")
    async with app.run_test(size=size) as pilot:
        await open_both(pilot, app)
        await until(pilot, lambda: shows(app, "A first", "B second", "validation loss", "F1 B", "test accuracy"))
        lines = [line.split() for line in screen_text(app).splitlines()]
        assert any(line[:4] == ["Learning", "rate", "0.001", "1e-05"] for line in lines)
        assert shows(app, "A got 3 images right")
        assert shows(app, "15 both right · 3 only A · 0 only B · 2 both wrong")
        assert "Train/val." in screen_text(app)
        assert " View " not in screen_text(app).splitlines()[-1]


async def test_on_a_small_terminal_the_panes_are_tabs() -> None:
    two()
    app = Host("sessions")
    async with app.run_test(size=SMALL) as pilot:
        await open_both(pilot, app)
        await until(pilot, lambda: shows(app, "A got 3 images right", "Summary  Curves  Classes"))
        await pilot.press("t")
        await until(pilot, lambda: shows(app, "validation loss", "validation accuracy"))
        assert not shows(app, "A got 3 images right")
        await pilot.press("t")
        await until(pilot, lambda: shows(app, "F1 A", "recall B"))
        await pilot.press("T", "T")
        await until(pilot, lambda: shows(app, "A got 3 images right"))
        footer = screen_text(app).splitlines()[-1]
        assert all(word in footer for word in ("Back", "View", "Train/val.", "Copy", "Export"))
        await pilot.click(".pane-tab", offset=(1, 0))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SessionsScreen))


async def test_classes_can_be_sorted_by_their_change() -> None:
    two()
    app = Host("sessions")
    async with app.run_test(size=MIDDLE) as pilot:
        await open_both(pilot, app)
        table = app.screen.query_one("#classes-table", SortedTable)
        table.sort_by("recall B", falling=False)
        assert [row.name for row in table.rows] == ["cat", "dog", "emu"]
        await until(pilot, lambda: shows(app, "-0.3000"))
        table.sort_by("recall B", falling=True)
        assert [row.name for row in table.rows] == ["dog", "cat", "emu"]


@pytest.mark.parametrize("size", [SMALL, MIDDLE])
async def test_many_sessions_fit_and_no_column_is_truncated(size: tuple[int, int]) -> None:
    ids = [
        store_session(f"2026112{day}T001502Z-run", name=f"run {day}", learning_rate=10.0**-day).name for day in range(8)
    ]
    app = Host("sessions")
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SessionsScreen))
        app.push_screen(CompareScreen(ids))
        await opened(pilot, app)
        await pilot.press("t", "t")
        table = app.screen.query_one("#classes-table", SortedTable)
        await until(pilot, lambda: table.size.width and shows(app, "F1 A", "F1 B"))
        assert table.columns[:3] == ("class", "F1 A", "F1 B")
        heading = next(line for line in screen_text(app).splitlines() if "F1 A" in line)
        assert heading.split()[-1] == table.columns[-1].split()[-1]
        legend = app.screen.query_one(ComparisonLegend)
        assert legend.max_scroll_y > 0
        assert shows(app, "A run 0", "D run 3")


async def test_curves_switch_between_validation_and_training() -> None:
    two()
    app = Host("sessions")
    async with app.run_test(size=MIDDLE) as pilot:
        await open_both(pilot, app)
        loss = app.screen.query(OverlayPane).first().query(LineChart).first()
        assert [series.name for series in loss.series] == ["A", "B"]
        assert loss.series[0].ys == (0.5, 0.25)
        assert len({(series.role, series.dash) for series in loss.series}) == 2
        await pilot.press("v")
        await until(pilot, lambda: shows(app, "train loss", "train accuracy"))
        assert loss.series[0].ys == (1.0, 0.5)
        await pilot.press("v")
        await until(pilot, lambda: shows(app, "validation loss"))


@pytest.mark.parametrize("size", [SMALL, MIDDLE, LARGE])
async def test_missing_highlights_and_curves_are_explained_at_every_size(size: tuple[int, int]) -> None:
    two()
    store_session("20261124T001502Z-third", name="third", matrix=None, status="stopped", epochs=())
    store_session("20261125T001502Z-other", name="other", matrix=((4, 0, 0), (0, 4, 0), (0, 0, 0)))
    app = Host("sessions")
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SessionsScreen))
        app.push_screen(CompareScreen([FIRST, "20261124T001502Z-third", "20261125T001502Z-other"]))
        await opened(pilot, app)
        notes = str(app.screen.query_one("#notes", Static).content)
        assert notes == "The best test results are not marked: A was tested on 20 images, C on 8."
        grid = app.screen.query_one("#metrics", Static).content
        assert isinstance(grid, Table)
        assert not any(text.style.bold for text in cells(grid, "test accuracy") if isinstance(text.style, Style))
        if size == SMALL:
            await pilot.press("t")
        await until(pilot, lambda: shows(app, "B has no curves: stopped before the first epoch finished."))


async def test_the_best_of_comparable_metrics_is_bold() -> None:
    two()
    app = Host("sessions")
    async with app.run_test(size=MIDDLE) as pilot:
        await open_both(pilot, app)
        grid = app.screen.query_one("#metrics", Static).content
        assert isinstance(grid, Table)
        bold = [isinstance(text.style, Style) and bool(text.style.bold) for text in cells(grid, "test accuracy")]
        assert bold == [True, False]
        assert not any(isinstance(text.style, Style) and text.style.bold for text in cells(grid, "training time"))


def cells(grid: Table, name: str) -> list[Text]:
    """The values in the row of this name."""
    names, *columns = [list(column.cells) for column in grid.columns]
    row = next(place for place, cell in enumerate(names) if str(cell) == name)
    found = [column[row] for column in columns]
    return [cell for cell in found if isinstance(cell, Text)]


async def test_export_writes_a_page_and_every_table(tmp_path: Path) -> None:
    two()
    app = Host("sessions")
    async with app.run_test(size=MIDDLE, notifications=True) as pilot:
        await open_both(pilot, app)
        await pilot.press("ctrl+e")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        app.screen.query_one(Input).value = str(tmp_path / "out")
        await pilot.press("enter")
        await until(pilot, lambda: shows(app, "files written to"))
    names = {path.stem for path in (tmp_path / "out").iterdir()}
    assert names == {
        "report",
        "charts",
        "sessions",
        "settings",
        "figures",
        "classes",
        "pictures",
        "epochs-A",
        "epochs-B",
    }
    assert "<svg" in (tmp_path / "out" / "report.html").read_text()
    assert "learning_rate" in (tmp_path / "out" / "settings.csv").read_text()


async def test_copy_copies_the_entire_comparison() -> None:
    two()
    app = Host("sessions")
    async with app.run_test(size=MIDDLE) as pilot:
        await open_both(pilot, app)
        await pilot.press("y")
        await until(pilot, lambda: app.clipboard)
        assert "A got 3 images right that B got wrong" in app.clipboard


async def test_a_missing_session_is_reported_and_escape_returns() -> None:
    two()
    app = Host("sessions")
    async with app.run_test(size=MIDDLE) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SessionsScreen))
        app.push_screen(CompareScreen([FIRST, "20200101T000000Z-gone"]))
        await until(pilot, lambda: shows(app, "No session '20200101T000000Z-gone'"))
        await pilot.press("v", "y", "ctrl+e", "escape")
        await until(pilot, lambda: isinstance(app.screen, SessionsScreen))


async def test_sessions_without_results_can_be_compared() -> None:
    ids = [FIRST, SECOND]
    for session_id in ids:
        store_session(session_id, matrix=None, status="stopped")
    app = Host("sessions")
    async with app.run_test(size=MIDDLE) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SessionsScreen))
        app.push_screen(CompareScreen(ids))
        await until(pilot, lambda: shows(app, "A and B have no recorded predictions", "All settings are the same."))
        assert shows(app, "No session has a result to compare.")


async def test_hostile_texts_are_displayed_safely() -> None:
    ids = [FIRST, SECOND]
    for session_id in ids:
        store_hostile_session(session_id)
    app = Host("sessions")
    async with app.run_test(size=LARGE) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SessionsScreen))
        app.push_screen(CompareScreen(ids))
        await opened(pilot, app)
        await until(pilot, lambda: shows(app, "A [bold]a\ufffd]52;c;eA==\ufffd[/]", HOSTILE[0], HOSTILE[1]))
        assert not {"\x1b", "\x07", "\u202e"} & set(screen_text(app))
