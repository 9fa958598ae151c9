"""What a process remembers of its last run: that it saves the work, changes no result and is never stale."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import shufflenet_v2_x0_5

from cnn_tui import paths
from cnn_tui.engine.cache_slot import CacheSlot, file_stamp
from cnn_tui.engine.training.setup import RunCache
from cnn_tui.engine.training.train import train
from cnn_tui.events import Event, Phase, Progress, WarningRaised
from test_train import ending, experiment, figures


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A person's file of a network with ten classes."""
    return save_weights(tmp_path / "own.pth", seed=3)


def save_weights(path: Path, seed: int, classes: int = 10) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.save(shufflenet_v2_x0_5(num_classes=classes).state_dict(), path)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with two classes of twelve images, and one file that is no image."""
    folder, pixels = tmp_path / "pictures", np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for number in range(12):
            picture = pixels.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(picture).save(folder / name / f"{number:02}.png")
    (folder / "cat" / "broken.png").write_bytes(b"no image")
    return folder


def run(memory: RunCache | None, weights: Path | str, **changes: Any) -> list[Event]:
    frozen = {"model__weights": str(weights), "model__trainable": "last_layer"}
    events = list(train(experiment(**(frozen | changes)), cache=memory))
    assert ending(events).status == "done"
    return events


def of_folder(root: Path) -> dict[str, Any]:
    return {"data__dataset": "folder", "data__root": str(root), "data__train_limit": None, "data__test_limit": None}


def worked_before_training(events: list[Event]) -> bool:
    """Whether images were decoded or run through the network."""
    training = next(
        place for place, event in enumerate(events) if isinstance(event, Phase) and event.name == "training"
    )
    return any(isinstance(event, Progress) for event in events[:training])


def features_detail(events: list[Event]) -> str:
    return next(event.detail for event in events if isinstance(event, Phase) and event.name == "features")


def test_a_second_run_reads_neither_pictures_nor_weights_nor_features(
    root: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = RunCache()
    assert worked_before_training(run(memory, weights, **of_folder(root)))
    cold = run(None, weights, **of_folder(root), training__optimizer__learning_rate=0.01)
    shutil.rmtree(paths.cache_folder() / "decoded")
    for chunk in (paths.cache_folder() / "features").rglob("*.safetensors"):
        chunk.unlink()
    monkeypatch.delattr(Image, "open")
    monkeypatch.delattr(torch, "load")
    warm = run(memory, weights, **of_folder(root), training__optimizer__learning_rate=0.01)
    assert features_detail(warm).startswith("reused")
    assert not worked_before_training(warm)
    assert figures(warm) == figures(cold)
    titles = [[event.title for event in events if isinstance(event, WarningRaised)] for events in (warm, cold)]
    assert titles[0] == titles[1]
    assert "unreadable" in titles[0][0]


def test_training_leaves_what_is_remembered_as_it_was(weights: Path) -> None:
    memory = RunCache()
    first, again = run(memory, weights), run(memory, weights)
    assert figures(first) == figures(again)


@pytest.mark.parametrize("trainable", ["last_layer", "all"])
def test_random_weights_are_those_of_the_seed(trainable: str) -> None:
    def run_of(seed: int, memory: RunCache | None) -> list[Any]:
        return figures(run(memory, "random", model__trainable=trainable, training__seed=seed))

    alone, memory = {seed: run_of(seed, None) for seed in (0, 1)}, RunCache()
    assert [run_of(seed, memory) for seed in (0, 0, 1)] == [alone[0], alone[0], alone[1]]


def test_another_seed_draws_another_last_layer_for_the_same_file(tmp_path: Path) -> None:
    thousand, memory = save_weights(tmp_path / "thousand.pth", seed=1, classes=1000), RunCache()
    for seed in (0, 1):
        assert figures(run(memory, thousand, training__seed=seed)) == figures(run(None, thousand, training__seed=seed))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_what_is_remembered_of_one_device_is_not_taken_for_another(weights: Path) -> None:
    memory = RunCache()
    for device in ("cuda:0", "cpu", "cuda:0"):
        changes = {"training__device": device, "training__precision": "float32"}
        assert figures(run(memory, weights, **changes)) == figures(run(None, weights, **changes))


def test_adapting_batch_norm_starts_from_the_file_again(weights: Path) -> None:
    memory = RunCache()
    first = run(memory, weights, model__batch_norm="adapt")
    assert figures(run(memory, weights, model__batch_norm="adapt")) == figures(first)


def test_a_changed_picture_is_read_again(root: Path, weights: Path) -> None:
    memory = RunCache()
    before = run(memory, weights, **of_folder(root))
    for path in sorted((root / "dog").iterdir()):
        Image.new("RGB", (32, 32), "red").save(path)
    after = run(memory, weights, **of_folder(root))
    assert features_detail(after).startswith("computed once for these images, ")
    assert figures(after) != figures(before)


def test_a_changed_weights_file_is_read_again(weights: Path) -> None:
    memory = RunCache()
    before = run(memory, weights)
    stamp = weights.stat()
    save_weights(weights, seed=4)
    os.utime(weights, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 1))
    after = run(memory, weights)
    assert features_detail(after).startswith("computed once for these images, ")
    assert figures(after) != figures(before)


def test_a_cleared_store_is_filled_again(weights: Path) -> None:
    memory = RunCache()
    run(memory, weights)
    shutil.rmtree(paths.cache_folder() / "features")
    assert features_detail(run(memory, weights)).startswith("computed once for these images, ")


def test_more_pictures_are_added_to_those_remembered(weights: Path) -> None:
    memory = RunCache()
    run(memory, weights, data__test_limit=20)
    more = run(memory, weights, data__test_limit=40)
    assert "100 of 120 were cached" in features_detail(more)
    assert figures(more) == figures(run(None, weights, data__test_limit=40))


def test_a_run_without_features_gives_their_memory_back(weights: Path) -> None:
    memory = RunCache()
    run(memory, weights)
    run(memory, weights, training__feature_cache="off")
    assert not memory.features.is_full


def test_a_slot_makes_room_when_it_is_asked_for_something_else() -> None:
    slot: CacheSlot[str] = CacheSlot()
    slot.put("one", "value")
    assert slot.get("one") == "value"
    assert slot.get("other") is None
    assert not slot.is_full
    assert slot.get("one") is None


def test_a_file_that_is_gone_has_no_stamp(tmp_path: Path) -> None:
    assert file_stamp(tmp_path / "none") is None
