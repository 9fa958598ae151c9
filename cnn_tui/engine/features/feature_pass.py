"""A frozen backbone run once for each picture, and what it gave kept for every later epoch and run.

What a run needs and neither memory nor the store has is computed and added, so that limits, other seeds and an
interruption cost nothing that was done before. Features that memory does not hold are read from disk when they are
needed; where the disk does not hold them either, they are kept for as many pictures as possible, and those of the
others are computed whenever they are needed.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Generator, Iterator

import torch
from torch import Tensor

from cnn_tui.amounts import some
from cnn_tui.config.experiment import Experiment
from cnn_tui.engine.data.feeds import FeatureFeed
from cnn_tui.engine.device import free_memory, synchronize
from cnn_tui.engine.features import feature_store
from cnn_tui.engine.features.backbone import Backbone, feature_batch
from cnn_tui.engine.features.growing_set import GrowingChunks, GrowingSet
from cnn_tui.engine.features.places import Pictures
from cnn_tui.engine.features.rows import FeatureRows, Features, take
from cnn_tui.engine.stopping import ShouldStop, Stopped
from cnn_tui.engine.ticker import Ticker
from cnn_tui.engine.warm import Slot
from cnn_tui.errors import StorageError
from cnn_tui.events import Event, Phase, Progress, WarningRaised
from cnn_tui.reports.texts import quantity
from cnn_tui.store.cache_index import (
    LIMIT_VARIABLE,
    AboutFeatures,
    ago,
    describe,
    features_folder,
    last_used,
    mark_used,
    room_for,
)
from cnn_tui.store.feature_room import Placement, place_features

EXTRACTOR_VERSION = 2  # to be raised when the same pictures and weights would give other features
_CHECKED_ROWS = 4
_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 5e-2}


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
        self._batch = feature_batch(experiment.data.image_size, self._device)
        remembered = self._recall()
        self._folder = remembered.folder if remembered else features_folder() / self._key()

    def events(self) -> Generator[Event, None, tuple[FeatureFeed, FeatureFeed] | None]:
        """Gather the features; the training and the test split's feed, None where none of them can be kept.

        Raises:
            Stopped: a person asked for it; what was computed is kept.
            ConfigError: the limit of what may be kept is no number.
        """
        used, have = last_used(self._folder), self._recall()
        each, plan = self._planned(have)
        if have is not None and have.in_memory != plan.in_memory:
            self._memory.forget()
            have = None
        wanted = self._pictures.by_use[: plan.images] if plan.in_memory else self._needed
        if len(_lacking(wanted, have)):
            have = _joined(have, (yield from self._stored(_lacking(wanted, have), plan)))
        room = plan.images - len(self._needed) + len(_lacking(self._needed, have))
        missing = _lacking(self._pictures.by_use, have)[: max(0, room)].sort().values
        if have is None and not len(missing):
            return None
        yield Phase(name="features", detail=self._detail(each, len(missing), plan, used, have))
        have = _joined(have, (yield from self._computed(missing, plan)))
        if have is None:
            return None
        yield from _partly(len(self._needed), len(_lacking(self._needed, have)))
        mark_used(self._folder)
        self._memory.keep(self._memory_key(), have)
        return self._pictures.feeds(have, self._backbone, self._batch)

    def _planned(self, have: Features | None) -> tuple[int, Placement]:
        """The bytes of a picture's features, and where they are kept: where they are, as long as none is missing."""
        missing = _lacking(self._needed, have)
        if have is not None and not len(missing):
            return 0, Placement(len(self._needed), have.in_memory)
        _, sample = next(self._pictures.batches(missing[:1], 1))
        each = self._backbone.rows(sample).nbytes
        memory = free_memory(self._device) + (have.features.nbytes if have and have.in_memory else 0)
        return each, place_features(len(self._needed), each, memory, room_for(self._folder))

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

    def _stored(self, wanted: Tensor, plan: Placement) -> Generator[Event, None, Features | None]:
        """What the store has of these places, if it is still true."""
        stored = (feature_store.read if plan.in_memory else feature_store.mapped)(self._folder, wanted)
        if stored.damaged:
            yield WarningRaised(
                title="Stored features were damaged",
                detail=f"{some(stored.damaged, 'chunk')} in {self._folder} did not match their checksum.",
                hint="They are computed again.",
            )
        if stored.features is None:
            return None
        if self._still_true(stored.places, stored.features):
            rows = stored.features.to(self._device) if isinstance(stored.features, Tensor) else stored.features
            return Features(self._folder, stored.places, rows)
        del stored  # and with it the chunks that are mapped, which Windows would not remove
        feature_store.clear(self._folder)
        yield WarningRaised(
            title="Stored features were stale",
            detail=f"Pictures run again gave something else than {self._folder} held.",
            hint="All are computed again.",
        )
        return None

    def _still_true(self, places: Tensor, features: FeatureRows) -> bool:
        """Whether a few pictures, run again, still give what is stored."""
        chosen = random.sample(range(len(places)), min(_CHECKED_ROWS, len(places)))
        rows = torch.tensor(sorted(chosen, key=lambda row: int(places[row])))
        batches = self._pictures.batches(places[rows], _CHECKED_ROWS)
        again = torch.cat([self._backbone.rows(batch) for _, batch in batches])
        kept = take(features, rows).to(again.device)
        if kept.shape != again.shape:
            return False
        difference = (again.float() - kept.float()).norm() / again.float().norm().clamp_min(1e-12)
        return float(difference) < _TOLERANCE[self._backbone.compute.dtype]

    def _detail(self, each: int, missing: int, plan: Placement, used: float | None, have: Features | None) -> str:
        needed, there = len(self._needed), len(self._needed) - len(_lacking(self._needed, have))
        size = each * (there + missing) if missing or have is None else have.features.nbytes
        room = quantity(size, "bytes") + ("" if plan.in_memory else " on disk")
        if missing:
            before = f", {there:,} of {needed:,} were there" if there else ""
            words = f"computed once for these pictures{before}, {room}"
        else:
            words = f"reused ({ago(used) if used else 'now'}, {room})"
        if there + missing == needed:
            return words
        return f"{words}; kept for {there + missing:,} of {needed:,} pictures, the others are computed in every epoch"

    def _computed(self, missing: Tensor, plan: Placement) -> Generator[Event, None, Features | None]:
        if not len(missing):
            return None
        started, ticker = time.perf_counter(), Ticker(10)
        with (GrowingSet if plan.in_memory else GrowingChunks)(self._folder, missing) as growing:
            yield from self._begin(growing, plan)
            for _, pictures in self._pictures.batches(missing, self._batch):
                if self._should_stop():
                    yield from _told(growing.finish(), plan)
                    raise Stopped
                if growing.is_futile:
                    break
                yield from _told(growing.add(self._backbone.rows(pictures)), plan)
                if ticker.due() or growing.done == len(missing):
                    synchronize(self._device)
                    rate = growing.done / (time.perf_counter() - started)
                    yield Progress(done=growing.done, total=len(missing), unit="pictures", rate=rate)
            yield from _told(growing.finish(), plan)
        return growing.result()

    def _begin(self, growing: GrowingSet, plan: Placement) -> Iterator[Event]:
        about = AboutFeatures.of(self._experiment, self._backbone.compute.precision, self._pictures.count)
        try:
            describe(self._folder, about)
        except StorageError as error:
            growing.stop_keeping()
            yield from _told(error, plan)


def _lacking(places: Tensor, have: Features | None) -> Tensor:
    """Those of some places whose features are not there, in their order."""
    return places if have is None else places[~torch.isin(places, have.places)]


def _joined(one: Features | None, other: Features | None) -> Features | None:
    return one.joined(other) if one else other


def _told(problem: StorageError | None, plan: Placement) -> Iterator[Event]:
    if problem is None:
        return
    goes_on = "The run goes on in memory." if plan.in_memory else "What is not kept is computed in every epoch."
    yield WarningRaised(
        title="The features are not kept",
        detail=f"{problem.title}: {problem.detail}",
        hint=f"{goes_on} {problem.hint}".strip(),
    )


def _partly(needed: int, lacking: int) -> Iterator[Event]:
    if lacking:
        yield WarningRaised(
            title="There is no room for all features",
            detail=f"They are kept for {needed - lacking:,} of {needed:,} pictures and computed in every epoch for "
            "the others.",
            hint=f"More room on disk ({LIMIT_VARIABLE}), fewer pictures (data.train_limit) or smaller ones "
            "(data.image_size) would help.",
        )
