"""From an experiment, its model and its data to what the training loop works on."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import torch

from cnn_tui.config.experiment import Experiment
from cnn_tui.engine.data.feeds import FeatureFeed, Feed, PictureFeed
from cnn_tui.engine.data.loading import LoadedData
from cnn_tui.engine.data.preprocess import Channels, Preprocess
from cnn_tui.engine.device import Compute
from cnn_tui.engine.features.backbone import Backbone, BackboneFeed, feature_batch
from cnn_tui.engine.features.feature_pass import FeaturePass
from cnn_tui.engine.features.places import Pictures
from cnn_tui.engine.features.split_backbone import cut
from cnn_tui.engine.models.build import Classifier
from cnn_tui.engine.stopping import ShouldStop
from cnn_tui.engine.training.learner import Material
from cnn_tui.engine.warm import Memory
from cnn_tui.events import Event, WarningRaised

_EVALUATION_PIXELS = 64 * 224 * 224  # of one batch without gradients on a processor
_GPU_FACTOR = 8
_FEATURE_BATCH = 4096  # of features without gradients
_FEATURE_BYTES = 2**26  # of such a batch in float32
_FLOAT_BYTES = 4


def set_up(
    experiment: Experiment,
    classifier: Classifier,
    loaded: LoadedData,
    chosen: Compute,
    should_stop: ShouldStop,
    memory: Memory | None = None,
) -> Generator[Event, None, Material]:
    """Put model and pictures on the device; run the frozen part once, where it gives the same in every epoch.

    A frozen part that has to run in every epoch is the same computation, batch by batch, without gradients.
    With a memory, features that the run before had are not read again.

    Raises:
        Stopped: ``should_stop`` said so.
        ConfigError: the limit of what may be kept on disk is no number.
    """
    memory = memory or Memory()
    classifier.network.to(chosen.device).to(memory_format=torch.channels_last)
    loaded = loaded.to(chosen.device)
    normalisation = _normalisation(classifier, loaded, memory)
    feeds = _picture_feeds(experiment, normalisation, loaded, chosen)
    batch = evaluation_batch(experiment.data.image_size, chosen.device)
    if not experiment.model.frozen_part_is_fixed:
        memory.features.forget()
        return Material(classifier, None, feeds.train, feeds.validation, feeds.test, chosen, batch)
    parts = cut(classifier)
    classifier.eval_mode()
    backbone = Backbone(parts.backbone, chosen, classifier.origin)
    if experiment.features_are_kept:
        pictures = Pictures(feeds.validation, feeds.test, normalisation, loaded)
        kept = yield from _kept(FeaturePass(backbone, pictures, experiment, should_stop, memory.features))
        if kept is not None:
            batch = max(1, min(_FEATURE_BATCH, _FEATURE_BYTES // (_FLOAT_BYTES * kept[0].row_shape.numel())))
            return Material(classifier, parts.head, kept[0], kept[0], kept[1], chosen, batch)
    memory.features.forget()
    train, validation, test = (BackboneFeed(feed, backbone) for feed in (feeds.train, feeds.validation, feeds.test))
    return Material(classifier, parts.head, train, validation, test, chosen, batch)


def _kept(features: FeaturePass) -> Generator[Event, None, tuple[FeatureFeed, FeatureFeed] | None]:
    """The feeds of features that are computed once, None where they would not fit."""
    feeds = yield from features.events()
    if feeds is None:
        yield WarningRaised(
            title="There is no room for features",
            detail="The frozen layers run again in every epoch.",
            hint="Fewer pictures (data.train_limit) or smaller ones (data.image_size) would fit.",
        )
    return feeds


def evaluation_batch(image_size: int, device: torch.device) -> int:
    """How many pictures of this side are run at once where no gradients are kept."""
    if device.type == "cuda":
        return min(1024, _GPU_FACTOR * _EVALUATION_PIXELS // image_size**2, feature_batch(image_size, device))
    return max(16, min(1024, _EVALUATION_PIXELS // image_size**2))


def _normalisation(classifier: Classifier, loaded: LoadedData, memory: Memory) -> tuple[Channels, Channels]:
    """What the weights were trained with, else what the training split's own pictures measure."""
    if classifier.mean and classifier.std:
        return classifier.mean, classifier.std
    key = (loaded.identity, classifier.image_size, loaded.sample_indices.numpy().tobytes())
    measured = memory.statistics.recall(key) or loaded.statistics()
    memory.statistics.keep(key, measured)
    return measured


@dataclass(frozen=True)
class _Feeds:
    train: Feed
    validation: Feed
    test: Feed


def _picture_feeds(
    experiment: Experiment, normalisation: tuple[Channels, Channels], loaded: LoadedData, chosen: Compute
) -> _Feeds:
    mean, std = normalisation
    size, config = experiment.data.image_size, experiment.training
    plain = Preprocess(size, mean, std)
    changes = torch.Generator(chosen.device).manual_seed(config.seed)
    training = Preprocess(size, mean, std, augment=experiment.data.augment, generator=changes)
    return _Feeds(
        PictureFeed(loaded.train, training, chosen.device),
        PictureFeed(loaded.train, plain, chosen.device),
        PictureFeed(loaded.test, plain, chosen.device),
    )
