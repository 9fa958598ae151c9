"""What decides a result: the data, the model and how it is trained.

Every field carries its title, description, bounds and unit. The JSON Schema, the command line's help and the
workbench's form are made from them, so that a fact about a field is written once.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from cnn_tui.catalog.datasets import DATASETS
from cnn_tui.catalog.models import ARCHITECTURES, nearest


class FrozenModel(BaseModel):
    """The rules for everything that a person may write: nothing unknown, nothing coerced, nothing infinite."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def _known_architecture(name: str) -> str:
    if name not in ARCHITECTURES:
        likely = nearest(name)
        raise PydanticCustomError(
            "unknown_architecture",
            "no architecture has this name{suggestion}",
            {"suggestion": f"; did you mean {' or '.join(likely)}?" if likely else "; see 'cnn-tui models'"},
        )
    return name


ArchitectureName = Annotated[
    str,
    AfterValidator(_known_architecture),
    WithJsonSchema({"type": "string", "enum": list(ARCHITECTURES)}),
]
DatasetName = Literal["digits", "mnist", "fashion_mnist", "cifar10", "cifar100", "svhn", "stl10", "folder"]


def _extra(**facts: Any) -> dict[str, Any]:
    """Facts for the form and the schema that JSON Schema has no keyword for."""
    return facts


class DataConfig(FrozenModel):
    """Which pictures, how many of them, and how they are prepared."""

    dataset: DatasetName = Field("cifar10", title="Dataset", description="The pictures to learn from.")
    root: str | None = Field(
        None,
        title="Folder",
        description="Where your own pictures are: root/train/<class> and root/test/<class>, with root/val/<class> for "
        "validation if there is that too; or root/<class>, of which a fifth becomes the test split. Only for the "
        "dataset 'folder'.",
        min_length=1,
        max_length=4096,
        json_schema_extra=_extra(format="path"),
    )
    image_size: int = Field(
        224,
        title="Picture size",
        description="Every picture is resized to a square of this side.",
        ge=8,
        le=1024,
        json_schema_extra=_extra(unit="pixels"),
    )
    validation_fraction: float = Field(
        0.1,
        title="Validation part",
        description="The part of the training split kept aside to watch and to choose by; 0 keeps none. It does not "
        "apply to a folder with a validation split of its own.",
        ge=0.0,
        le=0.9,
    )
    train_limit: int | None = Field(
        None,
        title="Training limit",
        description="Use only this many pictures for training and validation together, taken evenly from the classes. "
        "A folder's own validation split gives pictures besides, in proportion.",
        ge=2,
        le=100_000_000,
        json_schema_extra=_extra(unit="pictures"),
    )
    test_limit: int | None = Field(
        None,
        title="Test limit",
        description="Use only this many pictures for testing, taken evenly from the classes.",
        ge=1,
        le=100_000_000,
        json_schema_extra=_extra(unit="pictures"),
    )
    augment: Literal["none", "flip", "crop_flip"] = Field(
        "none",
        title="Augmentation",
        description="Random changes of the training pictures: mirrored, or shifted by up to an eighth and mirrored.",
    )

    def own_validation_count(self, train: int, validation: int) -> int:
        """How many pictures of a validation split of its own are used: as large a part as the limit leaves of training.

        ``train`` and ``validation`` are how many pictures there are.
        """
        if self.train_limit is None or self.train_limit >= train:
            return validation
        return max(1, round(validation * self.train_limit / train))


class ModelConfig(FrozenModel):
    """Which network, where its weights come from, and which of them may change."""

    architecture: ArchitectureName = Field("resnet18", title="Model", description="The network, by torchvision's name.")
    weights: str = Field(
        "imagenet",
        title="Weights",
        description="Where the weights start: imagenet (torchvision's best), random, or a .pth or .safetensors file.",
        min_length=1,
        max_length=4096,
        json_schema_extra=_extra(suggestions=["imagenet", "random"], format="path"),
    )
    trainable: Literal["last_layer", "classifier", "all"] = Field(
        "last_layer",
        title="Trained part",
        description="The last layer, all fully connected layers of the classifier, or every layer.",
    )
    batch_norm: Literal["frozen", "adapt"] = Field(
        "frozen",
        title="Frozen batch norm",
        description="Whether frozen BatchNorm layers keep their running statistics or adapt them to these pictures. "
        "Where every layer is trained none is frozen.",
    )

    @property
    def frozen_part_is_fixed(self) -> bool:
        """Whether there is a frozen part, and its output for the same pixels never changes."""
        adapts = self.batch_norm == "adapt" and ARCHITECTURES[self.architecture].batch_norm
        return self.trainable != "all" and not adapts


