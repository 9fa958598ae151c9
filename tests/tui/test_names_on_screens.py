"""Folders and weights are named where a run is described, whatever the width."""

from __future__ import annotations

import pytest
from host import screen_text, until
from workbench import workbench

from cnn_tui.config.changes import override
from cnn_tui.config.experiment import Experiment
from cnn_tui.config.preset import RunPreset
from cnn_tui.store.records import SessionRecord
from cnn_tui.tui.screens.live_figures import describe
from cnn_tui.tui.screens.results_header import run_line
from cnn_tui.tui.widgets.experiment_summary import weights_text
from samples import result

FOLDER = override(Experiment(), ["data.dataset=folder", "data.root=/srv/images", "model.weights=/srv/weights/mine.pth"])


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_results_say_which_folder(width: int) -> None:
    record = SessionRecord(
        name="mine", experiment=FOLDER, id="20261123T001502Z-mine", status="done", created="2026-11-23T00:15:02Z"
    )
    line = run_line(record.model_copy(update={"result": result()}), width)
    assert "resnet18" in line.plain
    assert "on /srv/images" in line.plain
    assert line.cell_length <= width


def test_live_says_which_folder() -> None:
    assert describe(RunPreset(name="mine", experiment=FOLDER)).startswith("resnet18 on /srv/images")
    assert describe(RunPreset(name="cifar")).startswith("resnet18 on cifar10")


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ("imagenet", "ImageNet weights"),
        ("random", "random weights"),
        ("/srv/weights/mine.pth", "weights from mine.pth"),
        ("a\x1bb.pth", "weights from a\ufffdb.pth"),
    ],
)
def test_weights_by_where_they_come_from(weights: str, words: str) -> None:
    assert weights_text(weights) == words


async def test_setup_says_both() -> None:
    async with workbench(preset=RunPreset(name="mine", experiment=FOLDER)) as (app, _, pilot):
        await until(
            pilot, lambda: "weights from mine.pth" in screen_text(app) and "Data  /srv/images" in screen_text(app)
        )
