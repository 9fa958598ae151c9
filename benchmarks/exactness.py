"""What computing features once changes in a run: nothing but float rounding.

python benchmarks/exactness.py FOLDER

FOLDER holds pictures, one folder for each class. The seven models of the report, in float32 and with random weights,
are trained with the feature store and without.
"""

from __future__ import annotations

import os
import sys
import tempfile
from typing import Any

from frozen import SEVEN, setting
from outcome import run
from reporting import save

_SIZE = 64  # of the pictures; it changes no rule and saves minutes
_TRAIN, _TEST = 500, 1000
# Random weights give large features: at the usual 0.001 ResNet-50's loss is 30 and more, and rounding grows with it.
_RATE = 1e-4


def store_against_none(folder: str, architecture: str) -> dict[str, Any]:
    """The same run with the feature store and without."""
    data = {"image_size": _SIZE, "train_limit": _TRAIN, "test_limit": _TEST}
    training = {"epochs": 2, "precision": "float32", "optimizer": {"learning_rate": _RATE}}
    stored = run(setting(folder, architecture, data=data, training=training))
    anew = run(setting(folder, architecture, data=data, training=training | {"feature_cache": "off"}))
    differences = [abs(one - other) / other for one, other in zip(stored.losses, anew.losses, strict=True)]
    return {
        "loss_difference": float(f"{max(differences):.1e}"),
        "same_predictions": float((stored.predicted == anew.predicted).double().mean()),
    }


def main(folder: str) -> None:
    """Compare in a home of its own."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["CNN_TUI_HOME"] = home
        save("exactness", {architecture: store_against_none(folder, architecture) for architecture in SEVEN})


if __name__ == "__main__":
    main(sys.argv[1])
