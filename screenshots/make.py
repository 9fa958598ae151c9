"""Make the pictures of the README from the real program, training on real pictures.

python screenshots/make.py FOLDER

FOLDER holds CIFAR-10 as picture files: train/<class>/* and test/<class>/*.
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

from textual.widgets import Input

from cnn_tui.config.changes import override
from cnn_tui.store.presets import find_preset, load_preset
from cnn_tui.trainer.process import ProcessTrainer
from cnn_tui.tui.app import Workbench
from cnn_tui.tui.messages import StudyDrafted
from cnn_tui.tui.screens.predict import PredictScreen
from cnn_tui.tui.screens.predict_panes import ImageTable

HERE = Path(__file__).parent.resolve()
SIZE = (120, 36)
PICTURES = "~/cifar10"
PROGRAM = str(Path(sys.executable).parent.absolute() / "cnn-tui")


def write_preset(folder: Path) -> None:
    """A preset that learns something of CIFAR-10 in a minute or two."""
    experiment = {
        "data": {
            "dataset": "folder",
            "root": PICTURES,
            "image_size": 32,
            "train_limit": 1500,
            "test_limit": 1000,
            "validation_fraction": 0.2,
        },
        "model": {"architecture": "resnet18", "weights": "random", "trainable": "all"},
        "training": {"epochs": 8, "batch_size": 64, "schedule": "cosine"},
    }
    folder.mkdir(parents=True)
    preset = {
        "name": "cifar10-photos",
        "description": "A few CIFAR-10 pictures, from scratch",
        "experiment": experiment,
    }
    (folder / "cifar10-photos.json").write_text(json.dumps(preset), encoding="utf-8")


def many_epochs() -> StudyDrafted:
    """A study of how many epochs that takes."""
    preset = load_preset(find_preset("cifar10-photos"))
    constant = override(preset.experiment, ["training.schedule=constant"])
    return StudyDrafted(preset.model_copy(update={"experiment": constant}), "training.epochs", "1, 2, 4, 6, 8, 12")


def earlier_sessions() -> None:
    """Sessions that were there before, so that the list shows some."""
    for settings in (["training.epochs=2"], ["training.epochs=3", "training.optimizer.learning_rate=0.0001"]):
        command = [PROGRAM, "run", "cifar10-photos", "--set", "model.architecture=shufflenet_v2_x0_5"]
        subprocess.run([*command, *(part for one in settings for part in ("--set", one))], check=True)


class Photographer:
    """The workbench without a terminal, and a camera."""

    def __init__(self, app: Workbench) -> None:
        self._app = app

    async def until(self, true: Callable[[Workbench], bool]) -> None:
        """Wait for something to be so."""
        while not true(self._app):
            await asyncio.sleep(0.2)
        await asyncio.sleep(1.5)

    def take(self, name: str) -> None:
        """Keep the screen as it is."""
        (HERE / f"{name}.svg").write_text(self._app.export_screenshot(title="cnn-tui"), encoding="utf-8")
        print(name)


def all_classified(app: Workbench) -> bool:
    """Whether the images in Predict have their classes."""
    rows = app.screen.query_one(ImageTable).rows
    return bool(rows) and all(row.answered for row in rows)


async def photograph() -> None:
    """Go through the screens in the order in which a person would."""
    app = Workbench(ProcessTrainer, load_preset(find_preset("cifar10-photos")))
    async with app.run_test(size=SIZE) as pilot:
        camera = Photographer(app)
        await camera.until(lambda app: app.current_mode == "setup")
        await asyncio.sleep(3)
        camera.take("setup")
        await pilot.press("tab", "down", "down", "4")
        await asyncio.sleep(1)
        camera.take("setup-error")
        await pilot.press("ctrl+z")
        await asyncio.sleep(1)
        await pilot.press("ctrl+r")
        await camera.until(lambda app: app.job is not None and len(app.job.run.history.epochs) >= 5)
        camera.take("live")
        await camera.until(lambda app: app.current_mode == "results")
        await asyncio.sleep(3)
        await pilot.press(*["down"] * 3, *["right"] * 5)
        await asyncio.sleep(1)
        camera.take("results")
        await pilot.press("enter")
        await asyncio.sleep(3)
        camera.take("pictures")
        await pilot.press("escape", "f6")
        await asyncio.sleep(3)
        app.post_message(many_epochs())
        await asyncio.sleep(2)
        await pilot.press("ctrl+r")
        await camera.until(lambda app: app.job is not None and not app.job.active)
        camera.take("studies")
        await pilot.press("f5")
        await asyncio.sleep(2)
        camera.take("sessions")
        await pilot.press("space", "down", "down", "space", "c")
        await asyncio.sleep(3)
        camera.take("compare")
        await pilot.press("escape", "f4")
        await asyncio.sleep(3)
        await pilot.press("p")
        await camera.until(lambda app: isinstance(app.screen, PredictScreen))
        app.screen.query_one("#path", Input).value = f"{PICTURES}/test/cat"
        await pilot.press("enter")
        await camera.until(all_classified)
        await pilot.press(*["down"] * 4)
        await asyncio.sleep(1)
        camera.take("predict")
        app.leave(finish=False)


def main(pictures: str) -> None:
    """Make them all in a home of their own."""
    folder = Path(pictures).expanduser().resolve()
    with tempfile.TemporaryDirectory() as home:
        # The home and the pictures have names of their own, so that no picture shows where somebody keeps them.
        os.environ["HOME"] = os.environ["CNN_TUI_HOME"] = home
        (Path(home) / "cifar10").symlink_to(folder)
        write_preset(Path(home) / "presets")
        earlier_sessions()
        asyncio.run(photograph())


if __name__ == "__main__":
    main(sys.argv[1])
