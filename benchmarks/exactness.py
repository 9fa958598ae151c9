"""What computing features once changes in a run: nothing but float rounding.

python benchmarks/exactness.py FOLDER

FOLDER holds pictures, one folder for each class. The seven models of the report, in float32 and with random weights,
are trained with the feature store and without; SqueezeNet, too, whose features are kept in half precision, at the size
at which they are large. Budget: losses within 1e-4, and the same predictions.
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
_MAPS, _MAPS_SIZE = "squeezenet1_1", 224
_TRAIN, _TEST = 500, 1000
# Random weights give large features: at the usual 0.001 ResNet-50's loss is 30 and more, and rounding grows with it.
_RATE = 1e-4


def store_against_none(folder: str, architecture: str, size: int = _SIZE) -> dict[str, Any]:
    """The same run with the feature store and without."""
    data = {"image_size": size, "train_limit": _TRAIN, "test_limit": _TEST}
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
        figures = {architecture: store_against_none(folder, architecture) for architecture in SEVEN}
        save("exactness", figures | {_MAPS: store_against_none(folder, _MAPS, _MAPS_SIZE)})


if __name__ == "__main__":
    main(sys.argv[1])
