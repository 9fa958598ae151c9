"""Features that are too many for memory or disk: read from disk, or kept for a part of the images."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from cnn_tui.config.changes import override
from cnn_tui.engine.features import feature_store, feature_writer
from cnn_tui.engine.features.packed_maps import PACKED, unpacked
from cnn_tui.engine.training.setup import RunCache
from cnn_tui.engine.training.train import train
from cnn_tui.events import Event, WarningRaised
from cnn_tui.store.cache_index import LIMIT_VARIABLE, cached_sets
from cnn_tui.tui.preflight import check
from cnn_tui.tui.widgets.experiment_summary import feature_text
from test_feature_failures import warnings
from test_feature_pass import computed, pass_detail
from test_features_exact import losses, run_whole
from test_features_exact import run as run_with_predictions
from test_split_backbone import empty_classifier, fill_weights
from test_train import after_batches, ending, experiment, figures

SIDE = 80  # from which SqueezeNet's maps are large enough to be packed: 4 x 4 positions
EACH = 4 * 4 * 512 * 2
TRAIN, NEEDED = 44, 64  # images of the training split with those held out, and all
Settings = dict[str, Any]


@pytest.fixture
def state() -> dict[str, Tensor]:
    """Weights of SqueezeNet with which its maps are mostly zeros, as with trained ones."""
    whole = empty_classifier("squeezenet1_1")
    fill_weights(whole)
    filled = {name: tensor.clone() for name, tensor in whole.network.state_dict().items()}
    for layer in ("expand1x1", "expand3x3"):
        filled[f"features.12.{layer}.bias"] -= 1.5
    return filled


@pytest.fixture
def squeezenet(tmp_path: Path, state: dict[str, Tensor]) -> Settings:
    """The settings of a run at the default learning rate whose features are these maps."""
    path = tmp_path / "filled.pth"
    torch.save(state, path)
    return {
        "model__architecture": "squeezenet1_1",
        "model__weights": str(path),
        "model__trainable": "last_layer",
        "data__image_size": SIDE,
        "data__train_limit": TRAIN,
        "data__test_limit": NEEDED - TRAIN,
        "training__epochs": 2,
        "training__precision": "float32",
    }


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which a quarter of the features fit in memory."""
    monkeypatch.setattr("cnn_tui.engine.features.feature_pass.free_memory", lambda device: EACH * NEEDED // 2)


def run(settings: Settings, memory: RunCache | None = None, **changes: Any) -> list[Event]:
    events = list(train(experiment(**(settings | changes)), cache=memory))
    assert ending(events).status == "done", ending(events).error
    return events


def limit_to(monkeypatch: pytest.MonkeyPatch, images: int) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, str((images * (EACH + 256) + 2000) / 1e9))


@pytest.mark.parametrize("seed", [0, 1])
def test_packed_maps_change_nothing_at_the_default_learning_rate(
    squeezenet: Settings, state: dict[str, Tensor], seed: int
) -> None:
    settings = experiment(**squeezenet, training__seed=seed)
    stored, predicted = run_with_predictions(settings)
    whole, expected = run_whole(settings, state)
    (one,) = cached_sets()
    chunk = feature_store.read(one.folder, torch.arange(2000)).features
    assert isinstance(chunk, Tensor)
    assert (chunk.dtype, chunk.shape[1:]) == (PACKED, (16, 512))
    assert settings.training.optimizer.learning_rate == 1e-3
    # Rounded to float16, the maps of these few images already change the losses by 2e-6.
    assert losses(stored) == pytest.approx(losses(whole), rel=5e-7)
    assert torch.equal(predicted, expected)