class OptimizerConfig(FrozenModel):
    """The rule by which the weights change."""

    name: Literal["adam", "adamw", "sgd"] = Field(
        "adam", title="Optimizer", description="The rule that changes the weights."
    )
    learning_rate: float = Field(0.001, title="Learning rate", description="The size of a step.", gt=0.0, le=1000.0)
    weight_decay: float = Field(
        0.0, title="Weight decay", description="How strongly weights are pulled towards zero.", ge=0.0, le=10.0
    )
    momentum: float = Field(
        0.9,
        title="Momentum (beta 1)",
        description="How much of the last step is kept: SGD's momentum, the first beta of Adam and AdamW.",
        ge=0.0,
        lt=1.0,
    )


class TrainingConfig(FrozenModel):
    """How long, in which steps and on what the network is trained."""

    epochs: int = Field(
        10,
        title="Epochs",
        description="How often every training picture is seen.",
        ge=1,
        le=100_000,
        json_schema_extra=_extra(unit="epochs"),
    )
    batch_size: int = Field(
        32,
        title="Batch size",
        description="How many pictures make one step.",
        ge=1,
        le=65_536,
        json_schema_extra=_extra(unit="pictures"),
    )
    optimizer: OptimizerConfig = Field(default_factory=OptimizerConfig, title="Optimizer", description="The optimizer.")
    schedule: Literal["constant", "cosine", "step"] = Field(
        "constant",
        title="Schedule",
        description="How the learning rate goes on: constant, along a cosine to zero, or a tenth after each third.",
    )
    label_smoothing: float = Field(
        0.0, title="Label smoothing", description="How much of each label is spread over all classes.", ge=0.0, lt=1.0
    )
    early_stopping_patience: int | None = Field(
        None,
        title="Early stopping",
        description="Stop when validation loss has not fallen for this many epochs, and go back to the best epoch's "
        "weights.",
        ge=1,
        le=100_000,
        json_schema_extra=_extra(unit="epochs"),
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        title="Precision",
        description="The number format of the network's arithmetic; auto takes bfloat16 where the device is fast at "
        "it.",
    )
    device: str = Field(
        "auto",
        title="Device",
        description="Where to train: auto (CUDA, else MPS, else CPU), cpu, cuda, cuda:N or mps.",
        pattern=r"^(auto|cpu|mps|cuda(:[0-9]{1,3})?)$",
        json_schema_extra=_extra(suggestions=["auto", "cpu", "cuda", "mps"]),
    )
    feature_cache: Literal["auto", "off"] = Field(
        "auto",
        title="Feature store",
        description="Run a frozen backbone once for each picture and train on what it gave, or run it in every epoch.",
    )
    seed: int = Field(
        0,
        title="Seed",
        description="The same seed on the same device gives the same numbers; a GPU that trains all layers, nearly so.",
        ge=0,
        le=2**53 - 1,
    )


class Experiment(FrozenModel):
    """Everything that decides a result."""

    data: DataConfig = Field(default_factory=DataConfig, title="Data", description="The pictures.")
    model: ModelConfig = Field(default_factory=ModelConfig, title="Model", description="The network.")
    training: TrainingConfig = Field(default_factory=TrainingConfig, title="Training", description="The training.")

    @property
    def features_are_fixed(self) -> bool:
        """Whether the frozen part gives the same output for a picture in every epoch."""
        return self.model.frozen_part_is_fixed and self.data.augment == "none"

    @property
    def features_are_kept(self) -> bool:
        """Whether the frozen part's output is computed once, and reused from then on."""
        return self.training.feature_cache == "auto" and self.features_are_fixed

    @property
    def class_count(self) -> int | None:
        """How many classes the dataset has, None where its pictures decide."""
        return DATASETS[self.data.dataset].classes

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.data.dataset == "folder" and self.data.root is None:
            raise _misfit(
                "the dataset 'folder' needs data.root, the folder of your pictures", "data.root", "data.dataset"
            )
        architecture, size = ARCHITECTURES[self.model.architecture], self.data.image_size
        if size < architecture.min_image_size:
            raise _misfit(
                f"data.image_size {size} is too small for {architecture.name}, which takes pictures from "
                f"{architecture.min_image_size} pixels",
                "data.image_size",
                "model.architecture",
            )
        if size % architecture.image_size_step:
            raise _misfit(
                f"data.image_size {size} does not fit {architecture.name}, which takes multiples of "
                f"{architecture.image_size_step} pixels",
                "data.image_size",
                "model.architecture",
            )
        if self.training.early_stopping_patience is not None and self.data.validation_fraction == 0:
            raise _misfit(
                "training.early_stopping_patience needs validation pictures, and data.validation_fraction is 0",
                "training.early_stopping_patience",
                "data.validation_fraction",
            )
        return self


def _misfit(reason: str, *fields: str) -> PydanticCustomError:
    """A cross-field error; ``fields`` are the dotted paths concerned, the one to change first."""
    return PydanticCustomError("misfit", "{reason}", {"reason": reason, "fields": fields})
