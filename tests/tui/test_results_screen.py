"""The Results screen, driven by keys."""

from __future__ import annotations

import pytest
from host import Host, finished_job, screen_text, until
from stored_sessions import HOSTILE, store_hostile_session, store_session
from textual.geometry import Size
from textual.pilot import Pilot

from cnn_tui.events import ErrorReport, RunFinished
from cnn_tui.store.notes import SessionNote, write_note
from cnn_tui.store.session_changes import rename_session
from cnn_tui.tui.screens.images import ImageScreen, ImagesScreen
from cnn_tui.tui.screens.results import ResultsScreen
from cnn_tui.tui.screens.results_body import ResultsBody, arrangement
from cnn_tui.tui.screens.results_header import ResultHeader
from cnn_tui.tui.screens.results_tables import ClassTable, PairTable
from cnn_tui.tui.widgets.confusion_matrix import ConfusionMatrixView
from cnn_tui.tui.widgets.image_grid import ImageGrid

ID = "20261123T001502Z-pets"
SMALL, MIDDLE, LARGE = (80, 24), (120, 36), (200, 50)


def shows(app: Host, *texts: str) -> bool:
    return all(text in screen_text(app) for text in texts)


async def opened(pilot: Pilot[None]) -> None:
    """Wait until the session is shown."""
    await until(pilot, lambda: not pilot.app.screen.has_class("-nothing"))
    await pilot.pause()


async def test_without_a_session_it_says_how_to_get_one() -> None:
    app = Host("results")
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: shows(app, "No result yet", "f2 for Setup", "f5 for Sessions"))
        await pilot.press("r", "o", "y", "t")
        assert app.asked == []


@pytest.mark.parametrize("size", [SMALL, MIDDLE, LARGE])
async def test_header_matrix_and_description_are_shown_at_every_size(size: tuple[int, int]) -> None:
    store_session(ID)
    app = Host("results", ID)
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        await until(pilot, lambda: shows(app, "pets", "done", "75.00 %", "macro of 2/3", "7 of 10 cats"))
        await pilot.press("right")
        await until(pilot, lambda: shows(app, "3 of 10 cats were classified as dogs."))


@pytest.mark.parametrize(
    ("size", "expected"), [((80, 24), "narrow"), ((120, 24), "wide"), ((120, 36), "tall"), ((200, 50), "tall")]
)
def test_the_panes_are_arranged_by_terminal_size(size: tuple[int, int], expected: str) -> None:
    assert arrangement(Size(*size), classes=10) == expected
    assert arrangement(Size(*size), classes=100) != "tall"


async def test_every_pane_can_be_reached_after_resizing() -> None:
    store_session(ID)
    app = Host("results", ID)
    async with app.run_test(size=LARGE) as pilot:
        await opened(pilot)
        for width, height in (SMALL, (20, 5), MIDDLE, SMALL):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
        body = app.screen.query_one(ResultsBody)
        seen = set()
        for _ in range(5):
            await pilot.press("t")
            seen.add(body.active)
        assert seen == {"matrix", "classes", "confused", "curves", "settings"}


async def test_the_unit_key_switches_from_counts_to_both_percentages() -> None:
    store_session(ID)
    app = Host("results", ID)
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot)
        await pilot.press("m")
        await until(pilot, lambda: shows(app, "% of actual"))
        await pilot.press("m")
        await until(pilot, lambda: shows(app, "% of predicted"))


async def test_classes_sort_by_key_and_keep_the_macro_row_last() -> None:
    store_session(ID)
    app = Host("results", ID)
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot)
        await pilot.press("t")
        table = app.screen.query_one(ClassTable)
        await until(pilot, lambda: len(table.rows) == 4)
        assert shows(app, "exclude 1 class without test images: emu")
        await pilot.press("s", "s", "s")
        await until(pilot, lambda: table.sorted_by == ("recall", False) and len(table.rows) == 4)
        assert [row.scores.name for row in table.rows] == ["emu", "cat", "dog", "macro, 2 of 3"]
        await pilot.press("S")
        await until(pilot, lambda: table.sorted_by == ("recall", True) and len(table.rows) == 4)
        assert [row.scores.name for row in table.rows] == ["dog", "cat", "emu", "macro, 2 of 3"]


