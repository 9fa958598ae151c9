"""Running a frozen backbone once per image, and storing its output for every later epoch and run.

Only features that are neither in memory nor on disk are computed, image by image, so that other limits, other seeds and
an interruption cost nothing that was done before. Features that do not fit in memory are read from disk when they are
needed. Where they do not fit on disk either, as many as possible are stored and the rest is computed in every epoch.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Generator, Iterator

import torch
from torch import Tensor

from cnn_tui.config.experiment import Experiment
from cnn_tui.engine.cache_slot import CacheSlot
from cnn_tui.engine.control import RateLimiter, ShouldStop, Stopped
from cnn_tui.engine.data.image_source import positions
from cnn_tui.engine.device import free_memory, synchronize
from cnn_tui.engine.features import feature_store
from cnn_tui.engine.features.backbone import Backbone, feature_batch
from cnn_tui.engine.features.feature_batches import FeatureBatches, RunImages
from cnn_tui.engine.features.feature_store import FeatureTable, StoredFeatures, gather
from cnn_tui.engine.features.feature_writer import FeatureWriter, MappedFeatureWriter
from cnn_tui.errors import StorageError
from cnn_tui.events import Event, Phase, Progress, WarningRaised
from cnn_tui.formatting import pluralize, quantity, time_ago
from cnn_tui.store.cache_index import (
    LIMIT_VARIABLE,
    FeatureSetInfo,
    Placement,
    begin_set,
    features_folder,
    last_used,
    mark_used,
    place_features,
    space_for,
)

EXTRACTOR_VERSION = 3  # increase when the same images and weights give other features
_CHECKED_IMAGES = 4
_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 5e-2}


class FeaturePass:
    """The features of one run: taken from memory and disk where possible, computed where not."""

    def __init__(
        self,
        backbone: Backbone,
        images: RunImages,
        experiment: Experiment,
        should_stop: ShouldStop,
        cache: CacheSlot[StoredFeatures] | None = None,
    ) -> None:
        self._backbone = backbone
        self._images = images
        self._experiment = experiment
        self._should_stop = should_stop
        self._cache = cache or CacheSlot()
        self._needed = images.needed
        self._device = backbone.compute.device
        self._batch_size = feature_batch(experiment.data.image_size, self._device)
        cached = self._cached()
        self._folder = cached.folder if cached else features_folder() / self._key()

    def events(self) -> Generator[Event, None, tuple[FeatureBatches, FeatureBatches] | None]:
        """Get the features of the training and the test split; None if none of them can be stored.

        Raises:
            Stopped: ``should_stop`` returned True; what was computed until then is stored.
            ConfigError: the limit on disk use is not a number.
        """
        used, have = last_used(self._folder), self._cached()
        each, plan = self._planned(have)
        if have is not None and have.in_memory != plan.in_memory:
            self._cache.clear()  # the other plan reads them from disk again, in the form that it needs
            have = None
        wanted = self._images.by_use[: plan.images] if plan.in_memory else self._needed
        if len(self._missing(wanted, have)):
            have = _joined(have, (yield from self._stored(self._missing(wanted, have), plan)))
        # Features that exist count against the planned number of images; those used most often are computed first.
        free = plan.images - len(self._needed) + len(self._missing(self._needed, have))
        missing = self._missing(self._images.by_use, have)[: max(0, free)].sort().values
        if have is None and not len(missing):
            return None
        yield Phase(name="features", detail=self._detail(each, len(missing), plan, used, have))
        have = _joined(have, (yield from self._computed(missing, plan)))
        if have is None:
            return None
        yield from _partial_warning(len(self._needed), len(self._missing(self._needed, have)))
        mark_used(self._folder)
        self._cache.put(self._cache_key(), have)
        return self._images.feature_batches(have, self._backbone, self._batch_size)

    def _planned(self, have: StoredFeatures | None) -> tuple[int, Placement]:
        """The bytes of one image's features, and where to store them: where they are, as long as none is missing."""
        missing = self._missing(self._needed, have)
        if have is not None and not len(missing):
            return 0, Placement(len(self._needed), have.in_memory)
        _, sample = next(self._images.batches(missing[:1], 1))
        each = self._backbone.storable(sample).nbytes
        memory = free_memory(self._device) + (have.features.nbytes if have and have.in_memory else 0)
        return each, place_features(len(self._needed), each, memory, space_for(self._folder))

    def _missing(self, indices: Tensor, have: StoredFeatures | None) -> Tensor:
        """Those of the indices without features, in their order."""
        return indices if have is None else indices[positions(have.indices, self._images.count)[indices] < 0]

    def _cached(self) -> StoredFeatures | None:
        """The features of the previous run, unless the user has cleared the store since."""
        cached = self._cache.get(self._cache_key())
        return cached if cached is not None and last_used(cached.folder) is not None else None

    def _cache_key(self) -> tuple[object, ...]:
        return (self._backbone.origin or self._backbone, str(self._device), *self._key_parts())

    def _key(self) -> str:
        digest = hashlib.sha256(self._backbone.fingerprint())
        for part in (EXTRACTOR_VERSION, *self._key_parts()):
            digest.update(repr(part).encode())
        return digest.hexdigest()[:32]

    def _key_parts(self) -> tuple[object, ...]:
        compute, images = self._backbone.compute, self._images
        return self._experiment.data.image_size, compute.precision, images.normalisation, images.loaded.identity

    def _stored(self, wanted: Tensor, plan: Placement) -> Generator[Event, None, StoredFeatures | None]:
        """The stored features at these indices, unless they are stale."""
        stored = (feature_store.read if plan.in_memory else feature_store.read_mapped)(self._folder, wanted)
        if stored.damaged:
            yield WarningRaised(
                title="Stored features were damaged",
                detail=f"{pluralize(stored.damaged, 'chunk')} in {self._folder} did not match their checksum.",
                hint="They are computed again.",
            )
        if stored.features is None:
            return None
        if self._is_current(stored.indices, stored.features):
            rows = stored.features.to(self._device) if isinstance(stored.features, Tensor) else stored.features
            return StoredFeatures(self._folder, stored.indices, rows)
        del stored  # unmaps the chunks: Windows cannot remove a mapped file
        feature_store.clear(self._folder)
        yield WarningRaised(
            title="Stored features were stale",
            detail=f"Features computed again differ from those in {self._folder}.",
            hint="All are computed again.",
        )
        return None

    def _is_current(self, indices: Tensor, features: FeatureTable) -> bool:
        """Whether a few images, run again, still give the stored features.

        The key of the store covers weights and images, not the versions of PyTorch and its libraries.
        """
        chosen = random.sample(range(len(indices)), min(_CHECKED_IMAGES, len(indices)))
        rows = torch.tensor(sorted(chosen, key=lambda row: int(indices[row])))
        batches = self._images.batches(indices[rows], _CHECKED_IMAGES)
        recomputed = torch.cat([self._backbone.rows(batch) for _, batch in batches])
        stored = gather(features, rows).to(recomputed.device)
        if stored.shape != recomputed.shape:
            return False
        difference = (recomputed.float() - stored.float()).norm() / recomputed.float().norm().clamp_min(1e-12)
        return float(difference) < _TOLERANCE[self._backbone.compute.dtype]

    def _detail(self, each: int, missing: int, plan: Placement, used: float | None, have: StoredFeatures | None) -> str:
        needed, available = len(self._needed), len(self._needed) - len(self._missing(self._needed, have))
        size = each * (available + missing) if missing or have is None else have.features.nbytes
        space = quantity(size, "bytes") + ("" if plan.in_memory else " on disk")
        if missing:
            cached = f", {available:,} of {needed:,} were cached" if available else ""
            text = f"computed once for these images{cached}, {space}"
        else:
            text = f"reused ({time_ago(used) if used else 'now'}, {space})"
        if available + missing == needed:
            return text
        cached = f"cached for {available + missing:,} of {needed:,} images"
        return f"{text}; {cached}, the others are computed in every epoch"

    def _computed(self, missing: Tensor, plan: Placement) -> Generator[Event, None, StoredFeatures | None]:
        if not len(missing):
            return None
        started, limiter = time.perf_counter(), RateLimiter(10)
        with (FeatureWriter if plan.in_memory else MappedFeatureWriter)(self._folder, missing) as writer:
            yield from self._begin(writer, plan)
            for _, images in self._images.batches(missing, self._batch_size):
                if self._should_stop():
                    yield from _write_warning(writer.finish(), plan)
                    raise Stopped
                if writer.discards_rest:
                    break
                yield from _write_warning(writer.add(self._backbone.storable(images)), plan)
                if limiter.due() or writer.done == len(missing):
                    synchronize(self._device)  # GPU work is asynchronous: without it the rate would be too high
                    rate = writer.done / (time.perf_counter() - started)
                    yield Progress(done=writer.done, total=len(missing), unit="pictures", rate=rate)
            yield from _write_warning(writer.finish(), plan)
        return writer.result()

    def _begin(self, writer: FeatureWriter, plan: Placement) -> Iterator[Event]:
        about = FeatureSetInfo.of(self._experiment, self._backbone.compute.precision, self._images.count)
        try:
            begin_set(self._folder, about)
        except StorageError as error:
            writer.stop_writing()
            yield from _write_warning(error, plan)


def _joined(one: StoredFeatures | None, other: StoredFeatures | None) -> StoredFeatures | None:
    return one.joined(other) if one else other


def _write_warning(error: StorageError | None, plan: Placement) -> Iterator[Event]:
    if error is None:
        return
    consequence = "The run continues in memory." if plan.in_memory else "The others are computed in every epoch."
    yield WarningRaised(
        title="The features cannot be cached",
        detail=f"{error.title}: {error.detail}",
        hint=f"{consequence} {error.hint}".strip(),
    )


def _partial_warning(needed: int, missing: int) -> Iterator[Event]:
    if missing:
        yield WarningRaised(
            title="There is not enough space for all features",
            detail=f"They are cached for {needed - missing:,} of {needed:,} images and computed in every epoch for "
            "the others.",
            hint=f"More disk space ({LIMIT_VARIABLE}), fewer images (data.train_limit) or smaller ones "
            "(data.image_size) would help.",
        )
