"""From an experiment, its model and its data to the batches that a learner trains on."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field

import torch

from cnn_tui.config.experiment import Experiment
from cnn_tui.engine.cache_slot import CacheSlot
from cnn_tui.engine.control import ShouldStop
from cnn_tui.engine.data.batches import BatchSource, Channels, ImageBatches, Preprocess
from cnn_tui.engine.data.image_set import ImageSet
from cnn_tui.engine.data.loading import LoadedData
from cnn_tui.engine.device import Compute
from cnn_tui.engine.features.backbone import Backbone, feature_batch, split_backbone
from cnn_tui.engine.features.feature_batches import BackboneBatches, FeatureBatches, RunImages
from cnn_tui.engine.features.feature_pass import FeaturePass
from cnn_tui.engine.features.feature_store import StoredFeatures
from cnn_tui.engine.micro_batches import MemoryPolicy, MicroBatches
from cnn_tui.engine.models.build import Classifier
from cnn_tui.engine.models.state_dict_compat import CompatibleState
from cnn_tui.engine.training.learner import TrainingSetup
from cnn_tui.events import Event, WarningRaised

_EVALUATION_PIXELS = 64 * 224 * 224  # of one batch without gradients on the CPU
_GPU_FACTOR = 8
_FEATURE_BATCH = 4096  # features per batch without gradients
_FEATURE_BYTES = 2**26  # of such a batch in float32
_FLOAT_BYTES = 4


@dataclass(frozen=True)
class RunCache:
    """What a process keeps of its last run for the next: images, weights, channel statistics, features."""

    images: CacheSlot[ImageSet] = field(default_factory=CacheSlot)
    weights: CacheSlot[CompatibleState] = field(default_factory=CacheSlot)
    statistics: CacheSlot[tuple[Channels, Channels]] = field(default_factory=CacheSlot)
    features: CacheSlot[StoredFeatures] = field(default_factory=CacheSlot)


def set_up(
    experiment: Experiment,
    classifier: Classifier,
    loaded: LoadedData,
    compute: Compute,
    should_stop: ShouldStop,
    cache: RunCache | None = None,
    memory: MemoryPolicy | None = None,
) -> Generator[Event, None, TrainingSetup]:
    """Move model and images to the device; compute features once where the frozen part is deterministic.

    A frozen part that has to run in every epoch still runs without gradients, batch by batch. Features in the cache are
    not read again.

    Raises:
        Stopped: ``should_stop`` returned True.
        ConfigError: the limit on disk use is not a number.
    """
    cache, memory = cache or RunCache(), memory or MemoryPolicy(experiment.training.on_out_of_memory)
    classifier.network.to(compute.device).to(memory_format=torch.channels_last)
    loaded = loaded.to(compute.device)
    normalisation = _normalisation(classifier, loaded, cache)
    images = _image_batches(experiment, normalisation, loaded, compute)
    batch, augmentation = evaluation_batch(experiment.data.image_size, compute.device), images.augmentation
    if not experiment.model.frozen_part_is_fixed:
        cache.features.clear()
        return TrainingSetup(classifier, None, *images.splits, compute, batch, normalisation, augmentation, memory)
    parts = split_backbone(classifier)
    classifier.eval_mode()
    backbone = Backbone(parts.backbone, compute, classifier.origin, _frozen_micro_batches(memory))
    if experiment.features_are_stored:
        run_images = RunImages(images.validation, images.test, normalisation, loaded)
        stored = yield from _stored(FeaturePass(backbone, run_images, experiment, should_stop, cache.features))
        if stored is not None:
            train, batch = stored[0], _feature_batch(stored[0])
            return TrainingSetup(classifier, parts.head, train, *stored, compute, batch, normalisation, memory=memory)
    cache.features.clear()
    splits = _through(backbone, images).splits
    return TrainingSetup(classifier, parts.head, *splits, compute, batch, normalisation, augmentation, memory)


def _stored(features: FeaturePass) -> Generator[Event, None, tuple[FeatureBatches, FeatureBatches] | None]:
    """The training and the test split's features, None where they would not fit."""
    stored = yield from features.events()
    if stored is None:
        yield WarningRaised(
            title="There is not enough space for features",
            detail="The frozen layers run again in every epoch.",
            hint="Fewer images (data.train_limit) or smaller ones (data.image_size) would fit.",
        )
    return stored


def _frozen_micro_batches(memory: MemoryPolicy) -> MicroBatches:
    return MicroBatches(memory, "A batch for the frozen layers", "with the same result up to rounding")


def _feature_batch(features: FeatureBatches) -> int:
    """The number of images whose features are in a batch without gradients."""
    return max(1, min(_FEATURE_BATCH, _FEATURE_BYTES // (_FLOAT_BYTES * features.row_shape.numel())))


def evaluation_batch(image_size: int, device: torch.device) -> int:
    """The number of images of this size in a batch without gradients."""
    if device.type == "cuda":
        return min(1024, _GPU_FACTOR * _EVALUATION_PIXELS // image_size**2, feature_batch(image_size, device))
    return max(16, min(1024, _EVALUATION_PIXELS // image_size**2))


def _normalisation(classifier: Classifier, loaded: LoadedData, cache: RunCache) -> tuple[Channels, Channels]:
    """The mean and standard deviation that the weights were trained with, else those of the training split."""
    if classifier.mean and classifier.std:
        return classifier.mean, classifier.std
    key = (loaded.identity, classifier.image_size, loaded.sample_indices.numpy().tobytes())
    measured = cache.statistics.get(key) or loaded.statistics()
    cache.statistics.put(key, measured)
    return measured


@dataclass(frozen=True)
class _SplitBatches:
    train: BatchSource
    validation: BatchSource
    test: BatchSource
    augmentation: torch.Generator

    @property
    def splits(self) -> tuple[BatchSource, BatchSource, BatchSource]:
        return self.train, self.validation, self.test


def _through(backbone: Backbone, images: _SplitBatches) -> _SplitBatches:
    """The features of the images, computed batch by batch."""
    train, validation, test = (
        BackboneBatches(part, backbone) for part in (images.train, images.validation, images.test)
    )
    return _SplitBatches(train, validation, test, images.augmentation)


def _image_batches(
    experiment: Experiment, normalisation: tuple[Channels, Channels], loaded: LoadedData, compute: Compute
) -> _SplitBatches:
    mean, std = normalisation
    size, config = experiment.data.image_size, experiment.training
    plain = Preprocess(size, mean, std)
    # Augmentation has a generator of its own, so that turning it on does not change shuffles or dropout.
    generator = torch.Generator(compute.device).manual_seed(config.seed)
    augmented = Preprocess(size, mean, std, augment=experiment.data.augment, generator=generator)
    return _SplitBatches(
        ImageBatches(loaded.train, augmented, compute.device),
        ImageBatches(loaded.train, plain, compute.device),
        ImageBatches(loaded.test, plain, compute.device),
        generator,
    )