async def test_a_click_on_a_heading_sorts() -> None:
    store_session(ID)
    app = Host("results", ID)
    async with app.run_test(size=MIDDLE) as pilot:
        await opened(pilot)
        table = app.screen.query_one(ClassTable)
        await until(pilot, lambda: len(table.rows) == 4)
        await pilot.click(ClassTable, offset=(2, 0))
        await until(pilot, lambda: table.sorted_by == ("class", False))
        await pilot.click(ClassTable, offset=(2, 0))
        await until(pilot, lambda: table.sorted_by == ("class", True))


async def test_enter_on_a_cell_opens_its_images_to_browse() -> None:
    store_session(ID)
    app = Host("results", ID)
    async with app.run_test(size=MIDDLE) as pilot:
        await opened(pilot)
        await pilot.press("right", "enter")
        await until(pilot, lambda: isinstance(app.screen, ImagesScreen))
        grid = app.screen.query_one(ImageGrid)
        await until(pilot, lambda: len(grid.items) == 3)
        assert [item.predicted for item in grid.items] == ["dog"] * 3
        confidences = [item.confidence for item in grid.items]
        assert confidences == sorted(confidences, reverse=True)
        await until(pilot, lambda: shows(app, "3 of 10 cats were classified as dogs.", "2 of 3 images were not stored"))
        await pilot.press("right", "enter")
        await until(pilot, lambda: isinstance(app.screen, ImageScreen) and shows(app, "2 of 3"))
        await pilot.press("right", "escape")
        await until(pilot, lambda: isinstance(app.screen, ImagesScreen) and grid.cursor == 2)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))


async def test_enter_on_a_class_lists_all_its_images_or_only_the_wrong_ones() -> None:
    store_session(ID)
    app = Host("results", ID)
    async with app.run_test(size=MIDDLE) as pilot:
        await opened(pilot)
        await pilot.press("tab")
        await until(pilot, lambda: isinstance(app.focused, ClassTable) and len(app.focused.rows) == 4)
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, ImagesScreen))
        grid = app.screen.query_one(ImageGrid)
        await until(pilot, lambda: len(grid.items) == 10)
        assert shows(app, "10 test images of “dog”, 2 of them misclassified.")
        await pilot.press("w")
        await until(pilot, lambda: [item.predicted for item in grid.items] == ["emu", "cat"])


async def test_enter_on_a_confused_pair_opens_its_images() -> None:
    store_session(ID)
    app = Host("results", ID)
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot)
        await pilot.press("t", "t")
        await until(pilot, lambda: isinstance(app.focused, PairTable) and len(app.focused.rows) == 3)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ImagesScreen) and shows(app, "3 of 10 cats were classified"))


async def test_selecting_a_row_moves_the_cursor_of_the_matrix() -> None:
    store_session(ID)
    app = Host("results", ID)
    async with app.run_test(size=MIDDLE) as pilot:
        await opened(pilot)
        matrix = app.screen.query_one(ConfusionMatrixView)
        assert matrix.cursor == (0, 0)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.focused, PairTable) and len(app.focused.rows) == 3)
        await until(pilot, lambda: matrix.cursor == (0, 1) and shows(app, "3 of 10 cats were classified as dogs."))
        await pilot.press("down")
        await until(pilot, lambda: matrix.cursor == (1, 0) and shows(app, "1 of 10 dogs was classified as a cat."))
        await pilot.press("T", "down")
        await until(pilot, lambda: matrix.cursor == (1, 1))
        await pilot.press("end")
        await pilot.pause()
        assert matrix.cursor == (1, 1)


async def test_images_of_a_session_without_predictions_show_an_error() -> None:
    (store_session(ID) / "predictions.npz").unlink()
    app = Host("results", ID)
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: shows(app, "Cannot read the predictions", "Run the session again"))


