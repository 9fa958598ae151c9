"""The whole seed report against the plain loop, which runs every picture through the network in every epoch.

python benchmarks/report.py FOLDER [PICTURES] [SIDE]

FOLDER holds pictures, ``train/<class>`` and ``test/<class>``. The studies of the report itself are run, last layer on
random weights. What the plain loop would take is not waited for: one epoch of it is measured on some pictures for each
network, and multiplied by the pictures and epochs of all rows. Without PICTURES all are taken, for a GPU.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

import plain_loop
from cnn_tui import paths
from cnn_tui.config.changes import override
from cnn_tui.config.job import Job
from cnn_tui.config.study import StudyPreset
from cnn_tui.engine.control import Control
from cnn_tui.events import RunEvent, RunFinished
from cnn_tui.jobs import run_job
from cnn_tui.store.presets import load_study
from reporting import save

STUDIES = ("report-table1", "report-table2", "report-figure4", "report-table3", "report-figure6")
MEASURED = 64  # pictures of a plain epoch


def studies(settings: list[str]) -> list[StudyPreset]:
    """The report's studies with settings laid over them."""
    loaded = [load_study(paths.shipped_presets_folder() / f"{name}.json") for name in STUDIES]
    return [one.model_copy(update={"base": override(one.base, settings)}) for one in loaded]


def run(one: StudyPreset) -> tuple[float, int, int]:
    """Seconds that a study takes, its rows, and how many of them failed."""
    started, done, failed = time.perf_counter(), 0, 0
    for told in run_job(Job(preset=one), Control()):
        if isinstance(told, RunEvent) and isinstance(told.event, RunFinished):
            done, failed = done + 1, failed + (told.event.status == "failed")
    return time.perf_counter() - started, done, failed


def plain_seconds(folder: Path, architecture: str, side: int) -> float:
    """What the plain loop takes for each picture in an epoch; its first epoch starts the workers and is left out."""
    model = plain_loop.network(architecture, 10, frozen=True)
    return plain_loop.train(model, plain_loop.loader(folder / "train", side, MEASURED), 2)[1] / MEASURED


def plain_total(all_studies: list[StudyPreset], each: dict[str, float], train: int, test: int) -> float:
    """Seconds that the plain loop would take for every row, trained on its own and tested once."""
    experiments = [cell.experiment for one in all_studies for cell in one.cells()]
    return sum(each[one.model.architecture] * (one.training.epochs * train + test) for one in experiments)


def main(folder: str, pictures: int | None, side: int) -> None:
    """Run the report, and reckon what it would take otherwise."""
    settings = ["data.dataset=folder", f"data.root={folder}", "model.weights=random", f"data.image_size={side}"]
    if pictures is not None:
        settings += [f"data.train_limit={pictures}", f"data.test_limit={pictures // 5}"]
    train, test = (pictures, pictures // 5) if pictures is not None else (50_000, 10_000)
    with tempfile.TemporaryDirectory() as home:
        os.environ["CNN_TUI_HOME"] = home
        planned = studies(settings)
        took = {one.name: run(one) for one in planned}
    architectures = sorted({cell.experiment.model.architecture for one in planned for cell in one.cells()})
    each = {name: plain_seconds(Path(folder), name, side) for name in architectures}
    ours, plain = sum(seconds for seconds, _, _ in took.values()), plain_total(planned, each, train, test)
    figures: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "pictures, train and test": [train, test],
        "side, pixels": side,
        "studies, s": {name: round(seconds, 1) for name, (seconds, _, _) in took.items()},
        "rows": sum(done for _, done, _ in took.values()),
        "rows failed": sum(failed for _, _, failed in took.values()),
        "whole report, s": round(ours, 1),
        "plain loop, ms a picture and epoch": {name: round(1000 * seconds, 2) for name, seconds in each.items()},
        "plain loop, extrapolated, s": round(plain),
        "times as fast": round(plain / ours, 1),
        "budget": "at most 60 s in full size on one H200, once the data is loaded",
    }
    save("report", figures)


if __name__ == "__main__":
    main(
        sys.argv[1],
        int(sys.argv[2]) if len(sys.argv) > 2 else None,
        int(sys.argv[3]) if len(sys.argv) > 3 else 224,
    )
