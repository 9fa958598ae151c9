"""Images in half-block cells, the grid that shows many of them, and the figures and phases of a run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot

from cnn_tui.config.preset import RunPreset
from cnn_tui.errors import DataError
from cnn_tui.events import Phase, Progress, RunFinished, WarningRaised
from cnn_tui.formatting import duration, quantity
from cnn_tui.history import RunHistory
from cnn_tui.tui.job_state import RunState
from cnn_tui.tui.widgets.figures import Figure, Figures
from cnn_tui.tui.widgets.image_grid import ImageGrid, ImageItem, caption
from cnn_tui.tui.widgets.image_view import ImageView, Pixels, fitted_size, half_blocks, resized
from cnn_tui.tui.widgets.phase_bar import PhaseBar, bar, phase_view

sizes = st.integers(1, 300)


@given(sizes, sizes, st.integers(1, 60), st.integers(1, 120))
def test_a_picture_fills_its_room_and_keeps_its_shape(height: int, width: int, rows: int, columns: int) -> None:
    shown_height, shown_width = fitted_size(height, width, rows, columns)
    assert 1 <= shown_height <= 2 * rows
    assert 1 <= shown_width <= columns
    assert shown_height == 2 * rows or shown_width == columns
    assert abs(shown_height / height - shown_width / width) <= 1 / min(height, width)


def test_a_small_picture_is_the_larger_the_more_room_there_is() -> None:
    beside_the_grid, alone_at_120x36, alone_at_80x24 = (
        fitted_size(32, 32, rows, columns) for rows, columns in ((22, 44), (29, 118), (17, 78))
    )
    assert (beside_the_grid, alone_at_120x36, alone_at_80x24) == ((44, 44), (58, 58), (34, 34))


def test_each_cell_shows_one_pixel_above_another() -> None:
    pixels: Pixels = np.arange(2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 3)
    (strip,) = half_blocks(pixels, rows=1, columns=2)
    assert strip.text == "▀▀"
    first, second = list(strip)
    assert first.style is not None
    assert first.style.color is not None
    assert first.style.bgcolor is not None
    assert tuple(first.style.color.triplet or ()) == (0, 1, 2)
    assert tuple(first.style.bgcolor.triplet or ()) == (6, 7, 8)
    assert second.style is not None
    assert second.style.color is not None
    assert tuple(second.style.color.triplet or ()) == (3, 4, 5)


def test_a_lone_last_row_leaves_the_background() -> None:
    pixels: Pixels = np.full((3, 2, 3), 200, dtype=np.uint8)
    strips = half_blocks(pixels, rows=2, columns=2)
    assert len(strips) == 2
    (segment,) = strips[1]
    assert segment.style is not None
    assert segment.style.bgcolor is None


def test_shrinking_averages_and_growing_keeps_the_mean() -> None:
    checks: Pixels = np.zeros((8, 8, 3), dtype=np.uint8)
    checks[::2, ::2] = checks[1::2, 1::2] = 200
    assert np.unique(resized(checks, 4, 4)).tolist() == [100]
    grown = resized(checks, 32, 32)
    assert grown.shape == (32, 32, 3)
    assert abs(float(grown.mean()) - 100) < 3


def test_what_is_no_rgb_picture_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(4, 4\) is not \(height, width, 3\)"):
        half_blocks(np.zeros((4, 4), dtype=np.uint8), 4, 4)


def test_captions_say_what_it_was_taken_for_and_what_it_is() -> None:
    wrong, right = ImageItem(0, "cat", "dog", 0.987), ImageItem(1, "cat", "cat", 1.0)
    assert caption(wrong, 0, 20) == "✗ dog            99%"
    assert caption(wrong, 1, 20).rstrip() == "  is cat"
    assert caption(right, 0, 20).startswith("✓ cat")
    assert caption(right, 1, 20).strip() == ""
    hostile = ImageItem(2, "a\x1b]52;c;eA==\x07", "[red]" + "猫" * 50, 0.5)
    for line in (0, 1):
        assert cell_len(caption(hostile, line, 20)) == 20
        assert "\x1b" not in caption(hostile, line, 20)


class Gallery(App[None]):
    """Images 0 to 99, of which 3 is missing and 4 cannot be read."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []
        self.told: list[Message] = []

    def compose(self) -> ComposeResult:
        yield ImageGrid(self.load)

    def load(self, index: int) -> Pixels | None:
        self.asked.append(index)
        if index == 4:
            raise DataError("Cannot be read")
        return None if index == 3 else np.full((32, 32, 3), index, dtype=np.uint8)

    @property
    def grid(self) -> ImageGrid:
        return self.query_one(ImageGrid)

    def on_mount(self) -> None:
        self.grid.items = tuple(ImageItem(index, "cat", f"class {index}", 0.5) for index in range(100))
        self.grid.focus()

    def on_image_grid_highlighted(self, message: ImageGrid.Highlighted) -> None:
        self.told.append(message)

    def on_image_grid_selected(self, message: ImageGrid.Selected) -> None:
        self.told.append(message)

    def screen_text(self) -> str:
        return "\n".join(self.grid.render_line(y).text for y in range(self.grid.size.height))


