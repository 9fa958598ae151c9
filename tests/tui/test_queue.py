"""The Queue screen and joined jobs, with the real service and scripted runs."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from host import screen_text, until
from scripted_trainer import ScriptedTrainer
from textual.pilot import Pilot
from workbench import workbench

from cnn_tui.config.job import Job
from cnn_tui.config.study import StudyPreset
from cnn_tui.service.protocol import Submit
from cnn_tui.service.trainer import ServiceTrainer
from cnn_tui.store.job_queue import JobQueue, read_queue
from cnn_tui.store.sessions import all_records
from cnn_tui.tui.app import Workbench
from cnn_tui.tui.screens.dialogs import ConfirmScreen
from cnn_tui.tui.screens.queue import QueueScreen, QueueTable
from cnn_tui.tui.screens.setup import SetupScreen
from services import connection, running_entry, scripted_service, trainer_process
from trainer_messages import run

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs Unix domain sockets")


@pytest.fixture(autouse=True)
def _script(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted_service(monkeypatch, "short")


def submit(*jobs: Job) -> None:
    with connection() as connected:
        for job in jobs:
            connected.request(Submit(job=job))


@asynccontextmanager
async def client() -> AsyncIterator[tuple[Workbench, Pilot[None]]]:
    """The workbench as a client of the service."""
    trainer = ServiceTrainer()
    app = Workbench(lambda: trainer)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        try:
            yield app, pilot
        finally:
            trainer.close(True)


@asynccontextmanager
async def joined() -> AsyncIterator[tuple[Workbench, Pilot[None]]]:
    """The workbench as it opens while a job runs: in Live."""
    async with client() as (app, pilot):
        await until(pilot, lambda: app.current_mode == "live")
        yield app, pilot


def names(app: Workbench) -> list[str]:
    if not isinstance(app.screen, QueueScreen):
        return []
    return [row.entry.name for row in app.screen.query_one(QueueTable).rows]


async def test_the_queue_is_shown_and_changed_beside_the_joined_job() -> None:
    study = Job(preset=StudyPreset(name="epochs", factor="training.epochs", values=(3, 4)))
    submit(run(5000, "long"), run(3, "second"), run(3, "third"), study)
    async with joined() as (app, pilot):
        await until(pilot, lambda: app.job is not None and bool(app.job.run.history.batches))
        assert app.job is not None
        assert app.job.job.preset.name == "long"
        await pilot.press("f7")
        await until(pilot, lambda: names(app) == ["long", "second", "third", "epochs"])
        await until(pilot, lambda: "started" in screen_text(app))
        await pilot.press("down", "down", "n")
        await until(pilot, lambda: names(app) == ["long", "third", "second", "epochs"])
        await pilot.press("J")
        await until(pilot, lambda: names(app) == ["long", "second", "third", "epochs"])
        await pilot.press("K")
        await until(pilot, lambda: names(app) == ["long", "third", "second", "epochs"])
        number = read_queue()[1].id

        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, SetupScreen) and "in the queue" in screen_text(app))
        await until(pilot, lambda: "Ready to wait in the queue" in screen_text(app))
        await pilot.press("ctrl+r", "f7")
        await until(pilot, lambda: names(app) == ["long", "third (2)", "second", "epochs"])
        assert read_queue()[1].id == number

        await pilot.press("end", "e")
        await until(pilot, lambda: "Only single runs can be edited" in screen_text(app))
        await pilot.press("d")
        await until(pilot, lambda: names(app) == ["long", "third (2)", "second"])
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: names(app) == ["long"])

        await pilot.press("home", "p")
        await until(pilot, lambda: "paused" in screen_text(app) and read_queue()[0].paused)
        await pilot.press("p")
        await until(pilot, lambda: not read_queue()[0].paused)
        await until(pilot, lambda: app.screen.query_one(QueueTable).rows[0].state == "running")
        await pilot.press("enter")
        await until(pilot, lambda: app.current_mode == "live")
        await pilot.press("x")
        await until(pilot, lambda: app.current_mode == "results")
        await pilot.press("f7")
        await until(pilot, lambda: "Nothing runs and nothing waits" in screen_text(app))
    assert [record.status for record in all_records()] == ["stopped"]


async def test_a_second_start_waits_and_then_runs_by_itself() -> None:
    submit(run(5000, "long"))
    async with joined() as (app, pilot):
        await pilot.press("f2")
        await until(pilot, lambda: "Ready to wait in the queue" in screen_text(app))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "quickstart waits in the queue" in screen_text(app))
        running_entry()
        await pilot.press("f3", "x")
        await until(pilot, lambda: app.job is not None and app.job.job.preset.name == "quickstart")
        await until(pilot, lambda: not app.busy and not read_queue())
    assert {record.name: record.status for record in all_records()} == {"long": "stopped", "quickstart": "done"}


async def test_an_interrupted_job_is_offered_and_goes_on() -> None:
    with JobQueue() as queue:
        entry = queue.add(run(5000, "lost"))
        queue.start(entry.id, "cpu")
    async with client() as (app, pilot):
        await until(pilot, lambda: "1 job interrupted" in screen_text(app))
        await pilot.press("f7")
        await until(pilot, lambda: names(app) == ["lost"] and "interrupted" in screen_text(app))
        await pilot.press("u")
        await until(pilot, lambda: app.job is not None and app.job.job.preset.name == "lost" and app.busy)
        trainer_process()
        await until(pilot, lambda: app.screen.query_one(QueueTable).rows[0].state == "running")
        await pilot.press("x")
        await until(pilot, lambda: not app.busy)


async def test_a_trainer_without_a_queue_says_so() -> None:
    async with workbench() as (app, trainer, pilot):
        assert isinstance(trainer, ScriptedTrainer)
        await pilot.press("f7")
        await until(pilot, lambda: "There is no queue" in screen_text(app))
