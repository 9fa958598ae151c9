"""One epoch on a few pictures for every architecture of the catalogue, at the least size that it takes.

python benchmarks/catalogue.py FOLDER [PICTURES] [ARCHITECTURE...]

FOLDER holds pictures, one folder for each class. What cannot be trained is listed with the reason.
"""

from __future__ import annotations

import json
import sys
import time

from cnn_tui.catalog.models import ARCHITECTURES, Architecture
from cnn_tui.config.experiment import Experiment
from cnn_tui.config.fields import field
from cnn_tui.engine.training.train import train
from cnn_tui.events import RunFinished
from reporting import RESULTS, save

_LEAST = 8  # the configuration's own lower bound for data.image_size


def least_size(architecture: Architecture) -> int:
    """The smallest side that both the architecture and the configuration allow."""
    step = architecture.image_size_step
    return -(-max(_LEAST, architecture.min_image_size) // step) * step


def train_once(architecture: Architecture, folder: str, pictures: int) -> str:
    """Train one epoch; empty if it went well, else why not."""
    experiment = Experiment.model_validate(
        {
            "data": {
                "dataset": "folder",
                "root": folder,
                "image_size": least_size(architecture),
                "train_limit": pictures,
                "test_limit": 64,
            },
            "model": {"architecture": architecture.name, "weights": "random", "trainable": "all"},
            "training": {"epochs": 1, "batch_size": 32, "device": field("training.device").default},
        }
    )
    finished = list(train(experiment))[-1]
    if not isinstance(finished, RunFinished) or finished.error is None:
        return ""
    return f"{finished.error.title}: {finished.error.detail}"


def earlier(pictures: int) -> dict[str, str]:
    """What a run with as many pictures that did not come to its end found out, by architecture."""
    path = RESULTS / "catalogue.json"
    figures = json.loads(path.read_text(encoding="utf-8"))["figures"] if path.exists() else {}
    return figures["outcomes"] if figures.get("pictures") == pictures and figures["left"] else {}


def main(folder: str, pictures: int, names: list[str]) -> None:
    """Go through the catalogue, the smallest first, or the named part of it; interrupted, go on where it was."""
    outcomes = earlier(pictures)
    order = sorted(ARCHITECTURES.values(), key=lambda one: one.parameters)
    left = [one for one in order if (not names or one.name in names) and one.name not in outcomes]
    while left:
        architecture = left.pop(0)
        started = time.perf_counter()
        outcomes[architecture.name] = train_once(architecture, folder, pictures) or "trained"
        seconds = time.perf_counter() - started
        print(f"{architecture.name} at {least_size(architecture)} pixels: {seconds:.1f} s")
        trained = sum(outcome == "trained" for outcome in outcomes.values())
        save("catalogue", {"pictures": pictures, "trained": trained, "left": len(left), "outcomes": outcomes})


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 256, sys.argv[3:])