async def settle(pilot: Pilot[None]) -> None:
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def test_only_pictures_in_view_are_loaded_and_each_once() -> None:
    app = Gallery()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert sorted(app.asked) == list(range(9))
        assert "▀" in app.screen_text()
        assert "no image" in app.screen_text()
        assert "Cannot be read" in app.screen_text()
        await pilot.press("end")
        await settle(pilot)
        assert 99 in app.asked
        await pilot.press("home")
        await settle(pilot)
        assert len(app.asked) == len(set(app.asked)) < 30


async def test_keys_walk_the_pictures_and_enter_asks() -> None:
    app = Gallery()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert app.grid.columns == 3
        await pilot.press("down", "l", "up", "up", "left", "left", "enter")
        await settle(pilot)
        places = [message.item.index for message in app.told if isinstance(message, ImageGrid.Highlighted)]
        assert places == [0, 3, 4, 1, 0]
        assert isinstance(app.told[-1], ImageGrid.Selected)


async def test_a_click_goes_to_a_picture_and_z_enlarges() -> None:
    app = Gallery()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert await pilot.click(ImageGrid, offset=(app.grid.tile.width * 2 + 3, app.grid.tile.height + 2))
        await settle(pilot)
        assert app.grid.cursor == 5
        await pilot.press("z")
        await settle(pilot)
        assert app.grid.columns == 2
        assert "class 5" in app.screen_text()


async def test_one_picture_is_centred_in_its_room() -> None:
    class Host(App[None]):
        def compose(self) -> ComposeResult:
            yield ImageView(np.full((8, 8, 3), 99, dtype=np.uint8))

    async with Host().run_test(size=(20, 8)) as pilot:
        await pilot.pause()
        picture = pilot.app.query_one(ImageView)
        assert [picture.render_line(y).text for y in range(8)] == [" " * 2 + "▀" * 16 + " " * 2] * 8
        picture.pixels = None
        await pilot.pause()
        assert picture.render_line(3).text.strip() == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (3599.4, "59 min 59 s"), (3600, "1 h 00 min")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_quantities() -> None:
    assert quantity(45_000, "pictures") == "45,000 images"
    assert quantity(93.21, "pictures") == "93.2 images"
    assert quantity(170_498_071, "bytes") == "170.5 MB"
    assert quantity(12, "bytes") == "12 B"


@given(st.floats(-1, 2), st.integers(0, 50))
def test_a_bar_is_as_long_as_it_should_be(fraction: float, length: int) -> None:
    done, rest = bar(fraction, length)
    assert len(done) + len(rest) == length
    assert bar(1.0, length) == ("━" * length, "")
    assert bar(0.0, length) == ("", "─" * length)


def test_a_phase_says_how_far_it_is_and_is_honest_about_the_time_left() -> None:
    history = RunHistory()
    state = RunState(RunPreset(), history, "running")
    assert phase_view(state).left == "time left: unknown yet"
    history.apply(Phase(name="features", detail="resnet18", time=100.0))
    assert phase_view(state).fraction is None
    history.apply(Progress(done=0, total=1000, unit="pictures", time=100.1))
    assert phase_view(state).left == "time left: unknown yet"
    history.apply(Progress(done=250, total=1000, unit="pictures", rate=25.0, time=110.0))
    view = phase_view(state)
    assert (view.title, view.fraction, view.left) == ("Computing features", 0.25, "time left: about 30 s")
    assert view.progress == "250 of 1,000 images, 25 images/s"
    history.apply(Progress(done=300, total=None, unit="pictures", time=111.0))
    assert phase_view(state).progress == "300 images"
    assert phase_view(state).detail == "resnet18"
    history.apply(WarningRaised(title="A batch did not fit", time=112.0))
    assert phase_view(state).detail == "resnet18 · 1 warning in the log: A batch did not fit"
    history.apply(WarningRaised(title="The time limit is reached", time=119.0))
    history.apply(RunFinished(status="stopped", time=120.0))
    assert phase_view(state).title == "Stopped"
    assert phase_view(state).detail == "2 warnings in the log: The time limit is reached"


async def test_figures_stand_in_columns_and_an_unknown_one_is_a_dash() -> None:
    class Host(App[None]):
        def compose(self) -> ComposeResult:
            yield Figures()
            yield PhaseBar()

    async with Host().run_test(size=(40, 10)) as pilot:
        figures = pilot.app.query_one(Figures)
        figures.figures = (Figure("Epoch", "3 of 10"), Figure("Best epoch", None), Figure("Name", "[b]\x1b[0m" * 30))
        await pilot.pause()
        assert figures.size.height == 3
        lines = [figures.render_line(y).text for y in range(3)]
        assert lines[0].rstrip() == "Epoch       3 of 10"
        assert lines[1].rstrip() == "Best epoch  –"
        assert {cell_len(line) for line in lines} == {40}
        phase = pilot.app.query_one(PhaseBar)
        history = RunHistory()
        state = RunState(RunPreset(), history, "running")
        history.apply(Phase(name="training", detail="x" * 100, time=0.0))
        history.apply(Progress(done=5, total=10, unit="epochs", rate=0.5, time=10.0))
        phase.show(state)
        await pilot.pause()
        assert {cell_len(phase.render_line(y).text) for y in (0, 1)} == {40}
        assert "50%" in phase.render_line(1).text
