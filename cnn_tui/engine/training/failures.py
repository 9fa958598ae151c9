"""Failures of a training as errors with a reason and a next step."""

from __future__ import annotations

from cnn_tui.config.experiment import Experiment, TrainingConfig
from cnn_tui.engine.device import is_out_of_memory
from cnn_tui.errors import CnnTuiError, TrainingError


def diverged(config: TrainingConfig, when: str) -> TrainingError:
    """The error for a loss that is infinite or not a number."""
    rate = config.optimizer.learning_rate
    return TrainingError(
        f"The loss is no longer a number {when}",
        f"With training.optimizer.learning_rate {rate:g} the weights grew beyond all bounds.",
        f"Try a tenth of it: --set training.optimizer.learning_rate={rate / 10:g}",
    )


def explained(error: Exception, experiment: Experiment) -> CnnTuiError:
    """An error of PyTorch or the system as one with a reason and a next step."""
    batch = experiment.training.batch_size
    if is_out_of_memory(error):
        return _out_of_memory(error, experiment)
    if "Expected more than 1 value per channel" in str(error):
        return TrainingError(
            "BatchNorm needs more than one image in a batch",
            f"training.batch_size is {batch} and the images have shrunk to a single point at the last layers.",
            "Set training.batch_size to 2 or more, or use larger images (data.image_size).",
        )
    return TrainingError("The run could not continue", f"{type(error).__name__}: {_first_line(error)}")


def _out_of_memory(error: Exception, experiment: Experiment) -> TrainingError:
    model, size, batch = experiment.model.architecture, experiment.data.image_size, experiment.training.batch_size
    smaller = f"--set training.batch_size={max(1, batch // 2)}"
    title = "There is not enough memory for this run"
    if experiment.training.on_out_of_memory == "halve":
        detail = f"{model} at {size} pixels with batches of {batch} did not fit, although as few images as possible "
        detail += f"were computed at a time: {_first_line(error)}"
        return TrainingError(title, detail, f"Try smaller images (data.image_size) or smaller batches: {smaller}")
    detail = f"{model} at {size} pixels with batches of {batch} did not fit: {_first_line(error)}"
    halve = "--set training.on_out_of_memory=halve"
    return TrainingError(title, detail, f"Try smaller batches: {smaller}, or let them be divided: {halve}")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or "no reason given").splitlines()[0]
