"""Make the screenshots of the README from the real program, training on real images.

python screenshots/make.py FOLDER

FOLDER holds CIFAR-10 as image files: train/<class>/* and test/<class>/*.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.app import App
from textual.widgets import Input

from cnn_tui.config.changes import override
from cnn_tui.config.job import Job
from cnn_tui.service.client import connect
from cnn_tui.service.protocol import Clear, Submit
from cnn_tui.service.trainer import ServiceTrainer
from cnn_tui.store.presets import find_preset, load_preset, renamed_preset
from cnn_tui.store.sessions import all_records, find_session
from cnn_tui.tui.app import Workbench
from cnn_tui.tui.messages import StudyDrafted
from cnn_tui.tui.screens.predict import PredictScreen
from cnn_tui.tui.screens.predict_panes import ImageTable
from cnn_tui.tui.viewer import ReplayViewer

HERE = Path(__file__).parent.resolve()
SIZE = (120, 36)
IMAGES = "~/cifar10"
NAME = "cifar10-photos"
PROGRAM = str(Path(sys.executable).parent.absolute() / "cnn-tui")


def write_preset(folder: Path) -> None:
    """A preset that learns something of CIFAR-10 in a minute or two."""
    experiment = {
        "data": {
            "dataset": "folder",
            "root": IMAGES,
            "image_size": 32,
            "train_limit": 1500,
            "test_limit": 1000,
            "validation_fraction": 0.2,
        },
        "model": {"architecture": "resnet18", "weights": "random", "trainable": "all"},
        "training": {"epochs": 8, "batch_size": 64, "schedule": "cosine"},
    }
    folder.mkdir(parents=True)
    preset = {"name": NAME, "description": "A few CIFAR-10 images, from scratch", "experiment": experiment}
    (folder / f"{NAME}.json").write_text(json.dumps(preset), encoding="utf-8")


def many_epochs() -> StudyDrafted:
    """A study of how many epochs that takes."""
    preset = load_preset(find_preset(NAME))
    constant = override(preset.experiment, ["training.schedule=constant"])
    return StudyDrafted(preset.model_copy(update={"experiment": constant}), "training.epochs", "1, 2, 4, 6, 8, 12")


def earlier_sessions() -> None:
    """Sessions from before, so that the list has some."""
    for settings in (["training.epochs=2"], ["training.epochs=3", "training.optimizer.learning_rate=0.0001"]):
        command = [PROGRAM, "run", NAME, "--set", "model.architecture=shufflenet_v2_x0_5"]
        subprocess.run([*command, *(part for one in settings for part in ("--set", one))], check=True)


def add_to_queue() -> None:
    """Jobs that wait behind the running one."""
    preset = load_preset(find_preset(NAME))
    connection = connect()
    assert connection is not None
    with connection:
        for name, architecture in (("deeper", "resnet34"), ("wider", "wide_resnet50_2"), ("smaller", "squeezenet1_1")):
            experiment = override(preset.experiment, [f"model.architecture={architecture}"])
            job = Job(preset=renamed_preset(preset.model_copy(update={"experiment": experiment}), name))
            connection.request(Submit(job=job.with_absolute_paths()))


def clear_queue() -> None:
    """Remove the jobs that wait."""
    connection = connect()
    assert connection is not None
    with connection:
        connection.request(Clear())


async def until(holds: Callable[[], object]) -> None:
    """Wait until a condition holds, and until it is on the screen."""
    while not holds():
        await asyncio.sleep(0.2)
    await asyncio.sleep(1.5)


def take(app: App[Any], name: str) -> None:
    """Save the screen as an image."""
    (HERE / f"{name}.svg").write_text(app.export_screenshot(title="cnn-tui"), encoding="utf-8")
    print(name)


def all_classified(app: Workbench) -> bool:
    """Whether the images in Predict have their classes."""
    rows = app.screen.query_one(ImageTable).rows
    return bool(rows) and all(row.answered for row in rows)


async def start_a_run() -> None:
    """Setup, with an error and without, and the first epochs of a run that is left behind."""
    app = Workbench(ServiceTrainer, load_preset(find_preset(NAME)))
    async with app.run_test(size=SIZE) as pilot:
        await until(lambda: app.current_mode == "setup")
        await asyncio.sleep(3)
        take(app, "setup")
        await pilot.press("tab", "down", "down", "4")
        await asyncio.sleep(1)
        take(app, "setup-error")
        await pilot.press("ctrl+z")
        await asyncio.sleep(1)
        await pilot.press("ctrl+r")
        await until(lambda: app.job is not None and len(app.job.run.history.epochs) >= 2)
        app.leave(finish=True)


async def join_and_look_at_the_result() -> None:
    """The run that goes on, the queue behind it, its result, and what can be done with it."""
    app = Workbench(ServiceTrainer)
    async with app.run_test(size=SIZE) as pilot:
        await until(lambda: app.current_mode == "live" and app.job is not None and app.job.run.history.epochs)
        add_to_queue()
        await pilot.press("f7")
        await asyncio.sleep(2)
        await pilot.press("down")
        await asyncio.sleep(1)
        take(app, "queue")
        clear_queue()
        await pilot.press("f3")
        await until(lambda: app.job is not None and len(app.job.run.history.epochs) >= 5)
        take(app, "live")
        await until(lambda: app.current_mode == "results")
        await asyncio.sleep(3)
        await pilot.press(*["down"] * 3, *["right"] * 5)
        await asyncio.sleep(1)
        take(app, "results")
        await pilot.press("enter")
        await asyncio.sleep(3)
        take(app, "pictures")
        await pilot.press("escape", "p")
        await until(lambda: isinstance(app.screen, PredictScreen))
        app.screen.query_one("#path", Input).value = f"{IMAGES}/test/cat"
        await pilot.press("enter")
        await until(lambda: all_classified(app))
        await pilot.press(*["down"] * 4)
        await asyncio.sleep(1)
        take(app, "predict")
        await pilot.press("escape", "f6")
        await asyncio.sleep(3)
        app.post_message(many_epochs())
        await asyncio.sleep(2)
        await pilot.press("ctrl+r")
        await until(lambda: app.job is not None and app.job.job.study is not None and not app.job.active)
        take(app, "studies")
        await pilot.press("f5")
        await asyncio.sleep(2)
        take(app, "sessions")
        await pilot.press("space", "down", "down", "space", "c")
        await asyncio.sleep(3)
        take(app, "compare")
        app.leave(finish=False)


async def replay() -> None:
    """The run once more, without training."""
    record = next(record for record in all_records() if record.name.startswith(NAME) and record.study is None)
    folder = find_session(record.id)
    app = ReplayViewer(folder, renamed_preset(record, record.name), speed=2.0)
    async with app.run_test(size=SIZE):
        await until(lambda: app.job is not None and len(app.job.run.history.epochs) >= 4)
        take(app, "replay")
        app.leave()


def main(images: str) -> None:
    """Make all screenshots in a home of their own."""
    folder = Path(images).expanduser().resolve()
    with tempfile.TemporaryDirectory() as home:
        # With names of their own, so that no screenshot shows where someone's files are.
        os.environ["HOME"] = os.environ["CNN_TUI_HOME"] = home
        os.environ["CNN_TUI_IDLE_MINUTES"] = "0"
        (Path(home) / "cifar10").symlink_to(folder)
        write_preset(Path(home) / "presets")
        earlier_sessions()
        asyncio.run(start_a_run())
        asyncio.run(join_and_look_at_the_result())
        asyncio.run(replay())


if __name__ == "__main__":
    main(sys.argv[1])
