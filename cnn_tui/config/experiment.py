"""The settings that determine a result: the data, the model and its training.

Each field carries its title, description, bounds and unit. The JSON Schema, the help of the command line and the form
of the workbench are generated from them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from cnn_tui.catalog.datasets import DATASETS
from cnn_tui.catalog.models import ARCHITECTURES
from cnn_tui.config.names import ArchitectureName, DatasetName

RULE_VIOLATION = "rule_violation"
"""The type of pydantic errors about rules between fields."""


class FrozenModel(BaseModel):
    """Base of the models that users write as JSON: immutable, strict, without unknown fields or infinite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class DataConfig(FrozenModel):
    """The images: their source, number and preparation."""

    dataset: DatasetName = Field("cifar10", title="Dataset", description="The images to train and test on.")
    root: str | None = Field(
        None,
        title="Folder",
        description="The folder of your own images: root/train/<class> and root/test/<class>, optionally with "
        "root/val/<class> for validation; or root/<class>, of which a fifth becomes the test split. Only for the "
        "dataset 'folder'.",
        min_length=1,
        max_length=4096,
        json_schema_extra={"format": "path"},
    )
    image_size: int = Field(
        224,
        title="Image size",
        description="Each image is resized to a square of this side.",
        ge=8,
        le=1024,
        json_schema_extra={"unit": "pixels"},
    )
    validation_fraction: float = Field(
        0.1,
        title="Validation split",
        description="The fraction of the training split that is held out for validation; 0 for none. Ignored for a "
        "folder with its own validation split.",
        ge=0.0,
        le=0.9,
    )
    train_limit: int | None = Field(
        None,
        title="Training limit",
        description="Use at most this many images for training and validation, sampled evenly from the classes. "
        "A folder's own validation split is reduced in proportion and not counted.",
        ge=2,
        le=100_000_000,
        json_schema_extra={"unit": "images"},
    )
    test_limit: int | None = Field(
        None,
        title="Test limit",
        description="Use at most this many images for testing, sampled evenly from the classes.",
        ge=1,
        le=100_000_000,
        json_schema_extra={"unit": "images"},
    )
    augment: Literal["none", "flip", "crop_flip"] = Field(
        "none",
        title="Augmentation",
        description="Random changes of the training images: horizontal flips, or shifts by up to an eighth and flips.",
    )

    @property
    def label(self) -> str:
        """The dataset's name in lists, with the last part of the path for a folder, such as "folder: cats"."""
        if self.dataset != "folder" or self.root is None:
            return self.dataset
        return f"folder: {Path(self.root).name or self.root}"

    def own_validation_count(self, train: int, validation: int) -> int:
        """Number of images used of a separate validation split, reduced like the training split by ``train_limit``.

        Args:
            train: images in the training split.
            validation: images in the validation split.
        """
        if self.train_limit is None or self.train_limit >= train:
            return validation
        return max(1, round(validation * self.train_limit / train))


class ModelConfig(FrozenModel):
    """The network, its initial weights and the layers that are trained."""

    architecture: ArchitectureName = Field(
        "resnet18", title="Model", description="The network, by its name in torchvision."
    )
    weights: str = Field(
        "imagenet",
        title="Weights",
        description="Initial weights: imagenet (torchvision's best), random, or a .pth or .safetensors file.",
        min_length=1,
        max_length=4096,
        json_schema_extra={"suggestions": ["imagenet", "random"], "format": "path"},
    )
    trainable: Literal["last_layer", "classifier", "all"] = Field(
        "last_layer",
        title="Trained layers",
        description="The last layer, all fully connected layers of the classifier, or every layer.",
    )
    batch_norm: Literal["frozen", "adapt"] = Field(
        "frozen",
        title="Frozen batch norm",
        description="Whether frozen BatchNorm layers keep their running statistics or adapt them to the training "
        "images. No effect if all layers are trained.",
    )

    @property
    def frozen_part_is_fixed(self) -> bool:
        """Whether there are frozen layers whose output for the same input never changes."""
        adapts = self.batch_norm == "adapt" and ARCHITECTURES[self.architecture].batch_norm
        return self.trainable != "all" and not adapts


class OptimizerConfig(FrozenModel):
    """The optimizer and its hyperparameters."""

    name: Literal["adam", "adamw", "sgd"] = Field(
        "adam", title="Optimizer", description="The algorithm that updates the weights."
    )
    learning_rate: float = Field(
        0.001, title="Learning rate", description="The step size, at the start of the schedule.", gt=0.0, le=1000.0
    )
    weight_decay: float = Field(
        0.0, title="Weight decay", description="How strongly weights are pulled towards zero.", ge=0.0, le=10.0
    )
    momentum: float = Field(
        0.9,
        title="Momentum (beta 1)",
        description="How much of the previous update is kept: the momentum of SGD, beta 1 of Adam and AdamW.",
        ge=0.0,
        lt=1.0,
    )


