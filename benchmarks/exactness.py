"""What computing features once changes in a run: nothing but float rounding.

python benchmarks/exactness.py FOLDER WEIGHTS [squeezenet]

FOLDER holds images, one folder for each class. The seven models of the report, in float32 and with random weights, are
trained with the feature cache and without. SqueezeNet, whose maps are stored packed, is trained at 224 pixels and the
default learning rate of 0.001 from WEIGHTS, trained ones, with several seeds; the last word leaves the others out.
Budget: losses within 1e-4, and the same predictions.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile

from frozen import SEVEN, setting
from outcome import Outcome, run
from reporting import RESULTS, save

_SIZE = 64  # of the images; it changes no rule and saves minutes
_TRAIN, _TEST = 500, 1000
# Random weights give large features: at the usual 0.001 ResNet-50's loss is 30 and more, and rounding grows with it.
_RATE = 1e-4
_SQUEEZENET, _SEEDS = "squeezenet1_1", (0, 1, 2)
_MAPS_TRAIN, _MAPS_TEST = 300, 500


def store_against_none(folder: str, architecture: str) -> dict[str, float]:
    """The same run with the feature cache and without."""
    training = {"epochs": 2, "precision": "float32", "optimizer": {"learning_rate": _RATE}}
    data = {"image_size": _SIZE, "train_limit": _TRAIN, "test_limit": _TEST}
    stored = run(setting(folder, architecture, data=data, training=training))
    whole = run(setting(folder, architecture, data=data, training=training | {"feature_cache": "off"}))
    return differences(stored, whole)


def squeezenet(folder: str, weights: str, seed: int) -> dict[str, float]:
    """The same run of SqueezeNet with packed maps and without the feature cache, at the default learning rate."""
    training = {"epochs": 2, "precision": "float32", "seed": seed}
    data = {"train_limit": _MAPS_TRAIN, "test_limit": _MAPS_TEST}
    model = {"weights": weights}
    packed = run(setting(folder, _SQUEEZENET, data=data, model=model, training=training))
    plain = training | {"feature_cache": "off"}
    return differences(packed, run(setting(folder, _SQUEEZENET, data=data, model=model, training=plain)))


def differences(one: Outcome, other: Outcome) -> dict[str, float]:
    """The largest relative difference of a loss, test loss included, and the share of equal predictions."""
    pairs = zip([*one.losses, one.test_loss], [*other.losses, other.test_loss], strict=True)
    return {
        "loss_difference": float(f"{max(abs(first - second) / second for first, second in pairs):.1e}"),
        "same_predictions": float((one.predicted == other.predicted).double().mean()),
    }


def main(folder: str, weights: str, only: str = "") -> None:
    """Compare in a home of its own."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["CNN_TUI_HOME"] = home
        if only == "squeezenet":
            figures = json.loads((RESULTS / "exactness.json").read_text("utf-8"))["figures"]
        else:
            figures = {architecture: store_against_none(folder, architecture) for architecture in SEVEN}
        maps = {f"seed {seed}": squeezenet(folder, weights, seed) for seed in _SEEDS}
        save("exactness", figures | {f"{_SQUEEZENET} at 224, learning rate 0.001": maps})


if __name__ == "__main__":
    main(*sys.argv[1:])
