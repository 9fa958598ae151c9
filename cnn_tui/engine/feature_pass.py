"""A frozen backbone run once for each picture, and what it gave kept for every later epoch and run.

Pictures are known by their *place*: their row in the training split, or their row in the test split behind it. What
a run needs and the store does not have is computed and added, so that limits, other seeds and an interruption cost
nothing that was done before.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cnn_tui.config.experiment import Experiment
from cnn_tui.engine import feature_store
from cnn_tui.engine.data import LoadedData
from cnn_tui.engine.device import Compute, free_memory
from cnn_tui.engine.feeds import FeatureFeed, Feed
from cnn_tui.engine.preprocess import Channels
from cnn_tui.engine.stopping import ShouldStop, Stopped
from cnn_tui.engine.ticker import Ticker
from cnn_tui.errors import StorageError
from cnn_tui.events import Event, Phase, Progress, WarningRaised
from cnn_tui.store.feature_index import AboutFeatures, ago, describe, evict, feature_sets, features_folder, mark_used

EXTRACTOR_VERSION = 1  # to be raised when the same pictures and weights would give other features
_LARGEST_SHARE = 0.5  # of the free memory that features may take
_CHUNK_SECONDS = 5.0  # the most that a killed pass loses
_CHUNK_PICTURES = 4096
_CHECKED_ROWS = 4
_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 5e-2}


@dataclass(frozen=True)
class Backbone:
    """A frozen part and how it is run: normalised pictures (B, 3, S, S) to features (B, ...)."""

    module: nn.Module
    compute: Compute
    batch: int

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        """The features, in the precision in which they are kept."""
        with self.compute.autocast():
            features: Tensor = self.module(pictures)
        return features.to(self.compute.dtype)

    def fingerprint(self) -> bytes:
        """A hash of its layers and of every weight and statistic."""
        digest = hashlib.sha256(repr(self.module).encode())
        for name, tensor in self.module.state_dict().items():
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
        return digest.digest()


@dataclass(frozen=True)
class Pictures:
    """The feeds of both splits, how they are normalised, and which of their pictures a run needs."""

    train: Feed
    test: Feed
    normalisation: tuple[Channels, Channels]
    loaded: LoadedData

    @property
    def offset(self) -> int:
        """The place of the test split's first picture."""
        return 0 if self.loaded.test is self.loaded.train else len(self.loaded.train)

    @property
    def needed(self) -> Tensor:
        """The places of all pictures of the run, in order."""
        loaded = self.loaded
        train = torch.cat([loaded.train_indices, loaded.validation_indices])
        places: Tensor = torch.unique(torch.cat([train, loaded.test_indices + self.offset]))  # sorted
        return places

    def batches(self, places: Tensor, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Places (B,) with their prepared pictures, in the order of ``places``, which is ascending."""
        in_train = places < len(self.loaded.train)
        for feed, rows, offset in (
            (self.train, places[in_train], 0),
            (self.test, places[~in_train] - self.offset, self.offset),
        ):
            if not len(rows):
                continue
            for part, (pictures, _) in zip(torch.split(rows, batch), feed.batches(rows, batch), strict=True):
                yield part + offset, pictures


class FeaturePass:
    """One run's features: what the store holds, and what has to be computed."""

    def __init__(self, backbone: Backbone, pictures: Pictures, experiment: Experiment, should_stop: ShouldStop) -> None:
        self._backbone = backbone
        self._pictures = pictures
        self._experiment = experiment
        self._should_stop = should_stop
        self._needed = pictures.needed
        self._folder = features_folder() / self._key()
        self._keeping = True

    def fits(self) -> bool:
        """Whether the features leave enough memory for everything else."""
        _, sample = next(self._pictures.batches(self._needed[:1], 1))
        return self._backbone(sample).nbytes * len(self._needed) < _LARGEST_SHARE * free_memory(
            self._backbone.compute.device
        )

    def events(self) -> Generator[Event, None, tuple[FeatureFeed, FeatureFeed]]:
        """Gather the features; the training and the test split's feed.

        Raises:
            Stopped: a person asked for it; what was computed is kept.
        """
        used = next((one.used for one in feature_sets() if one.folder == self._folder), None)
        stored = feature_store.read(self._folder)
        if stored.damaged:
            yield WarningRaised(
                title="Stored features were damaged",
                detail=f"{stored.damaged} chunk(s) in {self._folder} did not match their checksum.",
                hint="They are computed again.",
            )
        places, features = stored.places, stored.features
        if features is not None and not self._still_true(places, features):
            yield WarningRaised(
                title="Stored features were stale",
                detail=f"Pictures run again gave something else than {self._folder} holds.",
                hint="All are computed again.",
            )
            places, features = places[:0], None
        missing = self._needed[~torch.isin(self._needed, places)]
        yield Phase(name="features", detail=self._detail(len(missing), used, stored.size))
        new_places, new_features = yield from self._compute(missing)
        mark_used(self._folder)
        parts = [part for part in (features, new_features) if part is not None]
        return self._feeds(torch.cat([places, new_places]), torch.cat(parts))

    def _key(self) -> str:
        digest = hashlib.sha256(self._backbone.fingerprint())
        precision = self._backbone.compute.precision
        for fact in (EXTRACTOR_VERSION, self._experiment.data.image_size, precision, self._pictures.normalisation):
            digest.update(repr(fact).encode())
        digest.update(self._pictures.loaded.identity.encode())
        return digest.hexdigest()[:32]

    def _detail(self, missing: int, used: float | None, size: int) -> str:
        needed = len(self._needed)
        if not missing:
            return f"reused ({ago(used) if used else 'now'}, {size / 1e6:,.0f} MB)"
        if missing < needed:
            return f"computed once for these pictures, {needed - missing:,} of {needed:,} were there"
        return "computed once for these pictures"

    def _still_true(self, places: Tensor, features: Tensor) -> bool:
        """Whether a few pictures, run again, still give what is stored."""
        rows = torch.randperm(len(places))[:_CHECKED_ROWS].sort().values
        again = torch.cat([self._backbone(batch) for _, batch in self._pictures.batches(places[rows], _CHECKED_ROWS)])
        kept = features[rows].to(again.device)
        if kept.shape != again.shape:
            return False
        difference = (again.float() - kept.float()).norm() / again.float().norm().clamp_min(1e-12)
        return float(difference) < _TOLERANCE[self._backbone.compute.dtype]

    def _compute(self, missing: Tensor) -> Generator[Event, None, tuple[Tensor, Tensor | None]]:
        if not len(missing):
            return missing, None
        yield from self._begin()
        done, started, ticker = 0, time.perf_counter(), Ticker(10)
        kept: list[Tensor] = []
        chunk = _Chunk()
        for places, pictures in self._pictures.batches(missing, self._backbone.batch):
            if self._should_stop():
                yield from self._save(chunk)
                raise Stopped
            features = self._backbone(pictures)
            kept.append(features)
            chunk.add(places, features)
            done += len(places)
            if chunk.full():
                yield from self._save(chunk)
                chunk = _Chunk()
            if ticker.due() or done == len(missing):
                rate = done / (time.perf_counter() - started)
                yield Progress(done=done, total=len(missing), unit="pictures", rate=rate)
        yield from self._save(chunk)
        return missing, torch.cat(kept)

    def _begin(self) -> Iterator[Event]:
        experiment = self._experiment
        about = AboutFeatures(
            architecture=experiment.model.architecture,
            weights=experiment.model.weights,
            trainable=experiment.model.trainable,
            dataset=experiment.data.dataset,
            root=experiment.data.root,
            image_size=experiment.data.image_size,
            precision=self._backbone.compute.precision,
            pictures=self._pictures.offset + len(self._pictures.loaded.test),
        )
        try:
            describe(self._folder, about)
        except StorageError as error:
            yield self._not_kept(error)

    def _save(self, chunk: _Chunk) -> Iterator[Event]:
        if not self._keeping or not chunk.places:
            return
        try:
            feature_store.write(self._folder, torch.cat(chunk.places), torch.cat(chunk.features))
            evict(keep=self._folder)
        except StorageError as error:
            yield self._not_kept(error)

    def _not_kept(self, error: StorageError) -> WarningRaised:
        self._keeping = False
        return WarningRaised(
            title="The features are not kept",
            detail=f"{error.title}: {error.detail}",
            hint="The run goes on in memory.",
        )

    def _feeds(self, places: Tensor, features: Tensor) -> tuple[FeatureFeed, FeatureFeed]:
        device, loaded, offset = self._backbone.compute.device, self._pictures.loaded, self._pictures.offset
        features, position = features.to(device), _positions(places, offset + len(loaded.test), device)
        return (
            FeatureFeed(features, position[: len(loaded.train)], loaded.train.labels.to(device)),
            FeatureFeed(features, position[offset:], loaded.test.labels.to(device)),
        )


class _Chunk:
    """Features on their way to the disk."""

    def __init__(self) -> None:
        self.places: list[Tensor] = []
        self.features: list[Tensor] = []
        self._count = 0
        self._since = time.perf_counter()

    def add(self, places: Tensor, features: Tensor) -> None:
        self.places.append(places)
        self.features.append(features)
        self._count += len(places)

    def full(self) -> bool:
        return self._count >= _CHUNK_PICTURES or time.perf_counter() - self._since > _CHUNK_SECONDS


def _positions(places: Tensor, length: int, device: torch.device) -> Tensor:
    """Where each place's features stand, int64 (length,); -1 for those that were not needed."""
    position = torch.full((length,), -1, dtype=torch.int64)
    position[places.cpu()] = torch.arange(len(places))
    return position.to(device)