def test_features_that_memory_does_not_hold_are_read_from_disk(squeezenet: Settings, little_memory: None) -> None:
    plain = run(squeezenet, training__feature_cache="off")
    first = run(squeezenet)
    again = run(squeezenet)
    assert computed(first) == NEEDED
    assert pass_detail(first).endswith(f", {EACH * NEEDED / 1e6:.1f} MB on disk")
    assert re.fullmatch(r"reused \(.* ago, 1\.0 MB on disk\)", pass_detail(again))
    assert not warnings(first) + warnings(again)
    assert figures(again) == figures(first)
    assert losses(first) == pytest.approx(losses(plain), rel=1e-4)


def test_where_features_lie_changes_nothing(squeezenet: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = RunCache()
    resident = run(squeezenet, memory)
    with monkeypatch.context() as little:
        little.setattr("cnn_tui.engine.features.feature_pass.free_memory", lambda device: 0)
        mapped = run(squeezenet)
        more = run(squeezenet, memory, data__test_limit=30)
    assert figures(mapped) == figures(resident)
    assert "were cached" in pass_detail(more)
    assert figures(run(squeezenet, data__test_limit=30)) == figures(more)


def test_a_damaged_chunk_on_disk_is_computed_again(squeezenet: Settings, little_memory: None) -> None:
    first = run(squeezenet)
    (one,) = cached_sets()
    chunk = next(one.folder.glob("*.safetensors"))
    content = bytearray(chunk.read_bytes())
    content[-5] ^= 1
    chunk.write_bytes(content)
    again = run(squeezenet)
    assert [warning.title for warning in warnings(again)] == ["Stored features were damaged"]
    assert figures(again) == figures(first)


def test_stale_features_on_disk_are_computed_again(squeezenet: Settings, little_memory: None) -> None:
    first = run(squeezenet)
    (one,) = cached_sets()
    stored = feature_store.read(one.folder, torch.arange(2000))
    assert isinstance(stored.features, Tensor)
    feature_store.clear(one.folder)
    feature_store.write(one.folder, stored.indices, unpacked(stored.features) + 1)
    again = run(squeezenet)
    assert [warning.title for warning in warnings(again)] == ["Stored features were stale"]
    assert figures(again) == figures(first)


def test_maps_of_an_earlier_layout_are_computed_again(squeezenet: Settings) -> None:
    first = run(squeezenet)
    (one,) = cached_sets()
    stored = feature_store.read(one.folder, torch.arange(2000))
    assert isinstance(stored.features, Tensor)
    feature_store.clear(one.folder)
    feature_store.write(one.folder, stored.indices, unpacked(stored.features).transpose(1, 2).reshape(-1, 512, 4, 4))
    assert figures(run(squeezenet)) == figures(first)


def test_a_stopped_pass_to_disk_goes_on_where_it_was(
    squeezenet: Settings, little_memory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnn_tui.engine.features.feature_pass.feature_batch", lambda size, device: 8)
    settings = experiment(**squeezenet)
    assert ending(list(train(settings, after_batches(3)))).status == "stopped"
    held = len(feature_store.read(cached_sets()[0].folder, torch.arange(2000)).indices)
    resumed = run(squeezenet)
    assert 0 < held < NEEDED
    assert computed(resumed) == NEEDED - held
    assert figures(resumed) == figures(run(squeezenet))


def test_what_fits_nowhere_is_computed_in_every_epoch(
    squeezenet: Settings, little_memory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = run(squeezenet, training__feature_cache="off")
    limit_to(monkeypatch, 48)
    memory = RunCache()
    events = run(squeezenet, memory)
    assert "cached for 48 of 64 images" in pass_detail(events)
    (warning,) = warnings(events)
    assert "48 of 64" in warning.detail
    assert LIMIT_VARIABLE in warning.hint
    assert losses(events) == pytest.approx(losses(plain), rel=1e-4)
    for again in (run(squeezenet), run(squeezenet, memory)):
        assert computed(again) == 0
        assert "cached for 48 of 64 images" in pass_detail(again)
        assert losses(again) == pytest.approx(losses(events), rel=1e-6)


def test_training_and_validation_pictures_are_kept_before_test_pictures(
    squeezenet: Settings, little_memory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_to(monkeypatch, 47)
    run(squeezenet)
    (one,) = cached_sets()
    places = feature_store.read(one.folder, torch.arange(2000)).indices
    monkeypatch.delenv(LIMIT_VARIABLE)
    assert len(places) == 47
    assert int((places < 1437).sum()) == TRAIN


def test_where_the_disk_holds_less_memory_keeps_a_part(
    squeezenet: Settings, little_memory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = run(squeezenet, training__feature_cache="off")
    monkeypatch.setenv(LIMIT_VARIABLE, "0")
    events = run(squeezenet)
    assert "cached for 16 of 64 images" in pass_detail(events)
    assert losses(events) == pytest.approx(losses(plain), rel=1e-4)


def test_where_nothing_is_kept_the_run_is_the_one_without_the_store(
    squeezenet: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnn_tui.engine.features.feature_pass.free_memory", lambda device: 0)
    monkeypatch.setenv(LIMIT_VARIABLE, "0")
    events = run(squeezenet)
    assert [warning.title for warning in warnings(events)] == ["There is not enough space for features"]
    assert figures(events) == figures(run(squeezenet, training__feature_cache="off"))


def test_a_disk_that_fills_up_meanwhile_ends_the_keeping_and_not_the_run(
    squeezenet: Settings, little_memory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    plain = run(squeezenet, training__feature_cache="off")
    monkeypatch.setattr("cnn_tui.engine.features.feature_pass.feature_batch", lambda size, device: 8)
    monkeypatch.setattr(feature_writer, "_CHUNK_SECONDS", 0.0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((NEEDED + 10) * EACH, before[1]))
    write, written = feature_store.write, list[int]()

    def write_less_and_less(folder: Path, places: Tensor, features: Tensor) -> Path:
        written.append(len(places))
        if len(written) == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2**10, before[1]))
        return write(folder, places, features)

    monkeypatch.setattr(feature_store, "write", write_less_and_less)
    try:
        events = run(squeezenet)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    kept, total = written[0], len(written)
    titles = [warning.title for warning in warnings(events)]
    assert titles == ["The features cannot be cached", "There is not enough space for all features"]
    assert f"{kept} of {NEEDED}" in warnings(events)[1].detail
    assert total == 2
    assert losses(events) == pytest.approx(losses(plain), rel=1e-4)


def test_vectors_that_fit_nowhere_are_computed_in_every_epoch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from torchvision.models import shufflenet_v2_x0_5

    path = tmp_path / "shufflenet.pth"
    torch.manual_seed(2)
    torch.save(shufflenet_v2_x0_5(num_classes=10).state_dict(), path)
    frozen = {"model__weights": str(path), "model__trainable": "last_layer", "training__epochs": 2}
    plain = run(frozen, training__feature_cache="off")
    monkeypatch.setattr("cnn_tui.engine.features.feature_pass.free_memory", lambda device: 1024 * 4 * 120)
    monkeypatch.setenv(LIMIT_VARIABLE, "0")
    events = run(frozen)
    assert "cached for 60 of 120" in pass_detail(events)
    assert losses(events) == pytest.approx(losses(plain), rel=1e-4)
    assert isinstance(warnings(events)[-1], WarningRaised)


def test_setup_says_what_the_run_then_says(squeezenet: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = experiment(**squeezenet)
    storage = check(settings, ()).storage
    assert storage is not None
    assert (storage.images, storage.each, storage.at_most) == (NEEDED, EACH, False)
    assert pass_detail(run(squeezenet)).endswith(f", {storage.bytes / 1e6:.1f} MB")
    kept = check(settings, ())
    assert feature_text(settings, kept.features, kept.storage).endswith("only what is missing is computed")
    more = check(override(settings, ["data.train_limit=80"]), ())
    assert feature_text(more.experiment, more.features, more.storage).endswith(
        f"computed, {(80 + NEEDED - TRAIN) * EACH / 1e6:.1f} MB in total"
    )
