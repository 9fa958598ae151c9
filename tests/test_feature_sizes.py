"""The sizes of features, how they are packed, where they are stored, and what Setup announces of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from cnn_tui.catalog.features import are_packed, feature_bytes, feature_shape
from cnn_tui.config.changes import override
from cnn_tui.config.experiment import Experiment
from cnn_tui.engine.features import feature_store, feature_writer
from cnn_tui.engine.features.feature_batches import FeatureBatches
from cnn_tui.engine.features.feature_store import MappedChunk, MappedFeatures
from cnn_tui.engine.features.packed_maps import PACKED, packed, unpacked
from cnn_tui.store.cache_index import LIMIT_VARIABLE, Placement, place_features, space_for
from cnn_tui.tui.preflight import check
from cnn_tui.tui.widgets.experiment_summary import feature_text
from test_split_backbone import empty_classifier


@pytest.mark.parametrize("name", ["squeezenet1_0", "squeezenet1_1"])
@pytest.mark.parametrize("side", [33, 64, 95, 224, 225, 512])
def test_the_catalogue_knows_the_size_of_maps(name: str, side: int) -> None:
    network = empty_classifier(name).network.get_submodule("features").eval()
    _, channels, height, width = network(torch.empty(1, 3, side, side, device="meta")).shape
    assert feature_shape(name, "last_layer", side) == (height * width, channels)


def test_only_large_maps_of_trained_weights_are_packed() -> None:
    assert feature_bytes("squeezenet1_1", "last_layer", 224, "float32") == 13 * 13 * 512 * 2
    assert feature_bytes("squeezenet1_1", "last_layer", 224, "float32", "random") == 13 * 13 * 512 * 4
    assert feature_bytes("squeezenet1_1", "last_layer", 32, "float32") == 512 * 4
    assert feature_bytes("resnet18", "last_layer", 224, "auto") == 512 * 4
    assert feature_bytes("vgg16", "classifier", 224, "float32") == 25_088 * 4
    assert feature_bytes("vgg16", "classifier", 224, "bfloat16") == 25_088 * 2
    assert not are_packed((100_000,))


def sparse_maps(share: float, count: int = 5) -> torch.Tensor:
    """Maps of 16 positions, of whose values this share is not zero, from large to denormal ones."""
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(count, 16, 512, generator=generator) * 10.0 ** torch.arange(-40, 36, 16)[:count].view(-1, 1, 1)
    return values * (torch.rand(values.shape, generator=generator) < share)


@pytest.mark.parametrize("share", [0.0, 0.0005, 0.02, 0.1, 0.35])
def test_packed_maps_are_unpacked_to_the_last_bit(share: float) -> None:
    maps = sparse_maps(share)
    stored = packed(maps)
    assert stored.dtype is PACKED
    assert stored.shape == maps.shape
    assert torch.equal(unpacked(stored), maps)
    assert torch.equal(torch.cat([packed(part) for part in torch.split(maps, 2)]), stored)
    assert torch.equal(unpacked(stored[[3, 1]]), maps[[3, 1]])


def test_maps_with_few_zeros_are_not_packed() -> None:
    maps = sparse_maps(0.5)
    assert packed(maps) is maps
    assert unpacked(maps) is maps


def test_values_that_are_no_numbers_stay_what_they_are() -> None:
    maps = torch.zeros(2, 16, 512)
    maps[0, 0, 0], maps[1, 3, 4], maps[1, 15, 511] = float("nan"), float("inf"), -2.0
    torch.testing.assert_close(unpacked(packed(maps)), maps, rtol=0, atol=0, equal_nan=True)


def test_features_of_both_forms_are_one_set(tmp_path: Path) -> None:
    dense, sparse = sparse_maps(0.9, 1), sparse_maps(0.1, 2)
    feature_store.write(tmp_path, torch.tensor([1]), packed(dense))
    feature_store.write(tmp_path, torch.tensor([0, 2]), packed(sparse))
    wanted = torch.tensor([0, 1, 2])
    expected = torch.cat([sparse[:1], dense, sparse[1:]])
    for read in (feature_store.read, feature_store.read_mapped):
        stored = read(tmp_path, wanted)
        assert stored.features is not None
        feed = FeatureBatches(stored.features, stored.indices.argsort(), wanted)
        assert torch.equal(feed.inputs(wanted), expected)
    with feature_writer.FeatureWriter(tmp_path, wanted) as growing:
        for part in (sparse[:1], dense, sparse[1:]):
            growing.add(packed(part))
        growing.finish()
    assert torch.equal(growing.features, expected)


def test_mapped_rows_are_taken_in_any_order_and_joined() -> None:
    blocks = [
        MappedChunk(torch.arange(12.0).view(6, 2), torch.tensor([5, 0])),
        MappedChunk(torch.ones(3, 2), torch.tensor([1])),
    ]
    rows = MappedFeatures(blocks[:1]).joined(MappedFeatures(blocks[1:]))
    assert rows.shape == (3, 2)
    assert rows.gather(torch.tensor([2, 0, 1, 0])).tolist() == [[1, 1], [10, 11], [0, 1], [10, 11]]


@pytest.mark.parametrize(
    ("memory", "disk", "expected"),
    [
        (2000, 0, Placement(10, True)),
        (1999, 10 * 356, Placement(10, False)),
        (1000, 0, Placement(5, True)),
        (1000, 6 * 356, Placement(6, False)),
        (1000, 4 * 356, Placement(5, True)),
        (0, 0, Placement(0, False)),
    ],
)
def test_memory_comes_before_disk_and_more_before_less(memory: int, disk: int, expected: Placement) -> None:
    assert place_features(10, 100, memory, disk) == expected


def test_what_a_set_takes_already_is_part_of_its_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, "0.001")
    assert space_for(tmp_path / "not" / "there") == 1_000_000
    monkeypatch.setenv(LIMIT_VARIABLE, "1000000")
    before = space_for(tmp_path)
    feature_store.write(tmp_path, torch.arange(2), torch.rand(2, 10_000_000))
    assert space_for(tmp_path) > before + 40_000_000 - 2**26


def storage_text(monkeypatch: pytest.MonkeyPatch, gigabytes: str, memory: int, *settings: str) -> str:
    monkeypatch.setenv(LIMIT_VARIABLE, gigabytes)
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=memory))
    chosen = override(Experiment(), ["data.dataset=cifar10", "model.architecture=squeezenet1_1", *settings])
    found = check(chosen, ())
    return feature_text(found.experiment, found.features, found.storage)


def test_setup_says_beforehand_what_features_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=10**12))
    six_thousand = ("data.train_limit=5000", "data.test_limit=1000")
    assert "and cached (1.0 GB); epochs" in storage_text(monkeypatch, "20", 2**33, *six_thousand)
    assert "cached on disk (10.4 GB); every epoch" in storage_text(monkeypatch, "20", 2**33)
    assert "cached for 28,849 of 60,000 images (5.0 GB), computed" in storage_text(monkeypatch, "5", 2**33)
    assert "no space for them" in storage_text(monkeypatch, "0", 0)
    assert "(up to 122.9 MB)" in storage_text(monkeypatch, "20", 2**33, "model.architecture=resnet18")
    assert "all layers are trained" in storage_text(monkeypatch, "20", 2**33, "model.trainable=all")


def test_a_limit_that_is_no_number_does_not_stop_the_preflight_check(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "GB" in storage_text(monkeypatch, "much", 2**40)