@pytest.mark.parametrize("size", [SMALL, MIDDLE])
async def test_a_failed_session_shows_its_error_instead_of_a_matrix(size: tuple[int, int]) -> None:
    error = ErrorReport(title="Not enough memory", detail="[red]4096[/] did not fit", hint="Try smaller batches")
    store_session(ID, matrix=None, status="failed", error=error)
    app = Host("results", ID)
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        await until(pilot, lambda: shows(app, "Not enough memory", "[red]4096[/] did not fit", "Try smaller batches"))
        assert not app.screen.query_one(ConfusionMatrixView).display
        await pilot.press("t", "t", "t", "enter")
        assert isinstance(app.screen, ResultsScreen)


async def test_a_stopped_session_without_a_result_says_so() -> None:
    store_session(ID, matrix=None, status="stopped")
    app = Host("results", ID)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: shows(app, "This run has no result", "Press r to run it again"))


async def test_a_damaged_record_is_reported_with_the_reason() -> None:
    (store_session(ID) / "session.json").write_text("{")
    app = Host("results", ID)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: shows(app, "cannot be read as JSON"))


async def test_damaged_events_affect_only_the_curves() -> None:
    (store_session(ID) / "events.jsonl").write_text("nonsense\n")
    app = Host("results", ID)
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot)
        assert shows(app, "75.00 %")
        await pilot.press("t", "t", "t")
        await until(pilot, lambda: shows(app, "line 1 is no"))


async def test_hostile_names_are_displayed_safely_everywhere() -> None:
    store_hostile_session("20261123T001502Z-hostile")
    app = Host("results", "20261123T001502Z-hostile")
    async with app.run_test(size=LARGE) as pilot:
        await opened(pilot)
        for key in ("right", "down", "t", "t", "t"):
            await pilot.press(key)
            await pilot.pause()
            assert not {"\x1b", "\x07", "\u202e"} & set(screen_text(app))
        assert shows(app, "[bold]a\ufffd]52;c;eA==\ufffd[/]", "[red]x")
        for place in range(0, len(HOSTILE), 2):
            app.screen.query_one(ConfusionMatrixView).cursor = (place, (place + 1) % len(HOSTILE))
            app.screen.query_one(ConfusionMatrixView).action_select()
            await until(pilot, lambda: isinstance(app.screen, ImagesScreen))
            await until(pilot, lambda: app.screen.query_one(ImageGrid).items)
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, ImageScreen))
            await pilot.pause()
            assert not {"\x1b", "\x07", "\u202e"} & set(screen_text(app))
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, ImagesScreen))
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, ResultsScreen))


async def test_another_session_replaces_the_first() -> None:
    store_session(ID)
    store_session("20261123T001503Z-other", name="other", classes=("one", "two"), matrix=((1, 0), (0, 1)))
    app = Host("results", ID)
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot)
        await pilot.press("down", "down")
        app.shown_session = "20261123T001503Z-other"
        await until(pilot, lambda: shows(app, "other", "100.00 %", "The only one of 1"))


async def test_returning_shows_changes_made_meanwhile() -> None:
    store_session(ID)
    app = Host("results", ID)
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot)
        app.switch_mode("sessions")
        await pilot.pause()
        rename_session(ID, "called otherwise")
        app.switch_mode("results")
        await until(pilot, lambda: shows(app, "called otherwise"))


@pytest.mark.parametrize("size", [SMALL, MIDDLE, LARGE])
async def test_the_header_shows_note_and_tags_as_soon_as_they_are_written(size: tuple[int, int]) -> None:
    folder = store_session(ID)
    app = Host("results", ID)
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        assert app.screen.query_one(ResultHeader).size.height == 2
        app.switch_mode("sessions")
        await pilot.pause()
        write_note(folder, SessionNote(note="[red]a first try", tags=("base", "slow")))
        app.switch_mode("results")
        await until(pilot, lambda: shows(app, "#base #slow  [red]a first try"))


async def test_a_run_that_ends_shows_its_result() -> None:
    store_session(ID, matrix=None, status="stopped")
    app = Host("results", ID)
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot)
        state = finished_job(ID)
        assert isinstance(state.run.history.finished, RunFinished)
        rename_session(ID, "ended")
        app.job = state
        await until(pilot, lambda: shows(app, "ended"))