class TrainingConfig(FrozenModel):
    """The training: its length, steps and device."""

    epochs: int = Field(
        10,
        title="Epochs",
        description="The number of passes over the training images.",
        ge=1,
        le=100_000,
        json_schema_extra={"unit": "epochs"},
    )
    batch_size: int = Field(
        32,
        title="Batch size",
        description="The number of images in a training step.",
        ge=1,
        le=65_536,
        json_schema_extra={"unit": "images"},
    )
    optimizer: OptimizerConfig = Field(default_factory=OptimizerConfig, title="Optimizer", description="The optimizer.")
    schedule: Literal["constant", "cosine", "step"] = Field(
        "constant",
        title="Schedule",
        description="The learning rate over time: constant, a cosine down to zero, or divided by ten after each third.",
    )
    label_smoothing: float = Field(
        0.0, title="Label smoothing", description="The fraction of each label spread over all classes.", ge=0.0, lt=1.0
    )
    early_stopping_patience: int | None = Field(
        None,
        title="Early stopping",
        description="Stop when the validation loss has not fallen for this many epochs, and restore the weights of the "
        "best epoch.",
        ge=1,
        le=100_000,
        json_schema_extra={"unit": "epochs"},
    )
    max_minutes: float | None = Field(
        None,
        title="Time limit",
        description="Stop when the run has taken this long, loading and features included, or before an epoch that "
        "would not fit. Testing and saving come after. A resumed run has the same time again.",
        gt=0.0,
        le=525_600.0,
        json_schema_extra={"unit": "minutes"},
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        title="Precision",
        description="The number format of the network's arithmetic; auto selects bfloat16 on devices where it is fast.",
    )
    device: str = Field(
        "auto",
        title="Device",
        description="Where to train: auto (CUDA, else MPS, else CPU), cpu, cuda, cuda:N or mps.",
        pattern=r"^(auto|cpu|mps|cuda(:[0-9]{1,3})?)$",
        json_schema_extra={"suggestions": ["auto", "cpu", "cuda", "mps"]},
    )
    feature_cache: Literal["auto", "off"] = Field(
        "auto",
        title="Feature cache",
        description="Run a frozen backbone once for each image and train on the stored features, or run it in every "
        "epoch.",
    )
    on_out_of_memory: Literal["halve", "fail"] = Field(
        "halve",
        title="Out of memory",
        description="If a batch does not fit in memory: compute half of its images at a time and add up their "
        "gradients, with the same result unless BatchNorm is trained; or fail.",
    )
    seed: int = Field(
        0,
        title="Seed",
        description="The same seed on the same device gives the same results; on a GPU that trains all layers, nearly.",
        ge=0,
        le=2**53 - 1,
    )


class Experiment(FrozenModel):
    """All settings that determine a result."""

    data: DataConfig = Field(default_factory=DataConfig, title="Data", description="The images.")
    model: ModelConfig = Field(default_factory=ModelConfig, title="Model", description="The network.")
    training: TrainingConfig = Field(default_factory=TrainingConfig, title="Training", description="The training.")

    @property
    def features_are_fixed(self) -> bool:
        """Whether the output of the frozen layers for an image is the same in every epoch."""
        return self.model.frozen_part_is_fixed and self.data.augment == "none"

    @property
    def features_are_stored(self) -> bool:
        """Whether the output of the frozen layers is computed once and then reused."""
        return self.training.feature_cache == "auto" and self.features_are_fixed

    @property
    def without_time_limit(self) -> Self:
        """The same experiment with all the time that it needs. What it computes until then is the same."""
        return self.model_copy(update={"training": self.training.model_copy(update={"max_minutes": None})})

    @property
    def class_count(self) -> int | None:
        """The number of classes; None for a folder, whose subfolders are the classes."""
        return DATASETS[self.data.dataset].classes

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.data.dataset == "folder" and self.data.root is None:
            raise rule_violation(
                "the dataset 'folder' needs data.root, the folder of your images", "data.root", "data.dataset"
            )
        architecture, size = ARCHITECTURES[self.model.architecture], self.data.image_size
        if size < architecture.min_image_size:
            raise rule_violation(
                f"data.image_size {size} is too small for {architecture.name}, which takes images from "
                f"{architecture.min_image_size} pixels",
                "data.image_size",
                "model.architecture",
            )
        if size % architecture.image_size_step:
            raise rule_violation(
                f"data.image_size {size} does not fit {architecture.name}, which takes multiples of "
                f"{architecture.image_size_step} pixels",
                "data.image_size",
                "model.architecture",
            )
        if self.training.early_stopping_patience is not None and self.data.validation_fraction == 0:
            raise rule_violation(
                "training.early_stopping_patience needs validation images, and data.validation_fraction is 0",
                "training.early_stopping_patience",
                "data.validation_fraction",
            )
        return self


def rule_violation(reason: str, *fields: str) -> PydanticCustomError:
    """Make the error of a rule between fields; ``fields`` are their dotted paths, the one to change first."""
    return PydanticCustomError(RULE_VIOLATION, "{reason}", {"reason": reason, "fields": fields})
