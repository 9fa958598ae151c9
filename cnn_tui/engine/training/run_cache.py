"""What a process keeps of its last run for the next one."""

from __future__ import annotations

from dataclasses import dataclass, field

from cnn_tui.engine.cache_slot import CacheSlot
from cnn_tui.engine.data.image_set import ImageSet
from cnn_tui.engine.data.preprocess import Channels
from cnn_tui.engine.features.feature_store import StoredFeatures
from cnn_tui.engine.models.state_dict_compat import CompatibleState


@dataclass(frozen=True)
class RunCache:
    """One slot each for the images, the weights, the channel statistics of the images, and the features."""

    images: CacheSlot[ImageSet] = field(default_factory=CacheSlot)
    weights: CacheSlot[CompatibleState] = field(default_factory=CacheSlot)
    statistics: CacheSlot[tuple[Channels, Channels]] = field(default_factory=CacheSlot)
    features: CacheSlot[StoredFeatures] = field(default_factory=CacheSlot)
