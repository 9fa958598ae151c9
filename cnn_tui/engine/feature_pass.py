"""A frozen backbone run once for each picture, and what it gave kept for every later epoch and run.

What a run needs and neither memory nor the store has is computed and added, so that limits, other seeds and an
interruption cost nothing that was done before.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from cnn_tui.amounts import some
from cnn_tui.config.experiment import Experiment
from cnn_tui.engine import feature_store
from cnn_tui.engine.backbone import Backbone, feature_batch
from cnn_tui.engine.device import free_memory, synchronize
from cnn_tui.engine.feature_store import GrowingSet
from cnn_tui.engine.feeds import FeatureFeed
from cnn_tui.engine.places import Pictures
from cnn_tui.engine.stopping import ShouldStop, Stopped
from cnn_tui.engine.ticker import Ticker
from cnn_tui.engine.warm import Slot
from cnn_tui.errors import StorageError
from cnn_tui.events import Event, Phase, Progress, WarningRaised
from cnn_tui.store.cache_index import AboutFeatures, ago, describe, features_folder, last_used, mark_used, size_limit

EXTRACTOR_VERSION = 2  # to be raised when the same pictures and weights would give other features
_LARGEST_SHARE = 0.5  # of the free memory that features may take
_CHECKED_ROWS = 4
_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 5e-2}


@dataclass(frozen=True)
class Features:
    """Features (K, ...) in memory, of the pictures at ``places``, int64 (K,); ``folder`` is where they are kept."""

    folder: Path
    places: Tensor
    features: Tensor


class FeaturePass:
    """One run's features: what memory and the store hold, and what has to be computed."""

    def __init__(
        self,
        backbone: Backbone,
        pictures: Pictures,
        experiment: Experiment,
        should_stop: ShouldStop,
        memory: Slot[Features] | None = None,
    ) -> None:
        self._backbone = backbone
        self._pictures = pictures
        self._experiment = experiment
        self._should_stop = should_stop
        self._memory = memory or Slot()
        self._needed = pictures.needed
        self._device = backbone.compute.device
        self._remembered = self._recall()
        self._folder = self._remembered.folder if self._remembered else features_folder() / self._key()

    def fits(self) -> bool:
        """Whether the features leave enough memory for everything else."""
        missing = self._missing(self._remembered)
        if not len(missing):
            return True
        _, sample = next(self._pictures.batches(missing[:1], 1))
        return self._backbone(sample).nbytes * len(self._needed) < _LARGEST_SHARE * free_memory(self._device)

    def events(self) -> Generator[Event, None, tuple[FeatureFeed, FeatureFeed]]:
        """Gather the features; the training and the test split's feed.

        Raises:
            Stopped: a person asked for it; what was computed is kept.
            ConfigError: the limit of what may be kept is no number.
        """
        used, have = last_used(self._folder), self._remembered
        if len(self._missing(have)):
            have = self._joined(have, (yield from self._stored(self._missing(have))))
        missing = self._missing(have)
        yield Phase(name="features", detail=self._detail(len(missing), used, have))
        have = self._joined(have, (yield from self._compute(missing)))
        if have is None:
            raise ValueError("features of no pictures were asked for")
        mark_used(self._folder)
        self._memory.keep(self._memory_key(), have)
        return self._pictures.feeds(have.places, have.features)

    def _missing(self, have: Features | None) -> Tensor:
        return self._needed if have is None else self._needed[~torch.isin(self._needed, have.places)]

    def _recall(self) -> Features | None:
        """What the run before left, unless a person has cleared the store since."""
        remembered = self._memory.recall(self._memory_key())
        return remembered if remembered is not None and last_used(remembered.folder) is not None else None

    def _memory_key(self) -> tuple[object, ...]:
        return (self._backbone.origin or self._backbone, str(self._device), *self._facts())

    def _key(self) -> str:
        digest = hashlib.sha256(self._backbone.fingerprint())
        for fact in (EXTRACTOR_VERSION, *self._facts()):
            digest.update(repr(fact).encode())
        return digest.hexdigest()[:32]

    def _facts(self) -> tuple[object, ...]:
        compute, pictures = self._backbone.compute, self._pictures
        return self._experiment.data.image_size, compute.precision, pictures.normalisation, pictures.loaded.identity

    def _joined(self, one: Features | None, other: Features | None) -> Features | None:
        if one is None or other is None:
            return one or other
        places, features = torch.cat([one.places, other.places]), torch.cat([one.features, other.features])
        return Features(self._folder, places, features)

    def _stored(self, wanted: Tensor) -> Generator[Event, None, Features | None]:
        """What the store has of these places, if it is still true."""
        stored = feature_store.read(self._folder, wanted)
        if stored.damaged:
            yield WarningRaised(
                title="Stored features were damaged",
                detail=f"{some(stored.damaged, 'chunk')} in {self._folder} did not match their checksum.",
                hint="They are computed again.",
            )
        if stored.features is None:
            return None
        if not self._still_true(stored.places, stored.features):
            feature_store.clear(self._folder)
            yield WarningRaised(
                title="Stored features were stale",
                detail=f"Pictures run again gave something else than {self._folder} held.",
                hint="All are computed again.",
            )
            return None
        return Features(self._folder, stored.places, stored.features.to(self._device))

    def _still_true(self, places: Tensor, features: Tensor) -> bool:
        """Whether a few pictures, run again, still give what is stored."""
        chosen = random.sample(range(len(places)), min(_CHECKED_ROWS, len(places)))
        rows = torch.tensor(sorted(chosen, key=lambda row: int(places[row])))
        again = torch.cat([self._backbone(batch) for _, batch in self._pictures.batches(places[rows], _CHECKED_ROWS)])
        kept = features[rows].to(again.device)
        if kept.shape != again.shape:
            return False
        difference = (again.float() - kept.float()).norm() / again.float().norm().clamp_min(1e-12)
        return float(difference) < _TOLERANCE[self._backbone.compute.dtype]

    def _detail(self, missing: int, used: float | None, have: Features | None) -> str:
        needed = len(self._needed)
        if have is not None and not missing:
            size = have.features.nbytes / 1e6
            return f"reused ({ago(used) if used else 'now'}, {size:,.0f} MB)"
        if missing < needed:
            return f"computed once for these pictures, {needed - missing:,} of {needed:,} were there"
        return "computed once for these pictures"

    def _compute(self, missing: Tensor) -> Generator[Event, None, Features | None]:
        if not len(missing):
            return None
        size_limit()  # A wrong limit is told before the work, not after it.
        started, ticker = time.perf_counter(), Ticker(10)
        batch = feature_batch(self._experiment.data.image_size, self._device)
        with GrowingSet(self._folder, missing) as growing:
            yield from self._begin(growing)
            for _, pictures in self._pictures.batches(missing, batch):
                if self._should_stop():
                    yield from _told(growing.finish())
                    raise Stopped
                yield from _told(growing.add(self._backbone(pictures)))
                if ticker.due() or growing.done == len(missing):
                    synchronize(self._device)
                    rate = growing.done / (time.perf_counter() - started)
                    yield Progress(done=growing.done, total=len(missing), unit="pictures", rate=rate)
            yield from _told(growing.finish())
        return Features(self._folder, missing, growing.features)

    def _begin(self, growing: GrowingSet) -> Iterator[Event]:
        about = AboutFeatures.of(self._experiment, self._backbone.compute.precision, self._pictures.count)
        try:
            describe(self._folder, about)
        except StorageError as error:
            growing.stop_keeping()
            yield from _told(error)


def _told(problem: StorageError | None) -> Iterator[Event]:
    if problem is not None:
        yield WarningRaised(
            title="The features are not kept",
            detail=f"{problem.title}: {problem.detail}",
            hint=f"The run goes on in memory. {problem.hint}".strip(),
        )
