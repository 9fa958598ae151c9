"""Every main screen as an image at two sizes, over recorded sessions and a scripted run.

After an intended change look at the new images: ``pytest -n 0 tests/tui/test_snapshots.py --snapshot-update``,
then open the files in ``tests/tui/__snapshots__/``.
"""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from host import screen_text, until
from scripted_inference import ScriptedInference
from scripted_trainer import ScriptedTrainer
from textual.pilot import Pilot
from textual.widgets import Input

from cnn_tui.events import Phase, Progress
from cnn_tui.store.presets import load_preset
from cnn_tui.tui.app import Workbench
from cnn_tui.tui.machine import Machine, MachineReading
from cnn_tui.tui.messages import CompareRequested, SessionRequested
from cnn_tui.tui.screens.live_curves import CurvesPane
from cnn_tui.tui.screens.predict import PredictScreen
from cnn_tui.tui.screens.sessions import SessionsTable
from cnn_tui.tui.screens.studies_files import StudyEntry
from cnn_tui.tui.screens.studies_list import StudyList
from cnn_tui.tui.screens.studies_table import StudyTableView
from empty_files import write_empty
from samples import batch, epoch, started

RECORDED = Path(__file__).parent.parent / "recorded" / "0.1.0"
DRAWN_WITH = {"textual": "8.2.8", "rich": "15.0.0", "plotext": "6.1.0"}
SIZES = [(80, 24), (120, 36)]
Drive = Callable[[Pilot[None]], Awaitable[None]]
Compare = Callable[..., bool]
Picture = Callable[[tuple[int, int], Drive], bool]

pytestmark = pytest.mark.skipif(
    any(version(name) != wanted for name, wanted in DRAWN_WITH.items()),
    reason=f"the snapshots were drawn with {DRAWN_WITH}, other versions draw slightly differently",
)
sizes = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


@pytest.fixture
def recorded(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with the recorded sessions, on a machine and at a time that never change."""
    shutil.copytree(RECORDED, home)
    monkeypatch.setattr("time.time", lambda: 112.0)
    monkeypatch.setattr("cnn_tui.tui.screens.sessions_rows.format_time", lambda *_: "23 Nov 14:05")
    monkeypatch.setattr(Machine, "read", lambda self: MachineReading(0.5, 2**31, 2**33, None))
    return home


@pytest.fixture
def trainer() -> ScriptedTrainer:
    return ScriptedTrainer()


@pytest.fixture
def workbench(recorded: Path, trainer: ScriptedTrainer) -> Workbench:
    """The workbench with the recorded preset in its form."""
    path = recorded / "presets" / "done.json"
    return Workbench(lambda: trainer, load_preset(path), path=path)


@pytest.fixture
def same_picture(workbench: Workbench, trainer: ScriptedTrainer, snap_compare: Compare) -> Picture:
    """Drives the workbench from Setup to a screen of some size and compares that with its snapshot."""

    def compare(size: tuple[int, int], drive: Drive) -> bool:
        async def run(pilot: Pilot[None]) -> None:
            try:
                await until(pilot, lambda: on_screen(pilot, "Ready"))
                await drive(pilot)
                await pilot.pause()
            finally:
                trainer.close(True)  # or its thread keeps the application from ending

        return snap_compare(workbench, terminal_size=size, run_before=run)

    return compare


def session(name: str) -> str:
    """The id of a recorded session."""
    return next(folder.name for folder in (RECORDED / "sessions").iterdir() if folder.name.endswith(name))


def on_screen(pilot: Pilot[None], *words: str) -> bool:
    text = screen_text(pilot.app)
    return all(word in text for word in words)


@sizes
def test_setup(size: tuple[int, int], same_picture: Picture) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        pass

    assert same_picture(size, drive)


@sizes
def test_live(workbench: Workbench, trainer: ScriptedTrainer, size: tuple[int, int], same_picture: Picture) -> None:

    async def drive(pilot: Pilot[None]) -> None:
        await pilot.press("ctrl+r")
        await until(pilot, lambda: workbench.screen.query(CurvesPane))
        trainer.emit(started(session("done"), epochs=5), Phase(name="training", time=101.0))
        trainer.emit(
            epoch(1), epoch(2, 0.25), batch(3, 2, time=111.0), Progress(done=10, total=20, unit="steps", time=111.0)
        )
        await until(pilot, lambda: on_screen(pilot, "10 of 20 steps", "50%", "1,234", "validation"))

    assert same_picture(size, drive)


@sizes
def test_results(workbench: Workbench, size: tuple[int, int], same_picture: Picture) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        workbench.post_message(SessionRequested(session("rate-0-01")))
        await until(pilot, lambda: workbench.current_mode == "results" and on_screen(pilot, "%", "done"))

    assert same_picture(size, drive)


@sizes
def test_sessions(workbench: Workbench, size: tuple[int, int], same_picture: Picture) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        workbench.switch_mode("sessions")
        await until(pilot, lambda: [len(table.rows) for table in workbench.screen.query(SessionsTable)] == [6])

    assert same_picture(size, drive)


def recorded_study(app: Workbench) -> list[StudyEntry]:
    return [entry for listed in app.screen.query(StudyList) for entry in listed.entries if entry.name == "rates"]


@sizes
def test_studies(workbench: Workbench, size: tuple[int, int], same_picture: Picture) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        workbench.switch_mode("studies")
        await until(pilot, lambda: recorded_study(workbench))
        workbench.screen.query_one(StudyList).post_message(StudyList.Chosen(recorded_study(workbench)[0]))
        await until(pilot, lambda: [len(table.rows) for table in workbench.screen.query(StudyTableView)] == [3])

    assert same_picture(size, drive)


@sizes
def test_compare(workbench: Workbench, size: tuple[int, int], same_picture: Picture) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        workbench.post_message(CompareRequested((session("done"), session("rate-0-01"))))
        await until(pilot, lambda: workbench.screen.query("#classes-table"))

    assert same_picture(size, drive)


@sizes
def test_predict(
    workbench: Workbench,
    recorded: Path,
    size: tuple[int, int],
    same_picture: Picture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(write_empty(recorded, "digits/3/1.png", "digits/3/2.png", "digits/8/3.png"))
    network = ScriptedInference()
    height, width = np.indices((32, 32), np.uint8)
    pixels = np.stack((8 * height, 8 * width, 255 - 8 * height), axis=2)

    async def drive(pilot: Pilot[None]) -> None:
        workbench.push_screen(PredictScreen(recorded / "sessions" / session("done"), network.make))
        await until(pilot, lambda: on_screen(pilot, "ready", "squeezenet1_1"))
        workbench.screen.query_one(Input).value = "digits"
        await pilot.press("enter")
        await until(pilot, lambda: network.shown)
        network.send_image(network.shown[0], pixels)
        network.answer(0, ("3", 0.8125), ("8", 0.125), ("9", 0.0625), ("5", 0.0), ("2", 0.0))
        network.answer(1, ("8", 0.5), ("3", 0.4375), ("9", 0.0625), ("5", 0.0), ("2", 0.0))
        network.answer(2, problem="not an image of a supported format")
        await until(pilot, lambda: on_screen(pilot, "1 of 2 match", "81.2 %", "▀"))

    assert same_picture(size, drive)
